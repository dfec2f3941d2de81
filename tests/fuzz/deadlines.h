/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * deadlines.h - a double of deadline.h: time passes when the input says so, and
 * any deadline may be the next that is over.
 */
#ifndef FUZZ_DEADLINES_H
#define FUZZ_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>

#include "deadline.h"
#include "fuzz.h"

/* A new run: nothing is set.  Nobody may set less than LEAST_MS. */
void deadlines_begin(int64_t least_ms);

/* Is any deadline set? */
bool deadlines_waits(void);

/* One of them is over: its function is called.  No-op where there is none. */
void deadlines_fire(feed_t *feed);

#endif
