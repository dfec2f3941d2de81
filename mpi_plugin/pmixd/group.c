/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * group.c - see group.h.
 *
 * Both operations are an allgather over the nodes that have members, like a
 * fence.  A node's contribution: a context id that it would give (8 bytes),
 * the length of what its libpmix has gathered (4 bytes), and that.  The id
 * of the first node is taken: so all agree without another round.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "bytes.h"
#include "deadline.h"
#include "group.h"
#include "infolist.h"
#include "log.h"
#include "pmixd.h"
#include "procset.h"

#define HEAD_LEN 12

/*
 * libpmix up to 4.2 has a timer of its own for PMIX_TIMEOUT, whose handler
 * takes one object for another; so we answer before it goes off.
 */
#define TIMEOUT_EARLIER_MS 100

typedef struct {
	pmix_group_operation_t op;
	char *name;
	pmix_proc_t *procs; /* as the callers named them */
	size_t nprocs;
	procset_t set;
	bool want_id, joined;
	pmix_byte_object_t own; /* this node's contribution */
	int timeout_s;
	pmix_info_cbfunc_t cbfunc;
	void *cbdata;
	deadline_t timeout;
	bool timed_out;
	pmix_data_array_t answer;
} group_t;

/* Context ids that this node has given.  Guarded by pmixd.lock. */
static uint64_t ids_given;

static void group_free(void *arg)
{
	group_t *g = arg;

	if (!g)
		return;
	procset_free(&g->set);
	if (g->answer.array)
		PMIX_DATA_ARRAY_DESTRUCT(&g->answer);
	free(g->own.bytes);
	free(g->procs);
	free(g->name);
	free(g);
}

static bool is_construct(const group_t *g)
{
	return g->op == PMIX_GROUP_CONSTRUCT;
}

static const char *op_name(const group_t *g)
{
	return is_construct(g) ? "construct" : "destruct";
}

/* -- the answer ---------------------------------------------------------- */

/* With or without the lock: libpmix only queues it. */
static void answer(group_t *g, pmix_status_t rc)
{
	g->cbfunc(rc, g->answer.array, g->answer.size, g->cbdata, group_free,
		  g);
}

static pmix_status_t add_members(infolist_t *l, const group_t *g)
{
	pmix_data_array_t procs;

	PMIX_DATA_ARRAY_CONSTRUCT(&procs, g->nprocs, PMIX_PROC);
	if (!procs.array)
		return PMIX_ERR_NOMEM;
	memcpy(procs.array, g->procs, g->nprocs * sizeof(*g->procs));
	infolist_add(l, PMIX_GROUP_MEMBERSHIP, &procs, PMIX_DATA_ARRAY);
	PMIX_DATA_ARRAY_DESTRUCT(&procs);
	return PMIX_SUCCESS;
}

static pmix_status_t make_answer(group_t *g, uint64_t id,
				 pmix_byte_object_t *data)
{
	infolist_t l = infolist_new();
	size_t context = id;

	l.rc = add_members(&l, g);
	if (g->want_id)
		infolist_add(&l, PMIX_GROUP_CONTEXT_ID, &context, PMIX_SIZE);
	if (data->size)
		infolist_add(&l, PMIX_GROUP_ENDPT_DATA, data, PMIX_BYTE_OBJECT);
	return infolist_take(&l, &g->answer);
}

/*
 * Take the contributions of all nodes apart, and put what their libpmixes
 * have gathered together at the beginning of DATA.
 */
static pmix_status_t read_all(const group_t *g, char *data, size_t len,
			      uint64_t *id, pmix_byte_object_t *gathered)
{
	size_t at = 0;

	gathered->bytes = data;
	gathered->size = 0;
	for (uint32_t i = 0; i < g->set.nnodes; i++) {
		const uint8_t *head = (const uint8_t *)data + at;
		uint32_t size;

		if (len - at < HEAD_LEN)
			return PMIX_ERR_UNPACK_FAILURE;
		if (i == 0)
			*id = (uint64_t)get_u32(head) << 32 | get_u32(head + 4);
		size = get_u32(head + 8);
		at += HEAD_LEN;
		if (len - at < size)
			return PMIX_ERR_UNPACK_FAILURE;
		memmove(data + gathered->size, data + at, size);
		gathered->size += size;
		at += size;
	}
	return at == len ? PMIX_SUCCESS : PMIX_ERR_UNPACK_FAILURE;
}

