/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * connect.c - see connect.h.
 *
 * Three roles, of which a server can have all: a member has local ranks that
 * take part; a head gathers its step's members; the head of the lowest step
 * unites the steps.  Who joins the same again has been told the end before,
 * so there are no numbers of repetitions.
 *
 *	member ──JOIN──> head ──UNITE──> lowest head
 *	member <──END─── head <──DONE─── lowest head
 */
#include "connect.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "assembly.h"
#include "bytes.h"
#include "deadline.h"
#include "ends.h"
#include "fence.h"
#include "log.h"
#include "nspaces.h"
#include "peers.h"
#include "pmixd.h"
#include "procset.h"
#include "progress.h"

#define SIG_LEN	  ASSEMBLY_SIG_LEN
#define STEPS_MAX ASSEMBLY_STEPS_MAX
#define EARLY_MS  100 /* ahead of libpmix's own timer */
#define HEAD_LEN  (16 + SIG_LEN + 4)

/* Messages: u32 kind, op, status; u32 number of the step's members (JOIN);
 * signature; u32 number of steps; u32 step ...; then data. */
enum {
	KIND_JOIN = 1,
	KIND_UNITE = 2,
	KIND_DONE = 3,
	KIND_END = 4,
	KIND_PROBE = 5, /* so that a loss is noticed */
};
enum { OP_CONNECT = 1, OP_DISCONNECT = 2, OP_FENCE = 3 };

/* Which operation: the same on all nodes. */
typedef struct {
	uint32_t op;
	uint8_t sig[SIG_LEN];
	uint32_t nsteps;
	uint32_t steps[STEPS_MAX]; /* ascending */
} name_t;

/* A message as it came, or goes. */
typedef struct {
	uint32_t kind, op, count;
	pmix_status_t status;
	name_t name;
	const uint8_t *data;
	size_t len;
} msg_t;

/* A member's. */
typedef struct member {
	progress_call_t call;
	struct member *next;
	name_t name;
	pmix_op_cbfunc_t opfn;	     /* connect, disconnect */
	pmix_modex_cbfunc_t modexfn; /* fence */
	void *cbdata;
	deadline_t timeout;
	bool over;	/* not in the list any more */
	bool *locals;	/* of a connect: the local tasks that take part */
	uint32_t needs; /* namespaces that are not known yet */
	pmix_status_t status;
	char *data;
	size_t len;
} member_t;

/* A head's, of its members; or the lowest head's, of the heads. */
typedef struct gather {
	struct gather *next;
	name_t name;
	bool heads; /* of heads */
	uint32_t expected, came;
	bool united; /* the lowest head has been told */
	bool ended;  /* it has failed, and those that come are told so */
	pmix_status_t status;
	uint32_t *members; /* who came: nodes, or steps */
	char *data;
	size_t len;
} gather_t;

/* Guarded by pmixd.lock. */
static member_t *members;
static gather_t *gathers;

static bool same(const name_t *a, const name_t *b)
{
	return a->op == b->op && !memcmp(a->sig, b->sig, SIG_LEN);
}

static bool has_step(const name_t *name, uint32_t step)
{
	for (uint32_t i = 0; i < name->nsteps; i++)
		if (name->steps[i] == step)
			return true;
	return false;
}

/* -- messages ------------------------------------------------------------ */

static int send_msg(peers_addr_t to, uint32_t kind, const name_t *name,
		    uint32_t count, pmix_status_t status, const void *data,
		    size_t len)
{
	uint8_t head[HEAD_LEN + STEPS_MAX * 4];
	const struct iovec iov[] = {
		{ head, HEAD_LEN + (size_t)name->nsteps * 4 },
		{ (void *)(uintptr_t)data, len },
	};

	put_u32(head, kind);
	put_u32(head + 4, name->op);
	put_u32(head + 8, (uint32_t)status);
	put_u32(head + 12, count);
	memcpy(head + 16, name->sig, SIG_LEN);
	put_u32(head + 16 + SIG_LEN, name->nsteps);
	for (uint32_t i = 0; i < name->nsteps; i++)
		put_u32(head + HEAD_LEN + (size_t)i * 4, name->steps[i]);
	return peers_send(to, PEERS_CONNECT, iov, 2);
}

