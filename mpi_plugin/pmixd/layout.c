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

static int read_names(layout_t *l, const stepconf_t *conf, psec_error_t *err)
{
	const char *text = stepconf_env(conf, "SLURM_STEP_NODELIST");
	uint32_t n;
	char **names = expand(text, &n);

	if (!names)
		return no_memory(err);
	if (n != l->nnodes) {
		free_names(names, n);
		return error_set(err, PSEC_ERR_ARG,
				 "SLURM_STEP_NODELIST (%s) names %u nodes, "
				 "the step has %u",
				 text ? text : "not set", n, l->nnodes);
	}
	l->node_names = names;
	return 0;
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
	/* srun's map is of the whole step, the record of one component. */
	if (stepconf_env(conf, "SLURM_HET_SIZE"))
		return error_set(err, PSEC_ERR_ARG,
				 "heterogeneous steps (srun with several "
				 "components) are not supported yet; Slurm's "
				 "own plugin can: --mpi=pmix_v4 or pmix_v5");
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

/* "2(x3),4" is 2, 2, 2, 4: read N of them.  False: it is not so many. */
static bool read_counts(const char *text, uint32_t *counts, uint32_t n)
{
	uint32_t i = 0;

	while (text && *text) {
		char *end;
		unsigned long count = strtoul(text, &end, 10);
		unsigned long times = 1;

		if (end == text)
			return false;
		if (!strncmp(end, "(x", 2)) {
			times = strtoul(end + 2, &end, 10);
			if (*end++ != ')')
				return false;
		}
		if (times > n - i)
			return false;
		while (times--)
			counts[i++] = (uint32_t)count;
		if (*end && *end++ != ',')
			return false;
		text = end;
	}
	return i == n;
}

/* How many of the step's tasks the CPUs of each allocated node can run. */
static void count_slots(layout_t *l, const uint32_t *cpus)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < l->nalloc; i++)
		l->slots += cpus[i] / l->cpus_per_task;
	/* The step's nodes come mostly in the allocation's order. */
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

static int read_slots(layout_t *l, const stepconf_t *conf, psec_error_t *err)
{
	const char *per_task = stepconf_env(conf, "SLURM_CPUS_PER_TASK");
	unsigned long div = per_task ? strtoul(per_task, NULL, 10) : 0;
	uint32_t *cpus;

	l->cpus_per_task = div && div < UINT32_MAX ? (uint32_t)div : 1;
	l->alloc_names =
		expand(stepconf_env(conf, "SLURM_JOB_NODELIST"), &l->nalloc);
	l->node_slots = calloc((size_t)l->nnodes + 1, sizeof(uint32_t));
	cpus = calloc((size_t)l->nalloc + 1, sizeof(uint32_t));
	if (!l->alloc_names || !l->node_slots || !cpus) {
		free(cpus);
		return no_memory(err);
	}
	if (read_counts(stepconf_env(conf, "SLURM_JOB_CPUS_PER_NODE"), cpus,
			l->nalloc))
		count_slots(l, cpus);
	/* Overcommitted, or not told: there is room for what runs. */
	if (l->slots < l->ntasks)
		l->slots = l->ntasks;
	free(cpus);
	return 0;
}

/* The number behind KEY= among the words of PSEC_ENV_STEP, or 0. */
static uint32_t step_number(const stepconf_t *conf, const char *key)
{
	const char *text = stepconf_env(conf, PSEC_ENV_STEP);
	size_t len = strlen(key);

	while (text && *text) {
		if (!strncmp(text, key, len) && text[len] == '=')
			return (uint32_t)strtoul(text + len + 1, NULL, 10);
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return 0;
}

static int read_apps(layout_t *l, psec_error_t *err)
{
	l->apps = calloc(1, sizeof(*l->apps));
	if (!l->apps)
		return no_memory(err);
	l->napps = 1;
	l->apps[0].size = l->ntasks;
	return 0;
}

uint32_t layout_app(const layout_t *l, uint32_t rank)
{
	uint32_t app = 0;

	while (app + 1 < l->napps && l->apps[app + 1].first <= rank)
		app++;
	return app;
}

int layout_read(layout_t *l, const stepconf_t *conf, psec_error_t *err)
{
	const char *plane;

	memset(l, 0, sizeof(*l));
	l->nnodes = conf->nnodes;
	l->ntasks = conf->ntasks;
	if (read_map(l, conf, err) != 0 || read_names(l, conf, err) != 0 ||
	    invert_map(l, err) != 0 || check_own_node(l, conf, err) != 0 ||
	    read_slots(l, conf, err) != 0 || read_apps(l, err) != 0)
		return -1;
	l->task_dist = step_number(conf, "dist");
	plane = stepconf_env(conf, "SLURM_DIST_PLANESIZE");
	l->plane_size = plane ? (uint32_t)strtoul(plane, NULL, 10) : 0;
	return 0;
}
