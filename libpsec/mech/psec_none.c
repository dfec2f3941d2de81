/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec_none.c - no security, for debugging.
 *
 * Proves: nothing.  A credential is clear text that says who its maker claims
 * to be, and anybody can write any claim.  Limits of lifetime and audience
 * are kept among honest users and stop no other.
 *
 * It is never chosen unless a site names it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "psec_mech.h"

/* A line of text that begins with it, then the payload as it is. */
#define MARK	  "PSEC-NONE-1 proves nothing:"
#define LINE_SIZE 256

typedef struct {
	uint32_t uid, gid, for_uid, for_gid;
	int64_t issued_s, expires_s;
} claim_t;

static int write_claim(const claim_t *c, char *line)
{
	return snprintf(line, LINE_SIZE,
			MARK " uid=%" PRIu32 " gid=%" PRIu32 " issued=%" PRId64
			     " expires=%" PRId64 " for-uid=%" PRIu32
			     " for-gid=%" PRIu32 "\n",
			c->uid, c->gid, c->issued_s, c->expires_s, c->for_uid,
			c->for_gid);
}

static bool read_number(const char **pos, const char *label, int64_t *value)
{
	char *end = NULL;

	if (strncmp(*pos, label, strlen(label)) != 0)
		return false;
	errno = 0;
	*value = strtoll(*pos + strlen(label), &end, 10);
	*pos = end;
	return errno == 0;
}

/* Read LINE, which is terminated.  Only what write_claim() writes is valid. */
static bool read_claim(const char *line, claim_t *c)
{
	int64_t uid, gid, for_uid, for_gid;
	const char *pos = line + strlen(MARK);
	char again[LINE_SIZE];

	if (strncmp(line, MARK, strlen(MARK)) != 0)
		return false;
	if (!read_number(&pos, " uid=", &uid) ||
	    !read_number(&pos, " gid=", &gid) ||
	    !read_number(&pos, " issued=", &c->issued_s) ||
	    !read_number(&pos, " expires=", &c->expires_s) ||
	    !read_number(&pos, " for-uid=", &for_uid) ||
	    !read_number(&pos, " for-gid=", &for_gid))
		return false;
	c->uid = (uint32_t)uid;
	c->gid = (uint32_t)gid;
	c->for_uid = (uint32_t)for_uid;
	c->for_gid = (uint32_t)for_gid;
	return write_claim(c, again) > 0 && strcmp(line, again) == 0;
}

static psec_code_t none_create(void *state, const psec_cred_request_t *req,
			       void **cred, size_t *len, psec_error_t *err)
{
	claim_t c = { .uid = geteuid(), .gid = getegid() };
	char *blob;
	int n;

	c.issued_s = time(NULL);
	c.expires_s = req->ttl_s ? c.issued_s + req->ttl_s : 0;
	c.for_uid = req->for_uid;
	c.for_gid = req->for_gid;
	blob = malloc(LINE_SIZE + req->payload_len + 1);
	if (!blob)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a credential");
	n = write_claim(&c, blob);
	if (req->payload_len > 0)
		memcpy(blob + n, req->payload, req->payload_len);
	*len = (size_t)n + req->payload_len;
	blob[*len] = '\0';
	*cred = blob;
	return PSEC_OK;
}

static psec_code_t check_claim(const claim_t *c, psec_error_t *err)
{
	int64_t now_s = time(NULL);

	if (c->expires_s != 0 && c->expires_s <= now_s)
		return psec_fail(err, PSEC_ERR_EXPIRED,
				 "the credential of mechanism none has "
				 "expired");
	if ((c->for_uid != (uint32_t)-1 && c->for_uid != geteuid()) ||
	    (c->for_gid != (uint32_t)-1 && c->for_gid != getegid()))
		return psec_fail(err, PSEC_ERR_NOT_FOR_YOU,
				 "the credential of mechanism none is for uid "
				 "%d and gid %d",
				 (int)c->for_uid, (int)c->for_gid);
	return PSEC_OK;
}

static psec_code_t copy_payload(psec_cred_info_t *info, const char *payload,
				size_t len, psec_error_t *err)
{
	info->payload = malloc(len + 1);
	if (!info->payload)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a payload of %zu bytes", len);
	memcpy(info->payload, payload, len);
	info->payload[len] = '\0';
	info->payload_len = len;
	return PSEC_OK;
}

static psec_code_t none_validate(void *state, const void *cred, size_t len,
				 psec_cred_info_t *info, psec_error_t *err)
{
	const char *newline = memchr(cred, '\n', len);
	char line[LINE_SIZE] = "";
	size_t line_len = 0;
	claim_t c;
	psec_code_t rc;

	if (newline)
		line_len = (size_t)(newline - (const char *)cred) + 1;
	if (line_len > 0 && line_len < sizeof(line))
		memcpy(line, cred, line_len);
	if (!read_claim(line, &c))
		return psec_fail(err, PSEC_ERR_MALFORMED,
				 "this is no credential of mechanism none");
	rc = check_claim(&c, err);
	if (rc)
		return rc;
	info->uid = c.uid;
	info->gid = c.gid;
	info->issued_s = c.issued_s;
	info->expires_s = c.expires_s;
	info->for_uid = c.for_uid;
	info->for_gid = c.for_gid;
	return copy_payload(info, (const char *)cred + line_len, len - line_len,
			    err);
}

static psec_code_t none_probe(void *state, psec_error_t *err)
{
	return PSEC_OK;
}

const psec_mech_t psec_mechanism = {
	.interface = PSEC_MECH_INTERFACE,
	.name = "none",
	.priority = 0,
	.proves = "nothing: anybody can claim any uid and gid",
	.secret_payload = false,
	.probe = none_probe,
	.cred_create = none_create,
	.cred_validate = none_validate,
};
