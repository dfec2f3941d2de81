/* SPDX-License-Identifier: BSD-3-Clause */
/* layout.c - see layout.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "error.h"
#include "layout.h"
#include "slurm_extra.h"
#include "taskmap.h"

#define ALLOC_NODES_MAX (1024 * 1024)

static int no_memory(psec_error_t *err)
{
	return error_set(err, PSEC_ERR_NOMEM, "no memory for the task map");
}

/* The *N names of a hostlist expression; NULL without memory. */
static char **expand(const char *text, uint32_t *n)
{
	/* A pointer's name in older Slurm, a structure's in newer ones. */
	__typeof__(slurm_hostlist_create(NULL)) list =
		text ? slurm_hostlist_create(text) : NULL;
	uint32_t max = list ? (uint32_t)slurm_hostlist_count(list) : 0;
	char **names = calloc((size_t)max + 1, sizeof(char *));
	char *name;

	*n = 0;
	while (names && *n < max && (name = slurm_hostlist_shift(list)))
		names[(*n)++] = name;
	if (list)
		slurm_hostlist_destroy(list);
	return names;
}

static void free_names(char **names, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* srun's own list is sorted, whatever the components' order. */
static const char *node_list(const layout_t *l, const stepconf_t *conf)
{
	return stepconf_env(conf, l->apps.n > 1 ? PSEC_ENV_NODES
						: "SLURM_STEP_NODELIST");
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* libpmix knows nodes by their names. */
static int check_names(const layout_t *l, psec_error_t *err)
{
	char **sorted = calloc((size_t)l->nnodes + 1, sizeof(char *));
	int rv = 0;

	if (!sorted)
		return no_memory(err);
	memcpy(sorted, l->node_names, l->nnodes * sizeof(char *));
	qsort(sorted, l->nnodes, sizeof(char *), compare);
	for (uint32_t i = 1; i < l->nnodes && rv == 0; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			rv = error_set(err, PSEC_ERR_ARG,
				       "two components of the step share node "
				       "%s, which is not supported",
				       sorted[i]);
	free(sorted);
	return rv;
}

static int read_names(layout_t *l, const stepconf_t *conf, psec_error_t *err)
{
	const char *text = node_list(l, conf);
	uint32_t n;
	char **names = expand(text, &n);

	if (!names)
		return no_memory(err);
	if (n != l->nnodes) {
		free_names(names, n);
		return error_set(err, PSEC_ERR_ARG,
				 "the step's node list (%s) names %u nodes, "
				 "the step has %u",
				 text ? text : "not set", n, l->nnodes);
	}
	l->node_names = names;
	return check_names(l, err);
}

static int read_map(layout_t *l, const stepconf_t *conf, psec_error_t *err)
{
	const char *text = stepconf_env(conf, PSEC_ENV_TASKMAP);

	l->node_of = calloc((size_t)l->ntasks + 1, sizeof(uint32_t));
	if (!l->node_of)
		return no_memory(err);
	if (!text)
		return error_set(err, PSEC_ERR_ARG,
				 "srun did not send " PSEC_ENV_TASKMAP
				 ": it must use mpi_pmix.so of the same "
				 "installation as this node (PluginDir in "
				 "slurm.conf)");
	if (taskmap_decode(text, l->nnodes, l->node_of, l->ntasks) == 0)
		return 0;
	return error_set(err, PSEC_ERR_ARG,
			 PSEC_ENV_TASKMAP " (%.80s) does not describe "
					  "%u tasks on %u nodes",
			 text, l->ntasks, l->nnodes);
}

/* node_of, by node.  Ranks come in ascending order on each. */
static int invert_map(layout_t *l, psec_error_t *err)
{
	uint32_t next = 0;

	l->node_tasks = calloc((size_t)l->nnodes + 1, sizeof(uint32_t));
	l->node_ranks = calloc((size_t)l->nnodes + 1, sizeof(uint32_t *));
	l->local_of = calloc((size_t)l->ntasks + 1, sizeof(uint32_t));
	l->by_node = calloc((size_t)l->ntasks + 1, sizeof(uint32_t));
	if (!l->node_tasks || !l->node_ranks || !l->local_of || !l->by_node)
		return no_memory(err);
	for (uint32_t r = 0; r < l->ntasks; r++)
		l->local_of[r] = l->node_tasks[l->node_of[r]]++;
	for (uint32_t n = 0; n < l->nnodes; n++) {
		l->node_ranks[n] = l->by_node + next;
		next += l->node_tasks[n];
	}
	for (uint32_t r = 0; r < l->ntasks; r++) {
		uint32_t *ranks = l->node_ranks[l->node_of[r]];

		ranks[l->local_of[r]] = r;
	}
	return 0;
}

/* The user's map must say of this node what Slurm says. */
static int check_own_node(const layout_t *l, const stepconf_t *conf,
			  psec_error_t *err)
{
	bool same = l->node_tasks[conf->node] == conf->nlocal;

	for (uint32_t i = 0; same && i < conf->nlocal; i++)
		same = l->node_of[conf->ranks[i]] == conf->node;
	if (!same)
		return error_set(err, PSEC_ERR_ARG,
				 PSEC_ENV_TASKMAP " gives node %u other ranks "
						  "than Slurm does",
				 conf->node);
	return 0;
}

/*
 * "2(x3),4" is 2, 2, 2, 4: the *N numbers, malloc()ed.  NULL: it is no such
 * text, or there is no memory.
 */
static uint32_t *read_counts(const char *text, uint32_t *n)
{
	uint32_t *counts = NULL, *more;

	for (*n = 0; text && *text;) {
		char *end;
		unsigned long count = strtoul(text, &end, 10);
		unsigned long times = 1;

		if (end == text)
			goto fail;
		if (!strncmp(end, "(x", 2)) {
			times = strtoul(end + 2, &end, 10);
			if (*end++ != ')')
				goto fail;
		}
		if (times > ALLOC_NODES_MAX - *n)
			goto fail;
		more = realloc(counts, (*n + times + 1) * sizeof(*counts));
		if (!more)
			goto fail;
		counts = more;
		while (times--)
			counts[(*n)++] = (uint32_t)count;
		if (*end && *end++ != ',')
			goto fail;
		text = end;
	}
	return counts;
fail:
	free(counts);
	*n = 0;
	return NULL;
}

/* The slots of the step's nodes, which come mostly in the job's order. */
static void find_node_slots(layout_t *l, const uint32_t *cpus)
{
	uint32_t at = 0;

	for (uint32_t n = 0; n < l->nnodes; n++)
		for (uint32_t i = 0; i < l->nalloc; i++, at++) {
			if (at >= l->nalloc)
				at = 0;
			if (strcmp(l->alloc_names[at], l->node_names[n]) != 0)
				continue;
			l->node_slots[n] = cpus[at] / l->cpus_per_task;
			break;
		}
}

/*
 * How many of the step's tasks the CPUs of each allocated node can run.  The
 * components of a heterogeneous step need different numbers of CPUs, and one
 * does not know the others'.
 */
static void count_slots(layout_t *l, const uint32_t *cpus)
{
	for (uint32_t i = 0; l->apps.n == 1 && i < l->nalloc; i++)
		l->slots += cpus[i] / l->cpus_per_task;
	/* Overcommitted, or not known: there is room for what runs. */
	if (l->slots < l->ntasks)
		l->slots = l->ntasks;
	if (l->apps.n == 1 && l->alloc_names)
		find_node_slots(l, cpus);
}

/* Of a heterogeneous job srun names the nodes of the step's components. */
static bool is_whole_job(const layout_t *l, const stepconf_t *conf)
{
	const char *size = stepconf_env(conf, "SLURM_HET_SIZE");

	return !size || strtoul(size, NULL, 10) == l->apps.n;
}

static int read_slots(layout_t *l, const stepconf_t *conf, psec_error_t *err)
{
	const char *per_task = stepconf_env(conf, "SLURM_CPUS_PER_TASK");
	unsigned long div = per_task ? strtoul(per_task, NULL, 10) : 0;
	uint32_t *cpus = read_counts(
		stepconf_env(conf, "SLURM_JOB_CPUS_PER_NODE"), &l->nalloc);
	uint32_t n;

	l->cpus_per_task = div && div < UINT32_MAX ? (uint32_t)div : 1;
	l->alloc_names = expand(stepconf_env(conf, "SLURM_JOB_NODELIST"), &n);
	l->node_slots = calloc((size_t)l->nnodes + 1, sizeof(uint32_t));
	if (!l->alloc_names || !l->node_slots) {
		free_names(l->alloc_names, l->alloc_names ? n : 0);
		l->alloc_names = NULL;
		free(cpus);
		return no_memory(err);
	}
	/* With `srun A : B` within one job Slurm names the step's nodes here.
	 */
	if (n != l->nalloc) {
		free_names(l->alloc_names, n);
		l->alloc_names = NULL;
	}
	count_slots(l, cpus);
	free(cpus);
	if (!is_whole_job(l, conf)) {
		free_names(l->alloc_names, l->alloc_names ? n : 0);
		l->alloc_names = NULL;
		l->nalloc = 0;
	}
	return 0;
}

/* Where all applications have the same. */
static uint32_t common_dist(const apps_t *apps)
{
	for (uint32_t i = 1; i < apps->n; i++)
		if (apps->list[i].task_dist != apps->list[0].task_dist)
			return 0;
	return apps->list[0].task_dist;
}

int layout_make(layout_t *l, uint32_t leader, psec_error_t *err)
{
	l->apps.leader = leader;
	l->apps.n = 1;
	l->apps.list = calloc(1, sizeof(*l->apps.list));
	l->node_slots = calloc((size_t)l->nnodes + 1, sizeof(uint32_t));
	if (!l->apps.list || !l->node_slots)
		return no_memory(err);
	l->apps.list[0] = (app_t){ .size = l->ntasks,
				   .nnodes = l->nnodes,
				   .job_id = leader };
	l->programs = l->apps;
	l->cpus_per_task = 1;
	return invert_map(l, err);
}

void layout_free(layout_t *l)
{
	free_names(l->node_names, l->node_names ? l->nnodes : 0);
	free_names(l->alloc_names, l->alloc_names ? l->nalloc : 0);
	free(l->node_of);
	free(l->local_of);
	free(l->node_tasks);
	free(l->node_ranks);
	free(l->by_node);
	if (l->programs.list != l->apps.list)
		free(l->programs.list);
	free(l->apps.list);
	free(l->node_slots);
	memset(l, 0, sizeof(*l));
}

int layout_read(layout_t *l, stepconf_t *conf, psec_error_t *err)
{
	const char *plane;

	memset(l, 0, sizeof(*l));
	if (apps_read(&l->apps, conf, err) != 0 ||
	    apps_programs(&l->programs, &l->apps, conf, err) != 0)
		return -1;
	l->nnodes = conf->nnodes;
	l->ntasks = conf->ntasks;
	if (read_map(l, conf, err) != 0 || read_names(l, conf, err) != 0 ||
	    invert_map(l, err) != 0 || check_own_node(l, conf, err) != 0 ||
	    read_slots(l, conf, err) != 0)
		return -1;
	l->task_dist = common_dist(&l->apps);
	plane = stepconf_env(conf, "SLURM_DIST_PLANESIZE");
	l->plane_size = plane ? (uint32_t)strtoul(plane, NULL, 10) : 0;
	return 0;
}
