/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_type.c - see cred_type.h. */
#include <string.h>

#include "cred_facts.h"
#include "cred_type.h"
#include "pmixd.h"

#define LIFETIME_S 300 /* MUNGE's own default */

uint32_t cred_lifetime_s(void)
{
	return LIFETIME_S;
}

/* -- munge: see libpsec/mech/psec_munge.c --------------------------------- */

static bool munge_allowed(void)
{
	return psec_list_has(pmixd.conf.mechs, "munge");
}

static bool munge_recognise(const uint8_t *cred, size_t len)
{
	static const char mark[] = "MUNGE:";

	return len >= sizeof(mark) - 1 &&
	       memcmp(cred, mark, sizeof(mark) - 1) == 0;
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

/* -- all of them ---------------------------------------------------------- */

static const cred_type_t types[] = {
	{ "munge", CRED_PROVES_UID | CRED_PROVES_GID | CRED_PROVES_TIMES,
	  munge_allowed, munge_recognise, munge_create, munge_validate,
	  "munged" },
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
