/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake, message by message and without sockets, with real munged of
 * the test's own: one per node, with the same key.  Some peers here are made
 * of bytes, from doc/handshake-format.md alone.
 */
#include <munge.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "duo.h"
#include "nodes.h"

#define NOBODYS_UID  4242424
#define HEADER_LEN   8
#define NONCE_LEN    32
#define TOKEN_LEN    16
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Who knows the server's uid seals its proof; who does not cannot. */
static psec_handshake_options_t client_options(void)
{
	return nodes_options(PSEC_CLIENT);
}

static psec_handshake_options_t trusting_client_options(void)
{
	psec_handshake_options_t opt = nodes_options(PSEC_CLIENT);

	opt.expect_uid = (uid_t)-1;
	return opt;
}

static psec_handshake_options_t server_options(void)
{
	return nodes_options(PSEC_SERVER);
}

/* A client and a server on the first and on the second node. */
static duo_t duo_of(nodes_t *w, psec_handshake_options_t client,
		    psec_handshake_options_t server)
{
	duo_t duo = { .chunk = 0 };

	duo.client.hs = nodes_start(w->node, client);
	duo.server.hs = nodes_start(w->node2, server);
	return duo;
}

static void assert_both_done(const duo_t *duo)
{
	assert_ok(duo->client.rc, &duo->client.err);
	assert_ok(duo->server.rc, &duo->server.err);
	assert_int_equal(psec_handshake_state(duo->client.hs), PSEC_HS_DONE);
	assert_int_equal(psec_handshake_state(duo->server.hs), PSEC_HS_DONE);
}

/* ONE refused for its own reason, and OTHER was told. */
static void assert_refusal(const duo_end_t *one, const duo_end_t *other,
			   psec_code_t code, const char *words)
{
	assert_refused(one->rc, &one->err, code, words);
	assert_int_equal(psec_handshake_state(one->hs), PSEC_HS_FAILED);
	assert_refused(other->rc, &other->err, code, "refused the handshake: ");
	assert_non_null(strstr(other->err.text, psec_strcode(code)));
	assert_int_equal(psec_handshake_state(other->hs), PSEC_HS_FAILED);
}

/* -- what works --------------------------------------------------------- */

/* OTHER has seen who CLIENT is and what it said. */
static void assert_knows_client(const psec_peer_t *client)
{
	assert_string_equal(client->mech, "munge");
	assert_int_equal(client->role, PSEC_CLIENT);
	assert_int_equal(client->uid, geteuid());
	assert_int_equal(client->gid, getegid());
	assert_int_equal(client->intro_len, 6);
	assert_memory_equal(client->intro, "node 3", 6);
}

static void both_ends_learn_who_the_other_is(void **state)
{
	duo_t duo = duo_of(*state, trusting_client_options(), server_options());
	psec_peer_t client, server;

	duo_run(&duo);
	assert_both_done(&duo);
	assert_int_equal(duo.messages, DUO_MESSAGES);
	client = nodes_peer(duo.server.hs);
	assert_knows_client(&client);
	server = nodes_peer(duo.client.hs);
	assert_string_equal(server.mech, "munge");
	assert_int_equal(server.role, PSEC_SERVER);
	assert_int_equal(server.uid, geteuid());
	assert_int_equal(server.gid, getegid());
	assert_int_equal(server.intro_len, 0);
	duo_clear(&duo);
}

/* It shows that it can read what is for its uid only, and so shows no gid. */
static void a_server_of_a_known_uid_needs_no_credential(void **state)
{
	duo_t duo = duo_of(*state, client_options(), server_options());
	psec_peer_t client, server;

	duo_run(&duo);
	assert_both_done(&duo);
	assert_int_equal(duo.messages, DUO_SEALED_MESSAGES);
	client = nodes_peer(duo.server.hs);
	assert_knows_client(&client);
	server = nodes_peer(duo.client.hs);
	assert_string_equal(server.mech, "munge");
	assert_int_equal(server.uid, geteuid());
	assert_int_equal(server.gid, (gid_t)-1);
	assert_int_equal(server.intro_len, 0);
	duo_clear(&duo);
}

static void both_ends_have_the_same_key_and_each_handshake_another(void **state)
{
	static const uint8_t zeros[PSEC_KEY_LEN];
	uint8_t keys[4][PSEC_KEY_LEN];
	psec_peer_t client, server;
	duo_t duo;
	int i, k;

	for (i = 0; i < 4; i++) {
		duo = duo_of(*state,
			     i < 2 ? client_options()
				   : trusting_client_options(),
			     server_options());
		duo_run(&duo);
		server = nodes_peer(duo.client.hs);
		client = nodes_peer(duo.server.hs);
		assert_memory_equal(server.key, client.key, PSEC_KEY_LEN);
		memcpy(keys[i], client.key, PSEC_KEY_LEN);
		assert_memory_not_equal(keys[i], zeros, PSEC_KEY_LEN);
		for (k = 0; k < i; k++)
			assert_memory_not_equal(keys[i], keys[k], PSEC_KEY_LEN);
		duo_clear(&duo);
	}
}

static void bytes_may_come_one_by_one(void **state)
{
	duo_t duo = duo_of(*state, client_options(), server_options());

	duo.chunk = 1;
	duo_run(&duo);
	assert_both_done(&duo);
	duo_clear(&duo);
	duo = duo_of(*state, trusting_client_options(), server_options());
	duo.chunk = 1;
	duo_run(&duo);
	assert_both_done(&duo);
	duo_clear(&duo);
}

static void any_uid_is_accepted_where_none_is_expected(void **state)
{
	psec_handshake_options_t c = client_options(), s = server_options();
	duo_t duo;

	c.expect_uid = (uid_t)-1;
	s.expect_uid = (uid_t)-1;
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_both_done(&duo);
	assert_int_equal(nodes_peer(duo.client.hs).uid, geteuid());
	assert_int_equal(nodes_peer(duo.server.hs).uid, geteuid());
	duo_clear(&duo);
}

typedef struct {
	size_t message;
	char *proof;
} kept_t;

/* Keep a proof as a string. */
static void keep_proof(void *arg, size_t message, uint8_t *bytes, size_t *len)
{
	kept_t *kept = arg;

	if (message == kept->message)
		kept->proof =
			strndup((char *)bytes + HEADER_LEN, *len - HEADER_LEN);
}

