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
#include "munged.h"

#define NOBODYS_UID  4242424
#define HEADER_LEN   8
#define NONCE_LEN    32
#define TOKEN_LEN    16
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

typedef struct {
	munged_t *munged, *munged2;
	psec_t *node, *node2; /* over munged, munged2: munge, native, none */
} world_t;

static psec_t *context(const munged_t *m)
{
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = MECH_DIR,
			       .mechs = "munge,native,none",
			       .munge_socket = munged_socket(m) };
	psec_t *psec = NULL;
	psec_error_t err;

	assert_ok(psec_create(&psec, &opt, &err), &err);
	return psec;
}

static int setup(void **state)
{
	static world_t w;
	munged_options_t opt = { .same_key = NULL };

	w.munged = munged_start(NULL);
	opt.same_key = w.munged;
	w.munged2 = munged_start(&opt);
	w.node = context(w.munged);
	w.node2 = context(w.munged2);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_t *w = *state;

	psec_destroy(w->node2);
	psec_destroy(w->node);
	munged_stop(w->munged2);
	munged_stop(w->munged);
	return 0;
}

static psec_handshake_options_t client_options(void)
{
	return (psec_handshake_options_t){
		.size = sizeof(psec_handshake_options_t),
		.role = PSEC_CLIENT,
		.mechs = "munge",
		.binding = "job 7 step 0",
		.binding_len = 12,
		.intro = "node 3",
		.intro_len = 6,
		.expect_uid = geteuid(),
	};
}

static psec_handshake_options_t server_options(void)
{
	psec_handshake_options_t opt = client_options();

	opt.role = PSEC_SERVER;
	opt.intro = NULL;
	opt.intro_len = 0;
	return opt;
}

static psec_handshake_t *start(psec_t *psec, psec_handshake_options_t opt)
{
	psec_handshake_t *hs = NULL;
	psec_error_t err;

	assert_ok(psec_handshake_create(&hs, psec, &opt, &err), &err);
	return hs;
}

/* A client and a server on the first and on the second node. */
static duo_t duo_of(world_t *w, psec_handshake_options_t client,
		    psec_handshake_options_t server)
{
	duo_t duo = { .chunk = 0 };

	duo.client.hs = start(w->node, client);
	duo.server.hs = start(w->node2, server);
	return duo;
}

