/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-local.h - credentials without a PMIx server: straight from the
 * mechanisms (RFC0024's "best effort").  What they prove is the same; the
 * claims are those of this process instead of the server's.
 */
#ifndef PSEC_CMD_LOCAL_H
#define PSEC_CMD_LOCAL_H

#include "psec-cmd-facts.h"
#include "psec-cmd-options.h"

/*
 * Make a credential of the first of TYPES (NULL: PMIX_SECURITY_MODE, or
 * munge,native) that can be had; which one is FACTS->type.  REQ without a
 * payload gets this process's claims.  NOTE tells why earlier types were
 * passed over; code PSEC_OK: none was.  *CRED is malloc()ed.
 */
psec_code_t cmd_local_get(const cmd_common_t *common, const char *types,
			  const psec_cred_request_t *req, void **cred,
			  size_t *len, cmd_facts_t *facts, psec_error_t *note,
			  psec_error_t *err);

/*
 * Validate; FACTS is initialised by the caller.  One newline at the end is
 * no part of the credential.  "none" is accepted only where TYPES names it.
 */
psec_code_t cmd_local_validate(const cmd_common_t *common, const char *types,
			       const void *cred, size_t len, cmd_facts_t *facts,
			       psec_error_t *err);

#endif
