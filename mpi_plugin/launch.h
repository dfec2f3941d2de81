/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch.h - start a program as the step's user, from slurmstepd, with
 * nothing of root left in it.
 */
#ifndef PSEC_LAUNCH_H
#define PSEC_LAUNCH_H

#include <stddef.h>
#include <sys/types.h>

#include "step.h"

typedef struct {
	pid_t pid;
	int log_fd; /* read end of the program's standard error */
	int ctl_fd; /* our end of its control socket */
} launch_t;

#define LAUNCH_INIT                                                            \
	{                                                                      \
		-1, -1, -1                                                     \
	}

/*
 * Run ARGV[0] with STEP's groups, gid and uid, no_new_privs, no capability,
 * default signals, a minimal environment, DIRFD as working directory and no
 * descriptor but CTL_LOG_FD and CTL_FD (0 and 1 are /dev/null).  A program
 * that cannot be executed says so with a CTL_EXEC frame.
 * 0, or -1 and errno.
 */
int launch_start(const psec_step_t *step, int dirfd, char *const argv[],
		 launch_t *out);

/* What a CTL_EXEC frame's stage was about to do, e.g. "execute it". */
const char *launch_stage_name(unsigned stage);

/*
 * Wait until the program has closed its standard error, that is, has ended;
 * kill it after TIMEOUT_MS.  Others of the user's that hold its standard error
 * are waited for one second more at most.  Reaps it and closes the descriptors.
 * 0 where it ended by itself.
 */
int launch_end(launch_t *launch, int timeout_ms);

/* SIGKILL, unless somebody has reaped it already. */
void launch_kill(const launch_t *launch);

#endif
