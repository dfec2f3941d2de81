/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wireup.h - sending and receiving invitations through slurmd.
 *
 * All functions are called with the server's lock held; so are the
 * callbacks, in the event loop.
 */
#ifndef PMIXD_WIREUP_H
#define PMIXD_WIREUP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "invitation.h"
#include "jobs.h"

struct event_base;

typedef struct wireup wireup_t;

typedef struct {
	struct event_base *base;
	pthread_mutex_t *lock;
	jobs_t *jobs;
	int fd;		  /* listening unix socket, non-blocking */
	const char *path; /* its path on every node, as slurmd expands it */
	const char *const *paths; /* by node, instead of that; or NULL */
	uid_t uid;
	uint32_t job_id;
	uint32_t step_id;
	uint32_t node; /* own */
	uint32_t nnodes;
	const char *const *node_names;
	uint16_t port; /* where this node listens */
	/* wireup_invite() works from now on; not from wireup_create(). */
	void (*ready)(void *arg);
	/* A valid invitation of another node of this step. */
	void (*received)(void *arg, const invitation_t *inv);
	/* FAILURE is NULL, or says why NODE could not be told. */
	void (*sent)(void *arg, uint32_t node, const char *failure);
	void *arg;
} wireup_config_t;

/*
 * CFG's strings and arrays must live as long as the result.  NULL: no memory.
 * Asks the resolver, on a worker thread, for this node's addresses; if that
 * has no answer in WIREUP_RESOLVE_MS, invitations go out without it.
 */
#define WIREUP_RESOLVE_MS 50
wireup_t *wireup_create(const wireup_config_t *cfg);
/* Does not close the socket.  From the loop's thread or after the loop. */
void wireup_destroy(wireup_t *w);

bool wireup_ready(const wireup_t *w);

/*
 * Invite N nodes, whose sockets have the same path, with one call of
 * slurm_forward_data() on a worker thread;
 * SENT is called for each of them once.  0, or -1: not now (no memory, or the
 * workers' queue is full), and SENT is not called.  Not before ready().
 */
int wireup_invite(wireup_t *w, const uint32_t *nodes, size_t n);

#endif
