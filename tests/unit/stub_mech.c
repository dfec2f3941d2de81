/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stub_mech.c - mechanisms for the tests of loading and selection, good and
 * bad ones, all from this source.  meson.build says what is wrong with each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "psec_mech.h"

#ifndef STUB_PRIORITY
#define STUB_PRIORITY 5
#endif
#ifndef STUB_INTERFACE
#define STUB_INTERFACE PSEC_MECH_INTERFACE
#endif
#ifndef STUB_EXPORT
#define STUB_EXPORT psec_mechanism
#endif

#ifdef STUB_UNRESOLVED
void psec_test_function_that_nobody_has(void);
#endif
#ifdef STUB_NEEDS_LIBRARY
int psec_test_gone(void);
#endif

/* A credential is this and the payload. */
#define MARK	 "stub"
#define MARK_LEN (sizeof(MARK) - 1)

static psec_code_t stub_probe(void *state, psec_error_t *err)
{
#ifdef STUB_UNRESOLVED
	psec_test_function_that_nobody_has();
#endif
#ifdef STUB_NEEDS_LIBRARY
	if (psec_test_gone())
		return PSEC_OK;
#endif
#ifdef STUB_SICK
	return psec_fail(err, PSEC_ERR_UNAVAILABLE,
			 "the service of stub " STUB_NAME " is out");
#endif
	return PSEC_OK;
}

static psec_code_t stub_create(void *state, const psec_cred_request_t *req,
			       void **cred, size_t *len, psec_error_t *err)
{
	char *blob = malloc(MARK_LEN + req->payload_len + 1);

	if (!blob)
		return psec_fail(err, PSEC_ERR_NOMEM, "no memory for a stub");
	memcpy(blob, MARK, MARK_LEN);
	if (req->payload_len > 0)
		memcpy(blob + MARK_LEN, req->payload, req->payload_len);
	*len = MARK_LEN + req->payload_len;
	blob[*len] = '\0';
	*cred = blob;
	return PSEC_OK;
}

/* Both ends of a test are one process. */
static psec_code_t stub_validate(void *state, const void *cred, size_t len,
				 psec_cred_info_t *info, psec_error_t *err)
{
	if (len < MARK_LEN || memcmp(cred, MARK, MARK_LEN) != 0)
		return psec_fail(err, PSEC_ERR_MALFORMED, "this is no stub");
	info->uid = geteuid();
	info->gid = (gid_t)-1;
	info->payload_len = len - MARK_LEN;
	info->payload = malloc(info->payload_len + 1);
	if (!info->payload)
		return psec_fail(err, PSEC_ERR_NOMEM, "no memory for a stub");
	memcpy(info->payload, (const char *)cred + MARK_LEN, info->payload_len);
	info->payload[info->payload_len] = '\0';
	return PSEC_OK;
}

#ifdef STUB_OPEN_FAILS
static psec_code_t stub_open(void **state, const psec_options_t *opt,
			     psec_error_t *err)
{
#ifdef STUB_MUTE
	return PSEC_ERR_UNAVAILABLE;
#endif
	return psec_fail(err, PSEC_ERR_UNAVAILABLE,
			 "the stub's library is old");
}

static void stub_close(void *state)
{
	/* Never called, as open() failed. */
	errno = EPROTO;
	__builtin_trap();
}
#endif

extern const psec_mech_t STUB_EXPORT;
const psec_mech_t STUB_EXPORT = {
	.interface = STUB_INTERFACE,
	.name = STUB_NAME,
	.priority = STUB_PRIORITY,
	.proves = "nothing: it is a stub",
#ifdef STUB_OPEN_FAILS
	.open = stub_open,
	.close = stub_close,
#endif
#ifndef STUB_NO_PROBE
	.probe = stub_probe,
#endif
	.cred_create = stub_create,
#ifndef STUB_NO_VALIDATE
	.cred_validate = stub_validate,
#endif
};