static bool get_msg(msg_t *m, const uint8_t *p, size_t len)
{
	if (len < HEAD_LEN)
		return false;
	m->kind = get_u32(p);
	m->name.op = get_u32(p + 4);
	m->status = (pmix_status_t)get_u32(p + 8);
	m->count = get_u32(p + 12);
	memcpy(m->name.sig, p + 16, SIG_LEN);
	m->name.nsteps = get_u32(p + 16 + SIG_LEN);
	p += HEAD_LEN;
	len -= HEAD_LEN;
	if (m->name.nsteps == 0 || m->name.nsteps > STEPS_MAX ||
	    len / 4 < m->name.nsteps)
		return false;
	for (uint32_t i = 0; i < m->name.nsteps; i++)
		m->name.steps[i] = get_u32(p + (size_t)i * 4);
	m->data = p + (size_t)m->name.nsteps * 4;
	m->len = len - (size_t)m->name.nsteps * 4;
	return true;
}

/* -- member -------------------------------------------------------------- */

static member_t *find_member(const name_t *name)
{
	member_t *m = members;

	while (m && !same(&m->name, name))
		m = m->next;
	return m;
}

static void answer(progress_call_t *call)
{
	member_t *m = (member_t *)call;

	if (m->opfn)
		m->opfn(m->status, m->cbdata);
	else
		m->modexfn(m->status, m->data, m->len, m->cbdata, free,
			   m->data);
	free(m->locals);
	free(m);
}

/* It is answered once, on libpmix's thread. */
static void member_answer(member_t *m, pmix_status_t status)
{
	deadline_clear(&m->timeout);
	m->status = status;
	progress_post(&m->call, answer);
}

static void member_remove(member_t *m)
{
	for (member_t **p = &members; *p; p = &(*p)->next)
		if (*p == m) {
			*p = m->next;
			break;
		}
	m->over = true;
}

static void member_known(void *arg, bool ok)
{
	member_t *m = arg;

	if (!ok)
		m->status = PMIX_ERR_UNREACH;
	if (--m->needs == 0)
		member_answer(m, m->status);
}

/* All have connected: know the others before the clients ask. */
static void member_learn(member_t *m)
{
	const name_t *name = &m->name;
	/* Counted before the first can come back. */
	uint32_t n = name->nsteps;

	assembly_connected(name->sig, name->steps, n, m->locals);
	m->locals = NULL;
	m->needs = n + 1;
	for (uint32_t i = 0; i < n; i++)
		nspaces_need(name->steps[i], member_known, m);
	member_known(m, true);
}

/* Who has said that he leaves is not missed, also where others do not come. */
static void member_part(member_t *m)
{
	assembly_disconnected(m->name.sig);
	member_answer(m, m->status);
}

static void member_end(member_t *m, pmix_status_t status, const void *data,
		       size_t len)
{
	member_remove(m);
	m->status = status;
	if (status == PMIX_SUCCESS && len && m->modexfn) {
		m->data = malloc(len);
		if (m->data)
			memcpy(m->data, data, len);
		m->len = m->data ? len : 0;
		if (!m->data)
			m->status = PMIX_ERR_NOMEM;
	}
	/* From here on it ends in the time that nspaces_need() takes. */
	deadline_clear(&m->timeout);
	if (m->name.op == OP_CONNECT && m->status == PMIX_SUCCESS)
		member_learn(m);
	else if (m->name.op == OP_DISCONNECT)
		member_part(m);
	else
		member_answer(m, m->status);
}

/* -- gathering ----------------------------------------------------------- */

static gather_t *find_gather(const name_t *name, bool heads)
{
	gather_t *g = gathers;

	while (g && !(g->heads == heads && same(&g->name, name)))
		g = g->next;
	return g;
}

