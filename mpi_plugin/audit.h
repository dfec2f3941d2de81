/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * audit.h - in slurmstepd: the site's record of who asked for credentials.
 *
 * What happened is said by psec-pmixd, which is the user's process.  So each
 * record has two parts: what Slurm vouches for (time, host, uid, gid, job,
 * step), and under "said", as one escaped string that nobody here reads, what
 * psec-pmixd says.  doc/admin-guide.md describes the records.
 *
 * One thread at a time.
 */
#ifndef PSEC_AUDIT_H
#define PSEC_AUDIT_H

#include "step.h"

typedef struct audit audit_t;

/* Marks a line of psec-pmixd's log as a record: no text begins so. */
#define AUDIT_MARK '\x1e'

/*
 * Open where STEP's site wants it.  NULL: nothing is to be audited, or it
 * cannot be, which is logged.  In the main thread, before tasks start: later
 * slurmstepd's effective uid may be the user's for moments.
 */
audit_t *audit_open(const psec_step_t *step);

/*
 * Write a record.  SAID may hold anything.  What comes faster than the site
 * allows, or would make the file larger, is dropped and counted; the count is
 * in the next record.
 */
void audit_write(audit_t *audit, const char *said);

/* Write what was dropped, if anything, and close.  NULL is allowed. */
void audit_close(audit_t *audit);

#endif
