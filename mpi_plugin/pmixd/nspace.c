/* SPDX-License-Identifier: BSD-3-Clause */
/* nspace.c - see nspace.h. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control.h"
#include "error.h"
#include "jobinfo.h"
#include "nspace.h"

/*
 * How large a file libpmix 4's shared memory makes for the index of a
 * namespace, 24 bytes for a rank; where that is too small for another step's,
 * it makes more files.  Without this it takes 4 MiB, which it allocates and
 * fills with zeros at the start of each step, on each node.  Server and
 * clients must have the same number.
 */
#define INDEX_VAR  "NS_META_SEG_SIZE"
#define INDEX_MIN  65536
#define INDEX_RANK 32

int nspace_environment(const pmixd_t *d)
{
	size_t size = INDEX_RANK * ((size_t)d->layout.ntasks + 2);
	char text[24];

	snprintf(text, sizeof(text), "%zu",
		 size > INDEX_MIN ? size : INDEX_MIN);
	return setenv(INDEX_VAR, text, 0);
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

/* One for each component of a heterogeneous step, for queries. */
static void define_psets(const pmixd_t *d)
{
	const apps_t *apps = &d->layout.apps;

	for (uint32_t n = 0; apps->n > 1 && n < apps->n; n++) {
		uint32_t size = apps->list[n].size;
		char name[PMIX_MAX_NSLEN + 16];
		pmix_proc_t *procs;

		PMIX_PROC_CREATE(procs, size);
		if (!procs)
			return;
		for (uint32_t i = 0; i < size; i++)
			PMIX_LOAD_PROCID(&procs[i], d->nspace,
					 apps->list[n].first + i);
		jobinfo_pset_name(d, n, name, sizeof(name));
		/* 4.2 returns what happens to be in its memory. */
		(void)PMIx_server_define_process_set(procs, size, name);
		PMIX_PROC_FREE(procs, size);
	}
}

int nspace_register(const pmixd_t *d, psec_error_t *err)
{
	infolist_t info = infolist_new();
	pmix_data_array_t array;
	pmix_status_t rc;

	jobinfo_add(&info, d);
	rc = infolist_take(&info, &array);
	if (rc != PMIX_SUCCESS)
		return failed(err, "describe the step", rc);
	rc = PMIx_server_register_nspace(d->nspace, (int)d->conf.nlocal,
					 array.array, array.size, NULL, NULL);
	PMIX_DATA_ARRAY_DESTRUCT(&array);
	if (!ok(rc))
		return failed(err, "register the step's namespace", rc);
	define_psets(d);
	return register_clients(d, err);
}

void nspace_free_env(char **env)
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
	nspace_free_env(env);
	return uri[0] ? 0 : -1;
}

/*
 * Take the modules shmem, shmem2, ... off the list of stores that tasks may
 * use.
 *
 * Clients of libpmix 5.0 to 6.1 that read the server's data in shared memory do
 * not learn their own application, and take themselves for one of the first
 * (PMIX_APP_SIZE, PMIX_APPLDR, ...).  Those that are sent their data do learn
 * it.
 */
static void drop_shared_store(char **env)
{
	static const char name[] = "PMIX_GDS_MODULE=";
	char *from, *to, *next;

	for (; env && *env; env++) {
		if (strncmp(*env, name, sizeof(name) - 1) != 0)
			continue;
		to = from = *env + sizeof(name) - 1;
		for (; *from; from = next) {
			size_t size = strcspn(from, ",");

			next = from + size + (from[size] == ',');
			if (!strncmp(from, "shmem", strlen("shmem")))
				continue;
			memmove(to, from, (size_t)(next - from));
			to += next - from;
		}
		*to = '\0';
	}
}

/* One more variable for a task.  -1: no memory. */
static int add_index_size(char ***env)
{
	char **grown, *text;
	size_t n = 0;

	if (asprintf(&text, INDEX_VAR "=%s", getenv(INDEX_VAR)) < 0)
		return -1;
	while (*env && (*env)[n])
		n++;
	grown = realloc(*env, (n + 2) * sizeof(*grown));
	if (!grown) {
		free(text);
		return -1;
	}
	*env = grown;
	grown[n] = text;
	grown[n + 1] = NULL;
	return 0;
}

pmix_status_t nspace_task_env(const pmixd_t *d, uint32_t local, char ***env)
{
	pmix_proc_t proc;
	pmix_status_t rc;

	PMIX_LOAD_PROCID(&proc, d->nspace, d->conf.ranks[local]);
	rc = PMIx_server_setup_fork(&proc, env);
	if (d->layout.programs.n > 1)
		drop_shared_store(*env);
	if (rc == PMIX_SUCCESS && add_index_size(env) != 0)
		rc = PMIX_ERR_NOMEM;
	return rc;
}

int nspace_send_blocks(const pmixd_t *d, psec_error_t *err)
{
	for (uint32_t i = 0; i < d->conf.nlocal; i++) {
		char **env = NULL;
		pmix_status_t rc = nspace_task_env(d, i, &env);

		if (rc == PMIX_SUCCESS)
			control_send_block(i, env);
		nspace_free_env(env);
		if (rc != PMIX_SUCCESS)
			return failed(err, "prepare a task's environment", rc);
	}
	return 0;
}