/* Whom the MUNGE credential that is MESSAGE of a handshake is for. */
static uid_t audience_of(nodes_t *w, psec_handshake_options_t client,
			 size_t message, const munged_t *decoder)
{
	kept_t kept = { .message = message };
	munge_ctx_t ctx = munge_ctx_create();
	uid_t audience = 0;
	void *payload;
	duo_t duo;
	int len;

	duo = duo_of(w, client, server_options());
	duo.tap = keep_proof;
	duo.arg = &kept;
	duo_run(&duo);
	assert_both_done(&duo);
	assert_non_null(kept.proof);
	assert_int_equal(
		munge_ctx_set(ctx, MUNGE_OPT_SOCKET, munged_socket(decoder)),
		EMUNGE_SUCCESS);
	assert_int_equal(
		munge_decode(kept.proof, ctx, &payload, &len, NULL, NULL),
		EMUNGE_SUCCESS);
	assert_int_equal(
		munge_ctx_get(ctx, MUNGE_OPT_UID_RESTRICTION, &audience),
		EMUNGE_SUCCESS);
	munge_ctx_destroy(ctx);
	free(payload);
	free(kept.proof);
	duo_clear(&duo);
	return audience;
}

/* So the key is secret even where the client's proof was for everybody. */
static void the_servers_proof_is_for_its_client_alone(void **state)
{
	nodes_t *w = *state;

	assert_int_equal(audience_of(w, trusting_client_options(),
				     DUO_SERVER_PROOF, w->munged2),
			 geteuid());
}

static void a_sealed_proof_is_for_the_servers_uid_alone(void **state)
{
	nodes_t *w = *state;

	assert_int_equal(
		audience_of(w, client_options(), DUO_CLIENT_PROOF, w->munged),
		geteuid());
	assert_int_equal(audience_of(w, trusting_client_options(),
				     DUO_CLIENT_PROOF, w->munged),
			 (uid_t)-1);
}

static void empty_and_longest_binding_and_intro_are_accepted(void **state)
{
	uint8_t longest[PSEC_BINDING_MAX];
	psec_handshake_options_t c = client_options(), s = server_options();
	duo_t duo;

	memset(longest, 'x', sizeof(longest));
	c.binding = s.binding = c.intro = longest;
	c.binding_len = s.binding_len = c.intro_len = sizeof(longest);
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_both_done(&duo);
	assert_int_equal(nodes_peer(duo.server.hs).intro_len, PSEC_INTRO_MAX);
	duo_clear(&duo);

	c.binding = s.binding = c.intro = NULL;
	c.binding_len = s.binding_len = c.intro_len = 0;
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_both_done(&duo);
	assert_int_equal(nodes_peer(duo.server.hs).intro_len, 0);
	duo_clear(&duo);
}

static void the_client_chooses_the_best_that_its_list_allows(void **state)
{
	psec_handshake_options_t c = client_options(), s = server_options();
	duo_t duo;

	s.mechs = "munge,none";
	c.mechs = "none,munge";
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_string_equal(nodes_peer(duo.server.hs).mech, "munge");
	duo_clear(&duo);
	c.mechs = "none";
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_both_done(&duo);
	assert_string_equal(nodes_peer(duo.server.hs).mech, "none");
	assert_null(nodes_peer(duo.server.hs).key);
	assert_null(nodes_peer(duo.client.hs).key);
	duo_clear(&duo);
}

/* -- what is refused ---------------------------------------------------- */

static void another_binding_is_refused(void **state)
{
	static const struct {
		const char *client, *server;
	} table[] = {
		{ "job 7 step 1", "job 7 step 0" },
		{ "job 7 step", "job 7 step 0" },
		{ "job 7 step 00", "job 7 step 0" },
		{ "", "job 7 step 0" },
		{ "job 7 step 0", "" },
	};
	psec_handshake_options_t c = client_options(), s = server_options();
	duo_t duo;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		c.binding = table[i].client;
		c.binding_len = strlen(table[i].client);
		s.binding = table[i].server;
		s.binding_len = strlen(table[i].server);
		duo = duo_of(*state, c, s);
		duo_run(&duo);
		assert_refusal(&duo.server, &duo.client, PSEC_ERR_MISMATCH,
			       "is bound to another purpose, job or step");
		duo_clear(&duo);
	}
}

static void a_client_of_another_uid_is_refused(void **state)
{
	psec_handshake_options_t c = client_options(), s = server_options();
	char words[64];
	duo_t duo;

	s.expect_uid = NOBODYS_UID;
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	(void)snprintf(words, sizeof(words),
		       "has uid %u, but uid 4242424 is expected", geteuid());
	assert_refusal(&duo.server, &duo.client, PSEC_ERR_MISMATCH, words);
	duo_clear(&duo);
}

/* The client's proof is for the expected server only. */
static void a_server_of_another_uid_cannot_read_the_clients_proof(void **state)
{
	psec_handshake_options_t c = client_options(), s = server_options();
	duo_t duo;

	c.expect_uid = NOBODYS_UID;
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_refusal(&duo.server, &duo.client, PSEC_ERR_NOT_FOR_YOU,
		       "is for another uid or gid");
	duo_clear(&duo);
}

/* Rewrite what the server's credential of mechanism none claims. */
static void claim_another_uid(void *arg, size_t message, uint8_t *bytes,
			      size_t *len)
{
	char claim[32];
	char *at;

	if (message != DUO_SERVER_PROOF)
		return;
	(void)snprintf(claim, sizeof(claim), " uid=%u gid=", geteuid());
	at = memmem(bytes, *len, claim, strlen(claim));
	assert_non_null(at);
	/* The same length, so that the frame stays right. */
	at[5] = at[5] == '9' ? '8' : '9';
}

/* The restriction to a uid is not all: the client looks for itself. */
static void a_server_of_another_uid_is_refused(void **state)
{
	psec_handshake_options_t c = client_options(), s = server_options();
	duo_t duo;

	c.mechs = s.mechs = "none";
	duo = duo_of(*state, c, s);
	duo.tap = claim_another_uid;
	duo_run(&duo);
	assert_refusal(&duo.client, &duo.server, PSEC_ERR_MISMATCH,
		       " is expected");
	duo_clear(&duo);
}

static void a_mechanism_that_is_not_allowed_is_refused(void **state)
{
	psec_handshake_options_t c = client_options(), s = server_options();
	duo_t duo;

	c.mechs = "none";
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_refusal(&duo.server, &duo.client, PSEC_ERR_NO_MECH,
		       "chose mechanism 'none', but only 'munge' is allowed");
	duo_clear(&duo);
}

static void clusters_with_different_keys_refuse_each_other(void **state)
{
	nodes_t *w = *state;
	munged_t *other_key = munged_start(NULL);
	psec_t *other = nodes_context(other_key, "munge");
	duo_t duo = { .chunk = 0 };

	duo.client.hs = nodes_start(w->node, client_options());
	duo.server.hs = nodes_start(other, server_options());
	duo_run(&duo);
	assert_refusal(&duo.server, &duo.client, PSEC_ERR_TAMPERED,
		       "was altered, or made with another key");
	duo_clear(&duo);
	psec_destroy(other);
	munged_stop(other_key);
}

