/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.h - authenticated and encrypted frames.  Bytes in, bytes out: no input
 * or output here, no allocation.
 *
 * A frame is a header of 8 bytes (type, flags, two zero bytes, length of the
 * payload), the encrypted payload and a tag of 16 bytes.  The tag covers the
 * header, the payload and the frame's number in its direction, so that a
 * frame that was altered, repeated, left out or moved is refused.
 * Specification and reasons: doc/link-format.md.
 */
#ifndef PMIXD_WIRE_H
#define PMIXD_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_KEY_LEN	 32
#define WIRE_HEADER_LEN	 8
#define WIRE_TAG_LEN	 16
#define WIRE_OVERHEAD	 (WIRE_HEADER_LEN + WIRE_TAG_LEN)
#define WIRE_PAYLOAD_MAX (64 * 1024) /* bytes of payload in one frame */
#define WIRE_FRAME_MAX	 (WIRE_OVERHEAD + WIRE_PAYLOAD_MAX)

/* Types 1 to 15 are link_type_t's; these are the links' own. */
#define WIRE_ACCEPT  16 /* server to client: this connection is the link */
#define WIRE_GOODBYE 17 /* the sender is done; its end is no failure */

#define WIRE_MORE 1 /* flag: the message goes on in the next frame */

typedef enum { WIRE_CLIENT = 1, WIRE_SERVER = 2 } wire_role_t;

/* Both directions of one connection.  Wipe it with wire_wipe(). */
typedef struct {
	struct evp_cipher_ctx_st *tx, *rx;
	uint64_t tx_count; /* frames sealed, frames opened so far */
	uint64_t rx_count;
} wire_t;

typedef struct {
	uint8_t type;
	uint8_t flags;
	size_t payload_len;
	size_t size; /* of the whole frame */
} wire_frame_t;

typedef enum {
	WIRE_BAD = -1, /* *WHY says why */
	WIRE_SHORT = 0,
	WIRE_OK = 1
} wire_status_t;

/*
 * Derive the keys of both directions from KEY, the handshake's.  0, or -1: no
 * memory, or OpenSSL has no ChaCha20-Poly1305 (FIPS mode).
 */
int wire_init(wire_t *w, const uint8_t key[WIRE_KEY_LEN], wire_role_t role);
/* Also of a W of zeros. */
void wire_wipe(wire_t *w);

/*
 * Write into OUT one frame with the LEN <= WIRE_PAYLOAD_MAX bytes of
 * PAYLOAD, which may lie at OUT + WIRE_HEADER_LEN already.  Returns the
 * frame's size, LEN + WIRE_OVERHEAD.
 */
size_t wire_seal(wire_t *w, uint8_t *out, uint8_t type, uint8_t flags,
		 const void *payload, size_t len);

/*
 * Is there a whole frame at the beginning of the LEN bytes of BUF?
 * WIRE_SHORT: not yet.  What *FRAME says is not authenticated yet.
 */
wire_status_t wire_next(const uint8_t *buf, size_t len, wire_frame_t *frame,
			const char **why);

/*
 * Authenticate and decrypt FRAME, which wire_next() found at BUF, into
 * PAYLOAD (FRAME's payload_len bytes).  WIRE_OK or WIRE_BAD; PAYLOAD's bytes
 * mean nothing after WIRE_BAD, and W must not be used again.
 */
wire_status_t wire_open(wire_t *w, const uint8_t *buf,
			const wire_frame_t *frame, void *payload,
			const char **why);

#endif
