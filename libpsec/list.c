/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * list.c - lists of mechanisms, as in PMIX_SECURITY_MODE.
 *
 * Names are compared whole: libpmix's psec/none looks for its own name by
 * substring, so that a mechanism "nonesuch" switches it on.
 */
#include <ctype.h>
#include <string.h>

#include "psec_private.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_overlong(const char *list)
{
	return strnlen(list, PSEC_LIST_MAX + 1) > PSEC_LIST_MAX;
}

bool list_next(const char **pos, const char **name, size_t *len)
{
	const char *start = *pos, *end;

	while (*start == ',' || is_blank(*start))
		start++;
	end = start + strcspn(start, ",");
	*pos = end;
	while (end > start && is_blank(end[-1]))
		end--;
	*name = start;
	*len = (size_t)(end - start);
	return end > start;
}

bool list_name_ok(const char *name, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t i;

	if (len == 0 || len > PSEC_NAME_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (!memchr(allowed, name[i], sizeof(allowed) - 1))
			return false;
	}
	return true;
}

static bool has_bytes(const char *list, const char *name, size_t len)
{
	const char *entry;
	size_t entry_len;

	while (list_next(&list, &entry, &entry_len)) {
		if (entry_len == len && memcmp(entry, name, len) == 0)
			return true;
	}
	return false;
}

bool psec_list_has(const char *list, const char *name)
{
	if (!list || !name || is_overlong(list))
		return false;
	return has_bytes(list, name, strlen(name));
}

const char *list_show(const char *list, char *out, size_t size)
{
	static const char more[] = "...";
	size_t i;

	for (i = 0; i < size - 1 && list[i]; i++) {
		out[i] = list[i];
		if (iscntrl((unsigned char)list[i]))
			out[i] = '?';
	}
	out[i] = '\0';
	if (list[i] && size > sizeof(more))
		memcpy(out + size - sizeof(more), more, sizeof(more));
	return out;
}

psec_code_t list_check(const char *list, psec_error_t *err)
{
	char shown[64];
	const char *name;
	size_t len;

	if (is_overlong(list))
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "a list of mechanisms has more than %d bytes",
				 PSEC_LIST_MAX);
	while (list_next(&list, &name, &len)) {
		if (list_name_ok(name, len))
			continue;
		(void)list_show(name, shown, sizeof(shown));
		return psec_fail(
			err, PSEC_ERR_MALFORMED,
			"'%.*s' is no name of a mechanism: at most %d "
			"of a-z A-Z 0-9 _ - are allowed",
			(int)(len < sizeof(shown) ? len : sizeof(shown)), shown,
			PSEC_NAME_MAX);
	}
	return PSEC_OK;
}

/* The names of LIST that FILTER has too; OUT is as big as any list. */
static void filter_names(const char *list, const char *filter, char *out)
{
	char *end = out;
	const char *name;
	size_t len;

	*end = '\0';
	while (list_next(&list, &name, &len)) {
		if (filter && !has_bytes(filter, name, len))
			continue;
		if (has_bytes(out, name, len))
			continue;
		if (end != out)
			*end++ = ',';
		memcpy(end, name, len);
		end += len;
		*end = '\0';
	}
}

psec_code_t psec_list_filter(const char *list, const char *filter, char *out,
			     size_t size, psec_error_t *err)
{
	char result[PSEC_LIST_MAX + 1], shown[200];
	psec_code_t rc;
	size_t need;

	if (!list || !out)
		return psec_fail(err, PSEC_ERR_ARG,
				 "no list of mechanisms, or no place for one");
	rc = list_check(list, err);
	if (!rc && filter)
		rc = list_check(filter, err);
	if (rc)
		return rc;
	filter_names(list, filter, result);
	need = strlen(result) + 1;
	if (need > size)
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "the list '%s' does not fit into %zu bytes",
				 list_show(result, shown, sizeof(shown)), size);
	memcpy(out, result, need);
	return PSEC_OK;
}
