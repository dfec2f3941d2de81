/* SPDX-License-Identifier: BSD-3-Clause */
/* authinfo.c - see authinfo.h. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "authinfo.h"

#define TTL_MAX_S 86400

/* The value behind KEY ("socket="), of *LEN bytes, or NULL. */
static const char *value_of(const char *text, const char *key, size_t *len)
{
	size_t n = strlen(key);

	while (text) {
		text += strspn(text, " ,");
		if (!strncmp(text, key, n)) {
			*len = strcspn(text + n, ",");
			return text + n;
		}
		text = strchr(text, ',');
	}
	return NULL;
}

char *authinfo_socket(const char *text)
{
	size_t len = 0;
	const char *path = value_of(text, "socket=", &len);

	if (!path && text && !strchr(text, '=')) {
		path = text;
		len = strlen(text);
	}
	return path && len ? strndup(path, len) : NULL;
}

int authinfo_ttl_s(const char *text)
{
	size_t len = 0;
	const char *value = value_of(text, "ttl=", &len);
	long ttl_s = value ? strtol(value, NULL, 10) : 0;

	if (ttl_s <= 0)
		return 0;
	return ttl_s < TTL_MAX_S ? (int)ttl_s : TTL_MAX_S;
}
