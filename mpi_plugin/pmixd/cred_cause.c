/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_cause.c - see cred_cause.h. */
#include <stdarg.h>
#include <stdio.h>

#include "cred_cause.h"

static const struct {
	const char *name;
	pmix_status_t status;
} causes[CRED_CAUSES] = {
	[CRED_OK] = { "ok", PMIX_SUCCESS },
	[CRED_BAD_DIRECTIVE] = { "bad directive", PMIX_ERR_BAD_PARAM },
	[CRED_UNKNOWN_DIRECTIVE] = { "unknown directive",
				     PMIX_ERR_NOT_SUPPORTED },
	[CRED_NO_TYPE] = { "no such type", PMIX_ERR_NOT_SUPPORTED },
	[CRED_WRONG_TYPE] = { "wrong type", PMIX_ERR_NOT_SUPPORTED },
	[CRED_MALFORMED] = { "malformed", PMIX_ERR_INVALID_CRED },
	[CRED_TAMPERED] = { "tampered", PMIX_ERR_INVALID_CRED },
	[CRED_EXPIRED] = { "expired", PMIX_ERR_INVALID_CRED },
	[CRED_EARLY] = { "early", PMIX_ERR_INVALID_CRED },
	[CRED_REPLAYED] = { "replayed", PMIX_ERR_INVALID_CRED },
	[CRED_NOT_FOR_YOU] = { "not for you", PMIX_ERR_NO_PERMISSIONS },
	[CRED_MISMATCH] = { "mismatch", PMIX_ERR_NO_PERMISSIONS },
	[CRED_JOB_GONE] = { "job gone", PMIX_ERR_INVALID_CRED },
	[CRED_JOB_UNCONFIRMED] = { "job not confirmed", PMIX_ERR_UNREACH },
	[CRED_UNAVAILABLE] = { "unavailable", PMIX_ERR_UNREACH },
	[CRED_TIMEOUT] = { "timeout", PMIX_ERR_TIMEOUT },
	[CRED_BUSY] = { "busy", PMIX_ERR_RESOURCE_BUSY },
	[CRED_NO_DOOR] = { "no door", PMIX_ERR_NO_PERMISSIONS },
	[CRED_NOMEM] = { "out of memory", PMIX_ERR_NOMEM },
	[CRED_FAILED] = { "failed", PMIX_ERROR },
};

const char *cred_cause_name(cred_cause_t cause)
{
	return causes[cause < CRED_CAUSES ? cause : CRED_FAILED].name;
}

pmix_status_t cred_cause_status(cred_cause_t cause)
{
	return causes[cause < CRED_CAUSES ? cause : CRED_FAILED].status;
}

const char *cred_cause_key(cred_cause_t cause, char out[CRED_CAUSE_KEY_MAX])
{
	(void)snprintf(out, CRED_CAUSE_KEY_MAX, "%s", cred_cause_name(cause));
	for (char *p = out; *p; p++)
		if (*p == ' ')
			*p = '-';
	return out;
}

cred_cause_t cred_fail(cred_error_t *err, cred_cause_t cause, const char *fmt,
		       ...)
{
	va_list ap;

	err->cause = cause;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return cause;
}

static cred_cause_t of_psec(psec_code_t code)
{
	switch (code) {
	case PSEC_OK:
		return CRED_OK;
	case PSEC_ERR_NOMEM:
		return CRED_NOMEM;
	case PSEC_ERR_NO_MECH:
		return CRED_NO_TYPE;
	case PSEC_ERR_UNAVAILABLE:
	case PSEC_ERR_PLUGIN:
		return CRED_UNAVAILABLE;
	case PSEC_ERR_TIMEOUT:
		return CRED_TIMEOUT;
	case PSEC_ERR_NOT_FOR_YOU:
		return CRED_NOT_FOR_YOU;
	case PSEC_ERR_MISMATCH:
		return CRED_MISMATCH;
	case PSEC_ERR_MALFORMED:
	case PSEC_ERR_TOO_BIG:
		return CRED_MALFORMED;
	case PSEC_ERR_TAMPERED:
		return CRED_TAMPERED;
	case PSEC_ERR_EXPIRED:
		return CRED_EXPIRED;
	case PSEC_ERR_EARLY:
		return CRED_EARLY;
	case PSEC_ERR_REPLAYED:
		return CRED_REPLAYED;
	default:
		return CRED_FAILED;
	}
}

cred_cause_t cred_fail_psec(cred_error_t *err, const psec_error_t *psec)
{
	return cred_fail(err, of_psec(psec->code), "%s", psec->text);
}
