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

static int read_names(layout_t *l, const stepconf_t *conf, psec_error_t *err)
{
	const char *text = stepconf_env(conf, "SLURM_STEP_NODELIST");
	/* A pointer's name in older Slurm, a structure's in newer ones. */
	__typeof__(slurm_hostlist_create(NULL)) list =
		text ? slurm_hostlist_create(text) : NULL;
	char *name;
	uint32_t n = 0;

	l->node_names = calloc((size_t)l->nnodes + 1, sizeof(char *));
	if (!l->node_names) {
		slurm_hostlist_destroy(list);
		return no_memory(err);
	}
	while (list && (name = slurm_hostlist_shift(list))) {
		if (n < l->nnodes)
			l->node_names[n] = name;
		else
			free(name);
		n++;
	}
	if (list)
		slurm_hostlist_destroy(list);
	if (n != l->nnodes)
		return error_set(err, PSEC_ERR_ARG,
				 "SLURM_STEP_NODELIST (%s) names %u nodes, "
				 "the step has %u",
				 text ? text : "not set", n, l->nnodes);
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

/* "2(x3),4" sums up to 10.  0 where it is not of this form. */
static uint32_t sum_counts(const char *text)
{
	uint32_t sum = 0;

	while (text && *text) {
		char *end;
		unsigned long count = strtoul(text, &end, 10);
		unsigned long times = 1;

		if (end == text)
			return 0;
		if (!strncmp(end, "(x", 2)) {
			times = strtoul(end + 2, &end, 10);
			if (*end++ != ')')
				return 0;
		}
		sum += (uint32_t)(count * times);
		if (*end && *end++ != ',')
			return 0;
		text = end;
	}
	return sum;
}

static void count_slots(layout_t *l, const stepconf_t *conf)
{
	const char *per_task = stepconf_env(conf, "SLURM_CPUS_PER_TASK");
	uint32_t cpus =
		sum_counts(stepconf_env(conf, "SLURM_JOB_CPUS_PER_NODE"));
	/* The user's words: any number may be there, or none. */
	unsigned long div = per_task ? strtoul(per_task, NULL, 10) : 1;

	l->slots = div ? (uint32_t)(cpus / div) : cpus;
	if (l->slots < l->ntasks)
		l->slots = l->ntasks;
}

int layout_read(layout_t *l, const stepconf_t *conf, psec_error_t *err)
{
	memset(l, 0, sizeof(*l));
	l->nnodes = conf->nnodes;
	l->ntasks = conf->ntasks;
	if (read_map(l, conf, err) != 0 || read_names(l, conf, err) != 0 ||
	    invert_map(l, err) != 0 || check_own_node(l, conf, err) != 0)
		return -1;
	count_slots(l, conf);
	return 0;
}