static void a_server_without_munged_says_so(void **state)
{
	nodes_t *w = *state;
	munged_t *gone = munged_start(NULL);
	psec_t *other = nodes_context(gone, "munge");
	duo_t duo = { .chunk = 0 };

	munged_kill(gone);
	duo.client.hs = nodes_start(w->node, client_options());
	duo.server.hs = nodes_start(other, server_options());
	duo_run(&duo);
	assert_refusal(&duo.server, &duo.client, PSEC_ERR_UNAVAILABLE,
		       munged_socket(gone));
	duo_clear(&duo);
	psec_destroy(other);
	munged_stop(gone);
}

static void impossible_options_are_refused(void **state)
{
	static uint8_t big[PSEC_BINDING_MAX + 1];
	nodes_t *w = *state;
	psec_handshake_options_t bad[14];
	static const struct {
		psec_code_t code;
		const char *words;
	} want[ARRAY_LEN(bad)] = {
		{ PSEC_ERR_ARG, "psec_handshake_options_t has size 1" },
		{ PSEC_ERR_ARG, "client, server, tool or legacy, not 5" },
		{ PSEC_ERR_ARG, "needs a list of mechanisms" },
		{ PSEC_ERR_TOO_BIG, "a binding of 257 bytes" },
		{ PSEC_ERR_TOO_BIG, "an intro of 257 bytes" },
		{ PSEC_ERR_ARG, "is at NULL" },
		{ PSEC_ERR_ARG, "the server of a handshake has no intro" },
		{ PSEC_ERR_NO_MECH, "'kerberos' is loaded here" },
		{ PSEC_ERR_MALFORMED, "'a/b' is no name" },
		{ PSEC_ERR_ARG, "client, server, tool or legacy, not 0" },
		{ PSEC_ERR_ARG, "only the server" },
		{ PSEC_ERR_ARG, "only the server" },
		{ PSEC_ERR_ARG, "peers to refuse are unknown (0x9)" },
		{ PSEC_ERR_ARG,
		  "default mechanism 'none' is not among the allowed ones" },
	};
	psec_handshake_t *hs = NULL;
	psec_error_t err;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = i < 12 ? client_options() : server_options();
	bad[0].size = 1;
	bad[1].role = (psec_role_t)5;
	bad[2].mechs = NULL;
	bad[3].binding = big;
	bad[3].binding_len = sizeof(big);
	bad[4].intro = big;
	bad[4].intro_len = sizeof(big);
	bad[5].binding = NULL;
	bad[6].role = PSEC_SERVER;
	bad[7].mechs = "kerberos";
	bad[8].mechs = "a/b";
	bad[9].role = (psec_role_t)0;
	bad[10].default_mech = "munge";
	bad[11].refuse = PSEC_REFUSE_TOOLS;
	bad[12].refuse = PSEC_REFUSE_CLIENTS | 8;
	bad[13].default_mech = "none";
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_refused(
			psec_handshake_create(&hs, w->node, &bad[i], &err),
			&err, want[i].code, want[i].words);
		assert_null(hs);
	}
}

static void calls_out_of_turn_are_refused(void **state)
{
	nodes_t *w = *state;
	psec_handshake_t *hs = nodes_start(w->node, server_options());
	psec_peer_t peer;
	psec_error_t err;
	size_t used, len;

	assert_refused(psec_handshake_input(hs, "x", 1, &used, &err), &err,
		       PSEC_ERR_ARG, "does not wait for input");
	assert_int_equal(used, 0);
	assert_refused(psec_handshake_work(hs, &err), &err, PSEC_ERR_ARG,
		       "has no work to do");
	assert_refused(psec_handshake_peer(hs, &peer, &err), &err, PSEC_ERR_ARG,
		       "is not done");
	assert_int_equal(psec_handshake_state(hs), PSEC_HS_OUTPUT);
	psec_handshake_destroy(hs);
	hs = nodes_start(w->node, client_options());
	assert_int_equal(psec_handshake_state(hs), PSEC_HS_INPUT);
	assert_null(psec_handshake_output(hs, &len));
	assert_int_equal(len, 0);
	psec_handshake_sent(hs, 1);
	assert_int_equal(psec_handshake_state(hs), PSEC_HS_INPUT);
	psec_handshake_destroy(hs);
}

/* -- recording and altering --------------------------------------------- */

typedef struct {
	uint8_t bytes[DUO_MESSAGES][DUO_FRAME_MAX];
	size_t len[DUO_MESSAGES];
	size_t messages;
} recording_t;

static void record(void *arg, size_t message, uint8_t *bytes, size_t *len)
{
	recording_t *rec = arg;

	if (message >= DUO_MESSAGES)
		return;
	memcpy(rec->bytes[message], bytes, *len);
	rec->len[message] = *len;
	rec->messages = message + 1;
}

static recording_t *record_handshake(nodes_t *w,
				     psec_handshake_options_t client)
{
	recording_t *rec = calloc(1, sizeof(*rec));
	duo_t duo = duo_of(w, client, server_options());

	assert_non_null(rec);
	duo.tap = record;
	duo.arg = rec;
	duo_run(&duo);
	assert_both_done(&duo);
	duo_clear(&duo);
	return rec;
}

/* Give HS message number MESSAGE of REC, and do the work that it makes. */
static psec_code_t replay(psec_handshake_t *hs, const recording_t *rec,
			  size_t message, psec_error_t *err)
{
	psec_code_t rc;
	size_t used, len;

	/* What it has to say is heard by nobody. */
	(void)psec_handshake_output(hs, &len);
	psec_handshake_sent(hs, len);
	rc = psec_handshake_input(hs, rec->bytes[message], rec->len[message],
				  &used, err);
	if (!rc && psec_handshake_state(hs) == PSEC_HS_WORK)
		rc = psec_handshake_work(hs, err);
	return rc;
}

/* Feed the recorded client to a server on PSEC. */
static void replay_client(psec_t *psec, const recording_t *rec,
			  psec_code_t code, const char *words)
{
	psec_handshake_t *hs = nodes_start(psec, server_options());
	psec_error_t err;

	assert_ok(replay(hs, rec, DUO_HELLO, &err), &err);
	assert_refused(replay(hs, rec, DUO_CLIENT_PROOF, &err), &err, code,
		       words);
	psec_handshake_destroy(hs);
}

