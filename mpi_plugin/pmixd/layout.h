/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * layout.h - where the step's tasks are: applications, nodes by name, ranks
 * by node; and what the allocation has room for.
 *
 * From the user's environment (task map, node lists, CPUs), checked against
 * what Slurm says of this node.  Constant once read.
 */
#ifndef PMIXD_LAYOUT_H
#define PMIXD_LAYOUT_H

#include <stdint.h>

#include "apps.h"
#include "psec.h"
#include "stepconf.h"

typedef struct {
	uint32_t nnodes, ntasks;
	char **node_names;     /* Slurm's NodeName of each node */
	uint32_t *node_of;     /* rank → node */
	uint32_t *local_of;    /* rank → place among its node's ranks */
	uint32_t *node_tasks;  /* node → number of ranks */
	uint32_t **node_ranks; /* node → its ranks, ascending */
	uint32_t *by_node;     /* what node_ranks points into */
	apps_t apps;	       /* components */
	apps_t programs;       /* what processes are told: see apps.h */
	uint32_t nalloc;       /* nodes of the allocation; 0: not known */
	char **alloc_names;    /* and their names; NULL: not known */
	uint32_t cpus_per_task;
	uint32_t slots;	      /* tasks that the allocation has room for */
	uint32_t *node_slots; /* and each of the step's nodes; 0: not known */
	uint32_t task_dist;   /* a task_dist_states_t; 0: not known */
	uint32_t plane_size;  /* where that is SLURM_DIST_PLANE */
} layout_t;

/*
 * Read it.  Of a heterogeneous step CONF comes as slurmstepd's record, of one
 * component, and is counted through all of them from now on (see apps.h).
 * 0, or -1 with a sentence.  Release it with layout_free() in both cases.
 */
int layout_read(layout_t *layout, stepconf_t *conf, psec_error_t *err);

/*
 * Of another step: nnodes, ntasks, slots, node_names (malloc()ed) and node_of
 * (each below nnodes) are there, all else is zero; LEADER is the job.  One
 * application.  0, or -1 with a sentence.  Release it with layout_free().
 */
int layout_make(layout_t *layout, uint32_t leader, psec_error_t *err);

void layout_free(layout_t *layout);

#endif
