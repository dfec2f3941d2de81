/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_private.h - a handshake, as its sources see it.
 *
 *   handshake.c        which message comes when
 *   handshake_msg.c    messages as bytes
 *   handshake_proof.c  what is proven to the peer
 *   handshake_run.c    the whole on a socket
 */
#ifndef HANDSHAKE_PRIVATE_H
#define HANDSHAKE_PRIVATE_H

#include "handshake_msg.h"
#include "psec_private.h"

struct psec_handshake {
	const psec_t *psec;
	psec_role_t role;
	psec_hs_state_t state;
	psec_hs_state_t after_output; /* the state when all of OUT is sent */
	hs_type_t expect;	      /* the message awaited next */

	char mechs[PSEC_LIST_MAX + 1];
	uint8_t binding[PSEC_BINDING_MAX];
	size_t binding_len;
	uint8_t intro[PSEC_INTRO_MAX];
	size_t intro_len;
	uid_t expect_uid;
	int fd;

	const mech_t *mech; /* NULL: not agreed yet */
	/* The bodies that both proofs cover; each holds its sender's nonce. */
	uint8_t hello[HS_HELLO_MAX];
	size_t hello_len;
	uint8_t challenge[HS_CHALLENGE_LEN];

	uint8_t own_share[PSEC_KEY_LEN];
	uint8_t peer_share[PSEC_KEY_LEN];
	uint8_t token[HS_TOKEN_LEN]; /* server's secret, client's answer */
	uint8_t key[PSEC_KEY_LEN];
	uid_t peer_uid;
	gid_t peer_gid;

	hs_frame_t in;	/* what has come of the awaited message */
	hs_frame_t out; /* what is being sent */
	size_t out_sent;
};

/* -- handshake_proof.c -------------------------------------------------- */

/* Fill LEN bytes at BUF with randomness that is fit for keys. */
psec_code_t hs_random(void *buf, size_t len, psec_error_t *err);

/* Make the own PROOF in HS->out.  Blocks in the mechanism. */
psec_code_t hs_prove(psec_handshake_t *hs, psec_error_t *err);
/* Check the peer's PROOF in HS->in, learn who it is.  Blocks likewise. */
psec_code_t hs_check(psec_handshake_t *hs, psec_error_t *err);

/* -- handshake.c -------------------------------------------------------- */

/* How many bytes may be read from the peer now without reading too far. */
size_t hs_input_wanted(const psec_handshake_t *hs);

#endif