static void a_recorded_client_is_refused(void **state)
{
	nodes_t *w = *state;
	recording_t *rec;
	int i;

	for (i = 0; i < 2; i++) {
		rec = record_handshake(w, i ? client_options()
					    : trusting_client_options());
		/* The server's node knows the proof; another one does not. */
		replay_client(w->node2, rec, PSEC_ERR_REPLAYED,
			      "was validated on this node before");
		replay_client(w->node, rec, PSEC_ERR_MISMATCH,
			      "belongs to another handshake: it was recorded");
		free(rec);
	}
}

/* Feed the recorded server to a CLIENT. */
static void replay_server(nodes_t *w, psec_handshake_options_t client,
			  const char *words)
{
	recording_t *rec = record_handshake(w, client);
	psec_handshake_t *hs = nodes_start(w->node2, client);
	psec_error_t err;

	assert_ok(replay(hs, rec, DUO_CHALLENGE, &err), &err);
	assert_refused(replay(hs, rec, DUO_SERVER_PROOF, &err), &err,
		       PSEC_ERR_MISMATCH, words);
	psec_handshake_destroy(hs);
	free(rec);
}

static void a_recorded_server_is_refused(void **state)
{
	replay_server(*state, trusting_client_options(),
		      "belongs to another handshake: it was recorded");
	replay_server(*state, client_options(),
		      "does not show that it has read our proof");
}

typedef struct {
	size_t message, at;
	uint8_t flip;
} alteration_t;

static void alter(void *arg, size_t message, uint8_t *bytes, size_t *len)
{
	const alteration_t *a = arg;

	if (message == a->message && a->at < *len)
		bytes[a->at] ^= a->flip;
}

/*
 * What alteration A of the handshake that REC shows leads to: nobody is
 * fooled.  An end may still wait for bytes that a greater length promised.
 * Who sent the last message has nothing to wait for, but then the other
 * closes the connection.
 */
static void assert_alteration_is_noticed(nodes_t *w,
					 psec_handshake_options_t client,
					 const recording_t *rec,
					 alteration_t *a)
{
	duo_t duo = duo_of(w, client, server_options());
	psec_hs_state_t sender, receiver;

	duo.tap = alter;
	duo.arg = a;
	duo_run(&duo);
	sender = psec_handshake_state(
		duo_from_server(a->message) ? duo.server.hs : duo.client.hs);
	receiver = psec_handshake_state(
		duo_from_server(a->message) ? duo.client.hs : duo.server.hs);
	if (receiver == PSEC_HS_DONE ||
	    (sender == PSEC_HS_DONE && a->message != rec->messages - 1))
		fail_msg("message %zu, byte %zu ^ %#x: sender %d, receiver %d",
			 a->message, a->at, a->flip, sender, receiver);
	duo_clear(&duo);
}

/*
 * Bit 7 makes any byte of a MUNGE credential no base64; bit 0 mostly leaves
 * it base64, so that munged must notice.  Bit 1 makes a client a tool.
 */
static void no_byte_can_be_altered(nodes_t *w, psec_handshake_options_t client)
{
	static const uint8_t flips[] = { 0x80, 0x02, 0x01 };
	recording_t *rec = record_handshake(w, client);
	alteration_t a;
	size_t i;

	for (a.message = 0; a.message < rec->messages; a.message++) {
		for (a.at = 0; a.at < rec->len[a.message]; a.at++) {
			for (i = 0; i < ARRAY_LEN(flips); i++) {
				a.flip = flips[i];
				assert_alteration_is_noticed(w, client, rec,
							     &a);
			}
		}
	}
	free(rec);
}

static void no_byte_of_any_message_can_be_altered(void **state)
{
	no_byte_can_be_altered(*state, client_options());
	no_byte_can_be_altered(*state, trusting_client_options());
}

/* Cut a message off, and what its sender says later. */
static void cut(void *arg, size_t message, uint8_t *bytes, size_t *len)
{
	const alteration_t *a = arg;

	if (message == a->message && a->at < *len)
		*len = a->at;
	else if (message > a->message &&
		 duo_from_server(message) == duo_from_server(a->message))
		*len = 0;
}

static void rest_is_awaited(nodes_t *w, psec_handshake_options_t client)
{
	recording_t *rec = record_handshake(w, client);
	alteration_t a = { .flip = 0 };
	psec_hs_state_t receiver;
	duo_t duo;

	for (a.message = 0; a.message < rec->messages; a.message++) {
		for (a.at = 0; a.at < rec->len[a.message]; a.at += 7) {
			duo = duo_of(w, client, server_options());
			duo.tap = cut;
			duo.arg = &a;
			duo_run(&duo);
			receiver = psec_handshake_state(
				duo_from_server(a.message) ? duo.client.hs
							   : duo.server.hs);
			assert_int_equal(receiver, PSEC_HS_INPUT);
			duo_clear(&duo);
		}
	}
	free(rec);
}

static void an_end_waits_for_the_rest_of_a_truncated_message(void **state)
{
	rest_is_awaited(*state, client_options());
	rest_is_awaited(*state, trusting_client_options());
}

/* -- peers made of bytes ------------------------------------------------ */

/* Append to a buffer. */
typedef struct {
	uint8_t bytes[DUO_FRAME_MAX];
	size_t len;
} bytes_t;

