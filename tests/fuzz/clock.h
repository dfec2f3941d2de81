/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clock.h - a double of deadline.h: time passes when the input says so, and
 * any deadline may be the next that is over.
 */
#ifndef FUZZ_CLOCK_H
#define FUZZ_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "deadline.h"
#include "fuzz.h"

/* A new run: nothing is set.  Nobody may set less than LEAST_MS. */
void clock_begin(int64_t least_ms);

/* Is any deadline set? */
bool clock_waits(void);

/* One of them, taken out, for the caller to call its function; NULL: none. */
deadline_t *clock_take(feed_t *feed);

#endif
