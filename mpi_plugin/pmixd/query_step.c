/* SPDX-License-Identifier: BSD-3-Clause */
/* query_step.c - see query_step.h. */
#include "query_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobinfo.h"
#include "pmixd.h"
#include "query.h"
#include "tasklist.h"

#define MIB (1024.0f * 1024.0f)

/* Does the query name another namespace than the step's? */
static bool is_of_others(const pmix_query_t *query)
{
	for (size_t i = 0; i < query->nqual; i++) {
		const pmix_info_t *q = &query->qualifiers[i];

		if (PMIX_CHECK_KEY(q, PMIX_NSPACE) &&
		    q->value.type == PMIX_STRING && q->value.data.string &&
		    strcmp(q->value.data.string, pmixd.nspace) != 0)
			return true;
		if (PMIX_CHECK_KEY(q, PMIX_PROCID) &&
		    q->value.type == PMIX_PROC && q->value.data.proc &&
		    strcmp(q->value.data.proc->nspace, pmixd.nspace) != 0)
			return true;
	}
	return false;
}

static bool put_namespaces(infolist_t *l, const char *key,
			   const pmix_query_t *query)
{
	infolist_string(l, key, pmixd.nspace);
	return true;
}

/* An array for each namespace: its name and, where it has one, its command. */
static bool put_namespace_info(infolist_t *l, const char *key,
			       const pmix_query_t *query)
{
	infolist_t all, one;

	if (is_of_others(query))
		return false;
	all = infolist_new();
	one = infolist_new();
	infolist_string(&one, PMIX_NSPACE, pmixd.nspace);
	if (pmixd.conf.command && pmixd.layout.programs.n == 1)
		infolist_string(&one, PMIX_CMD_LINE, pmixd.conf.command);
	infolist_array(&all, PMIX_JOB_INFO_ARRAY, &one);
	infolist_array(l, key, &all);
	return true;
}

/* Who can ask of it is a part of it, and it runs. */
static bool put_status(infolist_t *l, const char *key,
		       const pmix_query_t *query)
{
	const pmix_status_t runs = PMIX_SUCCESS;

	if (is_of_others(query))
		return false;
	infolist_add(l, key, &runs, PMIX_STATUS);
	return true;
}

/* -- tables of processes -------------------------------------------------- */

/* Of this node's tasks we know more than of others'. */
static void fill_local(pmix_proc_info_t *p, uint32_t local)
{
	const char *command = pmixd.conf.command;
	task_t task;

	pthread_mutex_lock(&pmixd.lock);
	task = tasklist_get(local);
	pthread_mutex_unlock(&pmixd.lock);
	p->pid = task.pid;
	p->state = task.ended ? PMIX_PROC_STATE_TERMINATED
			      : PMIX_PROC_STATE_RUNNING;
	p->exit_code = task.ended ? tasklist_exit_code(task.status) : 0;
	if (command)
		p->executable_name = strndup(command, strcspn(command, " "));
}

static void fill_proc(pmix_proc_info_t *p, uint32_t rank)
{
	uint32_t local = pmixd_local_of_rank(rank);

	PMIX_LOAD_PROCID(&p->proc, pmixd.nspace, rank);
	p->hostname = strdup(pmixd_node_name(pmixd.layout.node_of[rank]));
	p->state = PMIX_PROC_STATE_UNDEF;
	if (local < pmixd.conf.nlocal)
		fill_local(p, local);
}

/* The N RANKS, or all where RANKS is NULL. */
static bool put_table(infolist_t *l, const char *key, const uint32_t *ranks,
		      uint32_t n)
{
	pmix_data_array_t array;
	pmix_proc_info_t *procs;

	PMIX_DATA_ARRAY_CONSTRUCT(&array, n, PMIX_PROC_INFO);
	procs = array.array;
	for (uint32_t i = 0; procs && i < n; i++)
		fill_proc(&procs[i], ranks ? ranks[i] : i);
	if (procs)
		infolist_add(l, key, &array, PMIX_DATA_ARRAY);
	PMIX_DATA_ARRAY_DESTRUCT(&array);
	return procs != NULL;
}

static bool put_all(infolist_t *l, const char *key, const pmix_query_t *query)
{
	return !is_of_others(query) &&
	       put_table(l, key, NULL, pmixd.layout.ntasks);
}

static bool put_local(infolist_t *l, const char *key, const pmix_query_t *query)
{
	return !is_of_others(query) &&
	       put_table(l, key, pmixd.conf.ranks, pmixd.conf.nlocal);
}

/* -- process sets: the components of a heterogeneous step ------------------ */

static uint32_t count_psets(void)
{
	return pmixd.layout.apps.n > 1 ? pmixd.layout.apps.n : 0;
}

static bool put_npsets(infolist_t *l, const char *key,
		       const pmix_query_t *query)
{
	const size_t n = count_psets();

	infolist_add(l, key, &n, PMIX_SIZE);
	return true;
}

