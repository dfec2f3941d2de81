/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay.h - a thread in slurmstepd that writes psec-pmixd's lines to Slurm's
 * log and notices when it ends too early.
 *
 * psec-pmixd is the user's process: its lines are shortened, cleaned of
 * control characters, and counted, and never used as a format.
 */
#ifndef PSEC_RELAY_H
#define PSEC_RELAY_H

#include <stdbool.h>

#include "audit.h"

typedef struct relay relay_t;

/*
 * Read lines from LOG_FD until its last writer is gone.  LOST is called on
 * the thread, once, if that is so while the step is still running.  NULL: no
 * thread to be had.  LOG_FD stays the caller's, open until relay_stop().
 * Lines that begin with AUDIT_MARK go to AUDIT (NULL: nowhere), which nobody
 * else uses until relay_stop().
 */
relay_t *relay_start(int log_fd, void (*lost)(void), audit_t *audit);

/*
 * The step is ending: from now on the end of psec-pmixd is no failure.  If it
 * has ended already, that is excused only where the whole step was KILLED.
 */
void relay_expect_end(relay_t *relay, bool killed);

/*
 * Wait up to TIMEOUT_MS for psec-pmixd's end of its log.  False: it still
 * runs.
 */
bool relay_wait(relay_t *relay, int timeout_ms);

/* End the thread and free the relay.  NULL is allowed. */
void relay_stop(relay_t *relay);

#endif
