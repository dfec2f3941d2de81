/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmixd.h - the one process context of psec-pmixd.  PMIx gives its host no
 * user pointer, so there must be one.
 *
 * Threads: the main thread starts everything and then listens to slurmstepd;
 * the loop thread runs libevent; libpmix calls us on its progress thread;
 * workers make calls that block.  `lock` guards whatever changes after the
 * start: links, collectives, pending requests.  Of libpmix, only what merely
 * queues (answer callbacks, PMIx_server_dmodex_request) is called with it
 * held: its progress thread may be waiting for the lock in an upcall.
 */
#ifndef PMIXD_H
#define PMIXD_H

#include <pthread.h>
#include <stdbool.h>

#include <pmix_server.h>

#include "coll.h"
#include "layout.h"
#include "link.h"
#include "psec.h"
#include "step_key.h"
#include "stepconf.h"
#include "workers.h"

struct event_base;

/* A step's namespace is this and JOB.STEP, as with all of Slurm's plugins. */
#define NSPACE_PREFIX "slurm.pmix."

typedef struct {
	stepconf_t conf; /* constant after the start, like layout, nspace */
	layout_t layout;
	pmix_nspace_t nspace;
	pmix_proc_t parent; /* who spawned the step; nspace "": nobody */
	struct event_base *base;
	psec_t *psec;
	step_key_t *key;	 /* NULL for a step without native */
	workers_t *link_workers; /* handshakes and invitations */
	workers_t *cred_workers; /* credentials: one must not wait for other */

	pthread_mutex_t lock;
	links_t *links; /* NULL for a step of one node */
	coll_t *coll;	/* likewise */
} pmixd_t;

extern pmixd_t pmixd;

/* "rank R (node N)" etc. in sentences: the node's name of a valid rank. */
static inline const char *pmixd_node_name(uint32_t node)
{
	return node < pmixd.layout.nnodes ? pmixd.layout.node_names[node] : "?";
}

/*
 * A rank's place among the tasks of this node; conf.nlocal: it is no task of
 * this node.
 */
static inline uint32_t pmixd_local_of_rank(uint32_t rank)
{
	if (rank < pmixd.layout.ntasks &&
	    pmixd.layout.node_of[rank] == pmixd.conf.node)
		return pmixd.layout.local_of[rank];
	return pmixd.conf.nlocal;
}

/* Likewise of PROC, which may also be a tool, or of another step. */
static inline uint32_t pmixd_local_of(const pmix_proc_t *proc)
{
	return PMIX_CHECK_NSPACE(proc->nspace, pmixd.nspace)
		       ? pmixd_local_of_rank(proc->rank)
		       : pmixd.conf.nlocal;
}

#endif