static bool put_psets(infolist_t *l, const char *key, const pmix_query_t *query)
{
	char name[PMIX_MAX_NSLEN + 16], *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return false;
	for (uint32_t i = 0; i < count_psets(); i++) {
		jobinfo_pset_name(&pmixd, i, name, sizeof(name));
		(void)fprintf(out, "%s%s", i ? "," : "", name);
	}
	if (fclose(out) != 0) {
		free(text);
		return false;
	}
	infolist_take_string(l, key, text);
	return true;
}

/* Which one the query's qualifier names; count_psets(): none. */
static uint32_t wanted_pset(const pmix_query_t *query)
{
	char name[PMIX_MAX_NSLEN + 16];

	for (size_t q = 0; q < query->nqual; q++) {
		const pmix_info_t *info = &query->qualifiers[q];

		if (!PMIX_CHECK_KEY(info, PMIX_PSET_NAME) ||
		    info->value.type != PMIX_STRING || !info->value.data.string)
			continue;
		for (uint32_t i = 0; i < count_psets(); i++) {
			jobinfo_pset_name(&pmixd, i, name, sizeof(name));
			if (!strcmp(info->value.data.string, name))
				return i;
		}
	}
	return count_psets();
}

static bool put_members(infolist_t *l, const char *key,
			const pmix_query_t *query)
{
	uint32_t which = wanted_pset(query), *ranks, size;

	if (which >= count_psets())
		return false;
	size = pmixd.layout.apps.list[which].size;
	ranks = calloc(size, sizeof(*ranks));
	for (uint32_t i = 0; ranks && i < size; i++)
		ranks[i] = pmixd.layout.apps.list[which].first + i;
	if (ranks)
		infolist_procs(l, key, pmixd.nspace, ranks, size);
	free(ranks);
	return ranks != NULL;
}

/* -- memory --------------------------------------------------------------- */

/* Resident, in MiB; 0: it is no more. */
static float memory_of(pid_t pid)
{
	unsigned long total, resident = 0;
	char path[64];
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	in = fopen(path, "re");
	if (in && fscanf(in, "%lu %lu", &total, &resident) != 2)
		resident = 0;
	if (in)
		fclose(in);
	return (float)resident * (float)sysconf(_SC_PAGESIZE) / MIB;
}

static bool put_memory(infolist_t *l, const char *key,
		       const pmix_query_t *query)
{
	infolist_t inner = infolist_new();
	float own = memory_of(getpid()), sum = 0, avg;
	uint32_t n = 0;

	for (uint32_t i = 0; i < pmixd.conf.nlocal; i++) {
		task_t task;

		pthread_mutex_lock(&pmixd.lock);
		task = tasklist_get(i);
		pthread_mutex_unlock(&pmixd.lock);
		if (task.pid <= 0 || task.ended)
			continue;
		sum += memory_of(task.pid);
		n++;
	}
	avg = n ? sum / (float)n : 0;
	infolist_string(&inner, PMIX_HOSTNAME,
			pmixd_node_name(pmixd.conf.node));
	infolist_add(&inner, PMIX_DAEMON_MEMORY, &own, PMIX_FLOAT);
	infolist_add(&inner, PMIX_CLIENT_AVG_MEMORY, &avg, PMIX_FLOAT);
	infolist_array(l, key, &inner);
	return true;
}

/* ------------------------------------------------------------------------- */

static bool put_keys(infolist_t *l, const char *key, const pmix_query_t *query);

static const struct {
	const char *key;
	bool (*put)(infolist_t *l, const char *key, const pmix_query_t *query);
} table[] = {
	{ PMIX_QUERY_SUPPORTED_KEYS, put_keys },
	{ PMIX_QUERY_NAMESPACES, put_namespaces },
	{ PMIX_QUERY_NAMESPACE_INFO, put_namespace_info },
	{ PMIX_QUERY_JOB_STATUS, put_status },
	{ PMIX_QUERY_PROC_TABLE, put_all },
	{ PMIX_QUERY_LOCAL_PROC_TABLE, put_local },
	{ PMIX_QUERY_NUM_PSETS, put_npsets },
	{ PMIX_QUERY_PSET_NAMES, put_psets },
	{ PMIX_QUERY_PSET_MEMBERSHIP, put_members },
	{ PMIX_QUERY_MEMORY_USAGE, put_memory },
};

#define KEYS (sizeof(table) / sizeof(table[0]))

static bool put_keys(infolist_t *l, const char *key, const pmix_query_t *query)
{
	char text[PMIX_MAX_KEYLEN] = PSEC_KEY_COUNTERS;
	size_t len = strlen(text);

	for (size_t i = 0; i < KEYS && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ",%s",
					table[i].key);
	infolist_string(l, key, text);
	return true;
}

bool query_step(infolist_t *l, const char *key, const pmix_query_t *query)
{
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(key, table[i].key))
			return table[i].put(l, key, query);
	return false;
}
