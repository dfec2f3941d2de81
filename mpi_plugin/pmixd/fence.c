/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fence.c - see fence.h.
 *
 * libpmix has gathered this node's participants and calls once for them all;
 * what is left is an allgather over the nodes that have participants.  Nodes
 * agree on its name because each derives it from the same set of ranks.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "deadline.h"
#include "fence.h"
#include "log.h"
#include "pmixd.h"
#include "procset.h"

typedef struct {
	pmix_modex_cbfunc_t cbfunc;
	void *cbdata;
	deadline_t timeout; /* set where there is a PMIX_TIMEOUT */
	bool timed_out;
} fence_t;

/* Where a link is lost somebody notices, and says so; the rest is quiet. */
static void say_lost(uint32_t node)
{
	if (coll_is_lost(pmixd.coll, node))
		plog_error("a fence cannot complete: node %s is lost: %s",
			   pmixd_node_name(node),
			   links_why_lost(pmixd.links, node));
	else if (node != UINT32_MAX)
		plog_info("a fence cannot complete: node %s has given up",
			  pmixd_node_name(node));
}

static void finish(void *arg, coll_status_t status, uint32_t lost_node,
		   char *data, size_t len)
{
	fence_t *f = arg;
	pmix_status_t rc = PMIX_SUCCESS;

	if (f->timed_out && status != COLL_OK) {
		rc = PMIX_ERR_TIMEOUT;
	} else if (status == COLL_LOST) {
		rc = PMIX_ERR_LOST_CONNECTION;
		say_lost(lost_node);
	} else if (status != COLL_OK) {
		rc = PMIX_ERR_NOMEM;
	}
	/* libpmix frees DATA through the release function when it is done. */
	f->cbfunc(rc, data, len, f->cbdata, free, data);
	deadline_clear(&f->timeout);
	free(f);
}

static void timed_out(deadline_t *d)
{
	fence_t *f = deadline_owner(d, fence_t, timeout);

	f->timed_out = true;
	plog_info("a fence did not complete within its PMIX_TIMEOUT");
	coll_cancel(pmixd.coll, f);
}

/* Across nodes.  With the lock held. */
static void begin(fence_t *f, const procset_t *set, bool joined,
		  const void *data, size_t len)
{
	uint8_t id[COLL_ID_LEN];

	procset_digest(set, id, sizeof(id));
	if (joined) {
		coll_allgather(pmixd.coll, id, set->nodes, set->nnodes, data,
			       len, finish, f);
		return;
	}
	plog_info("a fence cannot complete: a rank of node %s has ended "
		  "before it joined",
		  pmixd_node_name(pmixd.conf.node));
	coll_refuse(pmixd.coll, id, set->nodes, set->nnodes, finish, f);
}

pmix_status_t fence_upcall(const pmix_proc_t procs[], size_t nprocs,
			   const pmix_info_t info[], size_t ninfo, char *data,
			   size_t ndata, pmix_modex_cbfunc_t cbfunc,
			   void *cbdata)
{
	procset_t set = { 0 };
	fence_t *f = calloc(1, sizeof(*f));
	pmix_status_t rc = f ? PMIX_SUCCESS : PMIX_ERR_NOMEM;
	bool joined = directive_all_joined(info, ninfo);
	int timeout_s = 0;

	if (rc == PMIX_SUCCESS)
		rc = procset_make(&set, procs, nprocs);
	if (rc == PMIX_SUCCESS)
		rc = directive_timeout(info, ninfo, &timeout_s);
	if (rc != PMIX_SUCCESS)
		goto done;
	if (!pmixd.coll) {
		/* One node: what libpmix has is all there is. */
		cbfunc(joined ? PMIX_SUCCESS : PMIX_ERR_LOST_CONNECTION, data,
		       ndata, cbdata, free, data);
		data = NULL;
		goto done;
	}
	f->cbfunc = cbfunc;
	f->cbdata = cbdata;
	pthread_mutex_lock(&pmixd.lock);
	if (timeout_s > 0)
		deadline_set(&f->timeout, timeout_s * 1000LL, timed_out);
	begin(f, &set, joined, data, ndata);
	pthread_mutex_unlock(&pmixd.lock);
	f = NULL;
done:
	/* The bytes are ours; the engine has copied them. */
	free(data);
	free(f);
	procset_free(&set);
	return rc;
}
