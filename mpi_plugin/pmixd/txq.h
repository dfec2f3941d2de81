/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * txq.h - messages that wait to be sent, and how messages become frames.  No
 * input or output.
 *
 * Messages wait as they are and are sealed when the connection takes bytes:
 * so they can wait before there is a connection, and a large one is encrypted
 * piece by piece while the network carries the pieces before.
 */
#ifndef PMIXD_TXQ_H
#define PMIXD_TXQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "wire.h"

/* What is left of a message made of pieces. */
typedef struct {
	const struct iovec *iov;
	size_t offset; /* within the first piece */
	size_t len;    /* left in all */
} txq_cursor_t;

/* Start at the beginning.  False: over MAX bytes. */
bool txq_cursor(txq_cursor_t *c, const struct iovec *iov, int iovcnt,
		size_t max);

struct txq_msg;
typedef STAILQ_HEAD(txq, txq_msg) txq_t;

#define txq_init(q)  STAILQ_INIT(q)
#define txq_empty(q) STAILQ_EMPTY(q)

/* Append a copy of what C has left, as (the rest of) a message of TYPE.
 * 0, or -1: no memory. */
int txq_push(txq_t *q, uint8_t type, const txq_cursor_t *c);
void txq_clear(txq_t *q);

/*
 * Seal frames of a message directly from C, which advances, into the SIZE
 * bytes of OUT.  SIZE is at least WIRE_FRAME_MAX.  Returns the bytes written;
 * *DONE tells whether the message is all in.
 */
size_t txq_seal_direct(wire_t *wire, uint8_t type, txq_cursor_t *c,
		       uint8_t *out, size_t size, bool *done);

/* Likewise from the queue, as many messages as fit; 0 when it is empty. */
size_t txq_seal(txq_t *q, wire_t *wire, uint8_t *out, size_t size);

#endif