static void add(bytes_t *b, const void *bytes, size_t len)
{
	if (len > 0)
		memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

static void add_u8(bytes_t *b, unsigned value)
{
	b->bytes[b->len++] = (uint8_t)value;
}

static void add_sized(bytes_t *b, const void *bytes, size_t len)
{
	add_u8(b, (unsigned)(len >> 8));
	add_u8(b, (unsigned)(len & 0xff));
	add(b, bytes, len);
}

static bytes_t frame_of(unsigned version, unsigned type, const void *body,
			size_t len)
{
	bytes_t b = { .len = 0 };

	add(&b, "PSEC", 4);
	add_u8(&b, version);
	add_u8(&b, type);
	add_sized(&b, body, len);
	return b;
}

static bytes_t hello_body(unsigned role, const char *list, size_t list_len,
			  const char *intro, size_t intro_len)
{
	uint8_t nonce[NONCE_LEN] = "a nonce";
	bytes_t b = { .len = 0 };

	add(&b, nonce, sizeof(nonce));
	add_u8(&b, role);
	add_sized(&b, list, list_len);
	add_sized(&b, intro, intro_len);
	return b;
}

static bytes_t challenge_body(void)
{
	uint8_t nonce[NONCE_LEN] = "a server's nonce";
	bytes_t b = { .len = 0 };

	add(&b, nonce, sizeof(nonce));
	return b;
}

/* The next message that HS has to say. */
static bytes_t take_output(psec_handshake_t *hs)
{
	bytes_t b = { .len = 0 };
	const uint8_t *out;
	size_t len;

	out = psec_handshake_output(hs, &len);
	assert_non_null(out);
	len = HEADER_LEN + ((size_t)out[6] << 8) + out[7];
	add(&b, out, len);
	psec_handshake_sent(hs, len);
	return b;
}

/* Feed BYTES to a fresh server; it must refuse with WORDS. */
static void assert_server_refuses(nodes_t *w, const bytes_t *b,
				  psec_code_t code, const char *words,
				  bool with_answer)
{
	psec_handshake_t *hs = nodes_start(w->node, server_options());
	const uint8_t *out;
	psec_error_t err;
	size_t used, len;

	(void)take_output(hs);
	assert_refused(psec_handshake_input(hs, b->bytes, b->len, &used, &err),
		       &err, code, words);
	out = psec_handshake_output(hs, &len);
	if (with_answer) {
		const uint8_t want[] = { 'P', 'S', 'E', 'C', 1, 5, 0, 2, 0, 1 };

		assert_int_equal(len, sizeof(want));
		assert_memory_equal(out, want, 8);
		assert_int_equal(out[8], code);
		assert_int_equal(out[9], 1);
		psec_handshake_sent(hs, len);
	}
	assert_int_equal(psec_handshake_state(hs), PSEC_HS_FAILED);
	psec_handshake_destroy(hs);
}

static void a_stranger_is_refused_without_an_answer(void **state)
{
	static const char *const strangers[] = { "G", "GET / HTTP/1.0\r\n",
						 "PSEX", "PMIX", "\x16\x03" };
	bytes_t b;
	size_t i;

	for (i = 0; i < ARRAY_LEN(strangers); i++) {
		b.len = 0;
		add(&b, strangers[i], strlen(strangers[i]));
		assert_server_refuses(*state, &b, PSEC_ERR_PROTOCOL,
				      "does not speak the psec handshake",
				      false);
	}
}

static void other_versions_and_types_are_refused(void **state)
{
	static const struct {
		unsigned version, type;
		size_t len;
		const char *words;
	} table[] = {
		{ 0, 1, 40, "speaks version 0" },
		{ 2, 1, 40, "speaks version 2" },
		{ 255, 1, 40, "speaks version 255" },
		{ 1, 0, 40, "message 0 (unknown) where HELLO was awaited" },
		{ 1, 2, 32, "message 2 (CHALLENGE) where HELLO" },
		{ 1, 3, 40, "message 3 (PROOF) where HELLO" },
		{ 1, 4, 16, "message 4 (CONFIRM) where HELLO" },
		{ 1, 6, 40, "message 6 (CHOICE) where HELLO" },
		{ 1, 7, 40, "message 7 (unknown) where HELLO" },
		{ 1, 1, 36, "HELLO has an impossible length of 36 bytes" },
		{ 1, 1, 0, "HELLO has an impossible length of 0 bytes" },
		{ 1, 1, 1318, "HELLO has an impossible length of 1318 bytes" },
		{ 1, 1, 8193, "impossible length of 8193 bytes" },
		{ 1, 5, 3, "REFUSE has an impossible length of 3 bytes" },
	};
	static const uint8_t zeros[DUO_FRAME_MAX];
	bytes_t b;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		b = frame_of(table[i].version, table[i].type, zeros,
			     table[i].len);
		assert_server_refuses(*state, &b, PSEC_ERR_PROTOCOL,
				      table[i].words, true);
	}
	b = frame_of(1, 1, zeros, 0);
	b.bytes[6] = b.bytes[7] = 0xff;
	assert_server_refuses(*state, &b, PSEC_ERR_PROTOCOL,
			      "impossible length of 65535 bytes", true);
}

static void a_malformed_hello_is_refused(void **state)
{
	static const char name33[] = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
	bytes_t bad[17];
	bytes_t b;
	size_t i;

	bad[0] = hello_body(PSEC_CLIENT, "", 0, "intro", 5);
	bad[1] = hello_body(PSEC_CLIENT, "mun\0ge", 6, "", 0);
	bad[2] = hello_body(PSEC_CLIENT, "munge,none", 10, "", 0);
	bad[3] = hello_body(PSEC_CLIENT, name33, 33, "", 0);
	bad[4] = hello_body(PSEC_CLIENT, "munge", 5, "intro", 5);
	add_u8(&bad[4], 0); /* a byte too much */
	bad[5] = hello_body(PSEC_CLIENT, "munge", 5, "intro", 5);
	bad[5].len--; /* and one too few */
	bad[6] = hello_body(PSEC_CLIENT, "munge", 5, "", 0);
	bad[6].bytes[NONCE_LEN + 2] = 200; /* a list beyond the end */
	bad[7] = hello_body(PSEC_TOOL, "", 0, "", 0);
	bad[8] = hello_body(PSEC_TOOL, "munge,", 6, "", 0);
	bad[9] = hello_body(PSEC_TOOL, ",munge", 6, "", 0);
	bad[10] = hello_body(PSEC_TOOL, "none,,munge", 11, "", 0);
	bad[11] = hello_body(PSEC_TOOL, "none, munge", 11, "", 0);
	bad[12] = hello_body(PSEC_LEGACY, "munge", 5, "", 0);
	bad[13] = hello_body(PSEC_SERVER, "munge", 5, "", 0);
	bad[14] = hello_body(0, "munge", 5, "", 0);
	bad[15] = hello_body(5, "", 0, "", 0);
	bad[16] = hello_body(PSEC_LEGACY, "", 0, "", 0);
	bad[16].len = NONCE_LEN + 4; /* shorter than any */
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		b = frame_of(1, 1, bad[i].bytes, bad[i].len);
		assert_server_refuses(*state, &b, PSEC_ERR_PROTOCOL,
				      i < 16 ? "HELLO is malformed"
					     : "impossible length of 36",
				      true);
	}
}

static void names_are_compared_whole(void **state)
{
	static const char *const names[] = { "mung", "munges", "Munge",
					     "munge-", "unge" };
	char words[64];
	bytes_t body, b;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		body = hello_body(PSEC_CLIENT, names[i], strlen(names[i]), "",
				  0);
		b = frame_of(1, 1, body.bytes, body.len);
		(void)snprintf(words, sizeof(words),
			       "chose mechanism '%s', but only 'munge'",
			       names[i]);
		assert_server_refuses(*state, &b, PSEC_ERR_NO_MECH, words,
				      true);
	}
}

/* Bring the tool HS to its HELLO and give it a CHOICE of LEN bytes of MECH. */
static psec_code_t choose(psec_handshake_t *hs, const char *mech, size_t len,
			  psec_error_t *err)
{
	const bytes_t challenge = challenge_body();
	bytes_t b = frame_of(1, 2, challenge.bytes, challenge.len);
	size_t used;

	assert_ok(psec_handshake_input(hs, b.bytes, b.len, &used, err), err);
	assert_ok(psec_handshake_work(hs, err), err);
	(void)take_output(hs);
	b = frame_of(1, 6, mech, len);
	return psec_handshake_input(hs, b.bytes, b.len, &used, err);
}

