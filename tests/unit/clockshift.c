/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clockshift.c - preloaded into a munged of a test: its clock is
 * PSEC_TEST_CLOCK_OFFSET_S seconds ahead.  So credentials are expired or
 * early at once, and no test sleeps for it.
 */
#include <stdlib.h>
#include <time.h>

__attribute__((visibility("default"))) time_t time(time_t *out)
{
	const char *offset = getenv("PSEC_TEST_CLOCK_OFFSET_S");
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (offset)
		ts.tv_sec += strtol(offset, NULL, 10);
	if (out)
		*out = ts.tv_sec;
	return ts.tv_sec;
}
