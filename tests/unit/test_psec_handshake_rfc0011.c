/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RFC0011's ways to a server: client, legacy and tool.  Tests are named after
 * its sentences.  Mechanism munge is real, each node has a munged of its own;
 * native is asked about a socket pair of this process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "duo.h"
#include "nodes.h"

#define HEADER_LEN   8
#define NONCE_LEN    32
#define TYPE_AT	     5
#define TYPE_HELLO   1
#define TYPE_CHOICE  6
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A pair of ends, and the socket between them that native asks about. */
typedef struct {
	duo_t duo;
	int fds[2];
} pair_t;

static pair_t pair_of(psec_handshake_t *client, psec_handshake_t *server)
{
	pair_t p = { .duo = { .chunk = 0 } };

	p.duo.client.hs = client;
	p.duo.server.hs = server;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fds), 0);
	psec_handshake_set_fd(client, p.fds[0]);
	psec_handshake_set_fd(server, p.fds[1]);
	return p;
}

static void clear(pair_t *p)
{
	duo_clear(&p->duo);
	(void)close(p->fds[0]);
	(void)close(p->fds[1]);
}

static psec_handshake_options_t options(psec_role_t role, const char *mechs)
{
	psec_handshake_options_t opt = nodes_options(role);

	opt.mechs = mechs;
	return opt;
}

/* A peer of ROLE with MECHS on the first node, a server with ALLOWED. */
static pair_t pair_with(nodes_t *w, psec_role_t role, const char *mechs,
			const char *allowed)
{
	return pair_of(nodes_start(w->node, options(role, mechs)),
		       nodes_start(w->node2, options(PSEC_SERVER, allowed)));
}

static void assert_agreed(pair_t *p, psec_role_t role, const char *mech)
{
	psec_peer_t client, server;

	duo_run(&p->duo);
	assert_ok(p->duo.client.rc, &p->duo.client.err);
	assert_ok(p->duo.server.rc, &p->duo.server.err);
	client = nodes_peer(p->duo.server.hs);
	server = nodes_peer(p->duo.client.hs);
	assert_string_equal(client.mech, mech);
	assert_string_equal(server.mech, mech);
	assert_int_equal(client.role, role);
	assert_int_equal(server.role, PSEC_SERVER);
	assert_int_equal(client.uid, geteuid());
	assert_int_equal(server.uid, geteuid());
	assert_int_equal(client.intro_len, 6);
	assert_memory_equal(client.intro, "node 3", 6);
	assert_int_equal(client.key != NULL, !strcmp(mech, "munge"));
	if (client.key)
		assert_memory_equal(client.key, server.key, PSEC_KEY_LEN);
	clear(p);
}

/* ONE refuses with CODE and WORDS, OTHER is told the code. */
static void assert_refusal(const duo_end_t *one, const duo_end_t *other,
			   psec_code_t code, const char *words)
{
	assert_refused(one->rc, &one->err, code, words);
	assert_refused(other->rc, &other->err, code, "refused the handshake: ");
	assert_non_null(strstr(other->err.text, psec_strcode(code)));
	assert_int_equal(psec_handshake_state(one->hs), PSEC_HS_FAILED);
	assert_int_equal(psec_handshake_state(other->hs), PSEC_HS_FAILED);
}

static void assert_server_refuses(pair_t *p, psec_code_t code,
				  const char *words)
{
	duo_run(&p->duo);
	assert_refusal(&p->duo.server, &p->duo.client, code, words);
	clear(p);
}

/* The list in a HELLO on the wire. */
static void read_list(const uint8_t *hello, char *list)
{
	const uint8_t *at = hello + HEADER_LEN + NONCE_LEN + 1;
	size_t len = (size_t)at[0] << 8 | at[1];

	memcpy(list, at + 2, len);
	list[len] = '\0';
}

static void keep_list(void *arg, size_t message, uint8_t *bytes, size_t *len)
{
	if (bytes[TYPE_AT] == TYPE_HELLO)
		read_list(bytes, arg);
}

/* -- client ------------------------------------------------------------- */

/* "the client will select its active plugin by picking the highest priority
   plugin whose name is contained in the list provided by the server ... The
   client then passes the name of the selected plugin to the server" */
