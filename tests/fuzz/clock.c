/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.c - see clock.h. */
#include "clock.h"

#include <stddef.h>

static struct {
	deadline_t ring;
	unsigned n;
	int64_t least_ms;
} all;

void clock_begin(int64_t least_ms)
{
	all.ring.next = all.ring.prev = &all.ring;
	all.n = 0;
	all.least_ms = least_ms;
}

bool clock_waits(void)
{
	return all.n > 0;
}

void deadline_clear(deadline_t *d)
{
	if (!d->next)
		return;
	d->next->prev = d->prev;
	d->prev->next = d->next;
	d->next = d->prev = NULL;
	all.n--;
}

void deadline_set(deadline_t *d, int64_t ms, deadline_fn fn)
{
	MUST(ms >= all.least_ms);
	deadline_clear(d);
	d->fn = fn;
	d->next = &all.ring;
	d->prev = all.ring.prev;
	d->prev->next = d;
	all.ring.prev = d;
	all.n++;
}

deadline_t *clock_take(feed_t *feed)
{
	unsigned i = all.n ? feed_u8(feed) % all.n : 0;
	deadline_t *d = all.ring.next;

	if (all.n == 0)
		return NULL;
	while (i-- > 0)
		d = d->next;
	deadline_clear(d);
	return d;
}
