/* SPDX-License-Identifier: BSD-3-Clause */
/* deadlines.c - see deadlines.h. */
#include "deadlines.h"

#include <stddef.h>

static struct {
	deadlines_t set;
	unsigned n;
	int64_t least_ms;
} all;

void deadlines_begin(int64_t least_ms)
{
	TAILQ_INIT(&all.set);
	all.n = 0;
	all.least_ms = least_ms;
}

bool deadlines_waits(void)
{
	return all.n > 0;
}

void deadline_clear(deadline_t *d)
{
	if (!d->fn)
		return;
	TAILQ_REMOVE(&all.set, d, next);
	d->fn = NULL;
	all.n--;
}

void deadline_set(deadline_t *d, int64_t ms, deadline_fn fn)
{
	MUST(ms >= all.least_ms);
	deadline_clear(d);
	d->fn = fn;
	TAILQ_INSERT_TAIL(&all.set, d, next);
	all.n++;
}

void deadlines_fire(feed_t *feed)
{
	unsigned i = all.n ? feed_u8(feed) % all.n : 0;
	deadline_t *d = TAILQ_FIRST(&all.set);
	deadline_fn fn;

	if (!d)
		return;
	while (i-- > 0)
		d = TAILQ_NEXT(d, next);
	fn = d->fn;
	deadline_clear(d);
	fn(d);
}
