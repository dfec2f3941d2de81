/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * workers.h - a few threads for calls that may block (libmunge), with a
 * bounded queue.  Any thread may post.
 *
 * The queue has lanes, which are served in turns: who posts much to one lane
 * makes the others wait for one of his calls at a time, not for all of them.
 */
#ifndef PMIXD_WORKERS_H
#define PMIXD_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct workers workers_t;
typedef struct workers_call workers_call_t;
typedef void (*workers_fn)(void *arg);

/* Part of the object that it is about; all zero at first. */
struct workers_call {
	workers_call_t *next, *prev;
	workers_fn fn;
	void *arg;
	uint32_t lane;
	bool queued, owned;
};

/*
 * Start NTHREADS threads with all signals blocked, and a queue of NLANES
 * lanes with at most MAX_QUEUED calls each.  NULL where a thread cannot be
 * started; errno says why.
 */
workers_t *workers_create_lanes(unsigned nthreads, uint32_t nlanes,
				size_t max_queued);

/* The same with one lane. */
workers_t *workers_create(unsigned nthreads, size_t max_queued);

/*
 * Run the calls that are queued, end the threads and free W.  Blocks as long
 * as those calls do: a program that cannot wait for them just exits.
 * NULL is allowed.  Must not be called from one of the threads.
 */
void workers_destroy(workers_t *w);

/*
 * Call FN(ARG) on one of the threads, in the order of posting to the first
 * lane.  0, or -1 where the queue is full or there is no memory (FN will not
 * be called).
 */
int workers_post(workers_t *w, workers_fn fn, void *arg);

/*
 * The same for LANE, without memory of its own: CALL must stay where it is
 * until FN is called or it was withdrawn.  -1: the lane is full.
 */
int workers_post_call(workers_t *w, workers_call_t *call, uint32_t lane,
		      workers_fn fn, void *arg);

/* Take CALL out of the queue.  False: its FN has been called, or will be. */
bool workers_withdraw(workers_t *w, workers_call_t *call);

#endif
