/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RFC0011's selection: every set of mechanisms that a client can have, with
 * every list that a server can give, over munge, native, none and a mechanism
 * of a third party (stub_mech.c, "high").
 *
 * What is expected comes from the RFC's words and from the table below, not
 * from libpsec.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "munged.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define N_MECHS	     4
#define N_SETS	     (1 << N_MECHS) /* a set: bit i is mechs[i] */

/* "munge 80, native 10, none only by name"; the third party's says 50. */
static const struct {
	const char *name;
	int priority, changed; /* the plugin's; and with CHANGED below */
} mechs[N_MECHS] = {
	{ "munge", 80, 80 },
	{ "high", 50, 3 },
	{ "native", 10, 90 },
	{ "none", 0, 85 },
};
#define CHANGED "native=90,none=85,high=3"

/*
 * "the client will select its active plugin by picking the highest priority
 * plugin whose name is contained in the list provided by the server": its
 * number in mechs, or -1.
 */
static int expected(unsigned client, unsigned server, bool changed)
{
	int best = -1, best_priority = -1, priority, i;

	for (i = 0; i < N_MECHS; i++) {
		priority = changed ? mechs[i].changed : mechs[i].priority;
		if (!(client & server & (1U << i)) || priority < best_priority)
			continue;
		best = i;
		best_priority = priority;
	}
	return best;
}

/* -- the world ---------------------------------------------------------- */

typedef struct {
	munged_t *munged;
	char dir[64]; /* links to all plugins */
	/* A context with each set, with the plugins' and with the changed
	   priorities. */
	psec_t *psec[N_SETS][2];
	char list[N_SETS][64];
} world_t;

static void link_plugin(const world_t *w, const char *from, const char *name,
			bool make)
{
	char target[512], path[128];

	(void)snprintf(target, sizeof(target), "%s/psec_%s.so", from, name);
	(void)snprintf(path, sizeof(path), "%s/psec_%s.so", w->dir, name);
	assert_int_equal(make ? symlink(target, path) : unlink(path), 0);
}

static void link_plugins(const world_t *w, bool make)
{
	link_plugin(w, MECH_DIR, "munge", make);
	link_plugin(w, MECH_DIR, "native", make);
	link_plugin(w, MECH_DIR, "none", make);
	link_plugin(w, STUB_DIR, "high", make);
}

static void write_list(unsigned set, char *list, size_t size)
{
	int i;

	list[0] = '\0';
	/* Backwards, so that the order cannot be what decides. */
	for (i = N_MECHS - 1; i >= 0; i--) {
		if (set & (1U << i))
			(void)snprintf(list + strlen(list), size - strlen(list),
				       "%s%s", list[0] ? "," : "",
				       mechs[i].name);
	}
}

static psec_t *context(const world_t *w, unsigned set, bool changed)
{
	psec_options_t opt = PSEC_OPTIONS_INIT;
	psec_t *psec = NULL;
	psec_error_t err;

	opt.plugin_dir = w->dir;
	opt.mechs = w->list[set];
	opt.munge_socket = munged_socket(w->munged);
	opt.priorities = changed ? CHANGED : NULL;
	assert_ok(psec_create(&psec, &opt, &err), &err);
	return psec;
}

static int setup(void **state)
{
	static world_t w = { .dir = "/tmp/psec-test-XXXXXX" };
	unsigned set;

	w.munged = munged_start(NULL);
	assert_non_null(mkdtemp(w.dir));
	link_plugins(&w, true);
	for (set = 0; set < N_SETS; set++) {
		write_list(set, w.list[set], sizeof(w.list[set]));
		w.psec[set][0] = context(&w, set, false);
		w.psec[set][1] = context(&w, set, true);
	}
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_t *w = *state;
	unsigned set;

	for (set = 0; set < N_SETS; set++) {
		psec_destroy(w->psec[set][0]);
		psec_destroy(w->psec[set][1]);
	}
	link_plugins(w, false);
	assert_int_equal(rmdir(w->dir), 0);
	munged_stop(w->munged);
	return 0;
}

/* -- handshakes --------------------------------------------------------- */