static void gather_free(gather_t *g)
{
	for (gather_t **p = &gathers; *p; p = &(*p)->next)
		if (*p == g) {
			*p = g->next;
			break;
		}
	free(g->members);
	free(g->data);
	free(g);
}

static gather_t *gather_get(const name_t *name, bool heads, uint32_t expected)
{
	gather_t *g = find_gather(name, heads);

	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->members = calloc(heads ? name->nsteps : pmixd.conf.nnodes,
			    sizeof(uint32_t));
	if (!g->members) {
		free(g);
		return NULL;
	}
	g->name = *name;
	g->heads = heads;
	g->expected = expected;
	g->status = PMIX_SUCCESS;
	g->next = gathers;
	gathers = g;
	return g;
}

static bool has_come(const gather_t *g, uint32_t member)
{
	for (uint32_t i = 0; i < g->came; i++)
		if (g->members[i] == member)
			return true;
	return false;
}

static void add_data(gather_t *g, const void *data, size_t len)
{
	char *more;

	if (!len)
		return;
	more = realloc(g->data, g->len + len);
	if (!more) {
		g->status = PMIX_ERR_NOMEM;
		return;
	}
	memcpy(more + g->len, data, len);
	g->data = more;
	g->len += len;
}

/* The answer, to this step's members or to all steps' heads. */
static void gather_tell(const gather_t *g)
{
	const name_t *name = &g->name;
	uint32_t step = pmixd.conf.step_id;

	for (uint32_t i = 0; g->heads && i < name->nsteps; i++)
		(void)send_msg((peers_addr_t){ name->steps[i], 0 }, KIND_DONE,
			       name, 0, g->status, g->data, g->len);
	for (uint32_t i = 0; !g->heads && i < g->came; i++)
		(void)send_msg((peers_addr_t){ step, g->members[i] }, KIND_END,
			       name, 0, g->status, g->data, g->len);
}

/*
 * A head gives up: its members learn it, also those that come later; of these
 * it waits for all.  The lowest head tells all heads at once.
 */
static void gather_fail(gather_t *g, pmix_status_t status)
{
	if (g->ended)
		return;
	g->ended = true;
	g->status = status;
	g->len = 0;
	gather_tell(g);
	if (g->heads || g->came >= g->expected)
		gather_free(g);
}

/* Of this step's members, what they have goes to the lowest head. */
static void unite(gather_t *g)
{
	if (g->united)
		return;
	g->united = true;
	if (send_msg((peers_addr_t){ g->name.steps[0], 0 }, KIND_UNITE,
		     &g->name, 0, g->status, g->data, g->len) != 0) {
		/* One that has failed early has members still to come. */
		gather_fail(g, PMIX_ERR_UNREACH);
		return;
	}
	free(g->data);
	g->data = NULL;
	g->len = 0;
}

static void take_join(peers_addr_t from, const msg_t *m)
{
	gather_t *g;

	if (from.step != pmixd.conf.step_id || m->count > pmixd.conf.nnodes)
		return;
	g = gather_get(&m->name, false, m->count);
	if (!g)
		return;
	g->expected = m->count; /* one that failed early did not know it */
	if (g->came < pmixd.conf.nnodes)
		g->members[g->came++] = from.node;
	if (g->ended) {
		(void)send_msg(from, KIND_END, &g->name, 0, g->status, NULL, 0);
		if (g->came >= g->expected)
			gather_free(g);
		return;
	}
	if (m->status != PMIX_SUCCESS)
		g->status = m->status;
	add_data(g, m->data, m->len);
	if (g->came >= g->expected || g->status != PMIX_SUCCESS)
		unite(g);
}

/* One of our members has run out of time. */
static void take_giving_up(const msg_t *m)
{
	gather_t *g = find_gather(&m->name, false);

	if (!g || g->ended)
		return;
	g->status = m->status;
	unite(g);
}

/* A step that never joins may be one that is not there, or ends. */
static bool probe(const name_t *name)
{
	for (uint32_t i = 0; i < name->nsteps; i++)
		if (send_msg((peers_addr_t){ name->steps[i], 0 }, KIND_PROBE,
			     name, 0, PMIX_SUCCESS, NULL, 0) != 0)
			return false;
	return true;
}

