/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_directives.h - what a caller of PMIx_Get_credential or
 * PMIx_Validate_credential asks for.  The directives are described in
 * doc/developer-guide.md.
 */
#ifndef PMIXD_CRED_DIRECTIVES_H
#define PMIXD_CRED_DIRECTIVES_H

#include <stdbool.h>
#include <stdint.h>

#include <pmix_common.h>

#include "cred_cause.h"
#include "psec.h"

typedef struct {
	char types[PSEC_LIST_MAX]; /* PMIX_CRED_TYPE; "": any */
	uint32_t timeout_s;
	bool has_uid, has_gid;
	uint32_t uid, gid; /* get: who may validate; validate: expected */
} cred_wish_t;

/* Any thread.  WISH is complete on CRED_OK only. */
cred_cause_t cred_directives_read(const pmix_info_t info[], size_t ninfo,
				  cred_wish_t *wish, cred_error_t *err);

#endif
