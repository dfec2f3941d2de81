/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random.h - getrandom() that gives the same numbers for the same input, and
 * different ones to the two ends of a handshake: so an input that holds a
 * recorded handshake gets through.  Linked with --wrap=getrandom.
 */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdint.h>

/* Numbers are those of stream WHOSE from now on. */
void fuzz_random_use(unsigned whose);
#define FUZZ_RANDOM_STREAMS 4

/* All streams begin anew. */
void fuzz_random_reset(void);

#endif
