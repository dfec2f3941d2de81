/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * duo.h - both ends of a handshake in one process, without a socket, and a
 * tap on the line between them.
 */
#ifndef TEST_DUO_H
#define TEST_DUO_H

#include "psec.h"

#define DUO_FRAME_MAX (16 * 1024)

/*
 * The messages of a client's handshake in their order.  A tool's has a CHOICE
 * behind the HELLO.
 */
enum {
	DUO_CHALLENGE,
	DUO_HELLO,
	DUO_CLIENT_PROOF,
	DUO_SERVER_PROOF, /* the server shows itself by a proof of its own: */
	DUO_CLIENT_CONFIRM,
	DUO_MESSAGES,
	DUO_SERVER_CONFIRM = DUO_SERVER_PROOF, /* or it read a sealed one */
	DUO_SEALED_MESSAGES
};

/* Whose is MESSAGE of these? */
bool duo_from_server(size_t message);

typedef struct {
	psec_handshake_t *hs;
	psec_code_t rc; /* the first failure */
	psec_error_t err;
	uint8_t inbox[DUO_FRAME_MAX];
	size_t inbox_len;
} duo_end_t;

typedef struct {
	duo_end_t client, server;
	size_t chunk; /* deliver in pieces of this many bytes; 0: whole */
	/*
	 * Sees, and may alter, message number MESSAGE on its way; *LEN may
	 * shrink.  May be NULL.  Messages are told one by one, also where two
	 * are sent in one go.
	 */
	void (*tap)(void *arg, size_t message, uint8_t *bytes, size_t *len);
	void *arg;
	size_t messages; /* how many were sent */
} duo_t;

/* Move one message, or do one piece of work; false: neither can go on. */
bool duo_step(duo_t *duo);

/* Move bytes and do work until neither end can go on. */
void duo_run(duo_t *duo);

/* Destroys both handshakes. */
void duo_clear(duo_t *duo);

#endif