static void a_malformed_choice_is_refused(void **state)
{
	static const char name33[] = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
	nodes_t *w = *state;
	const struct {
		const char *mech;
		size_t len;
		const char *words;
	} table[] = {
		{ "munge", 5, NULL },
		{ "mun\0ge", 6, "CHOICE is malformed" },
		{ "a,b", 3, "CHOICE is malformed" },
		{ " munge", 6, "CHOICE is malformed" },
		{ "", 0, "CHOICE has an impossible length of 0 bytes" },
		{ name33, 33, "CHOICE has an impossible length of 33 bytes" },
		{ "none", 4, "picked mechanism 'none', but this tool offered" },
		{ "mungee", 6, "picked mechanism 'mungee'" },
		{ "mung", 4, "picked mechanism 'mung'" },
	};
	psec_handshake_t *hs;
	psec_error_t err;
	psec_code_t rc;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		hs = nodes_start(w->node, nodes_options(PSEC_TOOL));
		rc = choose(hs, table[i].mech, table[i].len, &err);
		if (table[i].words)
			assert_refused(rc, &err, PSEC_ERR_PROTOCOL,
				       table[i].words);
		else
			assert_ok(rc, &err);
		psec_handshake_destroy(hs);
	}
}

/* Only a tool is told; to others it is as wrong as any other message. */
static void a_choice_is_for_tools_only(void **state)
{
	nodes_t *w = *state;
	psec_handshake_t *hs = nodes_start(w->node, client_options());
	bytes_t b = frame_of(1, 6, "munge", 5);
	psec_error_t err;
	size_t used;

	assert_refused(psec_handshake_input(hs, b.bytes, b.len, &used, &err),
		       &err, PSEC_ERR_PROTOCOL,
		       "message 6 (CHOICE) where CHALLENGE was awaited");
	psec_handshake_destroy(hs);
}

static void a_refusal_is_believed_and_its_code_checked(void **state)
{
	static const struct {
		uint8_t code, version;
		psec_code_t want;
		const char *words;
	} table[] = {
		{ PSEC_ERR_NO_MECH, 1, PSEC_ERR_NO_MECH,
		  "the server refused the handshake: no mechanism" },
		{ PSEC_ERR_PROTOCOL, 2, PSEC_ERR_PROTOCOL,
		  "it speaks version 2" },
		{ 0, 1, PSEC_ERR_PROTOCOL, "protocol violated" },
		{ 200, 1, PSEC_ERR_PROTOCOL, "protocol violated" },
	};
	nodes_t *w = *state;
	psec_handshake_t *hs;
	psec_error_t err;
	size_t i, used;
	bytes_t b;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		hs = nodes_start(w->node, client_options());
		b = frame_of(1, 5, &table[i].code, 2);
		assert_refused(
			psec_handshake_input(hs, b.bytes, b.len, &used, &err),
			&err, table[i].want, table[i].words);
		assert_int_equal(psec_handshake_state(hs), PSEC_HS_FAILED);
		psec_handshake_destroy(hs);
	}
}

/*
 * A server made of bytes, to which a real client talks.  What it does wrong
 * is up to the test.
 */
typedef struct {
	const char *label;
	unsigned kind;
	bool echo_client_share;
	bool extra_byte;
	bool reflect; /* send the client's own proof back */
} fake_server_t;

static const fake_server_t honest = { .label = "psec-handshake-1",
				      .kind = 2,
				      .echo_client_share = true };

/* What both a client's and a server's proof state. */
static bytes_t fake_statement(const char *label, unsigned kind,
			      const bytes_t *hello, const bytes_t *challenge)
{
	bytes_t payload = { .len = 0 };

	add(&payload, label, strlen(label));
	add_u8(&payload, kind);
	add_u8(&payload, 5);
	add(&payload, "munge", 5);
	add_sized(&payload, hello->bytes, hello->len);
	add_sized(&payload, challenge->bytes, challenge->len);
	add_sized(&payload, "job 7 step 0", 12);
	return payload;
}

/* A proof with PAYLOAD, for FOR_UID. */
static bytes_t fake_proof(psec_t *psec, const bytes_t *payload, uid_t for_uid)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_error_t err;
	bytes_t frame;
	void *cred;
	size_t len;

	req.payload = payload->bytes;
	req.payload_len = payload->len;
	req.for_uid = for_uid;
	assert_ok(psec_cred_create(psec, "munge", &req, &cred, &len, &err),
		  &err);
	frame = frame_of(1, 3, cred, len);
	free(cred);
	return frame;
}

/* The body of frame F. */
static bytes_t body_of(const bytes_t *f)
{
	bytes_t b = { .len = 0 };

	add(&b, f->bytes + HEADER_LEN, f->len - HEADER_LEN);
	return b;
}

/* Decode PROOF; it must state STATEMENT, what follows goes to SECRETS. */
static void read_secrets(psec_t *psec, const bytes_t *proof,
			 const bytes_t *statement, uint8_t *secrets, size_t len)
{
	psec_cred_info_t *info;
	psec_error_t err;

	assert_ok(psec_cred_validate(psec, "munge", proof->bytes + HEADER_LEN,
				     proof->len - HEADER_LEN, &info, &err),
		  &err);
	assert_int_equal(info->payload_len, statement->len + len);
	assert_memory_equal(info->payload, statement->bytes, statement->len);
	memcpy(secrets, info->payload + statement->len, len);
	psec_cred_info_destroy(info);
}

/*
 * Play a server to the client HS as far as its proof, which is of KIND and
 * has LEN bytes of secrets.
 */
static bytes_t play_challenge(nodes_t *w, psec_handshake_t *hs, unsigned kind,
			      bytes_t *hello, uint8_t *secrets, size_t len)
{
	const bytes_t challenge = challenge_body();
	bytes_t proof, statement, b;
	psec_error_t err;
	size_t used;

	b = frame_of(1, 2, challenge.bytes, challenge.len);
	assert_ok(psec_handshake_input(hs, b.bytes, b.len, &used, &err), &err);
	assert_ok(psec_handshake_work(hs, &err), &err);
	b = take_output(hs);
	*hello = body_of(&b);
	proof = take_output(hs);
	statement = fake_statement("psec-handshake-1", kind, hello, &challenge);
	read_secrets(w->node2, &proof, &statement, secrets, len);
	return proof;
}

