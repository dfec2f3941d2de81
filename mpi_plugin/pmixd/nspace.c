/* SPDX-License-Identifier: BSD-3-Clause */
/* nspace.c - see nspace.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "error.h"
#include "infolist.h"
#include "nspace.h"

/* One application per step, so far: appnum 0, leader rank 0. */
#define APP 0u

/* "0,2,4" for the ranks of NODE.  malloc()ed. */
static char *rank_list(const layout_t *l, uint32_t node)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (uint32_t i = 0; i < l->node_tasks[node]; i++)
		fprintf(out, "%s%u", i ? "," : "", l->node_ranks[node][i]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* "n0,n1,n2".  malloc()ed. */
static char *node_list(const layout_t *l)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (uint32_t n = 0; n < l->nnodes; n++)
		fprintf(out, "%s%s", n ? "," : "", l->node_names[n]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* "0,1;2,3": the ranks of each node.  malloc()ed. */
static char *ranks_by_node(const layout_t *l)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (uint32_t n = 0; n < l->nnodes; n++) {
		char *ranks = rank_list(l, n);

		fprintf(out, "%s%s", n ? ";" : "", ranks ? ranks : "");
		free(ranks);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* The two maps; they may be compressed, with NULs in them: PMIX_REGEX. */
static void add_maps(infolist_t *info, const layout_t *l)
{
	char *nodes = node_list(l), *ranks = ranks_by_node(l);
	char *regex = NULL, *ppn = NULL;

	if (!nodes || !ranks) {
		info->rc = PMIX_ERR_NOMEM;
	} else if (PMIx_generate_regex(nodes, &regex) != PMIX_SUCCESS ||
		   PMIx_generate_ppn(ranks, &ppn) != PMIX_SUCCESS) {
		info->rc = PMIX_ERR_INIT;
	} else {
		infolist_add(info, PMIX_NODE_MAP, regex, PMIX_REGEX);
		infolist_add(info, PMIX_PROC_MAP, ppn, PMIX_REGEX);
	}
	free(regex);
	free(ppn);
	free(nodes);
	free(ranks);
}

static void add_sizes(infolist_t *info, const pmixd_t *d)
{
	const layout_t *l = &d->layout;
	uint32_t local = l->node_tasks[d->conf.node];

	infolist_u32(info, PMIX_UNIV_SIZE, l->slots);
	infolist_u32(info, PMIX_MAX_PROCS, l->slots);
	infolist_u32(info, PMIX_JOB_SIZE, l->ntasks);
	infolist_u32(info, PMIX_JOB_NUM_APPS, 1);
	infolist_u32(info, PMIX_APP_SIZE, l->ntasks);
	infolist_u32(info, PMIX_NUM_NODES, l->nnodes);
	infolist_u32(info, PMIX_LOCAL_SIZE, local);
	infolist_u32(info, PMIX_NODE_SIZE, local);
}

static void add_local(infolist_t *info, const pmixd_t *d)
{
	const layout_t *l = &d->layout;
	char *peers = rank_list(l, d->conf.node);

	if (!peers)
		info->rc = PMIX_ERR_NOMEM;
	else
		infolist_string(info, PMIX_LOCAL_PEERS, peers);
	if (l->node_tasks[d->conf.node])
		infolist_rank(info, PMIX_LOCALLDR,
			      l->node_ranks[d->conf.node][0]);
	infolist_u32(info, PMIX_NODEID, d->conf.node);
	free(peers);
}

static void add_job(infolist_t *info, const pmixd_t *d)
{
	char id[64];

	snprintf(id, sizeof(id), "%u.%u", d->conf.job_id, d->conf.step_id);
	infolist_string(info, PMIX_JOBID, id);
	infolist_string(info, PMIX_NSPACE, d->nspace);
	infolist_u32(info, PMIX_USERID, (uint32_t)geteuid());
	infolist_u32(info, PMIX_GRPID, (uint32_t)getegid());
	infolist_bool(info, PMIX_SPAWNED, false);
	infolist_string(info, PMIX_TMPDIR, d->conf.dir);
	infolist_string(info, PMIX_NSDIR, d->conf.dir);
	/* The directory goes with the step; clients need not clean up. */
	infolist_bool(info, PMIX_TDIR_RMCLEAN, true);
	infolist_rank(info, PMIX_APPLDR, 0);
	infolist_string(info, PMIX_ANL_MAP, "");
	infolist_string(info, PMIX_RM_NAME, "slurm");
}

/* What any rank may ask about any node. */
static void add_node(infolist_t *info, const layout_t *l, uint32_t node)
{
	infolist_t one = infolist_new();
	char *peers = rank_list(l, node);

	infolist_string(&one, PMIX_HOSTNAME, l->node_names[node]);
	infolist_u32(&one, PMIX_NODEID, node);
	infolist_u32(&one, PMIX_LOCAL_SIZE, l->node_tasks[node]);
	infolist_u32(&one, PMIX_NODE_SIZE, l->node_tasks[node]);
	if (l->node_tasks[node])
		infolist_rank(&one, PMIX_LOCALLDR, l->node_ranks[node][0]);
	if (peers)
		infolist_string(&one, PMIX_LOCAL_PEERS, peers);
	else
		one.rc = PMIX_ERR_NOMEM;
	free(peers);
	infolist_array(info, PMIX_NODE_INFO_ARRAY, &one);
}

static void add_app(infolist_t *info, const layout_t *l)
{
	infolist_t app = infolist_new();

	infolist_u32(&app, PMIX_APPNUM, APP);
	infolist_u32(&app, PMIX_APP_SIZE, l->ntasks);
	infolist_rank(&app, PMIX_APPLDR, 0);
	infolist_array(info, PMIX_APP_INFO_ARRAY, &app);
}

/* The same for local and remote ranks: programs compare them. */
static void add_rank(infolist_t *info, const layout_t *l, uint32_t rank)
{
	infolist_t proc = infolist_new();
	uint32_t node = l->node_of[rank];

	infolist_rank(&proc, PMIX_RANK, rank);
	infolist_u32(&proc, PMIX_APPNUM, APP);
	infolist_rank(&proc, PMIX_APPLDR, 0);
	infolist_rank(&proc, PMIX_GLOBAL_RANK, rank);
	infolist_rank(&proc, PMIX_APP_RANK, rank);
	infolist_u16(&proc, PMIX_LOCAL_RANK, (uint16_t)l->local_of[rank]);
	infolist_u16(&proc, PMIX_NODE_RANK, (uint16_t)l->local_of[rank]);
	infolist_u32(&proc, PMIX_NODEID, node);
	infolist_string(&proc, PMIX_HOSTNAME, l->node_names[node]);
	infolist_array(info, PMIX_PROC_DATA, &proc);
}

static int failed(psec_error_t *err, const char *what, pmix_status_t rc)
{
	return error_set(err, PSEC_ERR_IO, "libpmix could not %s: %s (%d)",
			 what, PMIx_Error_string(rc), rc);
}

static bool ok(pmix_status_t rc)
{
	return rc == PMIX_SUCCESS || rc == PMIX_OPERATION_SUCCEEDED;
}

static int register_clients(const pmixd_t *d, psec_error_t *err)
{
	pmix_proc_t proc;
	pmix_status_t rc;

	PMIX_LOAD_NSPACE(proc.nspace, d->nspace);
	for (uint32_t i = 0; i < d->conf.nlocal; i++) {
		proc.rank = d->conf.ranks[i];
		rc = PMIx_server_register_client(&proc, geteuid(), getegid(),
						 NULL, NULL, NULL);
		if (!ok(rc))
			return failed(err, "register a local rank", rc);
	}
	return 0;
}

int nspace_register(const pmixd_t *d, psec_error_t *err)
{
	const layout_t *l = &d->layout;
	infolist_t info = infolist_new();
	pmix_data_array_t array;
	pmix_status_t rc;

	add_maps(&info, l);
	add_sizes(&info, d);
	add_local(&info, d);
	add_job(&info, d);
	for (uint32_t n = 0; n < l->nnodes; n++)
		add_node(&info, l, n);
	add_app(&info, l);
	for (uint32_t r = 0; r < l->ntasks; r++)
		add_rank(&info, l, r);
	rc = infolist_take(&info, &array);
	if (rc != PMIX_SUCCESS)
		return failed(err, "describe the step", rc);
	rc = PMIx_server_register_nspace(d->nspace, (int)d->conf.nlocal,
					 array.array, array.size, NULL, NULL);
	PMIX_DATA_ARRAY_DESTRUCT(&array);
	if (!ok(rc))
		return failed(err, "register the step's namespace", rc);
	return register_clients(d, err);
}

static void free_env(char **env)
{
	for (char **p = env; p && *p; p++)
		free(*p);
	free(env);
}

int nspace_uri(const pmixd_t *d, char *uri, size_t size)
{
	static const char name[] = "PMIX_SERVER_URI";
	pmix_proc_t proc;
	char **env = NULL;

	PMIX_LOAD_PROCID(&proc, d->nspace, d->conf.ranks[0]);
	uri[0] = '\0';
	if (PMIx_server_setup_fork(&proc, &env) == PMIX_SUCCESS)
		for (char **p = env; p && *p; p++)
			if (!strncmp(*p, name, sizeof(name) - 1))
				snprintf(uri, size, "%s", strchr(*p, '=') + 1);
	free_env(env);
	return uri[0] ? 0 : -1;
}

int nspace_send_blocks(const pmixd_t *d, psec_error_t *err)
{
	pmix_proc_t proc;

	PMIX_LOAD_NSPACE(proc.nspace, d->nspace);
	for (uint32_t i = 0; i < d->conf.nlocal; i++) {
		char **env = NULL;
		pmix_status_t rc;

		proc.rank = d->conf.ranks[i];
		rc = PMIx_server_setup_fork(&proc, &env);
		if (rc == PMIX_SUCCESS)
			control_send_block(i, env);
		free_env(env);
		if (rc != PMIX_SUCCESS)
			return failed(err, "prepare a task's environment", rc);
	}
	return 0;
}