static void rfc0011_client_passes_the_name_of_its_highest_priority(void **state)
{
	static const struct {
		const char *list, *picked;
	} table[] = {
		{ "munge,native,none", "munge" },
		{ "none,native,munge", "munge" },
		{ "none,native", "native" },
		{ "none", "none" },
		{ "gss,none , native", "native" },
	};
	char list[PSEC_LIST_MAX + 1];
	size_t i;
	pair_t p;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		p = pair_with(*state, PSEC_CLIENT, table[i].list,
			      "none,native,munge");
		p.duo.tap = keep_list;
		p.duo.arg = list;
		assert_agreed(&p, PSEC_CLIENT, table[i].picked);
		assert_string_equal(list, table[i].picked);
	}
}

/* "the server selects the matching plugin to use with that client" */
static void rfc0011_server_selects_the_matching_plugin_of_a_client(void **state)
{
	static const char *const mechs[] = { "munge", "native", "none" };
	size_t i;
	pair_t p;

	for (i = 0; i < ARRAY_LEN(mechs); i++) {
		p = pair_with(*state, PSEC_CLIENT, mechs[i],
			      "munge,native,none");
		assert_agreed(&p, PSEC_CLIENT, mechs[i]);
	}
}

static void the_site_decides_whatever_a_client_says(void **state)
{
	pair_t p = pair_with(*state, PSEC_CLIENT, "none", "munge,native");

	assert_server_refuses(&p, PSEC_ERR_NO_MECH,
			      "chose mechanism 'none', but only "
			      "'munge,native' is allowed");
}

/* -- legacy ------------------------------------------------------------- */

/* "any client connecting via that point will not provide the updated plugin
   information. ... the server has no choice but to take the default" */
static void
rfc0011_legacy_names_no_plugin_and_the_server_takes_its_default(void **state)
{
	static const char *const mechs[] = { "munge", "native", "none" };
	nodes_t *w = *state;
	psec_handshake_options_t server =
		options(PSEC_SERVER, "munge,native,none");
	char list[PSEC_LIST_MAX + 1];
	size_t i;
	pair_t p;

	for (i = 0; i < ARRAY_LEN(mechs); i++) {
		server.default_mech = mechs[i];
		p = pair_of(
			nodes_start(w->node, options(PSEC_LEGACY, mechs[i])),
			nodes_start(w->node2, server));
		p.duo.tap = keep_list;
		p.duo.arg = list;
		assert_agreed(&p, PSEC_LEGACY, mechs[i]);
		assert_string_equal(list, "");
	}
}

static void the_default_for_legacy_is_the_best_that_is_allowed(void **state)
{
	pair_t p = pair_with(*state, PSEC_LEGACY, "munge", "none,munge,native");

	assert_agreed(&p, PSEC_LEGACY, "munge");
	p = pair_with(*state, PSEC_LEGACY, "native", "none,native");
	assert_agreed(&p, PSEC_LEGACY, "native");
}

/* "... returning an error if the client is using a different protocol" */
static void
rfc0011_legacy_of_a_different_protocol_returns_an_error(void **state)
{
	static const char *const mechs[] = { "munge", "native", "none" };
	nodes_t *w = *state;
	psec_handshake_options_t server =
		options(PSEC_SERVER, "munge,native,none");
	char words[96];
	size_t i, k;
	pair_t p;

	for (i = 0; i < ARRAY_LEN(mechs); i++) {
		for (k = 0; k < ARRAY_LEN(mechs); k++) {
			if (i == k)
				continue;
			server.default_mech = mechs[i];
			p = pair_of(nodes_start(w->node,
						options(PSEC_LEGACY, mechs[k])),
				    nodes_start(w->node2, server));
			(void)snprintf(words, sizeof(words),
				       "does not speak mechanism '%s', which "
				       "is this server's default",
				       mechs[i]);
			assert_server_refuses(&p, PSEC_ERR_NO_MECH, words);
		}
	}
}

