/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pipe.h - recv(), send() and poll() whose other end is an input, without a
 * system call: pieces of any size, interruptions, "not now", the end.
 * Linked with --wrap for each of the three.
 */
#ifndef FUZZ_PIPE_H
#define FUZZ_PIPE_H

#include "fuzz.h"

#define PIPE_SENT_MAX 65536

typedef struct {
	feed_t feed;	 /* what recv() gives */
	uint8_t cuts[4]; /* 0: all; 1: EINTR; 2: EAGAIN; else so many bytes */
	unsigned turn;
	bool broken;	/* send() fails: nobody reads */
	unsigned polls; /* this many end well, then time is over */
	uint8_t sent[PIPE_SENT_MAX];
	size_t sent_len;
} pipe_t;

extern pipe_t fuzz_pipe;

#endif
