/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_audit.h - a record of each request about a credential, for the site:
 * one line of JSON to slurmstepd, which adds what Slurm vouches for (see
 * mpi_plugin/audit.h).  Never the credential, its payload or a secret.
 *
 * Format: doc/admin-guide.md, "Audit".
 */
#ifndef PMIXD_CRED_AUDIT_H
#define PMIXD_CRED_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cred_note.h"

#define CRED_AUDIT_MAX 1000 /* bytes of a record, NUL included */

/*
 * Write NOTE as a record of at most SIZE bytes.  SKIPPED: how many records of
 * this rank were left out since its last one.  False where it does not fit.
 */
bool cred_audit_format(const cred_note_t *note, uint64_t skipped, char *out,
		       size_t size);

/*
 * Send a record.  Each local rank has an equal share of the step's records
 * per second, and may save up ten seconds of it; what is more is counted and
 * told in the rank's next record.  Any thread.
 */
void cred_audit(const cred_note_t *note);

#endif
