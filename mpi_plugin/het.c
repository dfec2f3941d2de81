/* SPDX-License-Identifier: BSD-3-Clause */
/* het.c - see het.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "het.h"

/* Of this srun: it launches one step, each component on a thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static het_t step;

bool het_is(const psec_mpi_step_info_t *info)
{
	return info->het_job_task_offset != NO_VAL ||
	       (info->het_job_id != NO_VAL && info->het_job_id != 0);
}

static slurm_step_layout_t *ask_layout(uint32_t job_id, uint32_t step_id,
				       uint32_t component)
{
	slurm_step_id_t id = PSEC_STEP_ID_INIT;

	id.job_id = job_id;
	id.step_id = step_id;
	id.step_het_comp = component;
	return slurm_job_step_layout_get(&id);
}

static void add(het_t *het, uint32_t job_id, slurm_step_layout_t *layout)
{
	het_component_t *c = &het->components[het->n++];

	c->job_id = job_id;
	c->first_rank = het->ntasks;
	c->layout = layout;
	het->ntasks += layout->task_cnt;
	het->nnodes += layout->node_cnt;
}

/* `srun A : B` within one job: steps of the same number. */
static void read_one_job(het_t *het, const psec_mpi_step_info_t *info)
{
	slurm_step_layout_t *layout;

	het->leader = info->step_id.job_id;
	for (uint32_t i = 0; het->n < HET_COMPONENTS_MAX; i++) {
		layout = ask_layout(het->leader, info->step_id.step_id, i);
		if (!layout)
			break;
		add(het, het->leader, layout);
	}
}

static int by_offset(const void *a, const void *b)
{
	const slurm_job_info_t *x = a, *y = b;

	return (x->het_job_offset > y->het_job_offset) -
	       (x->het_job_offset < y->het_job_offset);
}

/* Each component has a job; not all of them need take part in the step. */
static void read_jobs(het_t *het, const psec_mpi_step_info_t *info)
{
	slurm_step_layout_t *layout;
	job_info_msg_t *jobs = NULL;

	het->leader = info->het_job_id;
	if (psec_load_job(&jobs, het->leader) != SLURM_SUCCESS)
		return;
	qsort(jobs->job_array, jobs->record_count, sizeof(*jobs->job_array),
	      by_offset);
	for (uint32_t i = 0;
	     i < jobs->record_count && het->n < HET_COMPONENTS_MAX; i++) {
		uint32_t id = psec_job_id(&jobs->job_array[i]);

		layout = ask_layout(id, info->step_id.step_id, NO_VAL);
		if (layout)
			add(het, id, layout);
	}
	slurm_free_job_info_msg(jobs);
}

const het_t *het_get(const psec_mpi_step_info_t *info, char *text, size_t size)
{
	const het_t *het = &step;

	pthread_mutex_lock(&lock);
	if (step.n == 0 && info->het_job_id != NO_VAL && info->het_job_id != 0)
		read_jobs(&step, info);
	else if (step.n == 0)
		read_one_job(&step, info);
	if (step.ntasks != info->step_layout->task_cnt ||
	    het_own(&step, info) == UINT32_MAX) {
		snprintf(text, size,
			 "slurmctld does not tell the components of step %u.%u "
			 "(%u tasks of %u): %s",
			 info->step_id.job_id, info->step_id.step_id,
			 step.ntasks, info->step_layout->task_cnt,
			 slurm_strerror(errno));
		het = NULL;
	}
	pthread_mutex_unlock(&lock);
	return het;
}

uint32_t het_own(const het_t *het, const psec_mpi_step_info_t *info)
{
	/* A single component of a heterogeneous job has none, or 0. */
	uint32_t first = info->het_job_task_offset == NO_VAL
				 ? 0
				 : info->het_job_task_offset;

	for (uint32_t i = 0; i < het->n; i++)
		if (het->components[i].first_rank == first &&
		    het->components[i].job_id == info->step_id.job_id)
			return i;
	return UINT32_MAX;
}

char *het_nodes(const het_t *het)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (uint32_t i = 0; i < het->n; i++)
		fprintf(out, "%s%s", i ? "," : "",
			het->components[i].layout->node_list);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
