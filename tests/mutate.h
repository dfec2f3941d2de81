/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mutate.h - bytes that were good, and are not any more.
 */
#ifndef TEST_MUTATE_H
#define TEST_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* A sequence of numbers that depends on its seed alone. */
uint64_t mutate_random(uint64_t *state);

/*
 * Change the LEN bytes at BUF, which has room for MAX, in one to four places:
 * bits, bytes, digits of base64, ranges taken out, repeated, swapped, cut off
 * or put in.  Returns the new length, at least 1; the bytes differ from
 * before nearly always, but not always.
 */
size_t mutate(uint8_t *buf, size_t len, size_t max, uint64_t *state);

#endif
