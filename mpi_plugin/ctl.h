/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl.h - what slurmstepd and psec-pmixd say to each other on the control
 * socket: a stream of frames, each a header and LEN bytes, in the machine's
 * byte order (both ends are on one node and of one installation: CTL_VERSION
 * is the first thing said, so that an upgrade in between fails with a
 * sentence).
 *
 * The end of the stream means that the other side is gone.
 */
#ifndef PSEC_CTL_H
#define PSEC_CTL_H

#include <stdint.h>

#define CTL_VERSION 5u

#define CTL_LOG_FD     2 /* psec-pmixd's standard error: lines for the log */
#define CTL_FD	       3 /* psec-pmixd's end of the control socket */
#define CTL_FIRST_FREE 4

typedef enum {
	/* slurmstepd to psec-pmixd */
	CTL_CONFIG = 1, /* "key=value" strings, each with its NUL */
	CTL_ENV = 2,	/* the step's SLURM_* variables, likewise */
	CTL_END = 3,	/* the step is over: clean up and leave */
	CTL_TASKS = 4,	/* u32 pid of local task 0, 1, ...: they are forked and
			   bound to CPUs, and wait for CTL_GO; then, up to the
			   frame's end, their working directory */
	CTL_EXITED = 5, /* ctl_exited_t: a task has ended */
	/* psec-pmixd to slurmstepd */
	CTL_BLOCK = 16, /* u32 local task, then its variables as above */
	CTL_READY = 17, /* all blocks are sent, tasks may start */
	CTL_FAIL = 18,	/* a sentence: the server could not start */
	CTL_EXEC = 19,	/* ctl_exec_t: psec-pmixd could not be executed */
	CTL_GO = 20,	/* the tasks of CTL_TASKS may begin their programs */
} ctl_type_t;

typedef struct {
	uint32_t type;
	uint32_t len;
} ctl_head_t;

typedef struct {
	uint32_t stage; /* what failed, see launch.c */
	int32_t err;	/* errno */
} ctl_exec_t;

typedef struct {
	uint32_t local; /* task */
	int32_t status; /* as waitpid() has it */
} ctl_exited_t;

#define CTL_CONFIG_MAX	 (1024 * 1024)	   /* bytes of a CONFIG frame */
#define CTL_ENV_MAX	 (8 * 1024 * 1024) /* bytes of an ENV frame */
#define CTL_BLOCK_MAX	 (256 * 1024)	   /* bytes of one task's block */
#define CTL_SENTENCE_MAX 1000		   /* bytes of a FAIL frame */

/* What srun's side of the plugin puts into the step's environment. */
#define PSEC_ENV_TASKMAP "SLURM_PSEC_TASKMAP" /* see taskmap.h */
/*
 * Words: dist=N, a task_dist_states_t of Slurm's.  Of heterogeneous jobs and
 * steps also leader=JOB, own=INDEX and het=JOB:TASKS:NODES:DIST,... for each
 * component; then task map and the next variable are of all components.
 */
#define PSEC_ENV_STEP  "SLURM_PSEC_STEP"
#define PSEC_ENV_NODES "SLURM_PSEC_NODES" /* as a hostlist, in order */
#define PSEC_ENV_ABORT "SLURM_PSEC_ABORT_PORT"
/*
 * Of a step that PMIx_Spawn started: "STEP.NODE.RANK.ID.SEPARATE" of who asked
 * for it (see pmixd/spawn.h).
 */
#define PSEC_ENV_PARENT "SLURM_PSEC_PARENT"
/* And of its applications, where they are several: "2,3", their tasks. */
#define PSEC_ENV_PROGRAMS "SLURM_PSEC_PROGRAMS"

#endif
