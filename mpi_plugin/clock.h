/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clock.h - milliseconds that only grow, for deadlines.
 */
#ifndef PSEC_CLOCK_H
#define PSEC_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

static inline int64_t clock_ms(void)
{
	struct timespec t = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* MS milliseconds as libevent wants them; less than none is none. */
static inline struct timeval clock_timeval(int64_t ms)
{
	struct timeval tv = { 0, 0 };

	if (ms > 0) {
		tv.tv_sec = ms / 1000;
		tv.tv_usec = ms % 1000 * 1000;
	}
	return tv;
}

#endif