static void take_unite(peers_addr_t from, const msg_t *m)
{
	bool first = !find_gather(&m->name, true);
	gather_t *g = gather_get(&m->name, true, m->name.nsteps);

	if (!g)
		return;
	if (first && m->status == PMIX_SUCCESS && !probe(&g->name)) {
		gather_fail(g, PMIX_ERR_UNREACH);
		return;
	}
	if (m->status != PMIX_SUCCESS) {
		gather_fail(g, m->status);
		return;
	}
	if (!has_step(&g->name, from.step) || has_come(g, from.step))
		return;
	add_data(g, m->data, m->len);
	g->members[g->came++] = from.step;
	if (g->came < g->expected)
		return;
	gather_tell(g);
	gather_free(g);
}

static void take_done(const msg_t *m)
{
	gather_t *g = gather_get(&m->name, false, UINT32_MAX);

	if (!g || g->ended)
		return;
	if (m->status != PMIX_SUCCESS) {
		gather_fail(g, m->status);
		return;
	}
	g->status = m->status;
	add_data(g, m->data, m->len);
	gather_tell(g);
	gather_free(g);
}

static void take_end(const msg_t *m)
{
	member_t *member = find_member(&m->name);

	if (member)
		member_end(member, m->status, m->data, m->len);
}

static void handle(void *arg, peers_addr_t from, const void *data, size_t len)
{
	/* Large, and handlers are called one at a time. */
	static msg_t m;
	bool head = pmixd.conf.node == 0;

	if (!get_msg(&m, data, len))
		return;
	if (m.kind == KIND_JOIN && head && m.count)
		take_join(from, &m);
	else if (m.kind == KIND_JOIN && head)
		take_giving_up(&m);
	else if (m.kind == KIND_UNITE && head && from.node == 0)
		take_unite(from, &m);
	else if (m.kind == KIND_DONE && head && from.node == 0)
		take_done(&m);
	else if (m.kind == KIND_END && from.step == pmixd.conf.step_id)
		take_end(&m);
}

/*
 * The lowest head knows who has joined and tells the others; a step that has
 * been told the end before may be gone already.  So others only look at it.
 */
static bool fails(const name_t *name, uint32_t step)
{
	return step == PEERS_ALL || step == name->steps[0];
}

static void say_lost(uint32_t step, const char *why)
{
	plog_info("processes of several steps cannot go on together: step %u: "
		  "%s",
		  step, why);
}

static void lost(void *arg, uint32_t step, bool orderly, const char *why)
{
	member_t *m = members;
	gather_t *g = gathers;

	if (!orderly && step != PEERS_ALL)
		ends_connected_lost(step);
	while (g) {
		gather_t *next = g->next;

		if (fails(&g->name, step) ||
		    (g->heads && has_step(&g->name, step) &&
		     !has_come(g, step))) {
			say_lost(step, why);
			gather_fail(g, PMIX_ERR_LOST_CONNECTION);
		}
		g = next;
	}
	while (m) {
		member_t *next = m->next;

		if (fails(&m->name, step)) {
			say_lost(step, why);
			member_end(m, PMIX_ERR_LOST_CONNECTION, NULL, 0);
		}
		m = next;
	}
}

void connect_init(void)
{
	peers_register(PEERS_CONNECT, handle, NULL);
	peers_on_lost(lost, NULL);
}

/* -- upcalls ------------------------------------------------------------- */

static int compare_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int compare_proc(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	int by_step = compare_u32(x, y);

	return by_step ? by_step : compare_u32(x + 1, y + 1);
}

