/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential.h - RFC0024: a rank asks for a credential, a rank has one
 * validated.  Each request is answered exactly once, in its time.
 *
 * Parts: cred_directives (what is asked for), cred_type (munge, ...),
 * cred_request (its life), cred_answer (what goes back), cred_cause (why
 * not), cred_log.
 */
#ifndef PMIXD_CREDENTIAL_H
#define PMIXD_CREDENTIAL_H

#include <pmix_server.h>

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
