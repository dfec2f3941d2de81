/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential.h - RFC0024: a rank asks for a credential, a rank has one
 * validated.  Each request is answered exactly once, in its time.
 */
#ifndef PMIXD_CREDENTIAL_H
#define PMIXD_CREDENTIAL_H

#include <pmix_server.h>

/*
 * Keys of ours in answers, where PMIx has none; "stated" as in claims.h.
 * The others: PMIX_CRED_TYPE, PMIX_USERID and PMIX_GRPID (proven),
 * PMIX_NSPACE, PMIX_RANK, PMIX_JOBID, PMIX_HOSTNAME (stated).
 */
#define PSEC_KEY_ISSUER	 "psec.issuer"	/* (char *) cluster/node/service */
#define PSEC_KEY_ISSUED	 "psec.issued"	/* (int64_t) seconds, proven */
#define PSEC_KEY_EXPIRES "psec.expires" /* (int64_t) seconds, proven */
#define PSEC_KEY_ID	 "psec.id"	/* (char *) unique, stated */
#define PSEC_KEY_CLUSTER "psec.cluster" /* (char *) stated */

pmix_status_t credential_get_upcall(const pmix_proc_t *proc,
				    const pmix_info_t directives[],
				    size_t ndirs,
				    pmix_credential_cbfunc_t cbfunc,
				    void *cbdata);

pmix_status_t credential_validate_upcall(const pmix_proc_t *proc,
					 const pmix_byte_object_t *cred,
					 const pmix_info_t directives[],
					 size_t ndirs,
					 pmix_validation_cbfunc_t cbfunc,
					 void *cbdata);

#endif
