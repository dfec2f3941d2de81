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

static cred_pace_t blocks(void)
{
	return CRED_BLOCKS;
}

/* A hash takes less time than to wake a worker would. */
static cred_pace_t native_pace(void)
{
	return step_key_settled(pmixd.key) ? CRED_AT_ONCE : CRED_MUST_WAIT;
}

static const cred_type_t types[] = {
	{ "munge",
	  "MUNGE:", CRED_PROVES_UID | CRED_PROVES_GID | CRED_PROVES_TIMES,
	  "munged", blocks },
	/* Who has the step's key is one of its servers. */
	{ "native", "NATIVE:",
	  CRED_PROVES_UID | CRED_PROVES_GID | CRED_PROVES_TIMES |
		  CRED_PROVES_JOB | CRED_PROVES_STEP,
	  "the step's node 0, which has the key,", native_pace },
	/* It does not block; slurmctld, who is asked about its job, may. */
	{ "none", "PSEC-NONE-", 0, "nobody", blocks },
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))
_Static_assert(N_TYPES <= CRED_TYPES_MAX, "a wish has room for all types");

bool cred_type_allowed(const cred_type_t *type)
{
	return psec_list_has(pmixd.conf.mechs, type->name);
}

const cred_type_t *cred_type_named(const char *name)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (!strcmp(types[i].name, name) &&
		    cred_type_allowed(&types[i]))
			return &types[i];
	return NULL;
}

const cred_type_t *cred_type_of(const uint8_t *cred, size_t len)
{
	for (size_t i = 0; i < N_TYPES; i++) {
		size_t mark = strlen(types[i].mark);

		if (len >= mark && memcmp(cred, types[i].mark, mark) == 0)
			return &types[i];
	}
	return NULL;
}

void cred_type_list(char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < N_TYPES; i++) {
		size_t len = strlen(types[i].name);

		if (!cred_type_allowed(&types[i]) || used + len + 2 > size)
			continue;
		if (used)
			out[used++] = ',';
		memcpy(out + used, types[i].name, len + 1);
		used += len;
	}
}
