/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lograte.h - how often one cause may make us write a line: LOGRATE_LINES per
 * LOGRATE_WINDOW_MS, the rest is counted.
 */
#ifndef PMIXD_LOGRATE_H
#define PMIXD_LOGRATE_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "log.h"

#define LOGRATE_LINES	  20
#define LOGRATE_WINDOW_MS 10000

typedef struct {
	int64_t window_ms; /* when it began */
	unsigned lines;	   /* asked for in it */
} lograte_t;

/* May one more line about WHAT ("connections were dropped") be written? */
static inline bool lograte_ok(lograte_t *r, const char *what)
{
	int64_t now = clock_ms();

	if (r->lines == 0 || now - r->window_ms >= LOGRATE_WINDOW_MS) {
		if (r->lines > LOGRATE_LINES)
			plog_info("%u more %s and not logged",
				  r->lines - LOGRATE_LINES, what);
		r->window_ms = now;
		r->lines = 0;
	}
	return r->lines++ < LOGRATE_LINES;
}

#endif
