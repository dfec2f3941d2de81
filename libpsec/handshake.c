/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake.c - which message of a handshake comes when.
 *
 *   client                          server
 *   HELLO  nonce, mechanism, intro  ->
 *                                   <-  CHALLENGE  nonce
 *   PROOF                           ->             (the server's first work)
 *                                   <-  PROOF
 *   CONFIRM  token                  ->
 *   done                                done
 *
 * The client proves itself first, so a stranger costs the server no call into
 * the mechanism's service.  The token of the CONFIRM comes out of the
 * server's proof: a server is done only when a client has accepted it.
 * Either end answers what it does not accept with REFUSE.
 *
 * No input or output here, and nothing blocks but psec_handshake_work().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "handshake_private.h"

/* -- setting up --------------------------------------------------------- */

static psec_code_t check_options(const psec_handshake_options_t *opt,
				 psec_error_t *err)
{
	if (!opt || opt->size != sizeof(*opt))
		return psec_fail(err, PSEC_ERR_ARG,
				 "psec_handshake_options_t has size %zu, but "
				 "this libpsec knows %zu",
				 opt ? opt->size : 0, sizeof(*opt));
	if (opt->role != PSEC_CLIENT && opt->role != PSEC_SERVER)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a handshake's role is client or server, not "
				 "%d",
				 (int)opt->role);
	if (!opt->mechs)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a handshake needs a list of mechanisms");
	if (opt->binding_len > PSEC_BINDING_MAX)
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "a binding of %zu bytes is longer than %d",
				 opt->binding_len, PSEC_BINDING_MAX);
	if (opt->intro_len > PSEC_INTRO_MAX)
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "an intro of %zu bytes is longer than %d",
				 opt->intro_len, PSEC_INTRO_MAX);
	if ((opt->binding_len > 0 && !opt->binding) ||
	    (opt->intro_len > 0 && !opt->intro))
		return psec_fail(err, PSEC_ERR_ARG,
				 "a handshake's binding or intro is at NULL");
	if (opt->intro_len > 0 && opt->role == PSEC_SERVER)
		return psec_fail(err, PSEC_ERR_ARG,
				 "only the client of a handshake has an intro");
	return PSEC_OK;
}

static void copy_options(psec_handshake_t *hs,
			 const psec_handshake_options_t *opt)
{
	hs->role = opt->role;
	hs->expect_uid = opt->expect_uid;
	hs->binding_len = opt->binding_len;
	if (opt->binding_len > 0)
		memcpy(hs->binding, opt->binding, opt->binding_len);
	hs->intro_len = opt->intro_len;
	if (opt->intro_len > 0)
		memcpy(hs->intro, opt->intro, opt->intro_len);
}

/* Send HS->out; FOLLOWING is the state after it. */
static void start_output(psec_handshake_t *hs, psec_hs_state_t following)
{
	hs->out_sent = 0;
	hs->state = PSEC_HS_OUTPUT;
	hs->after_output = following;
}

static void expect(psec_handshake_t *hs, hs_type_t type)
{
	hs->expect = type;
	hs->in.len = 0;
}

static psec_code_t start_client(psec_handshake_t *hs, psec_error_t *err)
{
	uint8_t nonce[HS_NONCE_LEN];
	psec_code_t rc;

	rc = hs_random(nonce, sizeof(nonce), err);
	if (rc)
		return rc;
	hs->hello_len = hs_hello_write(hs->hello, nonce, hs->mech->name,
				       hs->intro, hs->intro_len);
	hs_frame_make(&hs->out, HS_HELLO, hs->hello, hs->hello_len);
	expect(hs, HS_CHALLENGE);
	start_output(hs, PSEC_HS_INPUT);
	return PSEC_OK;
}

static psec_code_t start_server(psec_handshake_t *hs, psec_error_t *err)
{
	/* The client chooses; what was selected here is only one of ours. */
	hs->mech = NULL;
	expect(hs, HS_HELLO);
	hs->state = PSEC_HS_INPUT;
	return hs_random(hs->challenge, sizeof(hs->challenge), err);
}

/* Choose the mechanism; for a server: make sure that there is one. */
static psec_code_t select_mech(psec_handshake_t *hs, const char *mechs,
			       psec_error_t *err)
{
	const char *name = NULL;
	psec_code_t rc;

	rc = psec_list_filter(mechs, NULL, hs->mechs, sizeof(hs->mechs), err);
	if (!rc)
		rc = psec_select(hs->psec, hs->mechs, &name, err);
	if (!rc)
		hs->mech = mech_find(hs->psec, name, &rc, err);
	return rc;
}

