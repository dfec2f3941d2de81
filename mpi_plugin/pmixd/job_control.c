/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job_control.c - see job_control.h.
 *
 * Each node's server signals the processes that slurmstepd has told it of,
 * with the user's rights.
 */
#include "job_control.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "job_control_msg.h"
#include "link.h"
#include "log.h"
#include "pmixd.h"
#include "progress.h"
#include "tasklist.h"

/* A PMIx_Job_control that is not answered yet. */
typedef struct request {
	progress_call_t call;
	struct request *next;
	uint32_t id;
	pmix_info_cbfunc_t cbfunc;
	void *cbdata;
	uint32_t open; /* nodes that have not answered */
	pmix_status_t status;
	bool waits_for[]; /* by node */
} request_t;

/* Guarded by pmixd.lock. */
static request_t *requests;
static uint32_t last_id;

/* -- here; with the lock held --------------------------------------------- */

static pmix_status_t signal_rank(uint32_t rank, int sig)
{
	const task_t task = tasklist_get(pmixd_local_of_rank(rank));

	if (task.pid <= 0 || task.ended)
		return PMIX_ERR_NOT_FOUND;
	if (kill(task.pid, sig) == 0)
		return PMIX_SUCCESS;
	return errno == EPERM ? PMIX_ERR_NO_PERMISSIONS : PMIX_ERR_NOT_FOUND;
}

static void note(request_t *r, pmix_status_t status)
{
	if (r->status == PMIX_SUCCESS)
		r->status = status;
}

/* On the progress thread. */
static void answer(progress_call_t *call)
{
	request_t *r = (request_t *)call;

	r->cbfunc(r->status, NULL, 0, r->cbdata, NULL, NULL);
	free(r);
}

static void check_done(request_t *r)
{
	if (r->open > 0)
		return;
	for (request_t **p = &requests; *p; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			break;
		}
	progress_post(&r->call, answer);
}

/* -- other nodes; with the lock held -------------------------------------- */

static int send_message(uint32_t node, const job_control_msg_t *m)
{
	uint8_t head[JOB_CONTROL_HEAD];
	const struct iovec iov[2] = {
		{ head, sizeof(head) },
		{ (void *)(uintptr_t)m->ranks, (size_t)m->nranks * 4 },
	};

	job_control_msg_head(m, head);
	return links_send(pmixd.links, node, LINK_JOB_CONTROL, iov,
			  m->nranks ? 2 : 1);
}

/* False: it names ranks that are not of this node. */
static bool take_order(uint32_t from, const job_control_msg_t *m)
{
	job_control_msg_t reply = { .kind = JOB_CONTROL_ANSWER, .id = m->id };

	if (m->value < 1 || m->value > SIGRTMAX)
		return false;
	for (uint32_t i = 0; i < m->nranks; i++)
		if (pmixd_local_of_rank(get_u32(m->ranks + (size_t)i * 4)) >=
		    pmixd.conf.nlocal)
			return false;
	reply.value = PMIX_SUCCESS;
	for (uint32_t i = 0; i < m->nranks; i++) {
		pmix_status_t rc = signal_rank(
			get_u32(m->ranks + (size_t)i * 4), m->value);

		if (rc != PMIX_SUCCESS)
			reply.value = rc;
	}
	(void)send_message(from, &reply);
	return true;
}

static void node_done(request_t *r, uint32_t node, pmix_status_t status)
{
	if (!r->waits_for[node])
		return;
	r->waits_for[node] = false;
	r->open--;
	note(r, status);
	check_done(r);
}

static void handle(void *arg, uint32_t from, const void *msg, size_t len)
{
	job_control_msg_t m;
	request_t *r;

	if (job_control_msg_decode(&m, msg, len) != 0 ||
	    (m.kind == JOB_CONTROL_ASK && !take_order(from, &m))) {
		links_drop(pmixd.links, from,
			   "a message about job control is malformed");
		return;
	}
	if (m.kind == JOB_CONTROL_ASK)
		return;
	for (r = requests; r && r->id != m.id; r = r->next)
		;
	if (r)
		node_done(r, from, m.value);
}

static void lost(void *arg, uint32_t node, int orderly, const char *why)
{
	request_t *next;

	for (request_t *r = requests; r; r = next) {
		next = r->next;
		node_done(r, node, PMIX_ERR_UNREACH);
	}
}

void job_control_init(void)
{
	links_register(pmixd.links, LINK_JOB_CONTROL, handle, NULL);
	links_on_lost(pmixd.links, lost, NULL);
}

/* -- asking --------------------------------------------------------------- */