/* What is wrong with a proof of the right mechanism is said as ever. */
static void a_legacy_peer_of_another_binding_is_told_so(void **state)
{
	nodes_t *w = *state;
	psec_handshake_options_t c = options(PSEC_LEGACY, "munge");
	pair_t p;

	c.binding = "job 7 step 1";
	p = pair_of(nodes_start(w->node, c),
		    nodes_start(w->node2, options(PSEC_SERVER, "munge")));
	assert_server_refuses(&p, PSEC_ERR_MISMATCH,
			      "is bound to another purpose, job or step");
}

static void a_legacy_peer_speaks_one_mechanism(void **state)
{
	nodes_t *w = *state;
	psec_handshake_options_t opt = options(PSEC_LEGACY, "munge,native");
	psec_handshake_t *hs = NULL;
	psec_error_t err;

	assert_refused(psec_handshake_create(&hs, w->node, &opt, &err), &err,
		       PSEC_ERR_ARG,
		       "a legacy client speaks one mechanism, not "
		       "'munge,native'");
}

static void a_default_that_cannot_be_loaded_refuses_legacy_alone(void **state)
{
	nodes_t *w = *state;
	psec_t *node = nodes_context(w->munged2, "munge,missing");
	psec_handshake_options_t server = options(PSEC_SERVER, "munge,missing");
	pair_t p;

	server.default_mech = "missing";
	p = pair_of(nodes_start(w->node, options(PSEC_LEGACY, "munge")),
		    nodes_start(node, server));
	assert_server_refuses(&p, PSEC_ERR_PLUGIN,
			      "mechanism missing cannot be loaded");
	p = pair_of(nodes_start(w->node, options(PSEC_CLIENT, "munge")),
		    nodes_start(node, server));
	assert_agreed(&p, PSEC_CLIENT, "munge");
	psec_destroy(node);
}

/* "Legacy clients connect to the server via a separate rendezvous point." */
static void rfc0011_legacy_can_have_a_separate_rendezvous_point(void **state)
{
	static const struct {
		unsigned refuse;
		psec_role_t role;
		const char *words; /* NULL: let in */
	} table[] = {
		{ PSEC_REFUSE_CLIENTS | PSEC_REFUSE_TOOLS, PSEC_LEGACY, NULL },
		{ PSEC_REFUSE_CLIENTS | PSEC_REFUSE_TOOLS, PSEC_CLIENT,
		  "comes as a client, and this server takes none" },
		{ PSEC_REFUSE_CLIENTS | PSEC_REFUSE_TOOLS, PSEC_TOOL,
		  "comes as a tool, and this server takes none" },
		{ PSEC_REFUSE_LEGACY, PSEC_LEGACY,
		  "comes as a legacy client, and this server takes none" },
		{ PSEC_REFUSE_LEGACY, PSEC_CLIENT, NULL },
		{ PSEC_REFUSE_LEGACY, PSEC_TOOL, NULL },
		{ PSEC_REFUSE_TOOLS, PSEC_TOOL, "comes as a tool" },
		{ PSEC_REFUSE_CLIENTS, PSEC_TOOL, NULL },
	};
	nodes_t *w = *state;
	psec_handshake_options_t server = options(PSEC_SERVER, "munge");
	size_t i;
	pair_t p;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		server.refuse = table[i].refuse;
		p = pair_of(
			nodes_start(w->node, options(table[i].role, "munge")),
			nodes_start(w->node2, server));
		if (table[i].words)
			assert_server_refuses(&p, PSEC_ERR_MISMATCH,
					      table[i].words);
		else
			assert_agreed(&p, table[i].role, "munge");
	}
}

/* -- tool --------------------------------------------------------------- */

/* "The server then picks the highest priority available plugin from that
   list" */
static void rfc0011_tool_list_server_picks_the_highest_priority(void **state)
{
	static const struct {
		const char *tool, *allowed, *picked;
	} table[] = {
		{ "munge,native,none", "munge,native,none", "munge" },
		{ "none,native,munge", "none,native,munge", "munge" },
		{ "none,native,munge", "none,native", "native" },
		{ "none,native", "munge,native,none", "native" },
		{ "munge,none", "native,none", "none" },
		{ "munge", "munge,native,none", "munge" },
		{ "gss,native", "native,krb", "native" },
	};
	size_t i;
	pair_t p;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		p = pair_with(*state, PSEC_TOOL, table[i].tool,
			      table[i].allowed);
		assert_agreed(&p, PSEC_TOOL, table[i].picked);
	}
}