/* Play the server HOW to the client HS; returns what its last work gave. */
static psec_code_t play_server(nodes_t *w, const fake_server_t *how,
			       psec_handshake_t *hs, uint8_t *share,
			       psec_error_t *err)
{
	static const uint8_t token[TOKEN_LEN] = "a token 16 long";
	const bytes_t challenge = challenge_body();
	uint8_t zeros[PSEC_KEY_LEN] = { 0 };
	bytes_t hello, proof, payload;
	size_t used;

	proof = play_challenge(w, hs, 1, &hello, share, PSEC_KEY_LEN);
	if (!how->reflect) {
		payload = fake_statement(how->label, how->kind, &hello,
					 &challenge);
		add(&payload, zeros, sizeof(zeros)); /* the key is theirs */
		add(&payload, how->echo_client_share ? share : zeros,
		    PSEC_KEY_LEN);
		add(&payload, token, TOKEN_LEN);
		if (how->extra_byte)
			add_u8(&payload, 0);
		proof = fake_proof(w->node2, &payload, (uid_t)-1);
	}
	assert_ok(psec_handshake_input(hs, proof.bytes, proof.len, &used, err),
		  err);
	return psec_handshake_work(hs, err);
}

static void a_server_made_from_the_specification_is_accepted(void **state)
{
	static const uint8_t confirm[] = "PSEC\x01\x04\x00\x10"
					 "a token 16 long";
	nodes_t *w = *state;
	psec_handshake_t *hs = nodes_start(w->node, trusting_client_options());
	uint8_t share[PSEC_KEY_LEN];
	psec_error_t err;
	bytes_t last;

	assert_ok(play_server(w, &honest, hs, share, &err), &err);
	last = take_output(hs);
	assert_int_equal(last.len, sizeof(confirm));
	assert_memory_equal(last.bytes, confirm, sizeof(confirm));
	/* The fake server's share is zero, so the key is the client's. */
	assert_memory_equal(nodes_peer(hs).key, share, PSEC_KEY_LEN);
	psec_handshake_destroy(hs);
}

static void a_dishonest_server_is_refused(void **state)
{
	fake_server_t liars[6] = { honest, honest, honest,
				   honest, honest, honest };
	static const char *const words[ARRAY_LEN(liars)] = {
		"is no proof of a handshake",
		"is not that of a server: it was sent back to its maker",
		"do not belong to this handshake",
		"do not belong to this handshake",
		"is not that of a server: it was sent back to its maker",
		"is not that of a server: it was sent back to its maker",
	};
	nodes_t *w = *state;
	uint8_t share[PSEC_KEY_LEN];
	psec_handshake_t *hs;
	psec_error_t err;
	bytes_t last;
	size_t i;

	liars[0].label = "psec-handshake-2";
	liars[1].kind = 1;
	liars[2].echo_client_share = false;
	liars[3].extra_byte = true;
	liars[4].reflect = true;
	liars[5].kind = 3;
	for (i = 0; i < ARRAY_LEN(liars); i++) {
		hs = nodes_start(w->node, trusting_client_options());
		assert_refused(play_server(w, &liars[i], hs, share, &err), &err,
			       PSEC_ERR_MISMATCH, words[i]);
		last = take_output(hs);
		assert_memory_equal(last.bytes, "PSEC\x01\x05\x00\x02", 8);
		assert_int_equal(psec_handshake_state(hs), PSEC_HS_FAILED);
		psec_handshake_destroy(hs);
	}
}

/* Give HS a CONFIRM with TOKEN. */
static psec_code_t confirm(psec_handshake_t *hs, const uint8_t *token,
			   psec_error_t *err)
{
	bytes_t b = frame_of(1, 4, token, TOKEN_LEN);
	size_t used;

	return psec_handshake_input(hs, b.bytes, b.len, &used, err);
}

static void a_server_that_reads_a_sealed_proof_is_accepted(void **state)
{
	nodes_t *w = *state;
	psec_handshake_t *hs = nodes_start(w->node, client_options());
	uint8_t secrets[PSEC_KEY_LEN + TOKEN_LEN];
	psec_error_t err;
	bytes_t hello;

	(void)play_challenge(w, hs, 3, &hello, secrets, sizeof(secrets));
	assert_ok(confirm(hs, secrets + PSEC_KEY_LEN, &err), &err);
	/* All of the key is the client's. */
	assert_memory_equal(nodes_peer(hs).key, secrets, PSEC_KEY_LEN);
	psec_handshake_destroy(hs);
}

