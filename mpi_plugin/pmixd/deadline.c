/* SPDX-License-Identifier: BSD-3-Clause */
/* deadline.c - see deadline.h. */
#include <stddef.h>

#include <event2/event.h>

#include "clock.h"
#include "deadline.h"
#include "pmixd.h"

/* Guarded by pmixd.lock. */
static deadlines_t all = TAILQ_HEAD_INITIALIZER(all);
static struct event *timer;
static int64_t armed_ms; /* when the timer will fire; 0: it will not */

/* The timer fires at AT_MS at the latest; too early does no harm. */
static void arm(int64_t at_ms)
{
	struct timeval tv = clock_timeval(at_ms - clock_ms());

	if (armed_ms && armed_ms <= at_ms)
		return;
	evtimer_add(timer, &tv);
	armed_ms = at_ms;
}

void deadline_set(deadline_t *d, int64_t ms, deadline_fn fn)
{
	deadline_clear(d);
	d->at_ms = clock_ms() + ms;
	d->fn = fn;
	TAILQ_INSERT_TAIL(&all, d, next);
	arm(d->at_ms);
}

void deadline_clear(deadline_t *d)
{
	if (!d->fn)
		return;
	TAILQ_REMOVE(&all, d, next);
	d->fn = NULL;
}

static deadline_t *first_due(int64_t now, int64_t *next_ms)
{
	deadline_t *d;

	*next_ms = INT64_MAX;
	TAILQ_FOREACH(d, &all, next)
	{
		if (d->at_ms <= now)
			return d;
		if (d->at_ms < *next_ms)
			*next_ms = d->at_ms;
	}
	return NULL;
}

static void fire(evutil_socket_t fd, short what, void *arg)
{
	int64_t now = clock_ms(), next_ms;
	deadline_fn fn;
	deadline_t *d;

	pthread_mutex_lock(&pmixd.lock);
	armed_ms = 0;
	/* From the start each time: a call may set and clear others. */
	while ((d = first_due(now, &next_ms))) {
		fn = d->fn;
		deadline_clear(d);
		fn(d);
	}
	if (next_ms != INT64_MAX)
		arm(next_ms);
	pthread_mutex_unlock(&pmixd.lock);
}

bool deadline_init(void)
{
	timer = evtimer_new(pmixd.base, fire, NULL);
	return timer != NULL;
}