static psec_peer_t peer_of(const psec_handshake_t *hs)
{
	psec_peer_t peer;
	psec_error_t err;

	assert_int_equal(psec_handshake_state(hs), PSEC_HS_DONE);
	assert_ok(psec_handshake_peer(hs, &peer, &err), &err);
	return peer;
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

static void both_ends_learn_who_the_other_is(void **state)
{
	duo_t duo = duo_of(*state, client_options(), server_options());
	psec_peer_t client, server;

	duo_run(&duo);
	assert_both_done(&duo);
	assert_int_equal(duo.messages, DUO_MESSAGES);
	server = peer_of(duo.client.hs);
	client = peer_of(duo.server.hs);
	assert_string_equal(server.mech, "munge");
	assert_string_equal(client.mech, "munge");
	assert_int_equal(server.uid, geteuid());
	assert_int_equal(client.uid, geteuid());
	assert_int_equal(server.gid, getegid());
	assert_int_equal(client.gid, getegid());
	assert_int_equal(client.intro_len, 6);
	assert_memory_equal(client.intro, "node 3", 6);
	assert_int_equal(server.intro_len, 0);
	duo_clear(&duo);
}

static void both_ends_have_the_same_key_and_each_handshake_another(void **state)
{
	static const uint8_t zeros[PSEC_KEY_LEN];
	uint8_t keys[2][PSEC_KEY_LEN];
	psec_peer_t client, server;
	duo_t duo;
	int i;

	for (i = 0; i < 2; i++) {
		duo = duo_of(*state, client_options(), server_options());
		duo_run(&duo);
		server = peer_of(duo.client.hs);
		client = peer_of(duo.server.hs);
		assert_memory_equal(server.key, client.key, PSEC_KEY_LEN);
		memcpy(keys[i], client.key, PSEC_KEY_LEN);
		assert_memory_not_equal(keys[i], zeros, PSEC_KEY_LEN);
		duo_clear(&duo);
	}
	assert_memory_not_equal(keys[0], keys[1], PSEC_KEY_LEN);
}

static void bytes_may_come_one_by_one(void **state)
{
	duo_t duo = duo_of(*state, client_options(), server_options());

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
	assert_int_equal(peer_of(duo.client.hs).uid, geteuid());
	assert_int_equal(peer_of(duo.server.hs).uid, geteuid());
	duo_clear(&duo);
}

/* Keep the server's proof as a string. */
static void keep_server_proof(void *arg, size_t message, uint8_t *bytes,
			      size_t *len)
{
	if (message == DUO_SERVER_PROOF)
		*(char **)arg =
			strndup((char *)bytes + HEADER_LEN, *len - HEADER_LEN);
}

/* So the key is secret even where the client's proof was for everybody. */
static void the_servers_proof_is_for_its_client_alone(void **state)
{
	world_t *w = *state;
	psec_handshake_options_t c = client_options(), s = server_options();
	munge_ctx_t ctx = munge_ctx_create();
	uid_t restriction = (uid_t)-1;
	char *proof = NULL;
	void *payload;
	duo_t duo;
	int len;

	c.expect_uid = (uid_t)-1;
	s.expect_uid = (uid_t)-1;
	duo = duo_of(w, c, s);
	duo.tap = keep_server_proof;
	duo.arg = &proof;
	duo_run(&duo);
	assert_both_done(&duo);
	assert_non_null(proof);
	assert_int_equal(
		munge_ctx_set(ctx, MUNGE_OPT_SOCKET, munged_socket(w->munged2)),
		EMUNGE_SUCCESS);
	assert_int_equal(munge_decode(proof, ctx, &payload, &len, NULL, NULL),
			 EMUNGE_SUCCESS);
	assert_int_equal(
		munge_ctx_get(ctx, MUNGE_OPT_UID_RESTRICTION, &restriction),
		EMUNGE_SUCCESS);
	assert_int_equal(restriction, geteuid());
	munge_ctx_destroy(ctx);
	free(payload);
	free(proof);
	duo_clear(&duo);
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
	assert_int_equal(peer_of(duo.server.hs).intro_len, PSEC_INTRO_MAX);
	duo_clear(&duo);

	c.binding = s.binding = c.intro = NULL;
	c.binding_len = s.binding_len = c.intro_len = 0;
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_both_done(&duo);
	assert_int_equal(peer_of(duo.server.hs).intro_len, 0);
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
	assert_string_equal(peer_of(duo.server.hs).mech, "munge");
	duo_clear(&duo);
	c.mechs = "none";
	duo = duo_of(*state, c, s);
	duo_run(&duo);
	assert_both_done(&duo);
	assert_string_equal(peer_of(duo.server.hs).mech, "none");
	assert_null(peer_of(duo.server.hs).key);
	assert_null(peer_of(duo.client.hs).key);
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
	world_t *w = *state;
	munged_t *other_key = munged_start(NULL);
	psec_t *other = context(other_key);
	duo_t duo = { .chunk = 0 };

	duo.client.hs = start(w->node, client_options());
	duo.server.hs = start(other, server_options());
	duo_run(&duo);
	assert_refusal(&duo.server, &duo.client, PSEC_ERR_TAMPERED,
		       "was altered, or made with another key");
	duo_clear(&duo);
	psec_destroy(other);
	munged_stop(other_key);
}

static void a_server_without_munged_says_so(void **state)
{
	world_t *w = *state;
	munged_t *gone = munged_start(NULL);
	psec_t *other = context(gone);
	duo_t duo = { .chunk = 0 };

	munged_kill(gone);
	duo.client.hs = start(w->node, client_options());
	duo.server.hs = start(other, server_options());
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
	world_t *w = *state;
	psec_handshake_options_t bad[9];
	static const struct {
		psec_code_t code;
		const char *words;
	} want[ARRAY_LEN(bad)] = {
		{ PSEC_ERR_ARG, "psec_handshake_options_t has size 1" },
		{ PSEC_ERR_ARG, "client or server, not 3" },
		{ PSEC_ERR_ARG, "needs a list of mechanisms" },
		{ PSEC_ERR_TOO_BIG, "a binding of 257 bytes" },
		{ PSEC_ERR_TOO_BIG, "an intro of 257 bytes" },
		{ PSEC_ERR_ARG, "is at NULL" },
		{ PSEC_ERR_ARG, "only the client" },
		{ PSEC_ERR_NO_MECH, "'kerberos' is loaded here" },
		{ PSEC_ERR_MALFORMED, "'a/b' is no name" },
	};
	psec_handshake_t *hs = NULL;
	psec_error_t err;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = client_options();
	bad[0].size = 1;
	bad[1].role = (psec_role_t)3;
	bad[2].mechs = NULL;
	bad[3].binding = big;
	bad[3].binding_len = sizeof(big);
	bad[4].intro = big;
	bad[4].intro_len = sizeof(big);
	bad[5].binding = NULL;
	bad[6].role = PSEC_SERVER;
	bad[7].mechs = "kerberos";
	bad[8].mechs = "a/b";
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_refused(
			psec_handshake_create(&hs, w->node, &bad[i], &err),
			&err, want[i].code, want[i].words);
		assert_null(hs);
	}
}

