/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * layout.h - where the step's tasks are: nodes by name, ranks by node.
 *
 * From the user's environment (task map, node list), checked against what
 * Slurm says of this node.  Constant once read.
 */
#ifndef PMIXD_LAYOUT_H
#define PMIXD_LAYOUT_H

#include <stdint.h>

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
	uint32_t slots;	       /* tasks that the allocation has room for */
} layout_t;

/* 0, or -1 with a sentence.  Nothing is freed before the process ends. */
int layout_read(layout_t *layout, const stepconf_t *conf, psec_error_t *err);

#endif
