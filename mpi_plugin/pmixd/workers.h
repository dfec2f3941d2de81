/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * workers.h - a few threads for calls that may block (libmunge), with a
 * bounded queue.  Any thread may post.
 */
#ifndef PMIXD_WORKERS_H
#define PMIXD_WORKERS_H

#include <stddef.h>

typedef struct workers workers_t;
typedef void (*workers_fn)(void *arg);

/*
 * Start NTHREADS threads with all signals blocked, and a queue of at most
 * MAX_QUEUED calls.  NULL where a thread cannot be started; errno says why.
 */
workers_t *workers_create(unsigned nthreads, size_t max_queued);

/*
 * Run the calls that are queued, end the threads and free W.  Blocks as long
 * as those calls do: a program that cannot wait for them just exits.
 * NULL is allowed.  Must not be called from one of the threads.
 */
void workers_destroy(workers_t *w);

/*
 * Call FN(ARG) on one of the threads, in the order of posting.
 * 0, or -1 where the queue is full (FN will not be called).
 */
int workers_post(workers_t *w, workers_fn fn, void *arg);

#endif