static void calls_out_of_turn_are_refused(void **state)
{
	world_t *w = *state;
	psec_handshake_t *hs = start(w->node, client_options());
	psec_peer_t peer;
	psec_error_t err;
	size_t used;

	assert_refused(psec_handshake_input(hs, "x", 1, &used, &err), &err,
		       PSEC_ERR_ARG, "does not wait for input");
	assert_int_equal(used, 0);
	assert_refused(psec_handshake_work(hs, &err), &err, PSEC_ERR_ARG,
		       "has no work to do");
	assert_refused(psec_handshake_peer(hs, &peer, &err), &err, PSEC_ERR_ARG,
		       "is not done");
	assert_int_equal(psec_handshake_state(hs), PSEC_HS_OUTPUT);
	psec_handshake_destroy(hs);
}

/* -- recording and altering --------------------------------------------- */

typedef struct {
	uint8_t bytes[DUO_MESSAGES][DUO_FRAME_MAX];
	size_t len[DUO_MESSAGES];
} recording_t;

static void record(void *arg, size_t message, uint8_t *bytes, size_t *len)
{
	recording_t *rec = arg;

	if (message >= DUO_MESSAGES)
		return;
	memcpy(rec->bytes[message], bytes, *len);
	rec->len[message] = *len;
}

static recording_t *record_handshake(world_t *w)
{
	recording_t *rec = calloc(1, sizeof(*rec));
	duo_t duo = duo_of(w, client_options(), server_options());

	assert_non_null(rec);
	duo.tap = record;
	duo.arg = rec;
	duo_run(&duo);
	assert_both_done(&duo);
	duo_clear(&duo);
	return rec;
}

/* Feed the recorded client to a server on PSEC. */
static void replay_client(psec_t *psec, const recording_t *rec,
			  psec_code_t code, const char *words)
{
	psec_handshake_t *hs = start(psec, server_options());
	psec_error_t err;
	size_t used, len;

	assert_ok(psec_handshake_input(hs, rec->bytes[DUO_HELLO],
				       rec->len[DUO_HELLO], &used, &err),
		  &err);
	(void)psec_handshake_output(hs, &len);
	psec_handshake_sent(hs, len);
	assert_ok(psec_handshake_input(hs, rec->bytes[DUO_CLIENT_PROOF],
				       rec->len[DUO_CLIENT_PROOF], &used, &err),
		  &err);
	assert_refused(psec_handshake_work(hs, &err), &err, code, words);
	psec_handshake_destroy(hs);
}

static void a_recorded_client_is_refused(void **state)
{
	world_t *w = *state;
	recording_t *rec = record_handshake(w);

	/* The server's node knows the proof; another one has not seen it. */
	replay_client(w->node2, rec, PSEC_ERR_REPLAYED,
		      "was validated on this node before");
	replay_client(w->node, rec, PSEC_ERR_MISMATCH,
		      "belongs to another handshake: it was recorded");
	free(rec);
}

