/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake.c - which message of a handshake comes when.
 *
 *   client, legacy                        server
 *                                    <-  CHALLENGE  nonce
 *   HELLO  nonce, role, list, intro  ->
 *   PROOF                            ->
 *
 *   tool                                  server
 *                                    <-  CHALLENGE  nonce
 *   HELLO  nonce, role, list, intro  ->
 *                                    <-  CHOICE  mechanism
 *   PROOF                            ->
 *
 * then, where the proof is sealed for the server's uid,
 *                                    <-  CONFIRM  the proof's token
 *   done                                 done
 *
 * and otherwise
 *                                    <-  PROOF
 *   CONFIRM  the server's token      ->
 *   done                                 done
 *
 * The client proves itself first, so a stranger costs the server no call into
 * the mechanism's service, unless it is a tool.  CONFIRM shows that its sender
 * could read a proof and has accepted it.  Either end answers what it does not
 * accept with REFUSE, but for a CONFIRM, whose sender listens no more.
 *
 * No input or output here, and nothing blocks but psec_handshake_work().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "handshake_private.h"

#define ALL_REFUSALS                                                           \
	(PSEC_REFUSE_CLIENTS | PSEC_REFUSE_TOOLS | PSEC_REFUSE_LEGACY)

/* -- setting up --------------------------------------------------------- */

static psec_code_t check_bytes(const psec_handshake_options_t *opt,
			       psec_error_t *err)
{
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
	return PSEC_OK;
}

/* What means nothing to a role must not be set: it would be ignored. */
static psec_code_t check_role(const psec_handshake_options_t *opt,
			      psec_error_t *err)
{
	if (opt->role < PSEC_CLIENT || opt->role > PSEC_LEGACY)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a handshake's role is client, server, tool "
				 "or legacy, not %d",
				 (int)opt->role);
	if (opt->refuse & ~ALL_REFUSALS)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a handshake's peers to refuse are unknown "
				 "(%#x)",
				 opt->refuse);
	if (opt->role == PSEC_SERVER && opt->intro_len > 0)
		return psec_fail(err, PSEC_ERR_ARG,
				 "the server of a handshake has no intro");
	if (opt->role != PSEC_SERVER && (opt->default_mech || opt->refuse))
		return psec_fail(err, PSEC_ERR_ARG,
				 "only the server of a handshake has a default "
				 "mechanism and peers to refuse");
	return PSEC_OK;
}

static psec_code_t check_options(const psec_handshake_options_t *opt,
				 psec_error_t *err)
{
	psec_code_t rc;

	if (!opt || opt->size != sizeof(*opt))
		return psec_fail(err, PSEC_ERR_ARG,
				 "psec_handshake_options_t has size %zu, but "
				 "this libpsec knows %zu",
				 opt ? opt->size : 0, sizeof(*opt));
	if (!opt->mechs)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a handshake needs a list of mechanisms");
	rc = check_role(opt, err);
	if (!rc)
		rc = check_bytes(opt, err);
	return rc;
}

