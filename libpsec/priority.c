/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * priority.c - priorities of the site's in place of the plugins' own:
 * "native=90,munge=80".
 */
#include <string.h>

#include "psec_private.h"

#define DIGITS_MAX 6 /* of PSEC_PRIORITY_MAX */

/* Split the LEN bytes of an ENTRY; false: it is none. */
static bool split(const char *entry, size_t len, size_t *name_len, int *number)
{
	const char *equals = memchr(entry, '=', len);
	size_t i;

	if (!equals)
		return false;
	*name_len = (size_t)(equals - entry);
	i = *name_len + 1;
	if (!list_name_ok(entry, *name_len) || i == len || len - i > DIGITS_MAX)
		return false;
	for (*number = 0; i < len; i++) {
		if (entry[i] < '0' || entry[i] > '9')
			return false;
		*number = *number * 10 + (entry[i] - '0');
	}
	return *number <= PSEC_PRIORITY_MAX;
}

/* Is there an entry for the LEN bytes at NAME in front of END? */
static bool comes_before(const char *priorities, const char *end,
			 const char *name, size_t len)
{
	const char *entry;
	size_t entry_len, name_len;
	int number;

	while (list_next(&priorities, &entry, &entry_len) && entry < end) {
		if (split(entry, entry_len, &name_len, &number) &&
		    name_len == len && memcmp(entry, name, len) == 0)
			return true;
	}
	return false;
}

static psec_code_t malformed(const char *entry, size_t len, psec_error_t *err)
{
	char shown[64];

	(void)list_show(entry, shown, sizeof(shown));
	return psec_fail(err, PSEC_ERR_ARG,
			 "the priority '%.*s' is not of the form NAME=NUMBER "
			 "with a number from 0 to %d",
			 (int)(len < sizeof(shown) ? len : sizeof(shown)),
			 shown, PSEC_PRIORITY_MAX);
}

psec_code_t psec_priorities_check(const char *priorities, psec_error_t *err)
{
	const char *pos = priorities, *entry;
	size_t len, name_len = 0;
	int number;

	if (!priorities)
		return psec_fail(err, PSEC_ERR_ARG,
				 "no priorities of mechanisms");
	if (strnlen(priorities, PSEC_LIST_MAX + 1) > PSEC_LIST_MAX)
		return psec_fail(err, PSEC_ERR_ARG,
				 "priorities of mechanisms have more than %d "
				 "bytes",
				 PSEC_LIST_MAX);
	while (list_next(&pos, &entry, &len)) {
		if (!split(entry, len, &name_len, &number))
			return malformed(entry, len, err);
		if (comes_before(priorities, entry, entry, name_len))
			return psec_fail(err, PSEC_ERR_ARG,
					 "mechanism %.*s has two priorities",
					 (int)name_len, entry);
	}
	return PSEC_OK;
}

int priority_of(const char *priorities, const char *name, int dflt)
{
	const char *entry;
	size_t len, name_len;
	int number;

	while (priorities && list_next(&priorities, &entry, &len)) {
		if (split(entry, len, &name_len, &number) &&
		    strlen(name) == name_len &&
		    memcmp(entry, name, name_len) == 0)
			return number;
	}
	return dflt;
}
