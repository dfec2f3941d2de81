/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * workers.c - threads that take calls from a ring.
 */
#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct call {
	workers_fn fn;
	void *arg;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t posted;
	bool ending;
	unsigned nthreads; /* started so far */
	pthread_t *threads;
	size_t first; /* oldest call in the ring */
	size_t count; /* calls in the ring */
	size_t size;
	struct call *ring;
};

/* Wait for a call and take it.  False: none is left and W is ending. */
static bool take(workers_t *w, struct call *call)
{
	bool found;

	pthread_mutex_lock(&w->lock);
	while (w->count == 0 && !w->ending)
		pthread_cond_wait(&w->posted, &w->lock);
	found = w->count > 0;
	if (found) {
		*call = w->ring[w->first];
		w->first = (w->first + 1) % w->size;
		w->count--;
	}
	pthread_mutex_unlock(&w->lock);
	return found;
}

static void *run(void *arg)
{
	workers_t *w = arg;
	struct call call;

	while (take(w, &call))
		call.fn(call.arg);
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

workers_t *workers_create(unsigned nthreads, size_t max_queued)
{
	workers_t *w = calloc(1, sizeof(*w));
	int rc = ENOMEM;

	if (!w)
		goto fail;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->posted, NULL);
	w->size = max_queued ? max_queued : 1;
	w->ring = calloc(w->size, sizeof(*w->ring));
	w->threads = calloc(nthreads ? nthreads : 1, sizeof(*w->threads));
	if (!w->ring || !w->threads)
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
	free(w->ring);
	free(w);
	errno = saved;
}

int workers_post(workers_t *w, workers_fn fn, void *arg)
{
	int rc = -1;

	pthread_mutex_lock(&w->lock);
	if (w->count < w->size && !w->ending) {
		w->ring[(w->first + w->count) % w->size] =
			(struct call){ fn, arg };
		w->count++;
		pthread_cond_signal(&w->posted);
		rc = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}