static void copy_options(psec_handshake_t *hs,
			 const psec_handshake_options_t *opt)
{
	hs->role = opt->role;
	hs->peer_role = opt->role == PSEC_SERVER ? PSEC_CLIENT : PSEC_SERVER;
	hs->refused = opt->refuse;
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

/* Have psec_handshake_work() do WORK. */
static void await_work(psec_handshake_t *hs,
		       psec_code_t (*work)(psec_handshake_t *, psec_error_t *))
{
	hs->work = work;
	hs->state = PSEC_HS_WORK;
}

/* Write the HELLO into HS->out; it is not sent yet. */
static psec_code_t say_hello(psec_handshake_t *hs, psec_error_t *err)
{
	uint8_t nonce[HS_NONCE_LEN];
	hs_hello_t hello = { .nonce = nonce,
			     .role = hs->role,
			     .intro = hs->intro,
			     .intro_len = hs->intro_len };
	psec_code_t rc;

	rc = hs_random(nonce, sizeof(nonce), err);
	if (rc)
		return rc;
	if (hs->role == PSEC_CLIENT)
		memcpy(hello.mechs, hs->mech->name, strlen(hs->mech->name) + 1);
	else if (hs->role == PSEC_TOOL)
		memcpy(hello.mechs, hs->mechs, sizeof(hello.mechs));
	hs->hello_len = hs_hello_write(hs->hello, &hello);
	hs_out_add(&hs->out, HS_HELLO, hs->hello, hs->hello_len);
	return PSEC_OK;
}

static psec_code_t begin(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc;

	if (hs->role != PSEC_SERVER) {
		expect(hs, HS_CHALLENGE);
		hs->state = PSEC_HS_INPUT;
		return PSEC_OK;
	}
	rc = hs_random(hs->challenge, sizeof(hs->challenge), err);
	hs_out_add(&hs->out, HS_CHALLENGE, hs->challenge,
		   sizeof(hs->challenge));
	expect(hs, HS_HELLO);
	start_output(hs, PSEC_HS_INPUT);
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
	h = malloc(sizeof(*h));
	if (!h)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a handshake");
	memset(h, 0, offsetof(psec_handshake_t, in));
	h->in.len = h->out.len = 0;
	h->psec = psec;
	h->fd = -1;
	copy_options(h, opt);
	rc = hs_choice_begin(h, opt, err);
	if (!rc)
		rc = begin(h, err);
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
	explicit_bzero(hs, offsetof(psec_handshake_t, in));
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
	hs->out.len = 0;
	hs_out_add_refuse(&hs->out, rc);
	start_output(hs, PSEC_HS_FAILED);
	return rc;
}

static void agree_on_key(psec_handshake_t *hs)
{
	size_t i;

	/*
	 * Each share is random and secret: so is their sum.  After a sealed
	 * proof the server's is zero.
	 */
	for (i = 0; i < PSEC_KEY_LEN; i++)
		hs->key[i] = hs->own_share[i] ^ hs->peer_share[i];
}

/* -- input -------------------------------------------------------------- */

/* Server: pick for a tool, and tell it. */
static psec_code_t work_pick(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc = hs_choice_pick(hs, err);

	if (rc)
		return rc;
	hs_out_add(&hs->out, HS_CHOICE, hs->mech->name, strlen(hs->mech->name));
	expect(hs, HS_PROOF);
	start_output(hs, PSEC_HS_INPUT);
	return PSEC_OK;
}

/* Are peers with ROLE let in here? */
static psec_code_t check_welcome(const psec_handshake_t *hs, psec_role_t role,
				 psec_error_t *err)
{
	unsigned kind = role == PSEC_TOOL     ? PSEC_REFUSE_TOOLS
			: role == PSEC_LEGACY ? PSEC_REFUSE_LEGACY
					      : PSEC_REFUSE_CLIENTS;

	if (!(hs->refused & kind))
		return PSEC_OK;
	return psec_fail(err, PSEC_ERR_MISMATCH,
			 "the peer comes as a %s, and this server takes none",
			 hs_role_name(role));
}

static void keep_hello(psec_handshake_t *hs, hs_reader_t body,
		       const hs_hello_t *hello)
{
	hs->peer_role = hello->role;
	memcpy(hs->offered, hello->mechs, sizeof(hs->offered));
	memcpy(hs->hello, body.pos, body.left);
	hs->hello_len = body.left;
	memcpy(hs->intro, hello->intro, hello->intro_len);
	hs->intro_len = hello->intro_len;
}

/* Server: somebody comes. */
static psec_code_t on_hello(psec_handshake_t *hs, psec_error_t *err)
{
	hs_reader_t body = hs_frame_body(&hs->in);
	hs_hello_t hello = { .mechs = "" };
	psec_code_t rc;

	if (!hs_hello_read(body, &hello))
		return refuse(hs, psec_fail(err, PSEC_ERR_PROTOCOL,
					    "the peer's HELLO is malformed"));
	rc = check_welcome(hs, hello.role, err);
	if (rc)
		return refuse(hs, rc);
	keep_hello(hs, body, &hello);
	if (hello.role == PSEC_TOOL) {
		await_work(hs, work_pick);
		return PSEC_OK;
	}
	rc = hello.role == PSEC_LEGACY ? hs_choice_default(hs, err)
				       : hs_choice_match(hs, err);
	if (rc)
		return refuse(hs, rc);
	expect(hs, HS_PROOF);
	return PSEC_OK;
}

/* Tool: offer what works here. */
static psec_code_t work_offer(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc = hs_choice_offer(hs, err);

	if (!rc)
		rc = say_hello(hs, err);
	if (rc)
		return rc;
	expect(hs, HS_CHOICE);
	start_output(hs, PSEC_HS_INPUT);
	return PSEC_OK;
}

/* The server's nonce is there, and the mechanism known. */
static psec_code_t work_prove(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc = hs_prove(hs, err);

	if (rc)
		return rc;
	expect(hs, hs->sealed ? HS_CONFIRM : HS_PROOF);
	start_output(hs, PSEC_HS_INPUT);
	return PSEC_OK;
}

/* Client: both messages in one go.  A peer's TCP may keep a second back. */
static psec_code_t work_hello(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc = say_hello(hs, err);

	return rc ? rc : work_prove(hs, err);
}

static void on_challenge(psec_handshake_t *hs)
{
	hs_reader_t body = hs_frame_body(&hs->in);

	memcpy(hs->challenge, body.pos, sizeof(hs->challenge));
	await_work(hs, hs->role == PSEC_TOOL ? work_offer : work_hello);
}

/* Tool: the server has picked. */
static psec_code_t on_choice(psec_handshake_t *hs, psec_error_t *err)
{
	char mech[PSEC_NAME_MAX + 1];
	psec_code_t rc;

	if (hs_choice_read(hs_frame_body(&hs->in), mech))
		rc = hs_choice_accept(hs, mech, err);
	else
		rc = psec_fail(err, PSEC_ERR_PROTOCOL,
			       "the server's CHOICE is malformed");
	if (rc)
		return refuse(hs, rc);
	await_work(hs, work_prove);
	return PSEC_OK;
}

/* Server: check the client, then show who we are. */
static psec_code_t work_answer(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc;

	rc = hs_check(hs, err);
	if (!rc && hs->sealed) {
		agree_on_key(hs);
		hs_out_add(&hs->out, HS_CONFIRM, hs->token, sizeof(hs->token));
		start_output(hs, PSEC_HS_DONE);
		return PSEC_OK;
	}
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
	hs_out_add(&hs->out, HS_CONFIRM, hs->token, sizeof(hs->token));
	start_output(hs, PSEC_HS_DONE);
	return PSEC_OK;
}

/* The peer has accepted our proof, if it could read the token. */
static psec_code_t on_confirm(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc = hs_check_confirm(hs, err);

	/* Who sent this thinks it is done, so no REFUSE. */
	if (rc)
		return fail(hs, rc);
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
	const char *peer = hs_role_name(hs->peer_role);

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
		on_challenge(hs);
		return PSEC_OK;
	case HS_CHOICE:
		return on_choice(hs, err);
	case HS_PROOF:
		await_work(hs, hs->role == PSEC_SERVER ? work_answer
						       : work_confirm);
		return PSEC_OK;
	case HS_CONFIRM:
		return on_confirm(hs, err);
	default: /* hs_frame_check() lets nothing else pass */
		return on_refuse(hs, err);
	}
}

