/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred.c - credentials: what is the same for every mechanism, which is the
 * checking of arguments and limits, and who owns what.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "psec_private.h"

static psec_code_t check_request(const psec_cred_request_t *req,
				 psec_error_t *err)
{
	if (!req || req->size != sizeof(*req))
		return psec_fail(err, PSEC_ERR_ARG,
				 "psec_cred_request_t has size %zu, but this "
				 "libpsec knows %zu",
				 req ? req->size : 0, sizeof(*req));
	if (req->payload_len > PSEC_PAYLOAD_MAX)
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "a payload of %zu bytes is longer than %d",
				 req->payload_len, PSEC_PAYLOAD_MAX);
	if (!req->payload && req->payload_len > 0)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a payload of %zu bytes is at NULL",
				 req->payload_len);
	if (req->ttl_s < 0)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a lifetime of %d seconds is negative",
				 req->ttl_s);
	return PSEC_OK;
}

/* Mechanism NAME, if it has credentials; NULL: *RC and ERR say why not. */
static const mech_t *find_issuer(const psec_t *psec, const char *name,
				 psec_code_t *rc, psec_error_t *err)
{
	const mech_t *mech = mech_find(psec, name, rc, err);

	if (!mech || mech->vt->cred_create)
		return mech;
	*rc = psec_fail(err, PSEC_ERR_UNAVAILABLE,
			"mechanism %s has no credentials", name);
	return NULL;
}

psec_code_t psec_cred_create(psec_t *psec, const char *mech,
			     const psec_cred_request_t *req, void **cred,
			     size_t *len, psec_error_t *err)
{
	const mech_t *m;
	void *blob = NULL;
	size_t blob_len = 0;
	psec_code_t rc;

	if (!cred || !len)
		return psec_fail(err, PSEC_ERR_ARG,
				 "no place for the credential");
	rc = check_request(req, err);
	if (rc)
		return rc;
	m = find_issuer(psec, mech, &rc, err);
	if (!m)
		return rc;
	rc = m->vt->cred_create(m->state, req, &blob, &blob_len, err);
	if (rc)
		return rc;
	if (blob_len > PSEC_CRED_MAX) {
		free(blob);
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "mechanism %s made a credential of %zu bytes, "
				 "more than %d",
				 mech, blob_len, PSEC_CRED_MAX);
	}
	*cred = blob;
	*len = blob_len;
	return PSEC_OK;
}

static psec_code_t check_blob(const void *cred, size_t len, psec_error_t *err)
{
	if (len == 0)
		return psec_fail(err, PSEC_ERR_MALFORMED,
				 "the credential is empty");
	if (!cred)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a credential of %zu bytes is at NULL", len);
	if (len > PSEC_CRED_MAX)
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "a credential of %zu bytes is longer than %d",
				 len, PSEC_CRED_MAX);
	return PSEC_OK;
}

/* A mechanism may find no payload; psec.h promises a terminated one. */
static psec_code_t complete_payload(psec_cred_info_t *info, psec_error_t *err)
{
	if (info->payload_len > PSEC_PAYLOAD_MAX)
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "the credential's payload of %zu bytes is "
				 "longer than %d",
				 info->payload_len, PSEC_PAYLOAD_MAX);
	if (info->payload)
		return PSEC_OK;
	info->payload = calloc(1, 1);
	if (!info->payload)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for the credential's payload");
	return PSEC_OK;
}

psec_code_t psec_cred_validate(psec_t *psec, const char *mech, const void *cred,
			       size_t len, psec_cred_info_t **info,
			       psec_error_t *err)
{
	psec_cred_info_t *found = NULL;
	const mech_t *m;
	psec_code_t rc;

	if (!info)
		return psec_fail(err, PSEC_ERR_ARG, "no place for the result");
	rc = check_blob(cred, len, err);
	if (rc)
		return rc;
	m = find_issuer(psec, mech, &rc, err);
	if (!m)
		return rc;
	found = malloc(sizeof(*found));
	if (!found)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory to validate a credential");
	cred_info_init(found);
	rc = m->vt->cred_validate(m->state, cred, len, found, err);
	if (!rc)
		rc = complete_payload(found, err);
	if (!rc) {
		*info = found;
		found = NULL;
	}
	psec_cred_info_destroy(found);
	return rc;
}

void cred_info_init(psec_cred_info_t *info)
{
	*info = (psec_cred_info_t){ .uid = (uid_t)-1,
				    .gid = (gid_t)-1,
				    .for_uid = (uid_t)-1,
				    .for_gid = (gid_t)-1 };
}

void cred_info_clear(psec_cred_info_t *info)
{
	/* The payload may hold secrets, such as a handshake's key share. */
	if (info->payload)
		explicit_bzero(info->payload, info->payload_len);
	free(info->payload);
	explicit_bzero(info, sizeof(*info));
}

void psec_cred_info_destroy(psec_cred_info_t *info)
{
	int saved = errno;

	if (!info)
		return;
	cred_info_clear(info);
	free(info);
	errno = saved;
}
