/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_directives.h - what a caller of PMIx_Get_credential or
 * PMIx_Validate_credential asks for.
 *
 * PMIX_CRED_TYPE (string): get: types by preference; validate: which ones are
 * accepted.  PMIX_TIMEOUT (any integer type): seconds, 0 for no limit.
 * PMIX_USERID, PMIX_GRPID (any integer type): get: who may validate it;
 * validate: whose it must be.  Others are skipped, unless they are required.
 * One that comes again must have the same value.
 */
#ifndef PMIXD_CRED_DIRECTIVES_H
#define PMIXD_CRED_DIRECTIVES_H

#include <stdbool.h>
#include <stdint.h>

#include <pmix_common.h>

#include "cred_cause.h"
#include "psec.h"

#define CRED_DEFAULT_TIMEOUT_S 60 /* where there is no PMIX_TIMEOUT */

typedef struct {
	bool has_types, has_timeout, has_uid, has_gid;
	char types[PSEC_LIST_MAX]; /* "": any */
	uint32_t timeout_s;	   /* 0: no limit */
	uint32_t uid, gid;
} cred_wish_t;

/*
 * Any thread; INFO may come from anybody.  CRED_BAD_DIRECTIVE (wrong type or
 * range, or two different values), CRED_UNKNOWN_DIRECTIVE (and required); the
 * sentence names the directive.  WISH is complete on CRED_OK only.
 */
cred_cause_t cred_directives_read(const pmix_info_t info[], size_t ninfo,
				  cred_wish_t *wish, cred_error_t *err);

#endif
