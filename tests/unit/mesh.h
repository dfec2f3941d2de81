/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mesh.h - the links of several nodes of one step in one process: each node
 * has its event loop's thread, lock, workers, libpsec context and unix
 * socket, as psec-pmixd has; they talk TCP over this machine's addresses and
 * authenticate with a munged of the test's own.
 *
 * slurm_forward_data() is replaced, when the test is linked, by a double that
 * does what slurmd does: the real one needs a running slurmd, and the bats
 * tests use it.  plog() is replaced too, so that sentences can be looked for.
 *
 * What goes wrong in here fails the test.
 */
#ifndef TEST_MESH_H
#define TEST_MESH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coll.h"
#include "link.h"

#define MESH_MAX  8
#define MESH_JOB  4711
#define MESH_STEP 3

typedef struct mesh mesh_t;

typedef struct {
	const char *munge_sockets[MESH_MAX]; /* NULL: as node 0's */
	int timeout_ms;			     /* 0: 10 s */
	uint16_t port_min, port_max;
	bool apart; /* see link.h */
	/* Called for each node before its loop runs, with its lock held. */
	void (*on_start)(void *arg, uint32_t i, links_t *links);
	void *arg;
} mesh_options_t;

/* Prepare N nodes; none has links yet. */
mesh_t *mesh_open(uint32_t n, const mesh_options_t *opt);
/* Stop those that run and free all. */
void mesh_close(mesh_t *m);

/* Give node I its links.  NULL: links_create() failed. */
links_t *mesh_start(mesh_t *m, uint32_t i);
void mesh_start_all(mesh_t *m);
/* Orderly: good-bye, links_destroy(). */
void mesh_stop(mesh_t *m, uint32_t i);

/* With node I's lock held: for calls of link.h and coll.h. */
pthread_mutex_t *mesh_mutex(mesh_t *m, uint32_t i);
void mesh_lock(mesh_t *m, uint32_t i);
void mesh_unlock(mesh_t *m, uint32_t i);
links_t *mesh_links(mesh_t *m, uint32_t i);
coll_t *mesh_coll(mesh_t *m, uint32_t i);

int mesh_send(mesh_t *m, uint32_t from, uint32_t to, const void *msg,
	      size_t len);

typedef struct {
	uint32_t from;
	size_t len;
	uint8_t *msg; /* valid until mesh_close() */
} mesh_msg_t;

/* Wait until node I has received message number K (from 0). */
mesh_msg_t mesh_await(mesh_t *m, uint32_t i, size_t k);
/* How many it has received so far. */
size_t mesh_received(mesh_t *m, uint32_t i);

typedef struct {
	int times; /* how often the handler was called for that node */
	int orderly;
	char why[512];
} mesh_lost_t;

/* Wait until node I has lost node WHOM. */
mesh_lost_t mesh_await_lost(mesh_t *m, uint32_t i, uint32_t whom);
mesh_lost_t mesh_lost(mesh_t *m, uint32_t i, uint32_t whom);

/* Wait until node I has been told for the Kth time (from 1) whether node WHOM
 * can be reached; returns what it was told last. */
bool mesh_await_settled(mesh_t *m, uint32_t i, uint32_t whom, int k);

/* The port at which node I listens; it must have invited somebody. */
uint16_t mesh_port(mesh_t *m, uint32_t i);
/* The path of node I's unix socket, valid until mesh_close(). */
const char *mesh_wire(mesh_t *m, uint32_t i);

/* Calls of slurm_forward_data() so far. */
unsigned mesh_forwards(void);
/* From now on invitations name 127.0.0.1 and PORT; 0: the true ones. */
void mesh_redirect(uint16_t port);

/* The resolver, a double too, knows nothing, and takes MS to say so. */
void mesh_slow_resolver(unsigned ms);

/* How many lines with WORDS in them were logged since mesh_open(). */
unsigned mesh_logged(const char *words);
/* Wait for one. */
void mesh_await_log(const char *words);

/* Milliseconds that only grow. */
int64_t mesh_now_ms(void);

#endif
