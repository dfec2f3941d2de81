/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * native_cred.h - the credentials of mechanism native: a keyed hash.
 *
 * Proves: a process that has the key (psec_options_t.native_key) made it, at
 * that time, with this payload.  Those are the servers of one step, of one
 * uid, so the uid is that of who made it.  A credential is accepted once by
 * each context, and by nobody without the key.
 *
 * Does not prove: which of those processes made it; that its holder is its
 * maker.  It is not encrypted.
 *
 * The format: doc/credential-format.md.
 */
#ifndef PSEC_NATIVE_CRED_H
#define PSEC_NATIVE_CRED_H

#include "psec_mech.h"

#define NATIVE_TTL_S	 300   /* where a request does not say */
#define NATIVE_TTL_MAX_S 86400 /* more is refused */

typedef struct native_cred native_cred_t;

/* OPT may be without a key; then credentials are PSEC_ERR_UNAVAILABLE. */
psec_code_t native_cred_open(native_cred_t **nc, const psec_options_t *opt,
			     psec_error_t *err);
/* NULL is allowed.  Keeps errno. */
void native_cred_close(native_cred_t *nc);

/* As cred_create() and cred_validate() in psec_mech.h. */
psec_code_t native_cred_create(native_cred_t *nc,
			       const psec_cred_request_t *req, void **cred,
			       size_t *len, psec_error_t *err);
psec_code_t native_cred_validate(native_cred_t *nc, const void *cred,
				 size_t len, psec_cred_info_t *info,
				 psec_error_t *err);

#endif
