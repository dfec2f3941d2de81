/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inbox.h - a unix socket at which slurmd hands over what another process of
 * the user sent with slurm_forward_data().
 *
 * slurmd connects with the sender's uid.  Root could always connect, and a
 * later slurmd may do so as itself; so a connection is taken from our own uid
 * or root, and the sender's uid, which slurmd writes first, must be ours in
 * any case.
 *
 * All functions are called with the server's lock held; so is the callback,
 * in the event loop.
 */
#ifndef PMIXD_INBOX_H
#define PMIXD_INBOX_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "invitation.h"

struct event_base;

typedef struct inbox inbox_t;

/* All LEN bytes have come.  Says why they are refused, or NULL. */
typedef const char *(*inbox_fn)(void *arg, const uint8_t *data, size_t len);

#define INBOX_MAX INVITATION_MAX /* bytes in one message */

/* FD listens, non-blocking; it stays the caller's.  NULL: no memory. */
inbox_t *inbox_create(struct event_base *base, pthread_mutex_t *lock, int fd,
		      uid_t uid, inbox_fn fn, void *arg);
/* From the loop's thread or after the loop.  NULL is allowed. */
void inbox_destroy(inbox_t *in);

#endif