/* The signal for a directive; 0: none, -1: it is malformed. */
static int signal_of(const pmix_info_t *info)
{
	static const struct {
		const char *key;
		int sig;
	} table[] = {
		{ PMIX_JOB_CTRL_KILL, SIGKILL },
		{ PMIX_JOB_CTRL_TERMINATE, SIGTERM },
		{ PMIX_JOB_CTRL_PAUSE, SIGSTOP },
		{ PMIX_JOB_CTRL_RESUME, SIGCONT },
	};
	pmix_status_t rc = PMIX_SUCCESS;
	int sig = -1;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (PMIX_CHECK_KEY(info, table[i].key))
			return PMIX_INFO_TRUE(info) ? table[i].sig : 0;
	if (!PMIX_CHECK_KEY(info, PMIX_JOB_CTRL_SIGNAL))
		return 0;
	PMIX_VALUE_GET_NUMBER(rc, &info->value, sig, int);
	return rc == PMIX_SUCCESS && sig > 0 && sig <= SIGRTMAX ? sig : -1;
}

/* Just one thing can be asked for at a time. */
static pmix_status_t read_directives(const pmix_info_t info[], size_t ninfo,
				     int *sig)
{
	*sig = 0;
	for (size_t i = 0; i < ninfo; i++) {
		int one = signal_of(&info[i]);

		if (one < 0 || (one && *sig))
			return PMIX_ERR_BAD_PARAM;
		if (one)
			*sig = one;
		else if (PMIX_INFO_IS_REQUIRED(&info[i]))
			return PMIX_ERR_NOT_SUPPORTED;
	}
	return *sig ? PMIX_SUCCESS : PMIX_ERR_NOT_SUPPORTED;
}

/* Mark in MEMBER, by rank, whom TARGETS name; none named: all. */
static pmix_status_t read_targets(const pmix_proc_t targets[], size_t n,
				  uint8_t *member)
{
	uint32_t ntasks = pmixd.layout.ntasks;

	if (!targets || n == 0)
		memset(member, 1, ntasks);
	for (size_t i = 0; targets && i < n; i++) {
		if (!PMIX_CHECK_NSPACE(targets[i].nspace, pmixd.nspace))
			return PMIX_ERR_NOT_FOUND;
		if (targets[i].rank == PMIX_RANK_WILDCARD)
			memset(member, 1, ntasks);
		else if (targets[i].rank < ntasks)
			member[targets[i].rank] = 1;
		else
			return PMIX_ERR_NOT_FOUND;
	}
	return PMIX_SUCCESS;
}

/* Those of MEMBER on NODE, as on the wire; RANKS has room.  Their number. */
static uint32_t ranks_of(uint32_t node, const uint8_t *member, uint8_t *ranks)
{
	const layout_t *l = &pmixd.layout;
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->node_tasks[node]; i++)
		if (member[l->node_ranks[node][i]])
			put_u32(ranks + (size_t)4 * n++,
				l->node_ranks[node][i]);
	return n;
}

/* With the lock held. */
static void order(request_t *r, uint32_t node, const uint8_t *ranks, uint32_t n,
		  int sig)
{
	const job_control_msg_t m = { .kind = JOB_CONTROL_ASK,
				      .id = r->id,
				      .value = sig,
				      .nranks = n,
				      .ranks = ranks };

	if (node == pmixd.conf.node) {
		for (uint32_t i = 0; i < n; i++)
			note(r,
			     signal_rank(get_u32(ranks + (size_t)i * 4), sig));
	} else if (send_message(node, &m) == 0) {
		r->waits_for[node] = true;
		r->open++;
	} else {
		note(r, PMIX_ERR_UNREACH);
	}
}

/* Our own node's last: its processes may be the asker. */
static void order_all(request_t *r, const uint8_t *member, uint8_t *ranks,
		      int sig)
{
	uint32_t nnodes = pmixd.layout.nnodes;

	pthread_mutex_lock(&pmixd.lock);
	r->id = ++last_id;
	r->next = requests;
	requests = r;
	for (uint32_t i = 1; i <= nnodes; i++) {
		uint32_t node = (pmixd.conf.node + i) % nnodes;
		uint32_t n = ranks_of(node, member, ranks);

		if (n)
			order(r, node, ranks, n, sig);
	}
	check_done(r);
	pthread_mutex_unlock(&pmixd.lock);
}

pmix_status_t job_control_upcall(const pmix_proc_t *requestor,
				 const pmix_proc_t targets[], size_t ntargets,
				 const pmix_info_t directives[], size_t ndirs,
				 pmix_info_cbfunc_t cbfunc, void *cbdata)
{
	uint8_t *member = calloc(pmixd.layout.ntasks, 1);
	uint8_t *ranks = calloc(pmixd.layout.ntasks, 4);
	request_t *r =
		calloc(1, sizeof(*r) + pmixd.layout.nnodes * sizeof(bool));
	pmix_status_t rc = PMIX_ERR_NOMEM;
	int sig = 0;

	if (member && ranks && r)
		rc = read_directives(directives, ndirs, &sig);
	if (rc == PMIX_SUCCESS)
		rc = read_targets(targets, ntargets, member);
	if (rc == PMIX_SUCCESS) {
		plog_debug("signal %d for processes of the step, asked for by "
			   "rank %u",
			   sig, requestor->rank);
		r->cbfunc = cbfunc;
		r->cbdata = cbdata;
		r->status = PMIX_SUCCESS;
		order_all(r, member, ranks, sig);
		r = NULL;
	}
	free(member);
	free(ranks);
	free(r);
	return rc;
}