/* "the tool initiates its connection to the server and includes its list of
   available plugins" */
static void rfc0011_tool_includes_its_list_of_available_plugins(void **state)
{
	nodes_t *w = *state;
	psec_t *container = nodes_context(NULL, "munge,native,none");
	char list[PSEC_LIST_MAX + 1];
	pair_t p;

	p = pair_with(w, PSEC_TOOL, "none, native,munge", "munge,native");
	p.duo.tap = keep_list;
	p.duo.arg = list;
	assert_agreed(&p, PSEC_TOOL, "munge");
	assert_string_equal(list, "munge,native,none");

	/* A tool that has libmunge and no munged. */
	p = pair_of(
		nodes_start(container, options(PSEC_TOOL, "munge,native")),
		nodes_start(w->node2, options(PSEC_SERVER, "munge,native")));
	p.duo.tap = keep_list;
	p.duo.arg = list;
	assert_agreed(&p, PSEC_TOOL, "native");
	assert_string_equal(list, "native");
	psec_destroy(container);
}

/* "... the highest priority available plugin": one that works there. */
static void rfc0011_tool_is_given_what_is_available_at_the_server(void **state)
{
	nodes_t *w = *state;
	psec_t *dead = nodes_context(NULL, "munge,native,none");
	pair_t p;

	p = pair_of(nodes_start(w->node, options(PSEC_TOOL, "munge,native")),
		    nodes_start(dead, options(PSEC_SERVER, "munge,native")));
	assert_agreed(&p, PSEC_TOOL, "native");
	psec_destroy(dead);
}

/* "... returning an error if no matching plugin is available" */
static void rfc0011_tool_without_a_match_returns_an_error(void **state)
{
	pair_t p = pair_with(*state, PSEC_TOOL, "native,none", "munge");

	assert_server_refuses(&p, PSEC_ERR_NO_MECH,
			      "the tool offers the mechanisms 'native,none', "
			      "but this server allows only 'munge'");
}

static void a_tool_is_told_what_the_server_could_not_load(void **state)
{
	nodes_t *w = *state;
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = STUB_DIR,
			       .mechs = "munge,low" };
	psec_error_t err;
	psec_t *stubs;
	pair_t p;

	/* There is no psec_munge.so in that directory. */
	assert_ok(psec_create(&stubs, &opt, &err), &err);
	p = pair_of(nodes_start(w->node, options(PSEC_TOOL, "munge")),
		    nodes_start(stubs, options(PSEC_SERVER, "munge,low")));
	assert_server_refuses(&p, PSEC_ERR_NO_MECH,
			      "offers the mechanisms 'munge', this server "
			      "allows 'munge,low': mechanism munge cannot be "
			      "loaded: ");
	psec_destroy(stubs);
}

/* One mechanism is not probed: what is wrong with it shows in its use. */
static void a_tool_for_which_nothing_works_says_why(void **state)
{
	nodes_t *w = *state;
	psec_t *container = nodes_context(NULL, "munge,native");
	pair_t p;

	p = pair_of(nodes_start(container, options(PSEC_TOOL, "munge")),
		    nodes_start(w->node2, options(PSEC_SERVER, "munge")));
	duo_run(&p.duo);
	assert_refusal(&p.duo.client, &p.duo.server, PSEC_ERR_UNAVAILABLE,
		       "/nonexistent/munged");
	clear(&p);
	psec_destroy(container);
}

static void the_site_decides_whatever_a_tool_says(void **state)
{
	pair_t p = pair_with(*state, PSEC_TOOL, "none,native,munge", "native");

	assert_agreed(&p, PSEC_TOOL, "native");
	p = pair_with(*state, PSEC_TOOL, "none", "munge,native");
	assert_server_refuses(&p, PSEC_ERR_NO_MECH,
			      "allows only 'munge,native'");
}

/* -- several peers ------------------------------------------------------ */

/* "each server-client pairing can support whatever security option they
   uniquely select": peers of one server, all at once. */
