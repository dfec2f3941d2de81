/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stepconf.h - what slurmstepd told psec-pmixd about the step: the record
 * that Slurm vouches for, the site's options, and the user's SLURM_*
 * variables, which only concern the user's own namespace.
 */
#ifndef PMIXD_STEPCONF_H
#define PMIXD_STEPCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "psec.h"

/* What a credential's job must be; see spank_psec(5), job_check=. */
typedef enum {
	JOB_CHECK_OFF,
	JOB_CHECK_PREFER,
	JOB_CHECK_REQUIRE
} job_policy_t;

typedef struct {
	uint32_t job_id, step_id;
	uint32_t nnodes, node; /* of the step; own place in it */
	uint32_t ntasks, nlocal;
	uint32_t *ranks;	   /* of local task 0, 1, … */
	char mechs[PSEC_LIST_MAX]; /* the site's list narrowed by the user's;
				      once libpsec is open: the best first */
	const char *dir;	   /* step directory */
	const char *mechdir, *munge_socket; /* NULL: defaults */
	const char *priorities;		    /* NULL: the mechanisms' own */
	const char *command;		    /* of the tasks; NULL: too long */
	uint16_t port_min, port_max;	    /* 0: any */
	int loglevel;
	int timeout_s;
	uint32_t audit;	     /* records per second at most; 0: none */
	int lifetime_s;	     /* of credentials; 0: the mechanism's default */
	const char *cluster; /* slurm.conf's name; NULL: not known */
	job_policy_t job_check;
	int job_cache_s;
	bool share_topology;	/* tasks get hwloc's from the server */
	const char *server_env; /* NAME=VALUE;... for this process, or NULL */
	bool private_jobs;	/* slurmctld shows a user his own jobs only */
	char *config;		/* the bytes that the strings point into */
	size_t config_len;
	char *env; /* "NAME=VALUE" strings, each with its NUL */
	size_t env_len;
} stepconf_t;

/*
 * Take over CONFIG and ENV (malloc()ed, NUL-terminated blocks of strings)
 * and read CONFIG.  0, or -1 with a sentence in ERR.
 */
int stepconf_read(stepconf_t *conf, char *config, size_t config_len, char *env,
		  size_t env_len, psec_error_t *err);

/* A variable of the step's environment, or NULL. */
const char *stepconf_env(const stepconf_t *conf, const char *name);

#endif
