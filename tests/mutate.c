/* SPDX-License-Identifier: BSD-3-Clause */
/* mutate.c - see mutate.h. */
#include "mutate.h"

#include <stdbool.h>
#include <string.h>

#define RANGE_MAX 16

/* splitmix64, by Sebastiano Vigna (public domain). */
uint64_t mutate_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t below(size_t n, uint64_t *state)
{
	return n ? (size_t)(mutate_random(state) % n) : 0;
}

static uint8_t digit(uint64_t *state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/=";

	return (uint8_t)digits[below(sizeof(digits) - 1, state)];
}

static size_t take_out(uint8_t *buf, size_t len, uint64_t *state)
{
	size_t n = 1 + below(RANGE_MAX, state), at;

	if (n >= len)
		return len;
	at = below(len - n + 1, state);
	memmove(buf + at, buf + at + n, len - at - n);
	return len - n;
}

/* A copy of what is there, or random bytes. */
static size_t put_in(uint8_t *buf, size_t len, size_t max, uint64_t *state)
{
	size_t n = 1 + below(RANGE_MAX, state), at, i;
	bool copy = mutate_random(state) % 2 == 0;

	if (n > len || len + n > max)
		return len;
	at = below(len - n + 1, state);
	memmove(buf + at + n, buf + at, len - at);
	for (i = 0; !copy && i < n; i++)
		buf[at + i] = (uint8_t)mutate_random(state);
	return len + n;
}

static size_t change(uint8_t *buf, size_t len, size_t max, uint64_t *state)
{
	size_t at = below(len, state), other = below(len, state);
	uint8_t byte = buf[at];

	switch (below(8, state)) {
	case 0:
		buf[at] ^= (uint8_t)(1u << below(8, state));
		return len;
	case 1:
		buf[at] = (uint8_t)mutate_random(state);
		return len;
	case 2:
	case 3:
		buf[at] = digit(state);
		return len;
	case 4:
		buf[at] = buf[other];
		buf[other] = byte;
		return len;
	case 5:
		return take_out(buf, len, state);
	case 6:
		return put_in(buf, len, max, state);
	default:
		return below(4, state) ? len : 1 + at;
	}
}

size_t mutate(uint8_t *buf, size_t len, size_t max, uint64_t *state)
{
	size_t n = 1 + below(4, state);

	while (n--)
		len = change(buf, len, max, state);
	return len;
}
