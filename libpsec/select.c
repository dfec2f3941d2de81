/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * select.c - RFC0011's choice, on both sides.  The server: "it will add an
 * envar called PMIX_SECURITY_MODE containing the comma-delimited list of
 * active PSEC plugins on the server."  The client: "the client will select its
 * active plugin by picking the highest priority plugin whose name is contained
 * in the list provided by the server."
 */
#include <string.h>

#include "psec_private.h"

#define SHOWN_MAX 120 /* bytes of a list in a sentence */

/* Append NAME to the LIST of SIZE bytes; false: it does not fit. */
static bool append(char *list, size_t size, const char *name)
{
	size_t used = strlen(list), len = strlen(name);

	if (used + (used > 0) + len + 1 > size)
		return false;
	if (used > 0)
		list[used++] = ',';
	memcpy(list + used, name, len + 1);
	return true;
}

/* The names of the loaded mechanisms, for people. */
static void show_loaded(const psec_t *psec, char *out, size_t size)
{
	char all[PSEC_LIST_MAX + 1] = "";
	size_t i;

	for (i = 0; i < psec->nmechs && psec->mechs[i].vt; i++)
		(void)append(all, sizeof(all), psec->mechs[i].name);
	(void)list_show(all, out, size);
}

/* Where the list names one that could not be loaded, that is the cause. */
static psec_code_t select_failed(const psec_t *psec, const char *list,
				 psec_error_t *err)
{
	char shown[SHOWN_MAX], loaded[SHOWN_MAX];
	const mech_t *m;
	size_t i;

	(void)list_show(list, shown, sizeof(shown));
	show_loaded(psec, loaded, sizeof(loaded));
	for (i = 0; i < psec->nmechs; i++) {
		m = &psec->mechs[i];
		if (m->vt || !psec_list_has(list, m->name))
			continue;
		return psec_fail(err, PSEC_ERR_NO_MECH,
				 "none of the mechanisms '%s' is loaded here "
				 "('%s'): %s",
				 shown, loaded, m->why.text);
	}
	return psec_fail(err, PSEC_ERR_NO_MECH,
			 "none of the mechanisms '%s' is loaded here ('%s')",
			 shown, loaded);
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

/* Not one of ALLOWED's mechanisms works; WHY is about the best of them. */
static psec_code_t nothing_works(const char *allowed, const psec_error_t *why,
				 psec_error_t *err)
{
	char shown[SHOWN_MAX] = "this context's";

	if (allowed)
		(void)list_show(allowed, shown, sizeof(shown));
	return psec_fail(err, PSEC_ERR_NO_MECH,
			 "none of the mechanisms '%s' works here: %s", shown,
			 why->code ? why->text
				   : "this context was made without them");
}

psec_code_t psec_server_list(psec_t *psec, const char *allowed, char *out,
			     size_t size, psec_error_t *err)
{
	char list[PSEC_LIST_MAX + 1] = "";
	psec_error_t why, best = { .code = PSEC_OK };
	const mech_t *m;
	psec_code_t rc;
	size_t i;

	if (!psec || !out)
		return psec_fail(err, PSEC_ERR_ARG,
				 "no context, or no place for the list of "
				 "mechanisms");
	rc = allowed ? list_check(allowed, err) : PSEC_OK;
	if (rc)
		return rc;
	for (i = 0; i < psec->nmechs; i++) {
		m = &psec->mechs[i];
		if (allowed && !psec_list_has(allowed, m->name))
			continue;
		if (psec_mech_probe(psec, m->name, &why) == PSEC_OK)
			(void)append(list, sizeof(list), m->name);
		else if (best.code == PSEC_OK)
			best = why;
	}
	if (!list[0])
		return nothing_works(allowed, &best, err);
	return psec_list_filter(list, NULL, out, size, err);
}