static void a_recorded_server_is_refused(void **state)
{
	world_t *w = *state;
	recording_t *rec = record_handshake(w);
	psec_handshake_t *hs = start(w->node2, client_options());
	psec_error_t err;
	size_t used, len;

	(void)psec_handshake_output(hs, &len);
	psec_handshake_sent(hs, len);
	assert_ok(psec_handshake_input(hs, rec->bytes[DUO_CHALLENGE],
				       rec->len[DUO_CHALLENGE], &used, &err),
		  &err);
	assert_ok(psec_handshake_work(hs, &err), &err);
	(void)psec_handshake_output(hs, &len);
	psec_handshake_sent(hs, len);
	assert_ok(psec_handshake_input(hs, rec->bytes[DUO_SERVER_PROOF],
				       rec->len[DUO_SERVER_PROOF], &used, &err),
		  &err);
	assert_refused(psec_handshake_work(hs, &err), &err, PSEC_ERR_MISMATCH,
		       "belongs to another handshake: it was recorded");
	psec_handshake_destroy(hs);
	free(rec);
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

/* What FLIP at AT in MESSAGE leads to: nobody is fooled. */
static void assert_alteration_is_noticed(world_t *w, size_t message, size_t at,
					 uint8_t flip)
{
	alteration_t a = { .message = message, .at = at, .flip = flip };
	duo_t duo = duo_of(w, client_options(), server_options());
	psec_hs_state_t client, server;

	duo.tap = alter;
	duo.arg = &a;
	duo_run(&duo);
	client = psec_handshake_state(duo.client.hs);
	server = psec_handshake_state(duo.server.hs);
	/*
	 * An end may still wait for bytes that a greater length promised.  The
	 * client has nothing to wait for after its CONFIRM, but then the
	 * server closes the connection.
	 */
	if (server == PSEC_HS_DONE ||
	    (client == PSEC_HS_DONE && message != DUO_CONFIRM))
		fail_msg("message %zu, byte %zu ^ %#x: client %d, server %d",
			 message, at, flip, client, server);
	duo_clear(&duo);
}

/*
 * Bit 7 makes any byte of a MUNGE credential no base64; bit 0 mostly leaves
 * it base64, so that munged must notice.
 */
static void no_byte_of_any_message_can_be_altered(void **state)
{
	world_t *w = *state;
	recording_t *rec = record_handshake(w);
	size_t message, at;

	for (message = 0; message < DUO_MESSAGES; message++) {
		for (at = 0; at < rec->len[message]; at++) {
			assert_alteration_is_noticed(w, message, at, 0x80);
			assert_alteration_is_noticed(w, message, at, 0x01);
		}
	}
	free(rec);
}

static void cut(void *arg, size_t message, uint8_t *bytes, size_t *len)
{
	const alteration_t *a = arg;

	if (message == a->message && a->at < *len)
		*len = a->at;
}

static void an_end_waits_for_the_rest_of_a_truncated_message(void **state)
{
	world_t *w = *state;
	recording_t *rec = record_handshake(w);
	alteration_t a = { .flip = 0 };
	psec_hs_state_t receiver;
	duo_t duo;

	for (a.message = 0; a.message < DUO_MESSAGES; a.message++) {
		for (a.at = 0; a.at < rec->len[a.message]; a.at += 7) {
			duo = duo_of(w, client_options(), server_options());
			duo.tap = cut;
			duo.arg = &a;
			duo_run(&duo);
			receiver = psec_handshake_state(
				a.message % 2 == 0 ? duo.server.hs
						   : duo.client.hs);
			assert_int_equal(receiver, PSEC_HS_INPUT);
			duo_clear(&duo);
		}
	}
	free(rec);
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

static bytes_t hello_body(const char *mech, size_t mech_len, const char *intro,
			  size_t intro_len)
{
	uint8_t nonce[NONCE_LEN] = "a nonce";
	bytes_t b = { .len = 0 };

	add(&b, nonce, sizeof(nonce));
	add_u8(&b, (unsigned)mech_len);
	add(&b, mech, mech_len);
	add_sized(&b, intro, intro_len);
	return b;
}

/* Feed BYTES to a fresh server; it must refuse with WORDS. */
static void assert_server_refuses(world_t *w, const bytes_t *b,
				  psec_code_t code, const char *words,
				  bool with_answer)
{
	psec_handshake_t *hs = start(w->node, server_options());
	const uint8_t *out;
	psec_error_t err;
	size_t used, len;

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
		{ 1, 6, 40, "message 6 (unknown) where HELLO" },
		{ 1, 7, 40, "message 7 (unknown) where HELLO" },
		{ 1, 1, 35, "HELLO has an impossible length of 35 bytes" },
		{ 1, 1, 0, "HELLO has an impossible length of 0 bytes" },
		{ 1, 1, 324, "HELLO has an impossible length of 324 bytes" },
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
	bytes_t bad[7];
	bytes_t b;
	size_t i;

	bad[0] = hello_body("", 0, "intro", 5);
	bad[1] = hello_body("mun\0ge", 6, "", 0);
	bad[2] = hello_body("munge,none", 10, "", 0);
	bad[3] = hello_body(name33, 33, "", 0);
	bad[4] = hello_body("munge", 5, "intro", 5);
	add_u8(&bad[4], 0); /* a byte too much */
	bad[5] = hello_body("munge", 5, "intro", 5);
	bad[5].len--; /* and one too few */
	bad[6] = hello_body("munge", 5, "", 0);
	bad[6].bytes[NONCE_LEN] = 200; /* a name beyond the end */
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		b = frame_of(1, 1, bad[i].bytes, bad[i].len);
		assert_server_refuses(*state, &b, PSEC_ERR_PROTOCOL,
				      "HELLO is malformed", true);
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
		body = hello_body(names[i], strlen(names[i]), "", 0);
		b = frame_of(1, 1, body.bytes, body.len);
		(void)snprintf(words, sizeof(words),
			       "chose mechanism '%s', but only 'munge'",
			       names[i]);
		assert_server_refuses(*state, &b, PSEC_ERR_NO_MECH, words,
				      true);
	}
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
	world_t *w = *state;
	psec_handshake_t *hs;
	psec_error_t err;
	size_t i, used, len;
	bytes_t b;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		hs = start(w->node, client_options());
		(void)psec_handshake_output(hs, &len);
		psec_handshake_sent(hs, len);
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
	unsigned role;
	bool echo_client_share;
	bool extra_byte;
	bool reflect; /* send the client's own proof back */
} fake_server_t;

static const fake_server_t honest = { .label = "psec-handshake-1",
				      .role = 2,
				      .echo_client_share = true };

static bytes_t take_output(psec_handshake_t *hs)
{
	bytes_t b = { .len = 0 };
	const void *out;
	size_t len;

	out = psec_handshake_output(hs, &len);
	assert_non_null(out);
	add(&b, out, len);
	psec_handshake_sent(hs, len);
	return b;
}

/* The proof's credential: a statement and the server's secrets. */
static bytes_t fake_proof(psec_t *psec, const fake_server_t *how,
			  const bytes_t *hello, const uint8_t *challenge,
			  const uint8_t *client_share, const uint8_t *token)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	uint8_t zeros[PSEC_KEY_LEN] = { 0 };
	bytes_t payload = { .len = 0 }, frame;
	psec_error_t err;
	void *cred;
	size_t len;

	add(&payload, how->label, strlen(how->label));
	add_u8(&payload, how->role);
	add_sized(&payload, hello->bytes + HEADER_LEN, hello->len - HEADER_LEN);
	add_sized(&payload, challenge, NONCE_LEN);
	add_sized(&payload, "job 7 step 0", 12);
	add(&payload, zeros, sizeof(zeros)); /* our share: the key is theirs */
	add(&payload, how->echo_client_share ? client_share : zeros,
	    PSEC_KEY_LEN);
	add(&payload, token, TOKEN_LEN);
	if (how->extra_byte)
		add_u8(&payload, 0);
	req.payload = payload.bytes;
	req.payload_len = payload.len;
	assert_ok(psec_cred_create(psec, "munge", &req, &cred, &len, &err),
		  &err);
	frame = frame_of(1, 3, cred, len);
	free(cred);
	return frame;
}

