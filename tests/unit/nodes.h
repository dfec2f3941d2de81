/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nodes.h - two nodes of one cluster, and handshakes on them.
 *
 * Each node is a munged of the test's own, with the same key, and a context
 * over it.  A proof that one end made on one node has not been seen on the
 * other, as in life.
 */
#ifndef TEST_NODES_H
#define TEST_NODES_H

#include "munged.h"
#include "psec.h"

typedef struct {
	munged_t *munged, *munged2;
	psec_t *node, *node2; /* with munge, native and none */
} nodes_t;

/* cmocka's group set-up and tear-down; *STATE is a nodes_t. */
int nodes_setup(void **state);
int nodes_teardown(void **state);

/* A context over M with MECHS; M NULL: over a munged that is not there. */
psec_t *nodes_context(const munged_t *m, const char *mechs);

/*
 * Options of ROLE with "munge", a binding, an intro where the role may have
 * one, and our own uid expected.
 */
psec_handshake_options_t nodes_options(psec_role_t role);

/* One end of a handshake; the test fails where it cannot be made. */
psec_handshake_t *nodes_start(psec_t *psec, psec_handshake_options_t opt);

/* What HS, which is done, has found out. */
psec_peer_t nodes_peer(const psec_handshake_t *hs);

#endif