static void rfc0011_each_pairing_uses_what_it_uniquely_selects(void **state)
{
	static const struct {
		psec_role_t role;
		const char *mechs, *mech;
	} table[] = {
		{ PSEC_CLIENT, "munge", "munge" },
		{ PSEC_CLIENT, "native", "native" },
		{ PSEC_TOOL, "none,native", "native" },
		{ PSEC_TOOL, "none", "none" },
		{ PSEC_LEGACY, "munge", "munge" },
		{ PSEC_CLIENT, "none", "none" },
	};
	pair_t pairs[ARRAY_LEN(table)];
	size_t i, round;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		pairs[i] = pair_with(*state, table[i].role, table[i].mechs,
				     "munge,native,none");
	}
	for (round = 0; round < 64; round++) {
		for (i = 0; i < ARRAY_LEN(table); i++)
			(void)duo_step(&pairs[i].duo);
	}
	for (i = 0; i < ARRAY_LEN(table); i++)
		assert_agreed(&pairs[i], table[i].role, table[i].mech);
}

/* -- somebody in between ------------------------------------------------ */

/* How somebody in between rewrites HELLO and CHOICE. */
typedef struct {
	psec_role_t role;
	const char *list;
	const char *choice; /* NULL: left alone; "": lost */
} rewrite_t;

static void rewrite(void *arg, size_t message, uint8_t *bytes, size_t *len)
{
	const rewrite_t *how = arg;
	uint8_t *pos = bytes + HEADER_LEN;
	size_t n;

	if (bytes[TYPE_AT] == TYPE_HELLO) {
		n = strlen(how->list);
		pos += NONCE_LEN;
		*pos++ = (uint8_t)how->role;
		*pos++ = 0;
		*pos++ = (uint8_t)n;
		memcpy(pos, how->list, n);
		memcpy(pos + n, "\0\6node 3", 8);
		*len = (size_t)(pos - bytes) + n + 8;
	} else if (bytes[TYPE_AT] == TYPE_CHOICE && how->choice) {
		n = strlen(how->choice);
		memcpy(pos, how->choice, n);
		*len = n ? HEADER_LEN + n : 0;
	} else {
		return;
	}
	bytes[6] = (uint8_t)((*len - HEADER_LEN) >> 8);
	bytes[7] = (uint8_t)(*len - HEADER_LEN);
}

/*
 * With none in both lists nothing can be promised: who is in between speaks
 * none as well as anybody.  Here he only has what he can write into messages.
 */
static void nobody_in_between_can_change_the_choice(void **state)
{
	static const struct {
		psec_role_t role;
		const char *mechs;
		rewrite_t how;
	} table[] = {
		/* a tool's list is cut down, or put in another order */
		{ PSEC_TOOL, "munge,native", { PSEC_TOOL, "native", NULL } },
		{ PSEC_TOOL, "munge,none", { PSEC_TOOL, "none", NULL } },
		{ PSEC_TOOL,
		  "munge,native",
		  { PSEC_TOOL, "native,munge", NULL } },
		/* the tool is told of another choice */
		{ PSEC_TOOL,
		  "munge,native",
		  { PSEC_TOOL, "munge,native", "native" } },
		{ PSEC_TOOL, "munge,native", { PSEC_TOOL, "native", "munge" } },
		{ PSEC_TOOL, "munge", { PSEC_TOOL, "munge", "none" } },
		/* a client's choice is changed */
		{ PSEC_CLIENT, "munge", { PSEC_CLIENT, "native", NULL } },
		{ PSEC_CLIENT, "munge", { PSEC_CLIENT, "none", NULL } },
		{ PSEC_CLIENT, "native", { PSEC_CLIENT, "none", NULL } },
		/* one way in is made another */
		{ PSEC_CLIENT, "munge", { PSEC_TOOL, "munge", "" } },
		{ PSEC_CLIENT, "munge", { PSEC_LEGACY, "", NULL } },
		{ PSEC_LEGACY, "munge", { PSEC_CLIENT, "munge", NULL } },
	};
	psec_hs_state_t client, server;
	rewrite_t how;
	size_t i;
	pair_t p;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		p = pair_with(*state, table[i].role, table[i].mechs,
			      "munge,native,none");
		how = table[i].how;
		p.duo.tap = rewrite;
		p.duo.arg = &how;
		duo_run(&p.duo);
		client = psec_handshake_state(p.duo.client.hs);
		server = psec_handshake_state(p.duo.server.hs);
		if (client != PSEC_HS_FAILED || server != PSEC_HS_FAILED)
			fail_msg("row %zu: client %d, server %d", i, client,
				 server);
		clear(&p);
	}
}