/* The last PSEC_KEY_LEN bytes of the client's payload. */
static void read_share(psec_t *psec, const bytes_t *proof, uint8_t *share)
{
	psec_cred_info_t *info;
	psec_error_t err;

	assert_ok(psec_cred_validate(psec, "munge", proof->bytes + HEADER_LEN,
				     proof->len - HEADER_LEN, &info, &err),
		  &err);
	assert_in_range(info->payload_len, PSEC_KEY_LEN, PSEC_PAYLOAD_MAX);
	memcpy(share, info->payload + info->payload_len - PSEC_KEY_LEN,
	       PSEC_KEY_LEN);
	psec_cred_info_destroy(info);
}

/* Play the server HOW to the client HS; returns what its last work gave. */
static psec_code_t play_server(world_t *w, const fake_server_t *how,
			       psec_handshake_t *hs, uint8_t *share,
			       psec_error_t *err)
{
	static const uint8_t challenge[NONCE_LEN] = "a server's nonce";
	static const uint8_t token[TOKEN_LEN] = "a token 16 long";
	bytes_t hello, proof, answer;
	size_t used;

	hello = take_output(hs);
	answer = frame_of(1, 2, challenge, sizeof(challenge));
	assert_ok(
		psec_handshake_input(hs, answer.bytes, answer.len, &used, err),
		err);
	assert_ok(psec_handshake_work(hs, err), err);
	proof = take_output(hs);
	if (how->reflect) {
		answer = proof;
	} else {
		read_share(w->node2, &proof, share);
		answer = fake_proof(w->node2, how, &hello, challenge, share,
				    token);
	}
	assert_ok(
		psec_handshake_input(hs, answer.bytes, answer.len, &used, err),
		err);
	return psec_handshake_work(hs, err);
}

