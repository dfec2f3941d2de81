/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_type.c - see cred_type.h. */
#include <string.h>

#include "cred_facts.h"
#include "cred_type.h"
#include "pmixd.h"

#define LIFETIME_S 300 /* MUNGE's own default */

uint32_t cred_lifetime_s(void)
{
	return pmixd.conf.lifetime_s ? (uint32_t)pmixd.conf.lifetime_s
				     : LIFETIME_S;
}

static bool begins_with(const uint8_t *cred, size_t len, const char *mark)
{
	return len >= strlen(mark) && memcmp(cred, mark, strlen(mark)) == 0;
}

/* -- munge: see libpsec/mech/psec_munge.c --------------------------------- */

static bool munge_allowed(void)
{
	return psec_list_has(pmixd.conf.mechs, "munge");
}

static bool munge_recognise(const uint8_t *cred, size_t len)
{
	return begins_with(cred, len, "MUNGE:");
}

static cred_pace_t blocks(void)
{
	return CRED_BLOCKS;
}

static psec_code_t munge_create(const psec_cred_request_t *req, void **cred,
				size_t *len, psec_error_t *err)
{
	return psec_cred_create(pmixd.psec, "munge", req, cred, len, err);
}

static psec_code_t munge_validate(const void *cred, size_t len,
				  psec_cred_info_t **info, psec_error_t *err)
{
	return psec_cred_validate(pmixd.psec, "munge", cred, len, info, err);
}

/* -- native: see libpsec/mech/native_cred.h ------------------------------ */

static bool native_allowed(void)
{
	return psec_list_has(pmixd.conf.mechs, "native");
}

static bool native_recognise(const uint8_t *cred, size_t len)
{
	return begins_with(cred, len, "NATIVE:");
}

/* A hash takes less time than to wake a worker would. */
static cred_pace_t native_pace(void)
{
	return step_key_settled(pmixd.key) ? CRED_AT_ONCE : CRED_MUST_WAIT;
}

static psec_code_t native_create(const psec_cred_request_t *req, void **cred,
				 size_t *len, psec_error_t *err)
{
	return psec_cred_create(pmixd.psec, "native", req, cred, len, err);
}

static psec_code_t native_validate(const void *cred, size_t len,
				   psec_cred_info_t **info, psec_error_t *err)
{
	return psec_cred_validate(pmixd.psec, "native", cred, len, info, err);
}

/* -- none: see libpsec/mech/psec_none.c ----------------------------------- */

static bool none_allowed(void)
{
	return psec_list_has(pmixd.conf.mechs, "none");
}

static bool none_recognise(const uint8_t *cred, size_t len)
{
	return begins_with(cred, len, "PSEC-NONE-");
}

static psec_code_t none_create(const psec_cred_request_t *req, void **cred,
			       size_t *len, psec_error_t *err)
{
	return psec_cred_create(pmixd.psec, "none", req, cred, len, err);
}

static psec_code_t none_validate(const void *cred, size_t len,
				 psec_cred_info_t **info, psec_error_t *err)
{
	return psec_cred_validate(pmixd.psec, "none", cred, len, info, err);
}

/* -- all of them ---------------------------------------------------------- */

static const cred_type_t types[] = {
	{ "munge", CRED_PROVES_UID | CRED_PROVES_GID | CRED_PROVES_TIMES,
	  munge_allowed, munge_recognise, blocks, munge_create, munge_validate,
	  "munged" },
	/* Who has the step's key is one of its servers. */
	{ "native",
	  CRED_PROVES_UID | CRED_PROVES_GID | CRED_PROVES_TIMES |
		  CRED_PROVES_JOB | CRED_PROVES_STEP,
	  native_allowed, native_recognise, native_pace, native_create,
	  native_validate, "the step's node 0, which has the key," },
	/* It does not block; slurmctld, who is asked about its job, may. */
	{ "none", 0, none_allowed, none_recognise, blocks, none_create,
	  none_validate, "nobody" },
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))
_Static_assert(N_TYPES <= CRED_TYPES_MAX, "a wish has room for all types");

const cred_type_t *cred_type_get(size_t index)
{
	return index < N_TYPES ? &types[index] : NULL;
}

const cred_type_t *cred_type_named(const char *name)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (!strcmp(types[i].name, name) && types[i].allowed())
			return &types[i];
	return NULL;
}

const cred_type_t *cred_type_of(const uint8_t *cred, size_t len)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].recognise(cred, len))
			return &types[i];
	return NULL;
}

void cred_type_list(char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_TYPES; i++) {
		size_t len = strlen(types[i].name);

		if (!types[i].allowed() || used + len + 2 > size)
			continue;
		if (used)
			out[used++] = ',';
		memcpy(out + used, types[i].name, len + 1);
		used += len;
	}
}
