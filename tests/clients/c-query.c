/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-query - PMIx_Query_info about the step, compared with what Slurm tells
 * each task; --psets is how many process sets there must be.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long psets;

static const option_t options[] = {
	{ "--psets", OPT_NUMBER, &psets, "process sets" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

/* The answer's only entry, or NULL; KEY with a qualifier where it has one. */
static pmix_info_t *ask(const char *key, const char *qual_key, const char *qual,
			pmix_status_t *rc)
{
	pmix_query_t query;
	pmix_info_t *answer = NULL;
	size_t n = 0;

	PMIX_QUERY_CONSTRUCT(&query);
	query.keys = calloc(2, sizeof(*query.keys));
	if (!query.keys || !(query.keys[0] = strdup(key)))
		client_fail("out of memory");
	if (qual_key) {
		PMIX_QUERY_QUALIFIERS_CREATE(&query, 1);
		PMIX_INFO_LOAD(&query.qualifiers[0], qual_key, qual,
			       PMIX_STRING);
	}
	client_doing("asking for '%s'", key);
	*rc = PMIx_Query_info(&query, 1, &answer, &n);
	PMIX_QUERY_DESTRUCT(&query);
	if (*rc == PMIX_SUCCESS && (n != 1 || !PMIX_CHECK_KEY(answer, key)))
		client_fail("'%s': %zu other answers", key, n);
	return *rc == PMIX_SUCCESS ? answer : NULL;
}

/* With the value's type; freed by the caller with PMIX_INFO_FREE(x, 1). */
static pmix_info_t *need(const char *key, pmix_data_type_t type)
{
	pmix_status_t rc;
	pmix_info_t *answer = ask(key, NULL, NULL, &rc);

	if (!answer)
		client_fail("'%s': %s", key, status_text(rc));
	if (answer->value.type != type)
		client_fail("'%s' is of type %d", key, answer->value.type);
	return answer;
}

static void must_say(const char *key, const char *text)
{
	pmix_info_t *a = need(key, PMIX_STRING);

	if (strcmp(a->value.data.string, text) != 0)
		client_wrong("'%s' is '%s'", key, a->value.data.string);
	PMIX_INFO_FREE(a, 1);
}

static void must_refuse(const char *key, const char *qual_key, const char *qual)
{
	pmix_status_t rc;

	if (ask(key, qual_key, qual, &rc) || rc != PMIX_ERR_NOT_FOUND)
		client_wrong("'%s' of '%s': %s", key, qual ? qual : "",
			     status_text(rc));
}

static void check_proc(const pmix_proc_info_t *p, const place_t *place,
		       bool local)
{
	pid_t pid = p->proc.rank == client_rank() ? getpid() : p->pid;

	if (p->proc.rank != place->rank ||
	    strcmp(p->hostname, place->node) != 0)
		client_wrong("rank %u is said to be on %s", p->proc.rank,
			     p->hostname);
	if (local != (p->pid != 0) || p->pid != pid ||
	    (local && (p->state != PMIX_PROC_STATE_RUNNING ||
		       !strstr(p->executable_name, "c-query"))))
		client_wrong("rank %u is said to be process %d", p->proc.rank,
			     (int)p->pid);
}

static void tables(const place_t *places)
{
	uint32_t here = places[client_rank()].node_id, nlocal = 0;
	pmix_info_t *a = need(PMIX_QUERY_PROC_TABLE, PMIX_DATA_ARRAY);
	const pmix_data_array_t *array = a->value.data.darray;
	const pmix_proc_info_t *procs = array->array;

	if (array->type != PMIX_PROC_INFO || array->size != client_size())
		client_fail("the table of processes has %zu", array->size);
	for (uint32_t i = 0; i < array->size; i++) {
		check_proc(&procs[i], &places[i], places[i].node_id == here);
		nlocal += places[i].node_id == here;
	}
	PMIX_INFO_FREE(a, 1);
	a = need(PMIX_QUERY_LOCAL_PROC_TABLE, PMIX_DATA_ARRAY);
	array = a->value.data.darray;
	procs = array->array;
	if (array->type != PMIX_PROC_INFO || array->size != nlocal)
		client_fail("the table of local processes has %zu",
			    array->size);
	for (uint32_t i = 0; i < array->size; i++)
		check_proc(&procs[i], &places[procs[i].proc.rank], true);
	PMIX_INFO_FREE(a, 1);
}

static void namespaces(void)
{
	pmix_info_t *a = need(PMIX_QUERY_NAMESPACE_INFO, PMIX_DATA_ARRAY);
	const pmix_data_array_t *all = a->value.data.darray;
	const pmix_info_t *one = all->array, *name = NULL, *command = NULL;

	if (all->type != PMIX_INFO || all->size != 1 ||
	    one->value.type != PMIX_DATA_ARRAY)
		client_fail("information of %zu namespaces", all->size);
	all = one->value.data.darray;
	name = info_find(all->array, all->size, PMIX_NSPACE);
	command = info_find(all->array, all->size, PMIX_CMD_LINE);
	if (!name ||
	    strcmp(name->value.data.string, client_proc(0).nspace) != 0)
		client_wrong("another namespace is told of");
	/* Components each have one of their own. */
	if (psets ? command != NULL
		  : !command || !strstr(command->value.data.string, "c-query"))
		client_wrong("its command is '%s'",
			     command ? command->value.data.string : "");
	PMIX_INFO_FREE(a, 1);
}

static void memory(void)
{
	pmix_info_t *a = need(PMIX_QUERY_MEMORY_USAGE, PMIX_DATA_ARRAY);
	const pmix_data_array_t *array = a->value.data.darray;
	const char *keys[] = { PMIX_DAEMON_MEMORY, PMIX_CLIENT_AVG_MEMORY };

	for (int i = 0; i < 2; i++) {
		const pmix_info_t *m =
			info_find(array->array, array->size, keys[i]);

		if (!m || m->value.type != PMIX_FLOAT ||
		    m->value.data.fval < 1 || m->value.data.fval > 4096)
			client_wrong("'%s' is %f", keys[i],
				     m ? (double)m->value.data.fval : 0.0);
	}
	PMIX_INFO_FREE(a, 1);
}

/* The set NAME, whose first rank is FIRST; returns its size. */
static uint32_t check_set(const char *name, uint32_t first)
{
	pmix_status_t rc;
	pmix_info_t *a =
		ask(PMIX_QUERY_PSET_MEMBERSHIP, PMIX_PSET_NAME, name, &rc);
	const pmix_data_array_t *array;
	const pmix_proc_t *procs;
	uint32_t n;

	if (!a || a->value.type != PMIX_DATA_ARRAY ||
	    a->value.data.darray->type != PMIX_PROC)
		client_fail("members of '%s': %s", name, status_text(rc));
	array = a->value.data.darray;
	procs = array->array;
	n = (uint32_t)array->size;
	for (uint32_t i = 0; i < n; i++)
		if (procs[i].rank != first + i ||
		    !PMIX_CHECK_NSPACE(procs[i].nspace, client_proc(0).nspace))
			client_wrong("member %u of '%s' is rank %u of %s", i,
				     name, procs[i].rank, procs[i].nspace);
	PMIX_INFO_FREE(a, 1);
	return n;
}

/* The components of the step, and each rank is in one. */
static void sets(void)
{
	char name[PMIX_MAX_NSLEN + 24], *all;
	pmix_info_t *a = need(PMIX_QUERY_NUM_PSETS, PMIX_SIZE);
	uint32_t ranks = 0;

	if (a->value.data.size != (size_t)psets)
		client_wrong("there are %zu process sets", a->value.data.size);
	PMIX_INFO_FREE(a, 1);
	a = need(PMIX_QUERY_PSET_NAMES, PMIX_STRING);
	all = a->value.data.string;
	for (long i = 0; i <= psets; i++) {
		(void)snprintf(name, sizeof(name), "%s/%ld",
			       client_proc(0).nspace, i);
		if (list_has(all, name) != (i < psets))
			client_wrong("the process sets are '%s'", all);
		if (i < psets)
			ranks += check_set(name, ranks);
	}
	if (!psets && *all)
		client_wrong("the process sets are '%s'", all);
	PMIX_INFO_FREE(a, 1);
	must_refuse(PMIX_QUERY_PSET_MEMBERSHIP, PMIX_PSET_NAME, name);
	if (psets && ranks != client_size())
		client_wrong("%u ranks are in process sets", ranks);
}

static void supported(void)
{
	static const char *const keys[] = {
		"psec.counters",
		PMIX_QUERY_SUPPORTED_KEYS,
		PMIX_QUERY_NAMESPACES,
		PMIX_QUERY_NAMESPACE_INFO,
		PMIX_QUERY_JOB_STATUS,
		PMIX_QUERY_PROC_TABLE,
		PMIX_QUERY_LOCAL_PROC_TABLE,
		PMIX_QUERY_NUM_PSETS,
		PMIX_QUERY_PSET_NAMES,
		PMIX_QUERY_PSET_MEMBERSHIP,
		PMIX_QUERY_MEMORY_USAGE,
	};
	pmix_info_t *a = need(PMIX_QUERY_SUPPORTED_KEYS, PMIX_STRING);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!list_has(a->value.data.string, keys[i]))
			client_wrong("'%s' is not among '%s'", keys[i],
				     a->value.data.string);
	PMIX_INFO_FREE(a, 1);
}

int main(int argc, char **argv)
{
	const place_t *places;
	pmix_info_t *a;

	client_options(argc, argv, options);
	client_init();
	places = places_exchange();
	must_say(PMIX_QUERY_NAMESPACES, client_proc(0).nspace);
	supported();
	a = need(PMIX_QUERY_JOB_STATUS, PMIX_STATUS);
	if (a->value.data.status != PMIX_SUCCESS)
		client_wrong("the step's status is %s",
			     status_text(a->value.data.status));
	PMIX_INFO_FREE(a, 1);
	must_refuse(PMIX_QUERY_JOB_STATUS, PMIX_NSPACE, "no.such.namespace");
	must_refuse("c-query.nothing", NULL, NULL);
	namespaces();
	tables(places);
	memory();
	sets();
	fence_all(false);
	return client_end();
}
