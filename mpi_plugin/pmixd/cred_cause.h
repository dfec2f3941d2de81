/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_cause.h - why a credential was not made or not accepted: a cause, its
 * name for logs, and the status of PMIx that fits it best.  The table is in
 * doc/credential-format.md.
 */
#ifndef PMIXD_CRED_CAUSE_H
#define PMIXD_CRED_CAUSE_H

#include <pmix_common.h>

#include "psec.h"

typedef enum {
	CRED_OK,
	CRED_BAD_DIRECTIVE,	/* a value of a wrong type or range */
	CRED_UNKNOWN_DIRECTIVE, /* and it is required */
	CRED_NO_TYPE,		/* none of the wished types can be made */
	CRED_WRONG_TYPE,	/* of a type that is not allowed */
	CRED_MALFORMED,
	CRED_TAMPERED,
	CRED_EXPIRED,
	CRED_EARLY,
	CRED_REPLAYED,
	CRED_NOT_FOR_YOU,
	CRED_MISMATCH,	      /* of another uid or gid than expected */
	CRED_JOB_GONE,	      /* its job does not run, or is not that uid's */
	CRED_JOB_UNCONFIRMED, /* job_check=require, and slurmctld is silent */
	CRED_UNAVAILABLE,
	CRED_TIMEOUT,
	CRED_BUSY, /* too many requests wait */
	CRED_NO_DOOR,
	CRED_NOMEM,
	CRED_FAILED, /* anything else */
	CRED_CAUSES
} cred_cause_t;

/* A cause and its sentence.  No need to initialise it. */
typedef struct {
	cred_cause_t cause;
	char text[PSEC_ERROR_TEXT_MAX];
} cred_error_t;

/* "replayed", ...; static. */
const char *cred_cause_name(cred_cause_t cause);
pmix_status_t cred_cause_status(cred_cause_t cause);

/* Its name as a word, "not-for-you", in OUT, which is returned. */
#define CRED_CAUSE_KEY_MAX 32
const char *cred_cause_key(cred_cause_t cause, char out[CRED_CAUSE_KEY_MAX]);

/* Write a sentence.  Returns CAUSE, so that callers fail in one statement. */
cred_cause_t cred_fail(cred_error_t *err, cred_cause_t cause, const char *fmt,
		       ...) __attribute__((format(printf, 3, 4)));

/* Take over what libpsec says. */
cred_cause_t cred_fail_psec(cred_error_t *err, const psec_error_t *psec);

#endif
