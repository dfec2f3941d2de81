/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * step.h - the step record: what Slurm itself says about this node's part of
 * the step, and the site's options.
 *
 * spank_psec.so fills it in slurmstepd from SPANK's items, which slurmd has
 * checked against slurmctld's signed job credential; mpi_pmix.so reads it.
 * Both are linked with the small library that holds this one object, so that
 * the values need not pass through an environment that a user can change.
 *
 * Threads: slurmstepd calls its plugins one after the other; no locking.
 */
#ifndef PSEC_STEP_H
#define PSEC_STEP_H

#include <stdint.h>
#include <sys/types.h>

#define PSEC_STEP_ABI 5

/* Site options from plugstack.conf; their table is in spank/options.c. */
typedef struct {
	char *mechanisms; /* mechanisms that the site allows, e.g. "munge" */
	char *priorities; /* in place of the mechanisms' own; NULL: none */
	char *pmixd;	  /* psec-pmixd's path */
	char *mechdir;	  /* directory of libpsec's mechanisms */
	char *stepdir;	  /* directory of root in which step directories lie */
	char *munge_socket;  /* NULL: munge's default */
	char *ports;	     /* "MIN-MAX" for links, "any"; NULL: any */
	int loglevel;	     /* 1 error … 5 debug2 */
	int start_timeout_s; /* psec-pmixd must be ready by then */
	int timeout_s;	     /* for a link to another node to come up */
	char *audit;	     /* "off", "syslog" or a file's path */
	int audit_rate;	     /* records per second of a step on a node */
	int audit_size_mb;   /* no larger shall the file become */
	int lifetime_s;	     /* of credentials; 0: the mechanism's default */
	char *job_check;     /* "off", "prefer" or "require" */
	int job_cache_s;     /* how long slurmctld's word about a job counts */
	int share_topology;  /* 1: tasks get hwloc's topology from the server */
	char *server_env;    /* NAME=VALUE;... for psec-pmixd; NULL: none */

	/* From slurm.conf; spank/realm.c. */
	char *cluster;	      /* its name; NULL: not known */
	int jobs_are_private; /* PrivateData=jobs */
	int probe;	      /* 1: look what works where the tasks run */
	int probe_keep;	      /* 1: a list of which nothing works is kept */
} psec_site_t;

typedef struct {
	uid_t uid;
	gid_t gid;
	gid_t *gids; /* supplementary groups */
	int ngids;
	uint32_t job_id;
	uint32_t step_id;
	uint32_t nnodes;  /* of the step */
	uint32_t node_id; /* this node's place in the step */
	uint32_t ntasks;  /* of the step */
	uint32_t nlocal;  /* tasks on this node */
	uint32_t *ranks;  /* global rank of each local task */
	char *user_mechs; /* srun --psec=LIST as typed, or NULL */
	int user_probe;	  /* srun --psec-probe: 1 on, -1 off, 0 not given */
	char *command;	  /* the tasks' argv with blanks between, or NULL */
	char *cwd;	  /* their working directory; NULL: not known (yet) */
	pid_t *pids;	  /* of each local task, once they are forked */
	psec_site_t site;
} psec_step_t;

/*
 * The record, or NULL where spank_psec.so has not been there.  In srun only
 * `site` is filled in.
 */
const psec_step_t *psec_step_get(int abi);

/* Hand over a record (its memory too).  NULL: forget and free it. */
void psec_step_set(psec_step_t *step);

/*
 * What mpi_pmix.so wants done when all local tasks are forked and bound and
 * none has begun its program, when each and when the last one has ended, and
 * when the step is over.  slurmstepd unloads MPI plugins late; SPANK's exit
 * hook comes before slurmctld learns of the end.
 */
void psec_step_hooks(void (*tasks_forked)(void),
		     void (*task_exited)(uint32_t local, int status),
		     void (*tasks_over)(int all_killed),
		     void (*step_over)(void));

/* Has mpi_pmix.so done that, and so started a PMIx server for this step? */
int psec_step_has_server(void);

/* spank_psec.so: the tasks' working directory (copied). */
void psec_step_set_cwd(const char *cwd);
/* spank_psec.so: local task LOCAL is process PID and waits. */
void psec_step_task_forked(uint32_t local, pid_t pid);

/* spank_psec.so: a local task has ended, with waitpid()'s STATUS. */
void psec_step_task_exited(uint32_t local, int status);
/* spank_psec.so: the step is over. */
void psec_step_end(void);

#endif
