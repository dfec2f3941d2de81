/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jobs.h - calls on worker threads whose results come back to the event loop.
 *
 * The server's lock and the event loop are needed only by those results, so
 * jobs_destroy() does not wait for calls that still run: each is left with
 * its own job, and a function that frees it.
 */
#ifndef PMIXD_JOBS_H
#define PMIXD_JOBS_H

#include <pthread.h>

#include "workers.h"

struct event_base;

typedef struct jobs jobs_t;
typedef struct job job_t;

/* The caller's job begins with this. */
struct job {
	void (*work)(job_t *job); /* on a worker thread, without the lock */
	void (*done)(job_t *job); /* in the event loop, with the lock */
	void (*drop)(job_t *job); /* instead of done, after jobs_destroy();
				     any thread; frees the job */
	jobs_t *jobs;		  /* these are ours */
	job_t *next;
};

/* LOCK is taken around done().  NULL: no memory. */
jobs_t *jobs_create(struct event_base *base, pthread_mutex_t *lock,
		    workers_t *workers);
/* Call it with the lock held, from the loop's thread or after the loop. */
void jobs_destroy(jobs_t *jobs);

/* 0: one of done() and drop() will be called, once.  -1: queue full. */
int jobs_post(jobs_t *jobs, job_t *job);

#endif