static void a_server_made_from_the_specification_is_accepted(void **state)
{
	static const uint8_t confirm[] = "PSEC\x01\x04\x00\x10"
					 "a token 16 long";
	world_t *w = *state;
	psec_handshake_t *hs = start(w->node, client_options());
	uint8_t share[PSEC_KEY_LEN];
	psec_error_t err;
	bytes_t last;

	assert_ok(play_server(w, &honest, hs, share, &err), &err);
	last = take_output(hs);
	assert_int_equal(last.len, sizeof(confirm));
	assert_memory_equal(last.bytes, confirm, sizeof(confirm));
	/* The fake server's share is zero, so the key is the client's. */
	assert_memory_equal(peer_of(hs).key, share, PSEC_KEY_LEN);
	psec_handshake_destroy(hs);
}

static void a_dishonest_server_is_refused(void **state)
{
	fake_server_t liars[5] = { honest, honest, honest, honest, honest };
	static const char *const words[ARRAY_LEN(liars)] = {
		"is no proof of a handshake",
		"is not that of a server: it was sent back to its maker",
		"do not belong to this handshake",
		"do not belong to this handshake",
		"is not that of a server: it was sent back to its maker",
	};
	world_t *w = *state;
	uint8_t share[PSEC_KEY_LEN];
	psec_handshake_t *hs;
	psec_error_t err;
	bytes_t last;
	size_t i;

	liars[0].label = "psec-handshake-2";
	liars[1].role = 1;
	liars[2].echo_client_share = false;
	liars[3].extra_byte = true;
	liars[4].reflect = true;
	for (i = 0; i < ARRAY_LEN(liars); i++) {
		hs = start(w->node, client_options());
		assert_refused(play_server(w, &liars[i], hs, share, &err), &err,
			       PSEC_ERR_MISMATCH, words[i]);
		last = take_output(hs);
		assert_memory_equal(last.bytes, "PSEC\x01\x05\x00\x02", 8);
		assert_int_equal(psec_handshake_state(hs), PSEC_HS_FAILED);
		psec_handshake_destroy(hs);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_learn_who_the_other_is),
		cmocka_unit_test(
			both_ends_have_the_same_key_and_each_handshake_another),
		cmocka_unit_test(bytes_may_come_one_by_one),
		cmocka_unit_test(any_uid_is_accepted_where_none_is_expected),
		cmocka_unit_test(the_servers_proof_is_for_its_client_alone),
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
		cmocka_unit_test(a_refusal_is_believed_and_its_code_checked),
		cmocka_unit_test(
			a_server_made_from_the_specification_is_accepted),
		cmocka_unit_test(a_dishonest_server_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
