/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * apps.h - the applications of a step: one, or one for each component of a
 * heterogeneous step.
 *
 * Slurm launches each component as a step of its own, with nodes and tasks
 * counted from 0; slurmstepd's record is of one component.  What srun says of
 * the others (PSEC_ENV_STEP in ctl.h) is the user's word.
 */
#ifndef PMIXD_APPS_H
#define PMIXD_APPS_H

#include <stdint.h>

#include "psec.h"
#include "stepconf.h"

/* Consecutive ranks on consecutive nodes. */
typedef struct {
	uint32_t first, size; /* ranks */
	uint32_t first_node, nnodes;
	uint32_t job_id;
	uint32_t task_dist; /* a task_dist_states_t; 0: not known */
} app_t;

typedef struct {
	uint32_t leader; /* the job id in the namespace's name */
	uint32_t own;	 /* of this node */
	uint32_t n;
	app_t *list; /* ascending, without gaps */
} apps_t;

/*
 * Read them, and count CONF's nodes and ranks through all components from now
 * on: node, nnodes, ntasks and ranks.  0, or -1 with a sentence.
 */
int apps_read(apps_t *apps, stepconf_t *conf, psec_error_t *err);

/*
 * The applications that processes are told of: these, or of a step that
 * PMIx_Spawn started with several programs (PSEC_ENV_PROGRAMS in ctl.h) each
 * of those, whose nodes are not said.  After apps_read(); LIST may be that of
 * APPS.  0, or -1 with a sentence.
 */
int apps_programs(apps_t *programs, const apps_t *apps, const stepconf_t *conf,
		  psec_error_t *err);

/* The application of a rank, and of a node. */
uint32_t apps_of_rank(const apps_t *apps, uint32_t rank);
uint32_t apps_of_node(const apps_t *apps, uint32_t node);

#endif
