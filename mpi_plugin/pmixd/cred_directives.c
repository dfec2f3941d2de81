/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_directives.c - see cred_directives.h. */
#include <string.h>

#include <pmix.h>

#include "cred_directives.h"

#define DEFAULT_TIMEOUT_S 60 /* where the caller sets no PMIX_TIMEOUT */
#define TIMEOUT_MAX_S	  86400

static cred_cause_t take_number(const pmix_info_t *info, uint32_t max,
				uint32_t *out)
{
	pmix_status_t rc = PMIX_SUCCESS;
	int64_t v = -1;

	PMIX_VALUE_GET_NUMBER(rc, &info->value, v, int64_t);
	if (rc != PMIX_SUCCESS || v < 0 || v > (int64_t)max)
		return CRED_BAD_DIRECTIVE;
	*out = (uint32_t)v;
	return CRED_OK;
}

static cred_cause_t take_types(const pmix_info_t *info, cred_wish_t *wish)
{
	const char *list = info->value.data.string;

	if (info->value.type != PMIX_STRING || !list ||
	    strlen(list) >= sizeof(wish->types) ||
	    psec_list_filter(list, NULL, wish->types, sizeof(wish->types),
			     NULL) != PSEC_OK)
		return CRED_BAD_DIRECTIVE;
	/* A list that names nothing is not "any". */
	return wish->types[0] ? CRED_OK : CRED_BAD_DIRECTIVE;
}

static cred_cause_t take_directive(const pmix_info_t *info, cred_wish_t *wish)
{
	if (PMIX_CHECK_KEY(info, PMIX_CRED_TYPE))
		return take_types(info, wish);
	if (PMIX_CHECK_KEY(info, PMIX_TIMEOUT))
		return take_number(info, TIMEOUT_MAX_S, &wish->timeout_s);
	if (PMIX_CHECK_KEY(info, PMIX_USERID)) {
		wish->has_uid = true;
		return take_number(info, UINT32_MAX - 1, &wish->uid);
	}
	if (PMIX_CHECK_KEY(info, PMIX_GRPID)) {
		wish->has_gid = true;
		return take_number(info, UINT32_MAX - 1, &wish->gid);
	}
	return PMIX_INFO_IS_REQUIRED(info) ? CRED_UNKNOWN_DIRECTIVE : CRED_OK;
}

cred_cause_t cred_directives_read(const pmix_info_t info[], size_t ninfo,
				  cred_wish_t *wish, cred_error_t *err)
{
	memset(wish, 0, sizeof(*wish));
	for (size_t i = 0; i < ninfo; i++) {
		cred_cause_t rc = take_directive(&info[i], wish);

		if (rc != CRED_OK)
			return cred_fail(
				err, rc, "the directive '%s' %s", info[i].key,
				rc == CRED_UNKNOWN_DIRECTIVE
					? "is required and not known here"
					: "has a value of a wrong type or "
					  "range");
	}
	if (!wish->timeout_s)
		wish->timeout_s = DEFAULT_TIMEOUT_S;
	return CRED_OK;
}