/* Its name, from the set of processes in whatever order. */
static pmix_status_t make_name(name_t *name, uint32_t op,
			       const pmix_proc_t procs[], size_t nprocs)
{
	uint32_t *pairs = calloc(nprocs + 1, 2 * sizeof(*pairs));
	pmix_status_t rc = PMIX_SUCCESS;

	if (!pairs)
		return PMIX_ERR_NOMEM;
	memset(name, 0, sizeof(*name));
	name->op = op;
	for (size_t i = 0; i < nprocs && rc == PMIX_SUCCESS; i++) {
		pairs[2 * i + 1] = procs[i].rank;
		if (!nspaces_step(procs[i].nspace, &pairs[2 * i])) {
			plog_info("processes cannot be connected: %s is no "
				  "namespace of this job",
				  procs[i].nspace);
			rc = PMIX_ERR_NOT_SUPPORTED;
		}
	}
	if (rc != PMIX_SUCCESS)
		goto done;
	qsort(pairs, nprocs, 2 * sizeof(*pairs), compare_proc);
	for (size_t i = 0; i < nprocs && rc == PMIX_SUCCESS; i++) {
		uint32_t n = name->nsteps, step = pairs[2 * i];

		if (n > 0 && name->steps[n - 1] == step)
			continue;
		if (n == STEPS_MAX)
			rc = PMIX_ERR_NOT_SUPPORTED;
		else
			name->steps[name->nsteps++] = step;
	}
	for (size_t i = 0; i < 2 * nprocs; i++)
		put_u32((uint8_t *)&pairs[i], pairs[i]);
	crypto_generichash(name->sig, SIG_LEN, (const uint8_t *)pairs,
			   nprocs * 2 * sizeof(*pairs), NULL, 0);
done:
	free(pairs);
	return rc;
}

/* How many nodes of this step have processes that take part. */
static pmix_status_t count_nodes(const pmix_proc_t procs[], size_t nprocs,
				 uint32_t *count)
{
	const layout_t *l = &pmixd.layout;
	bool *has = calloc((size_t)l->nnodes + 1, sizeof(bool));
	pmix_status_t rc = PMIX_SUCCESS;

	*count = 0;
	if (!has)
		return PMIX_ERR_NOMEM;
	for (size_t i = 0; i < nprocs; i++) {
		if (!PMIX_CHECK_NSPACE(procs[i].nspace, pmixd.nspace))
			continue;
		if (procs[i].rank == PMIX_RANK_WILDCARD)
			for (uint32_t n = 0; n < l->nnodes; n++)
				has[n] = has[n] || l->node_tasks[n];
		else if (procs[i].rank < l->ntasks)
			has[l->node_of[procs[i].rank]] = true;
		else
			rc = PMIX_ERR_BAD_PARAM;
	}
	for (uint32_t n = 0; n < l->nnodes; n++)
		*count += has[n];
	free(has);
	return *count ? rc : PMIX_ERR_BAD_PARAM;
}

static void timed_out(deadline_t *d)
{
	member_t *m = deadline_owner(d, member_t, timeout);

	(void)send_msg((peers_addr_t){ pmixd.conf.step_id, 0 }, KIND_JOIN,
		       &m->name, 0, PMIX_ERR_TIMEOUT, NULL, 0);
	member_end(m, PMIX_ERR_TIMEOUT, NULL, 0);
}

/* M becomes the callee's; it is answered unless an error is returned. */
static pmix_status_t join(member_t *m, const pmix_proc_t procs[], size_t nprocs,
			  const pmix_info_t info[], size_t ninfo,
			  const char *data, size_t len)
{
	/* libpmix tells where a rank here has ended before it joined. */
	const pmix_status_t joined = directive_all_joined(info, ninfo)
					     ? PMIX_SUCCESS
					     : PMIX_ERR_LOST_CONNECTION;
	pmix_status_t rc;
	uint32_t count = 0;
	int timeout_s = 0;

	rc = count_nodes(procs, nprocs, &count);
	if (rc == PMIX_SUCCESS)
		rc = directive_timeout(info, ninfo, &timeout_s);
	if (rc != PMIX_SUCCESS) {
		free(m->locals);
		free(m);
		return rc;
	}
	pthread_mutex_lock(&pmixd.lock);
	if (send_msg((peers_addr_t){ pmixd.conf.step_id, 0 }, KIND_JOIN,
		     &m->name, count, joined, data, len) != 0) {
		free(m->locals);
		free(m);
		rc = PMIX_ERR_UNREACH;
	} else {
		m->next = members;
		members = m;
		/* libpmix has a timer of its own, which must not be first: it
		 * would release what we answer. */
		if (timeout_s > 0)
			deadline_set(&m->timeout, timeout_s * 1000LL - EARLY_MS,
				     timed_out);
	}
	pthread_mutex_unlock(&pmixd.lock);
	return rc;
}

