/* SPDX-License-Identifier: BSD-3-Clause */
/* random.c - see random.h. */
#include "random.h"

#include <sys/random.h>

static uint64_t streams[FUZZ_RANDOM_STREAMS];
static unsigned current;

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);

void fuzz_random_use(unsigned whose)
{
	current = whose % FUZZ_RANDOM_STREAMS;
}

void fuzz_random_reset(void)
{
	for (unsigned i = 0; i < FUZZ_RANDOM_STREAMS; i++)
		streams[i] = (i + 1) * 0x9e3779b97f4a7c15u;
	current = 0;
}

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags)
{
	uint64_t *s = &streams[current];
	uint8_t *out = buf;

	for (size_t i = 0; i < len; i++) {
		*s ^= *s << 13;
		*s ^= *s >> 7;
		*s ^= *s << 17;
		out[i] = (uint8_t)(*s >> 32);
	}
	return (ssize_t)len;
}
