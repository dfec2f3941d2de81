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
#include <string.h>

#include <sodium.h>

#include "deadline.h"
#include "fence.h"
#include "log.h"
#include "pmixd.h"

typedef struct {
	pmix_modex_cbfunc_t cbfunc;
	void *cbdata;
	deadline_t timeout; /* set where there is a PMIX_TIMEOUT */
	bool timed_out;
} fence_t;

/* Which ranks take part; NODES and ID follow from it. */
typedef struct {
	bool all;
	uint8_t *member; /* by rank, unless all */
	uint32_t *nodes; /* ascending */
	uint32_t nnodes;
	uint8_t id[COLL_ID_LEN];
} group_t;

static void group_free(group_t *g)
{
	free(g->member);
	free(g->nodes);
}

static pmix_status_t group_members(group_t *g, const pmix_proc_t procs[],
				   size_t nprocs)
{
	uint32_t ntasks = pmixd.layout.ntasks;

	g->member = calloc(ntasks, 1);
	if (!g->member)
		return PMIX_ERR_NOMEM;
	for (size_t i = 0; i < nprocs; i++) {
		if (!PMIX_CHECK_NSPACE(procs[i].nspace, pmixd.nspace))
			return PMIX_ERR_NOT_SUPPORTED;
		if (procs[i].rank == PMIX_RANK_WILDCARD)
			g->all = true;
		else if (procs[i].rank < ntasks)
			g->member[procs[i].rank] = 1;
		else
			return PMIX_ERR_BAD_PARAM;
	}
	if (!g->all)
		g->all = !memchr(g->member, 0, ntasks);
	return PMIX_SUCCESS;
}

static pmix_status_t group_nodes(group_t *g)
{
	const layout_t *l = &pmixd.layout;

	g->nodes = calloc((size_t)l->nnodes + 1, sizeof(*g->nodes));
	if (!g->nodes)
		return PMIX_ERR_NOMEM;
	for (uint32_t n = 0; n < l->nnodes; n++) {
		bool has = g->all && l->node_tasks[n];

		for (uint32_t i = 0; !has && i < l->node_tasks[n]; i++)
			has = g->member[l->node_ranks[n][i]];
		if (has)
			g->nodes[g->nnodes++] = n;
	}
	return PMIX_SUCCESS;
}

/* The same set gives the same bytes, however the caller wrote it. */
static void group_id(group_t *g)
{
	uint8_t id[COLL_ID_LEN] = { 0 };

	if (!g->all)
		crypto_generichash(id, sizeof(id), g->member,
				   pmixd.layout.ntasks, NULL, 0);
	memcpy(g->id, id, sizeof(g->id));
}

static pmix_status_t group_make(group_t *g, const pmix_proc_t procs[],
				size_t nprocs)
{
	pmix_status_t rc = group_members(g, procs, nprocs);

	if (rc == PMIX_SUCCESS)
		rc = group_nodes(g);
	if (rc == PMIX_SUCCESS)
		group_id(g);
	return rc;
}

/* Where a link is lost somebody notices, and says so; the rest is quiet. */
static void say_lost(uint32_t node)
{
	if (coll_is_lost(pmixd.coll, node))
		plog_error("a fence cannot complete: node %s is lost",
			   pmixd_node_name(node));
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

/* PMIX_TIMEOUT in seconds; 0: none. */
static pmix_status_t read_timeout(const pmix_info_t info[], size_t ninfo,
				  int *timeout_s)
{
	pmix_status_t rc = PMIX_SUCCESS;

	*timeout_s = 0;
	for (size_t i = 0; i < ninfo; i++)
		if (PMIX_CHECK_KEY(&info[i], PMIX_TIMEOUT))
			PMIX_VALUE_GET_NUMBER(rc, &info[i].value, *timeout_s,
					      int);
	return rc == PMIX_SUCCESS ? rc : PMIX_ERR_BAD_PARAM;
}

/* libpmix calls us also where a rank of this node ended before it joined. */
static bool all_joined(const pmix_info_t info[], size_t ninfo)
{
	for (size_t i = 0; i < ninfo; i++)
		if (PMIX_CHECK_KEY(&info[i], PMIX_LOCAL_COLLECTIVE_STATUS) &&
		    info[i].value.type == PMIX_STATUS)
			return info[i].value.data.status == PMIX_SUCCESS;
	return true;
}

/* Across nodes.  With the lock held. */
static void begin(fence_t *f, const group_t *group, bool joined,
		  const void *data, size_t len)
{
	if (joined) {
		coll_allgather(pmixd.coll, group->id, group->nodes,
			       group->nnodes, data, len, finish, f);
		return;
	}
	plog_info("a fence cannot complete: a rank of node %s has ended "
		  "before it joined",
		  pmixd_node_name(pmixd.conf.node));
	coll_refuse(pmixd.coll, group->id, group->nodes, group->nnodes, finish,
		    f);
}

pmix_status_t fence_upcall(const pmix_proc_t procs[], size_t nprocs,
			   const pmix_info_t info[], size_t ninfo, char *data,
			   size_t ndata, pmix_modex_cbfunc_t cbfunc,
			   void *cbdata)
{
	group_t group = { 0 };
	fence_t *f = calloc(1, sizeof(*f));
	pmix_status_t rc = f ? PMIX_SUCCESS : PMIX_ERR_NOMEM;
	bool joined = all_joined(info, ninfo);
	int timeout_s = 0;

	if (rc == PMIX_SUCCESS)
		rc = group_make(&group, procs, nprocs);
	if (rc == PMIX_SUCCESS)
		rc = read_timeout(info, ninfo, &timeout_s);
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
	begin(f, &group, joined, data, ndata);
	pthread_mutex_unlock(&pmixd.lock);
	f = NULL;
done:
	/* The bytes are ours; the engine has copied them. */
	free(data);
	free(f);
	group_free(&group);
	return rc;
}