typedef struct {
	psec_t *psec;
	psec_role_t role;
	const char *list;
	int fd;
	psec_code_t rc;
	psec_error_t err;
	char mech[PSEC_NAME_MAX + 1]; /* that both agreed on */
} end_t;

static void *run_end(void *arg)
{
	psec_handshake_options_t opt = { .size = sizeof(opt),
					 .mechs = "",
					 .expect_uid = (uid_t)-1 };
	psec_handshake_t *hs = NULL;
	psec_peer_t peer;
	end_t *end = arg;

	opt.role = end->role;
	opt.mechs = end->list;
	end->rc = psec_handshake_create(&hs, end->psec, &opt, &end->err);
	if (!end->rc)
		end->rc = psec_handshake_run(hs, end->fd, 20000, &end->err);
	if (!end->rc)
		end->rc = psec_handshake_peer(hs, &peer, &end->err);
	if (!end->rc)
		(void)snprintf(end->mech, sizeof(end->mech), "%s", peer.mech);
	psec_handshake_destroy(hs);
	/* An end that cannot begin hangs up. */
	assert_int_equal(close(end->fd), 0);
	return NULL;
}

static void run(end_t *client, end_t *server)
{
	pthread_t thread;
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	client->role = PSEC_CLIENT;
	client->fd = fds[0];
	server->role = PSEC_SERVER;
	server->fd = fds[1];
	assert_int_equal(pthread_create(&thread, NULL, run_end, server), 0);
	(void)run_end(client);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* One cell of the matrix: CLIENT has its set, SERVER has and gives its own. */
static void check_cell(const world_t *w, unsigned client, unsigned server,
		       bool changed)
{
	end_t c = { .psec = w->psec[client][changed], .list = w->list[server] };
	end_t s = { .psec = w->psec[server][0], .list = w->list[server] };
	int want = expected(client, server, changed);

	run(&c, &s);
	if (want >= 0 &&
	    (c.rc || s.rc || strcmp(c.mech, mechs[want].name) != 0 ||
	     strcmp(s.mech, mechs[want].name) != 0))
		FAIL_MSG("client '%s', server '%s': client got '%s' (%s), "
			 "server '%s' (%s); should be %s",
			 w->list[client], w->list[server], c.mech,
			 c.rc ? c.err.text : "", s.mech, s.rc ? s.err.text : "",
			 mechs[want].name);
	if (want >= 0)
		return;
	if (!s.rc)
		FAIL_MSG("client '%s', server '%s': the server got '%s'",
			 w->list[client], w->list[server], s.mech);
	assert_refused(c.rc, &c.err, PSEC_ERR_NO_MECH,
		       "none of the mechanisms");
}

static void every_client_with_every_server(void **state)
{
	unsigned client, server;

	for (client = 0; client < N_SETS; client++) {
		for (server = 0; server < N_SETS; server++)
			check_cell(*state, client, server, false);
	}
}

static void every_client_with_other_priorities_with_every_server(void **state)
{
	unsigned client, server;

	for (client = 0; client < N_SETS; client++) {
		for (server = 0; server < N_SETS; server++)
			check_cell(*state, client, server, true);
	}
}

/*
 * A client that does not care what the server gave, and insists on its own
 * best: "the server selects the matching plugin to use with that client", or
 * refuses one that it does not allow.
 */
static void the_server_allows_only_what_is_on_its_list(void **state)
{
	const unsigned all = N_SETS - 1;
	const world_t *w = *state;
	unsigned client, server;
	int want;

	for (client = 1; client < N_SETS; client++) {
		for (server = 1; server < N_SETS; server++) {
			end_t c = { .psec = w->psec[client][0],
				    .list = w->list[client] };
			/* It has more than it allows. */
			end_t s = { .psec = w->psec[all][0],
				    .list = w->list[server] };

			want = expected(client, client, false);
			run(&c, &s);
			if (server & (1U << want)) {
				assert_ok(c.rc, &c.err);
				assert_ok(s.rc, &s.err);
				assert_string_equal(s.mech, mechs[want].name);
				continue;
			}
			assert_refused(s.rc, &s.err, PSEC_ERR_NO_MECH,
				       mechs[want].name);
			assert_refused(c.rc, &c.err, PSEC_ERR_NO_MECH,
				       "the server refused");
		}
	}
}

/* -- lists -------------------------------------------------------------- */

/* What psec_select() says for each cell, and both lists where it refuses. */
static void select_says_the_same_and_shows_both_lists(void **state)
{
	unsigned client, server, changed;
	const world_t *w = *state;
	const char *name;
	psec_error_t err;
	char words[256];
	psec_code_t rc;
	int want;

	for (client = 0; client < N_SETS; client++) {
		for (server = 0; server < N_SETS; server++) {
			for (changed = 0; changed < 2; changed++) {
				want = expected(client, server, changed);
				rc = psec_select(w->psec[client][changed],
						 w->list[server], &name, &err);
				if (want >= 0) {
					assert_ok(rc, &err);
					assert_string_equal(name,
							    mechs[want].name);
					continue;
				}
				(void)snprintf(words, sizeof(words),
					       "none of the mechanisms '%s' is "
					       "loaded here ('",
					       w->list[server]);
				assert_refused(rc, &err, PSEC_ERR_NO_MECH,
					       words);
			}
		}
	}
}

/* "containing the comma-delimited list of active PSEC plugins on the server",
   of those that the site allows. */
static void the_servers_list_is_what_it_has_and_the_site_allows(void **state)
{
	const world_t *w = *state;
	unsigned server, allowed, left, changed;
	char out[PSEC_LIST_MAX], want[PSEC_LIST_MAX];
	psec_error_t err;
	psec_code_t rc;
	int best;

	for (server = 0; server < N_SETS; server++) {
		for (allowed = 0; allowed < N_SETS; allowed++) {
			for (changed = 0; changed < 2; changed++) {
				want[0] = '\0';
				left = server & allowed;
				while (left) {
					best = expected(left, left, changed);
					left &= ~(1U << best);
					(void)snprintf(want + strlen(want), 32,
						       "%s%s",
						       want[0] ? "," : "",
						       mechs[best].name);
				}
				rc = psec_server_list(w->psec[server][changed],
						      w->list[allowed], out,
						      sizeof(out), &err);
				if (want[0]) {
					assert_ok(rc, &err);
					assert_string_equal(out, want);
				} else {
					assert_refused(rc, &err,
						       PSEC_ERR_NO_MECH,
						       "works here");
				}
			}
		}
	}
}

/* Lists that nobody should write, but somebody will. */
static void odd_lists_mean_what_is_documented(void **state)
{
	static const struct {
		const char *list, *want; /* NULL: nothing in common */
	} table[] = {
		{ "none", "none" },
		{ " none , native ", "native" },
		{ "\tnone\t,\tnative\t", "native" },
		{ ",,native,,", "native" },
		{ "native,native,native", "native" },
		{ "kerberos,native,gss", "native" },
		{ "Munge,native", "native" },
		{ "mung,munges,unge,native", "native" },
		{ "nonesuch,none-1", NULL },
		{ "native none", NULL },
		{ "native;none", NULL },
		{ "\"native\"", NULL },
		{ "*", NULL },
		{ "^munge", NULL },
		{ ",", NULL },
		{ " ", NULL },
		{ "", NULL },
	};
	const world_t *w = *state;
	const char *name;
	psec_error_t err;
	psec_code_t rc;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		rc = psec_select(w->psec[N_SETS - 1][0], table[i].list, &name,
				 &err);
		if (table[i].want) {
			assert_ok(rc, &err);
			assert_string_equal(name, table[i].want);
		} else {
			assert_refused(rc, &err, PSEC_ERR_NO_MECH,
				       "is loaded here ('munge,high,native,"
				       "none')");
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_client_with_every_server),
		cmocka_unit_test(
			every_client_with_other_priorities_with_every_server),
		cmocka_unit_test(the_server_allows_only_what_is_on_its_list),
		cmocka_unit_test(select_says_the_same_and_shows_both_lists),
		cmocka_unit_test(
			the_servers_list_is_what_it_has_and_the_site_allows),
		cmocka_unit_test(odd_lists_mean_what_is_documented),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
