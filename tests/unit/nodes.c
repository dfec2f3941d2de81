/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nodes.c - two nodes of one cluster, and handshakes on them.
 */
#include <unistd.h>

#include "check.h"
#include "nodes.h"

psec_t *nodes_context(const munged_t *m, const char *mechs)
{
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = MECH_DIR,
			       .mechs = mechs,
			       .munge_socket = m ? munged_socket(m)
						 : "/nonexistent/munged" };
	psec_t *psec = NULL;
	psec_error_t err;

	assert_ok(psec_create(&psec, &opt, &err), &err);
	return psec;
}

int nodes_setup(void **state)
{
	static nodes_t w;
	munged_options_t opt = { .same_key = NULL };

	w.munged = munged_start(NULL);
	opt.same_key = w.munged;
	w.munged2 = munged_start(&opt);
	w.node = nodes_context(w.munged, "munge,native,none");
	w.node2 = nodes_context(w.munged2, "munge,native,none");
	*state = &w;
	return 0;
}

int nodes_teardown(void **state)
{
	nodes_t *w = *state;

	psec_destroy(w->node2);
	psec_destroy(w->node);
	munged_stop(w->munged2);
	munged_stop(w->munged);
	return 0;
}

psec_handshake_options_t nodes_options(psec_role_t role)
{
	psec_handshake_options_t opt = {
		.size = sizeof(opt),
		.role = role,
		.mechs = "munge",
		.binding = "job 7 step 0",
		.binding_len = 12,
		.expect_uid = geteuid(),
	};

	if (role != PSEC_SERVER) {
		opt.intro = "node 3";
		opt.intro_len = 6;
	}
	return opt;
}

psec_handshake_t *nodes_start(psec_t *psec, psec_handshake_options_t opt)
{
	psec_handshake_t *hs = NULL;
	psec_error_t err;

	assert_ok(psec_handshake_create(&hs, psec, &opt, &err), &err);
	return hs;
}

psec_peer_t nodes_peer(const psec_handshake_t *hs)
{
	psec_peer_t peer;
	psec_error_t err;

	assert_int_equal(psec_handshake_state(hs), PSEC_HS_DONE);
	assert_ok(psec_handshake_peer(hs, &peer, &err), &err);
	return peer;
}