static void say_lost(const group_t *g, uint32_t node)
{
	if (node == UINT32_MAX)
		plog_info("the %s of group '%s' cannot complete: a rank of "
			  "node %s has ended before it joined",
			  op_name(g), g->name,
			  pmixd_node_name(pmixd.conf.node));
	else if (coll_is_lost(pmixd.coll, node))
		plog_error("the %s of group '%s' cannot complete: node %s is "
			   "lost: %s",
			   op_name(g), g->name, pmixd_node_name(node),
			   links_why_lost(pmixd.links, node));
	else
		plog_info("the %s of group '%s' cannot complete: node %s has "
			  "given up",
			  op_name(g), g->name, pmixd_node_name(node));
}

static pmix_status_t failure(const group_t *g, coll_status_t status,
			     uint32_t lost_node)
{
	if (g->timed_out)
		return PMIX_ERR_TIMEOUT;
	if (status != COLL_LOST)
		return PMIX_ERR_NOMEM;
	say_lost(g, lost_node);
	return PMIX_ERR_LOST_CONNECTION;
}

static void finish(void *arg, coll_status_t status, uint32_t lost_node,
		   char *data, size_t len)
{
	group_t *g = arg;
	pmix_byte_object_t gathered;
	pmix_status_t rc = PMIX_SUCCESS;
	uint64_t id = 0;

	deadline_clear(&g->timeout);
	if (status != COLL_OK)
		rc = failure(g, status, lost_node);
	else if (is_construct(g))
		rc = read_all(g, data, len, &id, &gathered);
	if (rc == PMIX_SUCCESS && is_construct(g))
		rc = make_answer(g, id, &gathered);
	free(data);
	answer(g, rc);
}

/* -- the request --------------------------------------------------------- */

static void read_directive(group_t *g, const pmix_info_t *info, bool *here,
			   const pmix_byte_object_t **data)
{
	if (PMIX_CHECK_KEY(info, PMIX_GROUP_ASSIGN_CONTEXT_ID))
		g->want_id = PMIX_INFO_TRUE(info);
	else if (PMIX_CHECK_KEY(info, PMIX_GROUP_LOCAL_ONLY))
		*here = PMIX_INFO_TRUE(info);
	else if (PMIX_CHECK_KEY(info, PMIX_GROUP_ENDPT_DATA) &&
		 info->value.type == PMIX_BYTE_OBJECT)
		*data = &info->value.data.bo;
}

/* An id that no node gives twice, nor any other node. */
static uint64_t next_id(void)
{
	return ids_given++ * pmixd.layout.nnodes + pmixd.conf.node + 1;
}

static pmix_status_t make_own(group_t *g, const pmix_byte_object_t *data)
{
	size_t len = data ? data->size : 0;
	uint64_t id = g->want_id ? next_id() : 0;
	uint8_t *p = malloc(HEAD_LEN + len);

	if (!p)
		return PMIX_ERR_NOMEM;
	put_u32(p, (uint32_t)(id >> 32));
	put_u32(p + 4, (uint32_t)id);
	put_u32(p + 8, (uint32_t)len);
	if (len)
		memcpy(p + HEAD_LEN, data->bytes, len);
	g->own.bytes = (char *)p;
	g->own.size = HEAD_LEN + len;
	return PMIX_SUCCESS;
}

/* With the lock held. */
static pmix_status_t read_request(group_t *g, const pmix_proc_t procs[],
				  size_t nprocs, const pmix_info_t info[],
				  size_t ninfo)
{
	const pmix_byte_object_t *data = NULL;
	bool here = false;
	pmix_status_t rc;

	rc = procset_make(&g->set, procs, nprocs);
	if (rc == PMIX_SUCCESS)
		rc = directive_timeout(info, ninfo, &g->timeout_s);
	if (rc != PMIX_SUCCESS)
		return rc;
	g->joined = directive_all_joined(info, ninfo);
	for (size_t i = 0; i < ninfo; i++)
		read_directive(g, &info[i], &here, &data);
	if (here) {
		g->set.nodes[0] = pmixd.conf.node;
		g->set.nnodes = 1;
	}
	return make_own(g, data);
}