/* A tool that is told nothing any more has nothing to go on with. */
static void a_tool_made_a_client_of_gets_nowhere(void **state)
{
	rewrite_t how = { PSEC_CLIENT, "munge", NULL };
	pair_t p = pair_with(*state, PSEC_TOOL, "munge", "munge");

	p.duo.tap = rewrite;
	p.duo.arg = &how;
	duo_run(&p.duo);
	assert_int_equal(psec_handshake_state(p.duo.client.hs), PSEC_HS_INPUT);
	assert_int_equal(psec_handshake_state(p.duo.server.hs), PSEC_HS_INPUT);
	clear(&p);
}

/* The test above can tell: what is not rewritten passes. */
static void what_nobody_changed_is_accepted(void **state)
{
	rewrite_t how = { PSEC_TOOL, "munge,native", NULL };
	pair_t p = pair_with(*state, PSEC_TOOL, "munge,native", "munge,native");

	p.duo.tap = rewrite;
	p.duo.arg = &how;
	assert_agreed(&p, PSEC_TOOL, "munge");
}

static void a_tool_is_not_talked_into_what_it_did_not_offer(void **state)
{
	rewrite_t how = { PSEC_TOOL, "munge,none", "none" };
	pair_t p = pair_with(*state, PSEC_TOOL, "munge", "munge,none");

	p.duo.tap = rewrite;
	p.duo.arg = &how;
	duo_run(&p.duo);
	assert_refusal(&p.duo.client, &p.duo.server, PSEC_ERR_PROTOCOL,
		       "picked mechanism 'none', but this tool offered only "
		       "'munge'");
	clear(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			rfc0011_client_passes_the_name_of_its_highest_priority),
		cmocka_unit_test(
			rfc0011_server_selects_the_matching_plugin_of_a_client),
		cmocka_unit_test(the_site_decides_whatever_a_client_says),
		cmocka_unit_test(
			rfc0011_legacy_names_no_plugin_and_the_server_takes_its_default),
		cmocka_unit_test(
			the_default_for_legacy_is_the_best_that_is_allowed),
		cmocka_unit_test(
			rfc0011_legacy_of_a_different_protocol_returns_an_error),
		cmocka_unit_test(a_legacy_peer_of_another_binding_is_told_so),
		cmocka_unit_test(a_legacy_peer_speaks_one_mechanism),
		cmocka_unit_test(
			a_default_that_cannot_be_loaded_refuses_legacy_alone),
		cmocka_unit_test(
			rfc0011_legacy_can_have_a_separate_rendezvous_point),
		cmocka_unit_test(
			rfc0011_tool_list_server_picks_the_highest_priority),
		cmocka_unit_test(
			rfc0011_tool_includes_its_list_of_available_plugins),
		cmocka_unit_test(
			rfc0011_tool_is_given_what_is_available_at_the_server),
		cmocka_unit_test(rfc0011_tool_without_a_match_returns_an_error),
		cmocka_unit_test(a_tool_is_told_what_the_server_could_not_load),
		cmocka_unit_test(a_tool_for_which_nothing_works_says_why),
		cmocka_unit_test(the_site_decides_whatever_a_tool_says),
		cmocka_unit_test(
			rfc0011_each_pairing_uses_what_it_uniquely_selects),
		cmocka_unit_test(nobody_in_between_can_change_the_choice),
		cmocka_unit_test(a_tool_made_a_client_of_gets_nowhere),
		cmocka_unit_test(what_nobody_changed_is_accepted),
		cmocka_unit_test(
			a_tool_is_not_talked_into_what_it_did_not_offer),
	};

	return cmocka_run_group_tests(tests, nodes_setup, nodes_teardown);
}