/*
 * A CONFIRM is the last message, and others' bytes may follow it.  After any
 * other message the peer waits for an answer, so what comes is handshake.
 */
size_t hs_input_wanted(const psec_handshake_t *hs)
{
	if (hs->expect == HS_CONFIRM)
		return HS_HEADER_LEN + HS_TOKEN_LEN - hs->in.len;
	return SIZE_MAX;
}

/* Look at what has come so far. */
static psec_code_t look(psec_handshake_t *hs, psec_error_t *err)
{
	bool stranger;
	psec_code_t rc;

	rc = hs_frame_check(&hs->in, hs->expect, &stranger, err);
	/* After its CONFIRM nobody reads a REFUSE any more. */
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

psec_code_t psec_handshake_work(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc;

	if (hs->state != PSEC_HS_WORK)
		return psec_fail(err, PSEC_ERR_ARG,
				 "the handshake has no work to do");
	rc = hs->work(hs, err);
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
	if (hs->out_sent == hs->out.len) {
		hs->out.len = 0;
		hs->state = hs->after_output;
	}
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
		.role = hs->peer_role,
	};
	if (hs->role == PSEC_SERVER) {
		peer->intro = hs->intro;
		peer->intro_len = hs->intro_len;
	}
	return PSEC_OK;
}
