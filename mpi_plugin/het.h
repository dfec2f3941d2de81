/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * het.h - in srun: the components of a heterogeneous step.
 *
 * srun with several components (`srun A : B`, `srun --het-group=0,1 A`)
 * creates a step for each, in one job or in the jobs of a heterogeneous job,
 * and launches each by itself.  For PMIx they are one namespace: ranks and
 * nodes are counted through, component by component, as Slurm counts
 * SLURM_PROCID and SLURM_NODEID.  What a launch is told of the others is
 * sorted by node names and does not say whose they are, so slurmctld is asked.
 */
#ifndef PSEC_HET_H
#define PSEC_HET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slurm_extra.h"

#define HET_COMPONENTS_MAX 128 /* Slurm's own limit */

typedef struct {
	uint32_t job_id;
	uint32_t first_rank;
	slurm_step_layout_t *layout;
} het_component_t;

typedef struct {
	uint32_t leader;	 /* job id by which its user knows the step */
	uint32_t ntasks, nnodes; /* of all components */
	uint32_t n;
	het_component_t components[HET_COMPONENTS_MAX];
} het_t;

/* Is the step that INFO describes of a heterogeneous job or step? */
bool het_is(const psec_mpi_step_info_t *info);

/*
 * All components of INFO's step, asked for once per process; any thread may
 * call it.  NULL with a sentence in TEXT (SIZE bytes).
 */
const het_t *het_get(const psec_mpi_step_info_t *info, char *text, size_t size);

/* Which component INFO's is, or UINT32_MAX. */
uint32_t het_own(const het_t *het, const psec_mpi_step_info_t *info);

/* The nodes in their order; malloc()ed, or NULL without memory. */
char *het_nodes(const het_t *het);

#endif
