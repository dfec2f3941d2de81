/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reader.h - from the bytes that arrive on one connection to messages: cuts
 * frames, opens them, puts a message's frames together.  No input or output.
 *
 * Memory grows with the bytes that have arrived and been authenticated, never
 * with a length that was only announced.
 */
#ifndef PMIXD_READER_H
#define PMIXD_READER_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* Bytes not yet consumed, and the message whose frames are still coming. */
typedef struct {
	uint8_t *buf;
	size_t start; /* of what is not consumed */
	size_t end;
	uint8_t *msg; /* malloc()ed; NULL between messages of many frames */
	size_t msg_len;
	size_t msg_size;
	uint8_t msg_type;
} reader_t;

/* 0, or -1: no memory. */
int reader_init(reader_t *r);
void reader_clear(reader_t *r);

/* Where the next bytes go, and how many fit (at least one frame in all). */
uint8_t *reader_space(reader_t *r, size_t *len);
/* LEN bytes were put there. */
void reader_added(reader_t *r, size_t len);

/* The bytes not consumed, for the handshake, which comes before frames. */
const uint8_t *reader_bytes(const reader_t *r, size_t *len);
void reader_consume(reader_t *r, size_t len);

/*
 * One message; MSG is aligned for any type and valid during the call.
 * Nonzero refuses it with *WHY, a static sentence.
 */
typedef int (*reader_fn)(void *arg, uint8_t type, const void *msg, size_t len,
			 const char **why);

/*
 * From FN: the message it was called with, in memory that is the caller's
 * (free()); MSG must not be used any more.  One of many frames is not copied.
 * NULL: no memory.
 */
void *reader_keep(reader_t *r, const void *msg, size_t len);

/*
 * Hand all complete messages to FN.  SCRATCH holds WIRE_PAYLOAD_MAX bytes,
 * aligned for any type; a message of one frame is decrypted into it.
 * 0, or -1: the connection must be dropped, *WHY says why.
 */
int reader_parse(reader_t *r, wire_t *wire, uint8_t *scratch, reader_fn fn,
		 void *arg, const char **why);

#endif
