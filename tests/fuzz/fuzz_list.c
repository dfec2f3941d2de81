/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_list.c - lists of mechanisms, which come from a user's --psec, from
 * PMIX_SECURITY_MODE and from the peer of a handshake.
 *
 * Input: three lines, a list, another one that filters it, and a name.
 */
#include "fuzz.h"
#include "mech.h"

typedef struct {
	char *copy;
	char *names[PSEC_LIST_MAX];
	size_t n;
} names_t;

/* Cut LIST at commas, by the words of psec.h and not by list.c. */
static void names_of(names_t *names, const char *list)
{
	char *save = NULL;

	names->n = 0;
	names->copy = fuzz_string(list, strlen(list));
	for (char *name = strtok_r(names->copy, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		char *end = name + strlen(name);

		while (*name == ' ' || *name == '\t')
			name++;
		while (end > name && (end[-1] == ' ' || end[-1] == '\t'))
			*--end = '\0';
		if (*name)
			names->names[names->n++] = name;
	}
}

static bool among(const names_t *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names->names[i], name) == 0)
			return true;
	return false;
}

static bool well_formed(const names_t *names)
{
	for (size_t i = 0; i < names->n; i++) {
		size_t len = strlen(names->names[i]);

		if (len > PSEC_NAME_MAX ||
		    strspn(names->names[i], "abcdefghijklmnopqrstuvwxyz"
					    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789_-") != len)
			return false;
	}
	return true;
}

/* OUT has LIST's names that FILTER has too, in order, each once. */
static void must_be_filtered(const char *out, const names_t *list,
			     const names_t *filter)
{
	names_t got;
	size_t i, k = 0;

	names_of(&got, out);
	for (i = 0; i < list->n; i++) {
		if (filter && !among(filter, filter->n, list->names[i]))
			continue;
		if (among(list, i, list->names[i]))
			continue;
		MUST(k < got.n && strcmp(got.names[k], list->names[i]) == 0);
		k++;
	}
	MUST(k == got.n);
	MUST(!strchr(out, ' ') && !strchr(out, '\t') && !strstr(out, ",,"));
	free(got.copy);
}

/* Sentences go to terminals and logs, lists come from anybody. */
static void must_be_clean(const psec_error_t *err)
{
	for (const char *p = err->text; *p; p++)
		MUST((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* Into a buffer of exactly SIZE bytes. */
static psec_code_t filter_into(const char *list, const char *filter,
			       size_t size, char *copy)
{
	char *out = malloc(size);
	psec_error_t err;
	psec_code_t rc;

	MUST(out);
	rc = psec_list_filter(list, filter, out, size, &err);
	if (rc) {
		must_be_told(rc, &err);
		must_be_clean(&err);
	} else {
		memcpy(copy, out, strlen(out) + 1);
	}
	free(out);
	return rc;
}

/* What is wrong with LIST, by the words of psec.h. */
static psec_code_t verdict(const char *list)
{
	names_t names = { .n = 0 };
	bool good;

	if (strlen(list) > PSEC_LIST_MAX)
		return PSEC_ERR_TOO_BIG;
	names_of(&names, list);
	good = well_formed(&names);
	free(names.copy);
	return good ? PSEC_OK : PSEC_ERR_MALFORMED;
}

static void check_filter(const char *list, const char *filter)
{
	char out[PSEC_LIST_MAX + 1], again[PSEC_LIST_MAX + 1];
	names_t names = { .n = 0 }, filters = { .n = 0 };
	psec_code_t rc = verdict(list);

	if (!rc && filter)
		rc = verdict(filter);
	MUST(filter_into(list, filter, sizeof(out), out) == rc);
	if (rc)
		return;
	names_of(&names, list);
	names_of(&filters, filter ? filter : "");
	must_be_filtered(out, &names, filter ? &filters : NULL);
	MUST(filter_into(out, NULL, strlen(out) + 1, again) == PSEC_OK);
	MUST(strcmp(out, again) == 0);
	MUST(filter_into(list, filter, strlen(out), again) == PSEC_ERR_TOO_BIG);
	free(names.copy);
	free(filters.copy);
}

static void check_has(const char *list, const char *name)
{
	names_t names = { .n = 0 };

	if (strlen(list) > PSEC_LIST_MAX) {
		MUST(!psec_list_has(list, name));
		return;
	}
	names_of(&names, list);
	MUST(psec_list_has(list, name) == among(&names, names.n, name));
	free(names.copy);
}

/* What works here (all but "empty" and what is absent), in order. */
static void check_server_list(psec_t *psec, const char *allowed)
{
	static const char *const works[] = { "", "token", "clear",
					     "token,clear" };
	const char *want = works[psec_list_has(allowed, "token") +
				 2 * psec_list_has(allowed, "clear")];
	char out[PSEC_LIST_MAX + 1];
	psec_error_t err;
	psec_code_t rc;

	rc = psec_server_list(psec, allowed, out, sizeof(out), &err);
	if (rc) {
		must_be_told(rc, &err);
		must_be_clean(&err);
		MUST(rc != PSEC_ERR_NO_MECH || !want[0]);
	} else {
		MUST(want[0] && strcmp(out, want) == 0);
	}
}

/* The first of the context's mechanisms, which are in order, in LIST. */
static void check_select(const psec_t *psec, const char *list)
{
	const char *name = NULL, *want = NULL;
	psec_mech_info_t info;
	psec_error_t err;
	psec_code_t rc;

	for (size_t i = 0; !want && psec_mech_get(psec, i, &info); i++)
		if (info.priority >= 0 && psec_list_has(list, info.name))
			want = info.name;
	rc = psec_select(psec, list, &name, &err);
	MUST((rc == PSEC_OK) == (want != NULL));
	if (rc) {
		must_be_told(rc, &err);
		must_be_clean(&err);
	} else {
		MUST(strcmp(name, want) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	char *list = feed_text(&feed, '\n');
	char *filter = feed_text(&feed, '\n');
	char *name = feed_text(&feed, '\n');

	check_filter(list, NULL);
	check_filter(list, filter);
	check_has(list, name);
	check_select(fuzz_psec(), list);
	check_server_list(fuzz_psec(), list);
	free(list);
	free(filter);
	free(name);
	return 0;
}
