/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurmctld.h - what slurmctld says about a job, by the public libslurm.
 */
#ifndef PMIXD_SLURMCTLD_H
#define PMIXD_SLURMCTLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum {
	JOB_IS_RUNNING, /* or suspended: it has its nodes */
	JOB_IS_PENDING, /* or was put back into the queue */
	JOB_HAS_ENDED,
	JOB_NOT_SHOWN, /* there is none, or we may not see it */
	JOB_NO_ANSWER,
} job_state_t;

typedef struct {
	job_state_t state;
	uid_t uid;     /* whose it is, where it is shown */
	char why[160]; /* NO_ANSWER: what went wrong */
	bool hides;    /* NOT_SHOWN: slurm.conf has PrivateData=jobs */
} job_answer_t;

/*
 * Ask about JOB_ID.  Blocks; while slurmctld does not answer, for some times
 * slurm.conf's MessageTimeout.  Any thread.
 */
void slurmctld_ask(uint32_t job_id, job_answer_t *answer);

/* A step that runs. */
typedef struct {
	uint32_t job_id, step_id;
	char *nodes; /* a hostlist; malloc()ed */
} slurmctld_step_t;

/*
 * The steps of JOB_ID that srun started, at most MAX, into STEPS; their
 * number, or -1: slurmctld does not answer.  Blocks as the above.
 */
int slurmctld_steps(uint32_t job_id, slurmctld_step_t *steps, size_t max);

#endif
