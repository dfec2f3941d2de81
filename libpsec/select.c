/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * select.c - RFC0011's choice: "the client will select its active plugin by
 * picking the highest priority plugin whose name is contained in the list
 * provided by the server."
 */
#include <string.h>

#include "psec_private.h"

/* The names of the loaded mechanisms, for people; cut where it is full. */
static void loaded_names(const psec_t *psec, char *out, size_t size)
{
	size_t i, n, used = 0;

	out[0] = '\0';
	for (i = 0; i < psec->nmechs && psec->mechs[i].vt; i++) {
		n = strlen(psec->mechs[i].name);
		if (used + n + 2 > size)
			break;
		if (used)
			out[used++] = ',';
		memcpy(out + used, psec->mechs[i].name, n + 1);
		used += n;
	}
}

/* Where the list names one that could not be loaded, that is the cause. */
static psec_code_t select_failed(const psec_t *psec, const char *list,
				 psec_error_t *err)
{
	char loaded[128];
	const mech_t *m;
	size_t i;

	loaded_names(psec, loaded, sizeof(loaded));
	for (i = 0; i < psec->nmechs; i++) {
		m = &psec->mechs[i];
		if (m->vt || !psec_list_has(list, m->name))
			continue;
		return psec_fail(err, PSEC_ERR_NO_MECH,
				 "none of the mechanisms '%.100s' is loaded "
				 "here ('%s'): %.140s",
				 list, loaded, m->why.text);
	}
	return psec_fail(err, PSEC_ERR_NO_MECH,
			 "none of the mechanisms '%.140s' is loaded here "
			 "('%s')",
			 list, loaded);
}

psec_code_t psec_select(const psec_t *psec, const char *list, const char **name,
			psec_error_t *err)
{
	size_t i;

	if (!psec || !list || !name)
		return psec_fail(err, PSEC_ERR_ARG,
				 "no context, no list of mechanisms, or no "
				 "place for the choice");
	if (strnlen(list, PSEC_LIST_MAX + 1) > PSEC_LIST_MAX)
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "a list of mechanisms has more than %d bytes",
				 PSEC_LIST_MAX);
	for (i = 0; i < psec->nmechs; i++) {
		if (!psec->mechs[i].vt)
			continue;
		if (!psec_list_has(list, psec->mechs[i].name))
			continue;
		*name = psec->mechs[i].name;
		return PSEC_OK;
	}
	return select_failed(psec, list, err);
}
