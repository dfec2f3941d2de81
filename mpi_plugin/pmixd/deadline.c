/* SPDX-License-Identifier: BSD-3-Clause */
/* deadline.c - see deadline.h. */
#include <stddef.h>
#include <time.h>

#include <event2/event.h>

#include "deadline.h"
#include "pmixd.h"

/* Guarded by pmixd.lock. */
static deadline_t head = { &head, &head, 0, NULL };
static struct event *timer;
static int64_t armed_ms; /* when the timer will fire; 0: it will not */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The timer fires at AT_MS at the latest; too early does no harm. */
static void arm(int64_t at_ms)
{
	int64_t ms = at_ms - now_ms();
	struct timeval tv;

	if (armed_ms && armed_ms <= at_ms)
		return;
	if (ms < 0)
		ms = 0;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(timer, &tv);
	armed_ms = at_ms;
}

void deadline_set(deadline_t *d, int64_t ms, deadline_fn fn)
{
	deadline_clear(d);
	d->at_ms = now_ms() + ms;
	d->fn = fn;
	d->next = &head;
	d->prev = head.prev;
	head.prev->next = d;
	head.prev = d;
	arm(d->at_ms);
}

void deadline_clear(deadline_t *d)
{
	if (!d->next)
		return;
	d->next->prev = d->prev;
	d->prev->next = d->next;
	d->next = d->prev = NULL;
}

static deadline_t *first_due(int64_t now, int64_t *next_ms)
{
	*next_ms = INT64_MAX;
	for (deadline_t *d = head.next; d != &head; d = d->next) {
		if (d->at_ms <= now)
			return d;
		if (d->at_ms < *next_ms)
			*next_ms = d->at_ms;
	}
	return NULL;
}

static void fire(evutil_socket_t fd, short what, void *arg)
{
	int64_t now = now_ms(), next_ms;
	deadline_t *d;

	pthread_mutex_lock(&pmixd.lock);
	armed_ms = 0;
	/* From the start each time: a call may set and clear others. */
	while ((d = first_due(now, &next_ms))) {
		deadline_clear(d);
		d->fn(d);
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
