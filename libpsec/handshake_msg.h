/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_msg.h - the handshake's messages as bytes.  Specification:
 * doc/handshake-format.md.
 *
 * Knows neither mechanisms nor the order of messages.  Numbers are
 * big-endian; no function reads or writes past the length it was given.
 */
#ifndef HANDSHAKE_MSG_H
#define HANDSHAKE_MSG_H

#include "psec_mech.h"

#define HS_VERSION    1
#define HS_HEADER_LEN 8
#define HS_BODY_MAX   PSEC_PROOF_MAX
#define HS_NONCE_LEN  32
#define HS_TOKEN_LEN  16
/* HELLO: nonce, role, list after its length, intro after its length */
#define HS_HELLO_MIN (HS_NONCE_LEN + 1 + 2 + 2)
#define HS_HELLO_MAX (HS_HELLO_MIN + PSEC_LIST_MAX + PSEC_INTRO_MAX)
/* Wire numbers, never reused. */
typedef enum {
	HS_HELLO = 1,
	HS_CHALLENGE = 2,
	HS_PROOF = 3,
	HS_CONFIRM = 4,
	HS_REFUSE = 5,
	HS_CHOICE = 6
} hs_type_t;

const char *hs_type_name(hs_type_t type);

/* A message that comes: header and body, as on the wire. */
typedef struct {
	size_t len; /* how many bytes are there */
	uint8_t bytes[HS_HEADER_LEN + HS_BODY_MAX];
} hs_frame_t;

/* What is to be sent: one message, or a HELLO and a PROOF. */
typedef struct {
	size_t len;
	uint8_t bytes[2 * HS_HEADER_LEN + HS_HELLO_MAX + HS_BODY_MAX];
} hs_out_t;

/* -- writing ------------------------------------------------------------ */

/* Append to a buffer whose size the caller has made sure of. */
void hs_put_u16(uint8_t **pos, size_t value);
void hs_put_bytes(uint8_t **pos, const void *bytes, size_t len);

/* Append a message of TYPE with LEN bytes of BODY (<= HS_BODY_MAX). */
void hs_out_add(hs_out_t *out, hs_type_t type, const void *body, size_t len);
void hs_out_add_refuse(hs_out_t *out, psec_code_t code);

/* -- reading ------------------------------------------------------------ */

typedef struct {
	const uint8_t *pos;
	size_t left;
} hs_reader_t;

/* Each returns false, and takes nothing, where there is less than it wants. */
bool hs_take_u8(hs_reader_t *r, size_t *value);
bool hs_take_u16(hs_reader_t *r, size_t *value);
bool hs_take_bytes(hs_reader_t *r, const uint8_t **bytes, size_t len);

/*
 * Look at what FRAME has got so far and refuse as early as possible what can
 * not become a message of type EXPECT or REFUSE.  *STRANGER: it does not even
 * begin like one, so that an answer would be in vain.
 */
psec_code_t hs_frame_check(const hs_frame_t *frame, hs_type_t expect,
			   bool *stranger, psec_error_t *err);

/* How many bytes FRAME lacks for the next thing to look at; 0: complete. */
size_t hs_frame_missing(const hs_frame_t *frame);
hs_type_t hs_frame_type(const hs_frame_t *frame);
hs_reader_t hs_frame_body(const hs_frame_t *frame);

typedef struct {
	const uint8_t *nonce; /* HS_NONCE_LEN bytes */
	psec_role_t role;     /* client, tool or legacy */
	/* As psec_list_filter() writes it.  Client: one name; legacy: none. */
	char mechs[PSEC_LIST_MAX + 1];
	const uint8_t *intro;
	size_t intro_len;
} hs_hello_t;

/* Write the body of a HELLO (at most HS_HELLO_MAX bytes); returns its length.
 */
size_t hs_hello_write(uint8_t *body, const hs_hello_t *hello);
/*
 * False: the body is not a well-formed HELLO.  NONCE and INTRO then are
 * inside the frame.
 */
bool hs_hello_read(hs_reader_t body, hs_hello_t *hello);

/* The name in a CHOICE goes to MECH; false: it is none. */
bool hs_choice_read(hs_reader_t body, char mech[PSEC_NAME_MAX + 1]);

#endif