/* Who cannot read the proof can only guess, or send something else. */
static void a_server_that_cannot_read_a_sealed_proof_is_refused(void **state)
{
	nodes_t *w = *state;
	uint8_t secrets[PSEC_KEY_LEN + TOKEN_LEN], *token;
	psec_handshake_t *hs;
	psec_error_t err;
	bytes_t hello, proof;
	size_t i, used;

	token = secrets + PSEC_KEY_LEN;
	for (i = 0; i < TOKEN_LEN * 8; i++) {
		hs = nodes_start(w->node, client_options());
		(void)play_challenge(w, hs, 3, &hello, secrets,
				     sizeof(secrets));
		token[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_refused(confirm(hs, token, &err), &err,
			       PSEC_ERR_MISMATCH,
			       "the server's CONFIRM does not show that it has "
			       "read our proof");
		assert_int_equal(psec_handshake_state(hs), PSEC_HS_FAILED);
		psec_handshake_destroy(hs);
	}
	hs = nodes_start(w->node, client_options());
	proof = play_challenge(w, hs, 3, &hello, secrets, sizeof(secrets));
	assert_refused(
		psec_handshake_input(hs, proof.bytes, proof.len, &used, &err),
		&err, PSEC_ERR_PROTOCOL,
		"message 3 (PROOF) where CONFIRM was awaited");
	assert_int_equal(psec_handshake_state(hs), PSEC_HS_FAILED);
	psec_handshake_destroy(hs);
}

/*
 * A client made of bytes, to which a real server talks.
 */
typedef struct {
	unsigned kind;
	const char *label;
	const char *binding_end; /* what stands in the place of the binding */
	uid_t for_uid;
	size_t secrets_len;
	psec_code_t code;
	const char *words; /* NULL: accepted */
	bool other_mech;   /* names another mechanism in the statement */
} fake_client_t;

static void play_client(nodes_t *w, const fake_client_t *how)
{
	psec_handshake_t *hs = nodes_start(w->node2, server_options());
	bytes_t hello = hello_body(PSEC_CLIENT, "munge", 5, "", 0), b;
	uint8_t secrets[PSEC_KEY_LEN * 2 + TOKEN_LEN + 1];
	bytes_t challenge, payload;
	psec_error_t err;
	psec_code_t rc;
	size_t used;

	memset(secrets, 's', sizeof(secrets));
	memset(secrets + PSEC_KEY_LEN, 't', TOKEN_LEN);
	b = take_output(hs);
	challenge = body_of(&b);
	b = frame_of(1, 1, hello.bytes, hello.len);
	assert_ok(psec_handshake_input(hs, b.bytes, b.len, &used, &err), &err);
	payload = fake_statement(how->label, how->kind, &hello, &challenge);
	if (how->binding_end)
		memcpy(payload.bytes + payload.len - strlen(how->binding_end),
		       how->binding_end, strlen(how->binding_end));
	if (how->other_mech)
		payload.bytes[strlen(how->label) + 2] ^= 1;
	add(&payload, secrets, how->secrets_len);
	b = fake_proof(w->node, &payload, how->for_uid);
	assert_ok(psec_handshake_input(hs, b.bytes, b.len, &used, &err), &err);
	rc = psec_handshake_work(hs, &err);
	if (how->words) {
		assert_refused(rc, &err, how->code, how->words);
	} else {
		assert_ok(rc, &err);
		b = take_output(hs);
		assert_memory_equal(b.bytes,
				    "PSEC\x01\x04\x00\x10tttttttttttttttt", 24);
		assert_memory_equal(nodes_peer(hs).key, secrets, PSEC_KEY_LEN);
	}
	psec_handshake_destroy(hs);
}

static void a_client_made_from_the_specification_is_accepted(void **state)
{
	const fake_client_t sealed = { .kind = 3,
				       .label = "psec-handshake-1",
				       .for_uid = geteuid(),
				       .secrets_len =
					       PSEC_KEY_LEN + TOKEN_LEN };

	play_client(*state, &sealed);
}

static void a_dishonest_client_is_refused(void **state)
{
	const fake_client_t table[] = {
		/* The server would take for secret what anybody can read. */
		{ 3, "psec-handshake-1", NULL, (uid_t)-1,
		  PSEC_KEY_LEN + TOKEN_LEN, PSEC_ERR_MISMATCH,
		  "of a sealed one, but anybody may read it" },
		{ 2, "psec-handshake-1", NULL, geteuid(), PSEC_KEY_LEN,
		  PSEC_ERR_MISMATCH,
		  "is not that of a client: it was sent back to its maker" },
		{ 0, "psec-handshake-1", NULL, geteuid(), PSEC_KEY_LEN,
		  PSEC_ERR_MISMATCH, "is not that of a client" },
		{ 4, "psec-handshake-1", NULL, geteuid(), PSEC_KEY_LEN,
		  PSEC_ERR_MISMATCH, "is not that of a client" },
		{ 3, "psec-handshake-2", NULL, geteuid(),
		  PSEC_KEY_LEN + TOKEN_LEN, PSEC_ERR_MISMATCH,
		  "is no proof of a handshake" },
		{ 3, "psec-handshake-1", "step 1", geteuid(),
		  PSEC_KEY_LEN + TOKEN_LEN, PSEC_ERR_MISMATCH,
		  "is bound to another purpose, job or step" },
		{ 3, "psec-handshake-1", NULL, geteuid(), PSEC_KEY_LEN,
		  PSEC_ERR_MISMATCH, "secrets in the peer's proof" },
		{ 3, "psec-handshake-1", NULL, geteuid(),
		  PSEC_KEY_LEN + TOKEN_LEN + 1, PSEC_ERR_MISMATCH,
		  "secrets in the peer's proof" },
		{ 1, "psec-handshake-1", NULL, geteuid(),
		  PSEC_KEY_LEN + TOKEN_LEN, PSEC_ERR_MISMATCH,
		  "secrets in the peer's proof" },
		{ 3, "psec-handshake-1", NULL, geteuid(),
		  PSEC_KEY_LEN + TOKEN_LEN, PSEC_ERR_MISMATCH,
		  "belongs to another handshake", true },
		{ 3, "psec-handshake-1", NULL, NOBODYS_UID,
		  PSEC_KEY_LEN + TOKEN_LEN, PSEC_ERR_NOT_FOR_YOU,
		  "is for another uid or gid" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++)
		play_client(*state, &table[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_learn_who_the_other_is),
		cmocka_unit_test(a_server_of_a_known_uid_needs_no_credential),
		cmocka_unit_test(
			both_ends_have_the_same_key_and_each_handshake_another),
		cmocka_unit_test(bytes_may_come_one_by_one),
		cmocka_unit_test(any_uid_is_accepted_where_none_is_expected),
		cmocka_unit_test(the_servers_proof_is_for_its_client_alone),
		cmocka_unit_test(a_sealed_proof_is_for_the_servers_uid_alone),
		cmocka_unit_test(
			empty_and_longest_binding_and_intro_are_accepted),
		cmocka_unit_test(
			the_client_chooses_the_best_that_its_list_allows),
		cmocka_unit_test(another_binding_is_refused),
		cmocka_unit_test(a_client_of_another_uid_is_refused),
		cmocka_unit_test(
			a_server_of_another_uid_cannot_read_the_clients_proof),
		cmocka_unit_test(a_server_of_another_uid_is_refused),
		cmocka_unit_test(a_mechanism_that_is_not_allowed_is_refused),
		cmocka_unit_test(
			clusters_with_different_keys_refuse_each_other),
		cmocka_unit_test(a_server_without_munged_says_so),
		cmocka_unit_test(impossible_options_are_refused),
		cmocka_unit_test(calls_out_of_turn_are_refused),
		cmocka_unit_test(a_recorded_client_is_refused),
		cmocka_unit_test(a_recorded_server_is_refused),
		cmocka_unit_test(no_byte_of_any_message_can_be_altered),
		cmocka_unit_test(
			an_end_waits_for_the_rest_of_a_truncated_message),
		cmocka_unit_test(a_stranger_is_refused_without_an_answer),
		cmocka_unit_test(other_versions_and_types_are_refused),
		cmocka_unit_test(a_malformed_hello_is_refused),
		cmocka_unit_test(names_are_compared_whole),
		cmocka_unit_test(a_malformed_choice_is_refused),
		cmocka_unit_test(a_choice_is_for_tools_only),
		cmocka_unit_test(a_refusal_is_believed_and_its_code_checked),
		cmocka_unit_test(
			a_server_made_from_the_specification_is_accepted),
		cmocka_unit_test(a_dishonest_server_is_refused),
		cmocka_unit_test(
			a_server_that_reads_a_sealed_proof_is_accepted),
		cmocka_unit_test(
			a_server_that_cannot_read_a_sealed_proof_is_refused),
		cmocka_unit_test(
			a_client_made_from_the_specification_is_accepted),
		cmocka_unit_test(a_dishonest_client_is_refused),
	};

	return cmocka_run_group_tests(tests, nodes_setup, nodes_teardown);
}
