/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-deadline.h - nothing that psec does takes longer than it may.
 *
 * libmunge, libpmix, name resolution and third parties' mechanisms block and
 * cannot be interrupted.  So they run in a thread of their own; when that is
 * not done in time it is left alone, and the program ends without it.
 */
#ifndef PSEC_CMD_DEADLINE_H
#define PSEC_CMD_DEADLINE_H

#include <stdbool.h>

/* Where no --timeout is given. */
#define CMD_TIMEOUT_S 60

/*
 * Run WORK(ARG) and wait for at most TIMEOUT_S seconds.  False: it was not
 * done in time and is still running, so what it may write must not be read,
 * and ARG and all that it points to never be released.
 */
bool cmd_within(int timeout_s, void (*work)(void *arg), void *arg);

/* Is something still running?  Then what it may use is not released. */
bool cmd_abandoned(void);

/*
 * The last call of the program: write out what is left, complain if that
 * fails, and return the exit status.  Where something is still running it
 * ends the process itself.
 */
int cmd_end(int status);

#endif