psec_code_t psec_handshake_create(psec_handshake_t **hs, psec_t *psec,
				  const psec_handshake_options_t *opt,
				  psec_error_t *err)
{
	psec_handshake_t *h = NULL;
	psec_code_t rc;

	if (!hs || !psec)
		return psec_fail(err, PSEC_ERR_ARG,
				 "no context, or no place for a handshake");
	rc = check_options(opt, err);
	if (rc)
		return rc;
	h = calloc(1, sizeof(*h));
	if (!h)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a handshake");
	h->psec = psec;
	h->fd = -1;
	copy_options(h, opt);
	rc = select_mech(h, opt->mechs, err);
	if (!rc && h->role == PSEC_CLIENT)
		rc = start_client(h, err);
	else if (!rc)
		rc = start_server(h, err);
	if (!rc) {
		*hs = h;
		h = NULL;
	}
	psec_handshake_destroy(h);
	return rc;
}

void psec_handshake_destroy(psec_handshake_t *hs)
{
	int saved = errno;

	if (!hs)
		return;
	explicit_bzero(hs, sizeof(*hs));
	free(hs);
	errno = saved;
}

void psec_handshake_set_fd(psec_handshake_t *hs, int fd)
{
	hs->fd = fd;
}

psec_hs_state_t psec_handshake_state(const psec_handshake_t *hs)
{
	return hs->state;
}

/* -- ending ------------------------------------------------------------- */

/* Over, without a word to the peer. */
static psec_code_t fail(psec_handshake_t *hs, psec_code_t rc)
{
	hs->state = PSEC_HS_FAILED;
	return rc;
}

/* Over, and the peer shall know why. */
static psec_code_t refuse(psec_handshake_t *hs, psec_code_t rc)
{
	hs_frame_refuse(&hs->out, rc);
	start_output(hs, PSEC_HS_FAILED);
	return rc;
}

static void agree_on_key(psec_handshake_t *hs)
{
	size_t i;

	/* Each share is random and secret: so is their sum. */
	for (i = 0; i < PSEC_KEY_LEN; i++)
		hs->key[i] = hs->own_share[i] ^ hs->peer_share[i];
}

/* -- input -------------------------------------------------------------- */

/* Server: a client that has chosen a mechanism. */
static psec_code_t on_hello(psec_handshake_t *hs, psec_error_t *err)
{
	hs_reader_t body = hs_frame_body(&hs->in);
	hs_hello_t hello;
	psec_code_t rc;

	if (!hs_hello_read(body, &hello))
		return refuse(hs, psec_fail(err, PSEC_ERR_PROTOCOL,
					    "the client's HELLO is malformed"));
	if (!psec_list_has(hs->mechs, hello.mech))
		return refuse(hs, psec_fail(err, PSEC_ERR_NO_MECH,
					    "the client chose mechanism '%s', "
					    "but only '%.200s' is allowed",
					    hello.mech, hs->mechs));
	hs->mech = mech_find(hs->psec, hello.mech, &rc, err);
	if (!hs->mech)
		return refuse(hs, rc);
	memcpy(hs->hello, body.pos, body.left);
	hs->hello_len = body.left;
	memcpy(hs->intro, hello.intro, hello.intro_len);
	hs->intro_len = hello.intro_len;
	hs_frame_make(&hs->out, HS_CHALLENGE, hs->challenge,
		      sizeof(hs->challenge));
	expect(hs, HS_PROOF);
	start_output(hs, PSEC_HS_INPUT);
	return PSEC_OK;
}

/* Client: the server goes on with our mechanism. */
static psec_code_t on_challenge(psec_handshake_t *hs)
{
	hs_reader_t body = hs_frame_body(&hs->in);

	memcpy(hs->challenge, body.pos, sizeof(hs->challenge));
	expect(hs, HS_PROOF);
	hs->state = PSEC_HS_WORK;
	return PSEC_OK;
}

/* Server: the client has accepted our proof, if it could read the token. */
static psec_code_t on_confirm(psec_handshake_t *hs, psec_error_t *err)
{
	hs_reader_t body = hs_frame_body(&hs->in);
	unsigned diff = 0;
	size_t i;

	for (i = 0; i < HS_TOKEN_LEN; i++)
		diff |= hs->token[i] ^ body.pos[i];
	/* A client that sent this thinks it is done, so no REFUSE. */
	if (diff != 0)
		return fail(hs, psec_fail(err, PSEC_ERR_MISMATCH,
					  "the client's CONFIRM does not show "
					  "that it has read our proof"));
	agree_on_key(hs);
	hs->state = PSEC_HS_DONE;
	return PSEC_OK;
}

/* The peer's word is not authenticated, but it can only end what it could
   end by closing the connection too. */
static psec_code_t on_refuse(psec_handshake_t *hs, psec_error_t *err)
{
	hs_reader_t body = hs_frame_body(&hs->in);
	psec_code_t code = (psec_code_t)body.pos[0];
	const char *peer = hs->role == PSEC_CLIENT ? "server" : "client";

	if (code < PSEC_ERR_ARG || code > PSEC_ERR_PLUGIN)
		code = PSEC_ERR_PROTOCOL;
	if (body.pos[1] != HS_VERSION)
		return fail(hs,
			    psec_fail(err, code,
				      "the %s refused the handshake: %s; it "
				      "speaks version %u",
				      peer, psec_strcode(code), body.pos[1]));
	return fail(hs, psec_fail(err, code, "the %s refused the handshake: %s",
				  peer, psec_strcode(code)));
}