static group_t *group_new(pmix_group_operation_t op, const char *name,
			  const pmix_proc_t procs[], size_t nprocs)
{
	group_t *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->op = op;
	g->name = strdup(name);
	g->procs = calloc(nprocs + 1, sizeof(*procs));
	if (!g->name || !g->procs) {
		group_free(g);
		return NULL;
	}
	memcpy(g->procs, procs, nprocs * sizeof(*procs));
	g->nprocs = nprocs;
	return g;
}

/* Groups of one name and of the same members meet, and no fence. */
static void group_id(const group_t *g, uint8_t id[COLL_ID_LEN])
{
	uint8_t set[COLL_ID_LEN];
	const uint8_t op = is_construct(g) ? 'c' : 'd';
	crypto_generichash_state hash;

	procset_digest(&g->set, set, sizeof(set));
	crypto_generichash_init(&hash, NULL, 0, COLL_ID_LEN);
	crypto_generichash_update(&hash, &op, sizeof(op));
	crypto_generichash_update(&hash, set, sizeof(set));
	crypto_generichash_update(&hash, (const uint8_t *)g->name,
				  strlen(g->name));
	crypto_generichash_final(&hash, id, COLL_ID_LEN);
}

static void timed_out(deadline_t *d)
{
	group_t *g = deadline_owner(d, group_t, timeout);

	g->timed_out = true;
	plog_info("the %s of group '%s' did not complete within its "
		  "PMIX_TIMEOUT",
		  op_name(g), g->name);
	coll_cancel(pmixd.coll, g);
}

/* With the lock held.  G may be gone after it. */
static void begin(group_t *g)
{
	uint8_t id[COLL_ID_LEN];
	char *alone;

	if (!pmixd.coll) {
		alone = g->own.bytes;
		g->own.bytes = NULL;
		finish(g, g->joined ? COLL_OK : COLL_LOST, UINT32_MAX, alone,
		       g->own.size);
		return;
	}
	group_id(g, id);
	if (g->timeout_s > 0)
		deadline_set(&g->timeout,
			     g->timeout_s * 1000LL - TIMEOUT_EARLIER_MS,
			     timed_out);
	if (g->joined)
		coll_allgather(pmixd.coll, id, g->set.nodes, g->set.nnodes,
			       g->own.bytes, g->own.size, finish, g);
	else
		coll_refuse(pmixd.coll, id, g->set.nodes, g->set.nnodes, finish,
			    g);
}

static bool is_local(const pmix_info_t info[], size_t ninfo)
{
	for (size_t i = 0; i < ninfo; i++)
		if (PMIX_CHECK_KEY(&info[i], PMIX_GROUP_LOCAL_ONLY))
			return PMIX_INFO_TRUE(&info[i]);
	return false;
}

pmix_status_t group_upcall(pmix_group_operation_t op, char *name,
			   const pmix_proc_t procs[], size_t nprocs,
			   const pmix_info_t directives[], size_t ndirs,
			   pmix_info_cbfunc_t cbfunc, void *cbdata)
{
	pmix_status_t rc;
	group_t *g;

	/*
	 * There is nothing to do.  libpmix 5.0 goes on to call us a second
	 * time, and to free what it waits with twice, unless told so at once.
	 */
	if (op == PMIX_GROUP_DESTRUCT && is_local(directives, ndirs))
		return PMIX_OPERATION_SUCCEEDED;
	g = group_new(op, name, procs, nprocs);
	if (!g) {
		cbfunc(PMIX_ERR_NOMEM, NULL, 0, cbdata, NULL, NULL);
		return PMIX_SUCCESS;
	}
	g->cbfunc = cbfunc;
	g->cbdata = cbdata;
	pthread_mutex_lock(&pmixd.lock);
	rc = read_request(g, procs, nprocs, directives, ndirs);
	if (rc == PMIX_SUCCESS) {
		begin(g);
	} else {
		plog_info("the %s of group '%s' is refused: %s", op_name(g),
			  g->name, PMIx_Error_string(rc));
		answer(g, rc);
	}
	pthread_mutex_unlock(&pmixd.lock);
	return PMIX_SUCCESS;
}
