/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_private.h - a handshake, as its sources see it.
 *
 *   handshake.c         which message comes when
 *   handshake_choice.c  which mechanism, and who chooses it
 *   handshake_msg.c     messages as bytes
 *   handshake_proof.c   what is proven to the peer
 *   handshake_run.c     the whole on a socket
 */
#ifndef HANDSHAKE_PRIVATE_H
#define HANDSHAKE_PRIVATE_H

#include "handshake_msg.h"
#include "psec_private.h"

struct psec_handshake {
	const psec_t *psec;
	psec_role_t role;
	psec_role_t peer_role; /* server: known when its HELLO has come */
	psec_hs_state_t state;
	psec_hs_state_t after_output; /* the state when all of OUT is sent */
	hs_type_t expect;	      /* the message awaited next */
	/* What psec_handshake_work() has to do. */
	psec_code_t (*work)(psec_handshake_t *hs, psec_error_t *err);

	char mechs[PSEC_LIST_MAX + 1];	 /* own list; server: allowed */
	char offered[PSEC_LIST_MAX + 1]; /* server: the peer's list */
	char default_mech[PSEC_NAME_MAX + 1];
	unsigned refused; /* PSEC_REFUSE_* */
	uint8_t binding[PSEC_BINDING_MAX];
	size_t binding_len;
	uint8_t intro[PSEC_INTRO_MAX];
	size_t intro_len;
	uid_t expect_uid;
	int fd;

	const mech_t *mech; /* NULL: not agreed yet */
	/* The bodies that proofs cover; each holds its sender's nonce. */
	uint8_t hello[HS_HELLO_MAX];
	size_t hello_len;
	uint8_t challenge[HS_NONCE_LEN];

	/* One credential: the server shows that it can read the client's. */
	bool sealed;
	uint8_t own_share[PSEC_KEY_LEN];
	uint8_t peer_share[PSEC_KEY_LEN];
	/* The secret of a proof that the other end must show it has read. */
	uint8_t token[HS_TOKEN_LEN];
	uint8_t key[PSEC_KEY_LEN];
	uid_t peer_uid;
	gid_t peer_gid;

	size_t out_sent;
	/*
	 * Last, as they are big and hold nothing but what everybody sees on
	 * the wire: they are neither zeroed nor wiped.
	 */
	hs_frame_t in; /* what has come of the awaited message */
	hs_out_t out;
};

/* -- handshake_choice.c ------------------------------------------------- */

/*
 * Take OPT's list, and the default of a server.  A client's and a legacy
 * client's mechanism is known then.
 */
psec_code_t hs_choice_begin(psec_handshake_t *hs,
			    const psec_handshake_options_t *opt,
			    psec_error_t *err);

/* Tool: cut the own list down to what works here.  Blocks in probes. */
psec_code_t hs_choice_offer(psec_handshake_t *hs, psec_error_t *err);
/* Server: pick from a tool's list, HS->offered.  Blocks likewise. */
psec_code_t hs_choice_pick(psec_handshake_t *hs, psec_error_t *err);
/* Server: match the name that a client has sent, HS->offered. */
psec_code_t hs_choice_match(psec_handshake_t *hs, psec_error_t *err);
/* Server: take the default, for a legacy peer. */
psec_code_t hs_choice_default(psec_handshake_t *hs, psec_error_t *err);

/* Tool: take NAME, which the server has picked. */
psec_code_t hs_choice_accept(psec_handshake_t *hs, const char *name,
			     psec_error_t *err);

/* -- handshake_proof.c -------------------------------------------------- */

/* Fill LEN bytes at BUF with randomness that is fit for keys. */
psec_code_t hs_random(void *buf, size_t len, psec_error_t *err);

/* "client", "server", "tool" or "legacy client". */
const char *hs_role_name(psec_role_t role);

/* Append the own PROOF to HS->out.  Blocks in the mechanism. */
psec_code_t hs_prove(psec_handshake_t *hs, psec_error_t *err);
/* Check the peer's PROOF in HS->in, learn who it is.  Blocks likewise. */
psec_code_t hs_check(psec_handshake_t *hs, psec_error_t *err);
/*
 * Does the peer's CONFIRM in HS->in show that it has read the own PROOF?  Of
 * a sealed one this shows who it is.
 */
psec_code_t hs_check_confirm(psec_handshake_t *hs, psec_error_t *err);

/* -- handshake.c -------------------------------------------------------- */

/*
 * How many bytes may be read from the peer now without reading past the
 * handshake.
 */
size_t hs_input_wanted(const psec_handshake_t *hs);

#endif
