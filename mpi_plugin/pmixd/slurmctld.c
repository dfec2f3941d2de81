/* SPDX-License-Identifier: BSD-3-Clause */
/* slurmctld.c - see slurmctld.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abort.h"
#include "slurm_extra.h"
#include "slurmctld.h"

static job_state_t state_of(const slurm_job_info_t *job)
{
	switch (job->job_state & JOB_STATE_BASE) {
	case JOB_RUNNING:
	case JOB_SUSPENDED:
		return job->job_state & JOB_COMPLETING ? JOB_HAS_ENDED
						       : JOB_IS_RUNNING;
	case JOB_PENDING:
		return JOB_IS_PENDING;
	default:
		return JOB_HAS_ENDED;
	}
}

/* An array's or a heterogeneous job's id brings others with it. */
static void find(const job_info_msg_t *msg, uint32_t job_id,
		 job_answer_t *answer)
{
	for (uint32_t i = 0; i < msg->record_count; i++) {
		const slurm_job_info_t *job = &msg->job_array[i];

		if (psec_job_id(job) != job_id)
			continue;
		answer->state = state_of(job);
		answer->uid = job->user_id;
	}
}

void slurmctld_ask(uint32_t job_id, job_answer_t *answer)
{
	job_info_msg_t *msg = NULL;

	memset(answer, 0, sizeof(*answer));
	answer->state = JOB_NOT_SHOWN;
	slurm_ready();
	if (psec_load_job(&msg, job_id) == 0) {
		find(msg, job_id, answer);
		slurm_free_job_info_msg(msg);
		return;
	}
	if (errno == ESLURM_INVALID_JOB_ID) {
		/*
		 * slurmstepd, which else would say so, does not know it with
		 * Slurm 24.11: only libslurm has read all of slurm.conf.
		 */
		answer->hides = &slurm_conf && (slurm_conf.private_data &
						PRIVATE_DATA_JOBS) != 0;
		return;
	}
	answer->state = JOB_NO_ANSWER;
	(void)snprintf(answer->why, sizeof(answer->why), "%s",
		       slurm_strerror(errno));
}

int slurmctld_steps(uint32_t job_id, slurmctld_step_t *steps, size_t max)
{
	job_step_info_response_msg_t *msg = NULL;
	size_t n = 0;

	slurm_ready();
	if (psec_load_steps(&msg, job_id) != 0)
		return -1;
	for (uint32_t i = 0; i < msg->job_step_count && n < max; i++) {
		const job_step_info_t *step = &msg->job_steps[i];

		/* Those beyond are Slurm's own: batch, extern, ... */
		if (step->step_id.job_id != job_id ||
		    step->step_id.step_id >= SLURM_MAX_NORMAL_STEP_ID ||
		    !step->nodes)
			continue;
		steps[n].job_id = job_id;
		steps[n].step_id = step->step_id.step_id;
		steps[n].nodes = strdup(step->nodes);
		if (steps[n].nodes)
			n++;
	}
	slurm_free_job_step_info_response_msg(msg);
	return (int)n;
}
