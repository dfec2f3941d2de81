/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * deadline.h - calls at a later time, on the loop's thread, with the lock
 * held.
 *
 * One libevent timer serves them all: clearing a libevent timer from another
 * thread waits for its running callback, which waits for the lock.
 *
 * All functions are called with pmixd.lock held.
 */
#ifndef PMIXD_DEADLINE_H
#define PMIXD_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

typedef struct deadline deadline_t;
typedef void (*deadline_fn)(deadline_t *d);

/* Part of the object that it belongs to; all zero at first. */
struct deadline {
	TAILQ_ENTRY(deadline) next;
	int64_t at_ms;
	deadline_fn fn; /* NULL: it is not set */
};
typedef TAILQ_HEAD(deadlines, deadline) deadlines_t;

/* Call FN(D) once, in MS milliseconds.  An earlier setting is forgotten. */
void deadline_set(deadline_t *d, int64_t ms, deadline_fn fn);
/* Forget it; no-op where it is not set. */
void deadline_clear(deadline_t *d);

/* Before the loop starts.  False: no memory. */
bool deadline_init(void);

/* The object that a deadline is a member of. */
#define deadline_owner(d, type, member)                                        \
	((type *)(void *)((char *)(d)-offsetof(type, member)))

#endif
