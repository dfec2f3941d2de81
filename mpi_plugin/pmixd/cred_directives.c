/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_directives.c - see cred_directives.h. */
#include <string.h>

#include <pmix.h>

#include "cred_directives.h"

/* How a directive was taken. */
typedef enum { TAKEN, UNKNOWN, WRONG_TYPE, WRONG_RANGE, CONFLICT } taken_t;

/* False where VALUE is not of a type for numbers without a fraction. */
static bool as_integer(const pmix_value_t *value, int64_t *out)
{
	switch (value->type) {
	case PMIX_INT:
		*out = value->data.integer;
		return true;
	case PMIX_INT8:
		*out = (int64_t)value->data.int8;
		return true;
	case PMIX_INT16:
		*out = value->data.int16;
		return true;
	case PMIX_INT32:
		*out = value->data.int32;
		return true;
	case PMIX_INT64:
		*out = value->data.int64;
		return true;
	case PMIX_UINT:
		*out = value->data.uint;
		return true;
	case PMIX_UINT8:
		*out = value->data.uint8;
		return true;
	case PMIX_UINT16:
		*out = value->data.uint16;
		return true;
	case PMIX_UINT32:
		*out = value->data.uint32;
		return true;
	case PMIX_UINT64:
		/* What does not fit becomes negative, and so out of range. */
		*out = (int64_t)value->data.uint64;
		return true;
	case PMIX_SIZE:
		*out = (int64_t)value->data.size;
		return true;
	default:
		return false;
	}
}

static taken_t take_number(const pmix_info_t *info, int64_t max, bool *has,
			   uint32_t *out)
{
	int64_t v;

	if (!as_integer(&info->value, &v))
		return WRONG_TYPE;
	if (v < 0 || v > max)
		return WRONG_RANGE;
	if (*has && *out != (uint32_t)v)
		return CONFLICT;
	*has = true;
	*out = (uint32_t)v;
	return TAKEN;
}

static taken_t take_types(const pmix_info_t *info, cred_wish_t *wish)
{
	const char *list = info->value.data.string;
	char types[PSEC_LIST_MAX];

	if (info->value.type != PMIX_STRING || !list)
		return WRONG_TYPE;
	/* A list that names nothing is not "any". */
	if (strlen(list) >= sizeof(types) ||
	    psec_list_filter(list, NULL, types, sizeof(types), NULL) !=
		    PSEC_OK ||
	    !types[0])
		return WRONG_RANGE;
	if (wish->has_types && strcmp(wish->types, types) != 0)
		return CONFLICT;
	wish->has_types = true;
	memcpy(wish->types, types, strlen(types) + 1);
	return TAKEN;
}

static taken_t take_directive(const pmix_info_t *info, cred_wish_t *wish)
{
	if (PMIX_CHECK_KEY(info, PMIX_CRED_TYPE))
		return take_types(info, wish);
	if (PMIX_CHECK_KEY(info, PMIX_TIMEOUT))
		return take_number(info, INT32_MAX, &wish->has_timeout,
				   &wish->timeout_s);
	/* The highest uid and gid mean "any" or "none" everywhere. */
	if (PMIX_CHECK_KEY(info, PMIX_USERID))
		return take_number(info, (int64_t)UINT32_MAX - 1,
				   &wish->has_uid, &wish->uid);
	if (PMIX_CHECK_KEY(info, PMIX_GRPID))
		return take_number(info, (int64_t)UINT32_MAX - 1,
				   &wish->has_gid, &wish->gid);
	return PMIX_INFO_IS_REQUIRED(info) ? UNKNOWN : TAKEN;
}

static cred_cause_t refuse(const char *key, taken_t why, cred_error_t *err)
{
	switch (why) {
	case UNKNOWN:
		return cred_fail(err, CRED_UNKNOWN_DIRECTIVE,
				 "the directive '%s' is required and not known "
				 "here",
				 key);
	case WRONG_TYPE:
		return cred_fail(err, CRED_BAD_DIRECTIVE,
				 "the directive '%s' has a value of a wrong "
				 "type",
				 key);
	case CONFLICT:
		return cred_fail(err, CRED_BAD_DIRECTIVE,
				 "the directive '%s' comes twice, with "
				 "different values",
				 key);
	default:
		return cred_fail(err, CRED_BAD_DIRECTIVE,
				 "the directive '%s' has a value that is not "
				 "possible",
				 key);
	}
}

cred_cause_t cred_directives_read(const pmix_info_t info[], size_t ninfo,
				  cred_wish_t *wish, cred_error_t *err)
{
	memset(wish, 0, sizeof(*wish));
	for (size_t i = 0; i < ninfo; i++) {
		taken_t how = take_directive(&info[i], wish);

		if (how != TAKEN)
			return refuse(info[i].key, how, err);
	}
	if (!wish->has_timeout)
		wish->timeout_s = CRED_DEFAULT_TIMEOUT_S;
	return CRED_OK;
}
