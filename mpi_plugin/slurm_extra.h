/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm_extra.h - what libslurm, srun and slurmstepd export and no installed
 * header declares, and where the public API differs between versions; the
 * one place for both.  What has no header is unchanged from Slurm 22.05 to
 * 26.05 (read); which declaration a header has, meson.build finds out.
 */
#ifndef SLURM_EXTRA_H
#define SLURM_EXTRA_H

#include <stdint.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/spank.h>

#include "config.h"

/*
 * Have slurmd on each node of *NODELIST (a hostlist expression) connect, as
 * the caller's uid, to the unix socket ADDRESS there and write to it: the
 * caller's uid and LEN, both uint32_t in network order, then DATA.  slurmd
 * expands %n and %h in ADDRESS to its node's name.
 *
 * Blocks for at most a few times MessageTimeout.  SLURM_SUCCESS when every
 * slurmd has handed the data over; otherwise an error number, and where
 * there was more than one node *NODELIST is freed with slurm_xfree() and
 * replaced by those that failed.  Any thread may call it.
 */
extern int slurm_forward_data(char **nodelist, char *address, uint32_t len,
			      const char *data);

/* Free what Slurm allocated and set it to NULL. */
extern void slurm_xfree(void **p);

/* Set NAME in a Slurm environment array; 1 for success. */
extern int slurm_env_array_overwrite(char ***array, const char *name,
				     const char *value);
/* Remove NAME from it. */
extern void slurm_unsetenvp(char **array, const char *name);

/*
 * slurm.conf as this process has read it (or got it from slurmd): srun,
 * slurmstepd and their kin define it, libslurm too.  Constant for as long as
 * a plugin's hook runs.  Weak, so that a Slurm without it costs its values
 * and not the plugin.
 */
extern slurm_conf_t slurm_conf __attribute__((weak));

/*
 * A distribution's name as `scontrol show step` prints it ("Block"); free it
 * with slurm_xfree().  Takes a task_dist_states_t.
 */
extern char *slurm_step_layout_type_name(uint32_t task_dist);

/* slurm.conf's SrunPortRange: first and last port, or NULL.  Slurm's own. */
extern uint16_t *slurm_get_srun_port_range(void);

/*
 * From 23.02 on slurmstepd holds a lock in a task's process, against requests
 * to daemons while it changes its uid, and lets go of it around SPANK's hooks,
 * when that is done.  Who makes a request from the MPI plugin's hook must let
 * go of it, too: otherwise slurmstepd ends that process.  22.05 has no such
 * lock.
 */
extern void auth_setuid_lock(void) __attribute__((weak));
extern void auth_setuid_unlock(void) __attribute__((weak));

#ifdef SLURM_STEP_ID_INITIALIZER
#define PSEC_STEP_ID_INIT SLURM_STEP_ID_INITIALIZER
#else
#define PSEC_STEP_ID_INIT                                                      \
	{                                                                      \
		.job_id = NO_VAL, .step_het_comp = NO_VAL, .step_id = NO_VAL   \
	}
#endif

/* Signals of Slurm's own: SIGTERM, and after slurm.conf's KillWait SIGKILL. */
#define PSEC_SIG_TERM_KILL 991

/* A later Slurm's: that tasks die of it does not make the job fail. */
#ifdef KILL_NO_SIG_FAIL
#define PSEC_KILL_NO_FAIL KILL_NO_SIG_FAIL
#else
#define PSEC_KILL_NO_FAIL 0
#endif

/*
 * A signal to every task of a step.  Later Slurms want flags as well, or name
 * the step otherwise.
 */
static inline int psec_signal_step(uint32_t job_id, uint32_t step_id, int sig,
				   uint16_t flags)
{
#ifdef PSEC_KILL_STEP_BY_ID
	slurm_step_id_t id = PSEC_STEP_ID_INIT;

	id.job_id = job_id;
	id.step_id = step_id;
	return slurm_kill_job_step(&id, (uint16_t)sig, flags);
#elif defined(PSEC_KILL_STEP_FLAGS)
	return slurm_kill_job_step(job_id, step_id, (uint16_t)sig, flags);
#elif defined(PSEC_KILL_STEP_PLAIN)
	(void)flags;
	return slurm_kill_job_step(job_id, step_id, (uint16_t)sig);
#endif
}

static inline int psec_kill_step(uint32_t job_id, uint32_t step_id)
{
	return psec_signal_step(job_id, step_id, 9, 0);
}

/*
 * A job, or all components of a heterogeneous job by its leader's id.  Free
 * with slurm_free_job_info_msg().
 */
static inline int psec_load_job(job_info_msg_t **jobs, uint32_t job_id)
{
	/* Local: a federation would be asked for in a call of its own. */
	const uint16_t show = SHOW_ALL | SHOW_LOCAL;

#ifdef PSEC_LOAD_JOB_BY_ID
	slurm_step_id_t id = PSEC_STEP_ID_INIT;

	id.job_id = job_id;
	return slurm_load_job(jobs, id, show);
#else
	return slurm_load_job(jobs, job_id, show);
#endif
}

static inline uint32_t psec_job_id(const slurm_job_info_t *job)
{
#ifdef PSEC_LOAD_JOB_BY_ID
	return job->step_id.job_id;
#else
	return job->job_id;
#endif
}

/* A job's steps.  Free with slurm_free_job_step_info_response_msg(). */
static inline int psec_load_steps(job_step_info_response_msg_t **steps,
				  uint32_t job_id)
{
#ifdef PSEC_JOB_STEPS_BY_ID
	slurm_step_id_t id = PSEC_STEP_ID_INIT;

	id.job_id = job_id;
	return slurm_get_job_steps(&id, steps, SHOW_ALL);
#else
	return slurm_get_job_steps(0, job_id, NO_VAL, steps, SHOW_ALL);
#endif
}

/* How Slurm's MPI plugin interface describes a step to srun's side. */
typedef struct {
	uint32_t het_job_id;	      /* NO_VAL outside heterogeneous jobs */
	uint32_t het_job_task_offset; /* likewise */
	slurm_step_id_t step_id;
	slurm_step_layout_t *step_layout;
} psec_mpi_step_info_t;

/* And a task to slurmstepd's side: its first members. */
typedef struct {
	slurm_addr_t *client;
	uint32_t gtaskid;
	int ltaskid;
} psec_mpi_task_info_t;

#endif