/* The local tasks among PROCS; NULL without memory. */
static bool *find_locals(const pmix_proc_t procs[], size_t nprocs)
{
	bool *locals = calloc((size_t)pmixd.conf.nlocal + 1, sizeof(bool));

	for (size_t i = 0; locals && i < nprocs; i++)
		for (uint32_t t = 0; t < pmixd.conf.nlocal; t++)
			if (PMIX_CHECK_NSPACE(procs[i].nspace, pmixd.nspace) &&
			    (procs[i].rank == PMIX_RANK_WILDCARD ||
			     procs[i].rank == pmixd.conf.ranks[t]))
				locals[t] = true;
	return locals;
}

static pmix_status_t op_upcall(uint32_t op, const pmix_proc_t procs[],
			       size_t nprocs, const pmix_info_t info[],
			       size_t ninfo, pmix_op_cbfunc_t cbfunc,
			       void *cbdata)
{
	member_t *m = calloc(1, sizeof(*m));
	pmix_status_t rc;

	if (!m)
		return PMIX_ERR_NOMEM;
	m->opfn = cbfunc;
	m->cbdata = cbdata;
	rc = make_name(&m->name, op, procs, nprocs);
	if (rc == PMIX_SUCCESS && op == OP_CONNECT) {
		m->locals = find_locals(procs, nprocs);
		rc = m->locals ? PMIX_SUCCESS : PMIX_ERR_NOMEM;
	}
	if (rc != PMIX_SUCCESS) {
		free(m);
		return rc;
	}
	return join(m, procs, nprocs, info, ninfo, NULL, 0);
}

pmix_status_t connect_upcall(const pmix_proc_t procs[], size_t nprocs,
			     const pmix_info_t info[], size_t ninfo,
			     pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	return op_upcall(OP_CONNECT, procs, nprocs, info, ninfo, cbfunc,
			 cbdata);
}

pmix_status_t connect_disconnect_upcall(const pmix_proc_t procs[],
					size_t nprocs, const pmix_info_t info[],
					size_t ninfo, pmix_op_cbfunc_t cbfunc,
					void *cbdata)
{
	return op_upcall(OP_DISCONNECT, procs, nprocs, info, ninfo, cbfunc,
			 cbdata);
}

static bool is_own(const pmix_proc_t procs[], size_t nprocs)
{
	for (size_t i = 0; i < nprocs; i++)
		if (!PMIX_CHECK_NSPACE(procs[i].nspace, pmixd.nspace))
			return false;
	return true;
}

pmix_status_t connect_fence_upcall(const pmix_proc_t procs[], size_t nprocs,
				   const pmix_info_t info[], size_t ninfo,
				   char *data, size_t ndata,
				   pmix_modex_cbfunc_t cbfunc, void *cbdata)
{
	member_t *m;
	pmix_status_t rc;

	if (is_own(procs, nprocs))
		return fence_upcall(procs, nprocs, info, ninfo, data, ndata,
				    cbfunc, cbdata);
	m = calloc(1, sizeof(*m));
	rc = m ? make_name(&m->name, OP_FENCE, procs, nprocs) : PMIX_ERR_NOMEM;
	if (rc == PMIX_SUCCESS) {
		m->modexfn = cbfunc;
		m->cbdata = cbdata;
		rc = join(m, procs, nprocs, info, ninfo, data, ndata);
	} else {
		free(m);
	}
	free(data); /* ours, and copied */
	return rc;
}
