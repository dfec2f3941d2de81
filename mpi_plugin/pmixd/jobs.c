/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jobs.c - a mailbox between worker threads and the event loop.
 *
 * The mailbox has its own lock and counts its users: the loop's side, and
 * each job that has been posted and has not come back.
 */
#include "jobs.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

struct jobs {
	pthread_mutex_t *server_lock;
	workers_t *workers;

	pthread_mutex_t lock; /* guards what follows */
	unsigned users;
	struct event *arrived; /* NULL: destroyed on the loop's side */
	job_t *first;	       /* those that have come back */
	job_t **last;
};

/* Give up one use; with JOBS's lock held, which it releases. */
static void unlock_and_release(jobs_t *jobs)
{
	bool last = --jobs->users == 0;

	pthread_mutex_unlock(&jobs->lock);
	if (last) {
		pthread_mutex_destroy(&jobs->lock);
		free(jobs);
	}
}

/* On a worker thread. */
static void run(void *arg)
{
	job_t *job = arg;
	jobs_t *jobs = job->jobs;
	bool dropped;

	job->work(job);
	pthread_mutex_lock(&jobs->lock);
	dropped = !jobs->arrived;
	if (!dropped) {
		job->next = NULL;
		*jobs->last = job;
		jobs->last = &job->next;
		event_active(jobs->arrived, EV_TIMEOUT, 0);
	}
	unlock_and_release(jobs);
	if (dropped)
		job->drop(job);
}

static job_t *take_all(jobs_t *jobs)
{
	job_t *first;

	pthread_mutex_lock(&jobs->lock);
	first = jobs->first;
	jobs->first = NULL;
	jobs->last = &jobs->first;
	pthread_mutex_unlock(&jobs->lock);
	return first;
}

/* In the event loop. */
static void on_arrived(evutil_socket_t fd, short what, void *arg)
{
	jobs_t *jobs = arg;
	job_t *job, *next;

	pthread_mutex_lock(jobs->server_lock);
	for (job = take_all(jobs); job; job = next) {
		next = job->next;
		job->done(job);
	}
	pthread_mutex_unlock(jobs->server_lock);
}

jobs_t *jobs_create(struct event_base *base, pthread_mutex_t *lock,
		    workers_t *workers)
{
	jobs_t *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return NULL;
	jobs->arrived = event_new(base, -1, 0, on_arrived, jobs);
	if (!jobs->arrived) {
		free(jobs);
		return NULL;
	}
	pthread_mutex_init(&jobs->lock, NULL);
	jobs->server_lock = lock;
	jobs->workers = workers;
	jobs->users = 1;
	jobs->last = &jobs->first;
	return jobs;
}

void jobs_destroy(jobs_t *jobs)
{
	job_t *job, *next;

	if (!jobs)
		return;
	pthread_mutex_lock(&jobs->lock);
	event_free(jobs->arrived);
	jobs->arrived = NULL;
	job = jobs->first;
	unlock_and_release(jobs);
	for (; job; job = next) {
		next = job->next;
		job->drop(job);
	}
}

int jobs_post(jobs_t *jobs, job_t *job)
{
	int rc;

	job->jobs = jobs;
	pthread_mutex_lock(&jobs->lock);
	jobs->users++;
	pthread_mutex_unlock(&jobs->lock);
	rc = workers_post(jobs->workers, run, job);
	if (rc) {
		pthread_mutex_lock(&jobs->lock);
		unlock_and_release(jobs);
	}
	return rc;
}