static psec_code_t on_message(psec_handshake_t *hs, psec_error_t *err)
{
	switch (hs_frame_type(&hs->in)) {
	case HS_HELLO:
		return on_hello(hs, err);
	case HS_CHALLENGE:
		return on_challenge(hs);
	case HS_PROOF:
		hs->state = PSEC_HS_WORK;
		return PSEC_OK;
	case HS_CONFIRM:
		return on_confirm(hs, err);
	default: /* hs_frame_check() lets nothing else pass */
		return on_refuse(hs, err);
	}
}

size_t hs_input_wanted(const psec_handshake_t *hs)
{
	return hs_frame_missing(&hs->in);
}

/* Look at what has come so far. */
static psec_code_t look(psec_handshake_t *hs, psec_error_t *err)
{
	bool stranger;
	psec_code_t rc;

	rc = hs_frame_check(&hs->in, hs->expect, &stranger, err);
	/* After its CONFIRM a client reads no REFUSE any more. */
	if (rc && (stranger || hs->expect == HS_CONFIRM))
		return fail(hs, rc);
	if (rc)
		return refuse(hs, rc);
	if (hs_frame_missing(&hs->in) == 0)
		return on_message(hs, err);
	return PSEC_OK;
}

psec_code_t psec_handshake_input(psec_handshake_t *hs, const void *buf,
				 size_t len, size_t *used, psec_error_t *err)
{
	const uint8_t *pos = buf;
	psec_code_t rc = PSEC_OK;
	size_t n;

	*used = 0;
	if (hs->state != PSEC_HS_INPUT)
		return psec_fail(err, PSEC_ERR_ARG,
				 "the handshake does not wait for input");
	while (!rc && hs->state == PSEC_HS_INPUT && *used < len) {
		n = hs_frame_missing(&hs->in);
		if (n > len - *used)
			n = len - *used;
		memcpy(hs->in.bytes + hs->in.len, pos + *used, n);
		hs->in.len += n;
		*used += n;
		rc = look(hs, err);
	}
	return rc;
}

/* -- work --------------------------------------------------------------- */

/* Client: answer the CHALLENGE. */
static psec_code_t work_first_proof(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc;

	rc = hs_prove(hs, err);
	if (rc)
		return rc;
	start_output(hs, PSEC_HS_INPUT);
	return PSEC_OK;
}

/* Server: check the client, then prove ourselves to it. */
static psec_code_t work_second_proof(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc;

	rc = hs_check(hs, err);
	if (!rc)
		rc = hs_prove(hs, err);
	if (rc)
		return rc;
	expect(hs, HS_CONFIRM);
	start_output(hs, PSEC_HS_INPUT);
	return PSEC_OK;
}

/* Client: check the server, then let it know. */
static psec_code_t work_confirm(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc;

	rc = hs_check(hs, err);
	if (rc)
		return rc;
	agree_on_key(hs);
	hs_frame_make(&hs->out, HS_CONFIRM, hs->token, sizeof(hs->token));
	start_output(hs, PSEC_HS_DONE);
	return PSEC_OK;
}

psec_code_t psec_handshake_work(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc;

	if (hs->state != PSEC_HS_WORK)
		return psec_fail(err, PSEC_ERR_ARG,
				 "the handshake has no work to do");
	if (hs->role == PSEC_SERVER)
		rc = work_second_proof(hs, err);
	else if (hs->in.len == 0)
		rc = work_first_proof(hs, err);
	else
		rc = work_confirm(hs, err);
	return rc ? refuse(hs, rc) : PSEC_OK;
}

/* -- output and result -------------------------------------------------- */

const void *psec_handshake_output(const psec_handshake_t *hs, size_t *len)
{
	if (hs->state != PSEC_HS_OUTPUT) {
		*len = 0;
		return NULL;
	}
	*len = hs->out.len - hs->out_sent;
	return hs->out.bytes + hs->out_sent;
}

void psec_handshake_sent(psec_handshake_t *hs, size_t len)
{
	if (hs->state != PSEC_HS_OUTPUT)
		return;
	if (len > hs->out.len - hs->out_sent)
		len = hs->out.len - hs->out_sent;
	hs->out_sent += len;
	if (hs->out_sent == hs->out.len)
		hs->state = hs->after_output;
}

psec_code_t psec_handshake_peer(const psec_handshake_t *hs, psec_peer_t *peer,
				psec_error_t *err)
{
	if (!hs || !peer || hs->state != PSEC_HS_DONE)
		return psec_fail(err, PSEC_ERR_ARG,
				 "the handshake is not done: nothing is known "
				 "of the peer");
	*peer = (psec_peer_t){
		.mech = hs->mech->name,
		.uid = hs->peer_uid,
		.gid = hs->peer_gid,
		.key = hs->mech->vt->secret_payload ? hs->key : NULL,
	};
	if (hs->role == PSEC_SERVER) {
		peer->intro = hs->intro;
		peer->intro_len = hs->intro_len;
	}
	return PSEC_OK;
}
