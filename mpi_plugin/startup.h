/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * startup.h - what slurmstepd and psec-pmixd say to each other before tasks
 * may start (ctl.h): CONFIG and ENV go out, one block for each local task and
 * READY come back.
 *
 * psec-pmixd is the user's process.  What root takes from it are numbers,
 * which are compared with what the step has, and bytes, which are kept as
 * they are; its log lines are the one other thing (lines.h).
 */
#ifndef PSEC_STARTUP_H
#define PSEC_STARTUP_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "step.h"

typedef struct {
	const psec_step_t *step;
	int fd; /* our end of the control socket, non-blocking */
	struct timespec deadline;
	struct startup_block *blocks; /* step->nlocal of them */
	char *text; /* where the first failure's sentence goes */
	size_t text_size;
} startup_t;

/*
 * Begin: from now on psec-pmixd has the site's start_timeout.  Failures put a
 * sentence into TEXT (SIZE bytes).  STEP and TEXT must outlive S.  0, or -1.
 * Release with startup_clear().
 */
int startup_init(startup_t *s, const psec_step_t *step, char *text,
		 size_t size);

/*
 * Tell psec-pmixd at the other end of FD about the step, whose directory is
 * DIR, and its SLURM_* variables in ENV; wait until it is ready.  0, or -1.
 */
int startup_run(startup_t *s, int fd, const char *dir, char *const *env);

/* The block for local task LOCAL, see server_block(). */
const char *startup_block(const startup_t *s, uint32_t local, size_t *len);

/*
 * The tasks are forked: tell psec-pmixd their processes and directory, which
 * are in the step record, and wait until it has taken note of what the kernel
 * says of them; for 5 seconds at most.  0, or -1: it has not.
 */
int startup_tasks_forked(startup_t *s);

/* Does not close the socket. */
void startup_clear(startup_t *s);

#endif
