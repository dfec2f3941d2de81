/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tasks.c - see tasks.h.
 *
 * slurmd decides on CPUs when it launches a step and tells nobody before
 * slurmstepd has bound the forked tasks.  So the kernel is asked, then.  What
 * other nodes' tasks are bound to is not known here.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pmix.h>
#include <pmix_server.h>

#include "infolist.h"
#include "log.h"
#include "tasklist.h"
#include "tasks.h"

#define MAKER	     "hwloc:"
#define CPUS_MAX     8192
#define MASK_SIZE    CPU_ALLOC_SIZE(CPUS_MAX)
#define CPUSET_MAX   4096 /* bytes of text */
#define NO_PACKAGE   (-1L)
#define PACKAGES_MAX 256

typedef struct {
	const char *nspace;
	pmix_status_t rc;		 /* the first failure */
	uint16_t packages[PACKAGES_MAX]; /* local tasks on each so far */
} store_t;

/* "hwloc:0-3,8", the standard's form of a set of CPUs. */
static bool cpuset_text(const cpu_set_t *mask, char *text, size_t size)
{
	int n = snprintf(text, size, MAKER);
	const char *comma = "";

	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		int first = cpu;

		if (!CPU_ISSET_S(cpu, MASK_SIZE, mask))
			continue;
		while (cpu + 1 < CPUS_MAX &&
		       CPU_ISSET_S(cpu + 1, MASK_SIZE, mask))
			cpu++;
		n += snprintf(text + n, size - (size_t)n,
			      cpu > first ? "%s%d-%d" : "%s%d", comma, first,
			      cpu);
		if ((size_t)n >= size)
			return false;
		comma = ",";
	}
	return *comma != '\0';
}

/* The CPUs of a process; false: it may use all, that is, it is not bound. */
static bool bound_to(pid_t pid, char *text, size_t size)
{
	cpu_set_t *mask = CPU_ALLOC(CPUS_MAX);
	bool bound = mask != NULL;

	if (bound) {
		CPU_ZERO_S(MASK_SIZE, mask);
		bound = sched_getaffinity(pid, MASK_SIZE, mask) == 0 &&
			CPU_COUNT_S(MASK_SIZE, mask) <
				sysconf(_SC_NPROCESSORS_ONLN) &&
			cpuset_text(mask, text, size);
	}
	CPU_FREE(mask);
	return bound;
}

/*
 * hwloc's description of where the CPUs are, "hwloc:SK0:CR1:HT1".  malloc()ed,
 * or NULL.  PARSED is changed and restored by libpmix.
 */
static char *locality_of(char *parsed)
{
	pmix_cpuset_t cs = PMIX_CPUSET_STATIC_INIT;
	char *parts = NULL, *text = NULL;

	if (PMIx_Parse_cpuset_string(parsed, &cs) != PMIX_SUCCESS)
		return NULL;
	if (PMIx_server_generate_locality_string(&cs, &parts) != PMIX_SUCCESS)
		parts = NULL;
	PMIx_Cpuset_destruct(&cs);
	/* The standard wants the maker's name first; libpmix leaves it out. */
	if (parts && strncmp(parts, MAKER, strlen(MAKER)) == 0)
		return parts;
	if (parts && asprintf(&text, MAKER "%s", parts) < 0)
		text = NULL;
	free(parts);
	return text;
}

/* The one package (socket) that a locality names, "hwloc:SK1:L30:...". */
static long package_of(const char *locality)
{
	const char *at = locality ? strstr(locality, ":SK") : NULL;
	char *end;
	long package;

	if (!at)
		return NO_PACKAGE;
	package = strtol(at + 3, &end, 10);
	return end > at + 3 && (!*end || *end == ':') && package >= 0 &&
			       package < PACKAGES_MAX
		       ? package
		       : NO_PACKAGE;
}

/*
 * Into libpmix's job-level data, which no client has read yet.  A namespace
 * cannot be registered twice: 4.2 would make its shared memory anew.
 */
static void store(store_t *s, const char *key, const void *value,
		  pmix_data_type_t type)
{
	pmix_value_t v;
	pmix_proc_t job;
	pmix_status_t rc;

	PMIX_LOAD_PROCID(&job, s->nspace, PMIX_RANK_WILDCARD);
	PMIX_VALUE_LOAD(&v, value, type);
	rc = PMIx_Store_internal(&job, key, &v);
	PMIX_VALUE_DESTRUCT(&v);
	if (s->rc == PMIX_SUCCESS)
		s->rc = rc;
}

/* LIST is used up. */
static void store_array(store_t *s, const char *key, infolist_t *list)
{
	pmix_data_array_t array;
	pmix_status_t rc = infolist_take(list, &array);

	if (s->rc == PMIX_SUCCESS)
		s->rc = rc;
	if (rc != PMIX_SUCCESS)
		return;
	store(s, key, &array, PMIX_DATA_ARRAY);
	PMIX_DATA_ARRAY_DESTRUCT(&array);
}

/* False: the task is not bound, and there is nothing to say. */
static bool store_cpus(store_t *s, uint32_t rank, pid_t pid)
{
	char cpuset[CPUSET_MAX];
	infolist_t proc;
	char *locality;
	long package;

	if (!bound_to(pid, cpuset, sizeof(cpuset)))
		return false;
	proc = infolist_new();
	locality = locality_of(cpuset);
	package = package_of(locality);
	infolist_rank(&proc, PMIX_RANK, rank);
	infolist_string(&proc, PMIX_CPUSET, cpuset);
	if (locality)
		infolist_string(&proc, PMIX_LOCALITY_STRING, locality);
	if (package != NO_PACKAGE)
		infolist_u16(&proc, PMIX_PACKAGE_RANK, s->packages[package]++);
	free(locality);
	store_array(s, PMIX_PROC_DATA, &proc);
	return true;
}

static void store_directory(store_t *s, const pmixd_t *d, const char *cwd)
{
	infolist_t app = infolist_new();

	infolist_u32(&app, PMIX_APPNUM, d->layout.apps.own);
	infolist_string(&app, PMIX_WDIR, cwd);
	store_array(s, PMIX_APP_INFO_ARRAY, &app);
}

void tasks_forked(const pmixd_t *d, const char *body, size_t len)
{
	store_t s = { .nspace = d->nspace, .rc = PMIX_SUCCESS };
	const char *cwd = body + d->conf.nlocal * sizeof(uint32_t);
	bool bound = false;

	if (cwd > body + len)
		return;
	for (uint32_t i = 0; i < d->conf.nlocal; i++) {
		uint32_t pid;

		memcpy(&pid, body + i * sizeof(pid), sizeof(pid));
		pthread_mutex_lock(&pmixd.lock);
		tasklist_forked(i, (pid_t)pid);
		pthread_mutex_unlock(&pmixd.lock);
		if (store_cpus(&s, d->conf.ranks[i], (pid_t)pid))
			bound = true;
	}
	/* Nobody asked for it, and nothing came of it. */
	if (!bound && d->layout.apps.n == 1 &&
	    !stepconf_env(&d->conf, "SLURM_CPU_BIND_TYPE"))
		store(&s, PMIX_BINDTO, "none", PMIX_STRING);
	/* Several programs may each have their own. */
	if (*cwd && d->layout.programs.n == d->layout.apps.n)
		store_directory(&s, d, cwd);
	if (s.rc != PMIX_SUCCESS)
		plog_info("the tasks' CPUs and directory cannot be "
			  "registered: %s (%d)",
			  PMIx_Error_string(s.rc), s.rc);
}
