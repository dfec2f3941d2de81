/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * workers.c - threads that take calls from lanes, in turns.
 *
 * Lanes with calls stand in a line.  A thread takes one call of the first
 * lane, which then goes to the end of the line, if it has more.
 */
#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

typedef struct lane lane_t;
struct lane {
	workers_call_t *first, *last;
	size_t count;
	lane_t *next; /* in the line of lanes with calls */
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t posted;
	bool ending;
	unsigned nthreads; /* started so far */
	pthread_t *threads;
	lane_t *first, *last; /* the line */
	uint32_t nlanes;
	size_t max_queued; /* in a lane */
	lane_t *lanes;
};

/* -- lanes, with the lock held -------------------------------------------- */

static void line_up(workers_t *w, lane_t *lane)
{
	lane->next = NULL;
	if (w->last)
		w->last->next = lane;
	else
		w->first = lane;
	w->last = lane;
}

static void step_out(workers_t *w, lane_t *lane)
{
	lane_t *before = NULL;

	for (lane_t *l = w->first; l != lane; l = l->next)
		before = l;
	if (before)
		before->next = lane->next;
	else
		w->first = lane->next;
	if (w->last == lane)
		w->last = before;
}

static void append(lane_t *lane, workers_call_t *call)
{
	call->next = NULL;
	call->prev = lane->last;
	if (lane->last)
		lane->last->next = call;
	else
		lane->first = call;
	lane->last = call;
	lane->count++;
	call->queued = true;
}

static void take_out(lane_t *lane, workers_call_t *call)
{
	if (call->prev)
		call->prev->next = call->next;
	else
		lane->first = call->next;
	if (call->next)
		call->next->prev = call->prev;
	else
		lane->last = call->prev;
	lane->count--;
	call->queued = false;
}

/* -- threads -------------------------------------------------------------- */

/* Wait for a call and take it.  NULL: none is left and W is ending. */
static workers_call_t *take(workers_t *w)
{
	workers_call_t *call = NULL;
	lane_t *lane;

	pthread_mutex_lock(&w->lock);
	while (!w->first && !w->ending)
		pthread_cond_wait(&w->posted, &w->lock);
	lane = w->first;
	if (lane) {
		call = lane->first;
		take_out(lane, call);
		step_out(w, lane);
		if (lane->first)
			line_up(w, lane);
	}
	pthread_mutex_unlock(&w->lock);
	return call;
}

static void *run(void *arg)
{
	workers_t *w = arg;
	workers_call_t *call;

	while ((call = take(w))) {
		workers_fn fn = call->fn;
		void *fn_arg = call->arg;

		if (call->owned)
			free(call);
		fn(fn_arg);
	}
	return NULL;
}

/*
 * Signals are for the main thread; a thread inherits its creator's mask, so
 * block them around the creation.  Returns an errno.
 */
static int start_threads(workers_t *w, unsigned nthreads)
{
	sigset_t all, old;
	int rc = 0;

	sigfillset(&all);
	rc = pthread_sigmask(SIG_SETMASK, &all, &old);
	if (rc)
		return rc;
	while (w->nthreads < nthreads) {
		rc = pthread_create(&w->threads[w->nthreads], NULL, run, w);
		if (rc)
			break;
		w->nthreads++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

workers_t *workers_create_lanes(unsigned nthreads, uint32_t nlanes,
				size_t max_queued)
{
	workers_t *w = calloc(1, sizeof(*w));
	int rc = ENOMEM;

	if (!w)
		goto fail;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->posted, NULL);
	w->nlanes = nlanes ? nlanes : 1;
	w->max_queued = max_queued ? max_queued : 1;
	w->lanes = calloc(w->nlanes, sizeof(*w->lanes));
	w->threads = calloc(nthreads ? nthreads : 1, sizeof(*w->threads));
	if (!w->lanes || !w->threads)
		goto fail;
	rc = start_threads(w, nthreads);
	if (rc)
		goto fail;
	return w;
fail:
	workers_destroy(w);
	errno = rc;
	return NULL;
}

workers_t *workers_create(unsigned nthreads, size_t max_queued)
{
	return workers_create_lanes(nthreads, 1, max_queued);
}

void workers_destroy(workers_t *w)
{
	int saved = errno;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->posted);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->nthreads; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->posted);
	pthread_mutex_destroy(&w->lock);
	free(w->threads);
	free(w->lanes);
	free(w);
	errno = saved;
}

/* -- posting -------------------------------------------------------------- */

int workers_post_call(workers_t *w, workers_call_t *call, uint32_t lane,
		      workers_fn fn, void *arg)
{
	lane_t *l = &w->lanes[lane < w->nlanes ? lane : w->nlanes - 1];
	int rc = -1;

	call->fn = fn;
	call->arg = arg;
	call->lane = (uint32_t)(l - w->lanes);
	pthread_mutex_lock(&w->lock);
	if (l->count < w->max_queued && !w->ending) {
		append(l, call);
		if (l->count == 1)
			line_up(w, l);
		pthread_cond_signal(&w->posted);
		rc = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

int workers_post(workers_t *w, workers_fn fn, void *arg)
{
	workers_call_t *call = calloc(1, sizeof(*call));

	if (!call)
		return -1;
	call->owned = true;
	if (workers_post_call(w, call, 0, fn, arg) == 0)
		return 0;
	free(call);
	return -1;
}

bool workers_withdraw(workers_t *w, workers_call_t *call)
{
	lane_t *lane;
	bool queued;

	pthread_mutex_lock(&w->lock);
	queued = call->queued;
	if (queued) {
		lane = &w->lanes[call->lane];
		take_out(lane, call);
		if (!lane->first)
			step_out(w, lane);
	}
	pthread_mutex_unlock(&w->lock);
	return queued;
}
