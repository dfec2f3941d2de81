/* SPDX-License-Identifier: BSD-3-Clause */
/* Directives of credential requests: each type, range, repetition. */
#include <pmix.h>

#include "check.h"
#include "cred_directives.h"

static cred_wish_t wish;
static cred_error_t err;

/* Load KEY with VALUE (strings are passed themselves). */
static pmix_info_t load(const char *key, const void *value,
			pmix_data_type_t type)
{
	pmix_info_t info;

	memset(&info, 0, sizeof(info));
	PMIX_INFO_LOAD(&info, key, value, type);
	return info;
}

static cred_cause_t read_one(const char *key, const void *value,
			     pmix_data_type_t type)
{
	pmix_info_t info = load(key, value, type);
	cred_cause_t rc = cred_directives_read(&info, 1, &wish, &err);

	PMIX_INFO_DESTRUCT(&info);
	return rc;
}

static void refused(cred_cause_t rc, const char *key, const char *words)
{
	assert_int_equal(rc, CRED_BAD_DIRECTIVE);
	assert_int_equal(err.cause, CRED_BAD_DIRECTIVE);
	assert_non_null(strstr(err.text, key));
	assert_non_null(strstr(err.text, words));
	assert_int_equal(cred_cause_status(rc), PMIX_ERR_BAD_PARAM);
}

static void
without_directives_there_is_a_time_limit_and_nothing_else(void **state)
{
	assert_int_equal(cred_directives_read(NULL, 0, &wish, &err), CRED_OK);
	assert_int_equal(wish.timeout_s, CRED_DEFAULT_TIMEOUT_S);
	assert_false(wish.has_types || wish.has_timeout || wish.has_uid ||
		     wish.has_gid);
	assert_string_equal(wish.types, "");
}

static void every_integer_type_is_a_number(void **state)
{
	static const int64_t value = 7;
	static const pmix_data_type_t types[] = {
		PMIX_INT,    PMIX_INT8,	  PMIX_INT16, PMIX_INT32,
		PMIX_INT64,  PMIX_UINT,	  PMIX_UINT8, PMIX_UINT16,
		PMIX_UINT32, PMIX_UINT64, PMIX_SIZE,
	};
	const int8_t i8 = 7;
	const int16_t i16 = 7;
	const int32_t i32 = 7;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const void *p = &value;

		if (types[i] == PMIX_INT8 || types[i] == PMIX_UINT8)
			p = &i8;
		else if (types[i] == PMIX_INT16 || types[i] == PMIX_UINT16)
			p = &i16;
		else if (types[i] != PMIX_INT64 && types[i] != PMIX_UINT64 &&
			 types[i] != PMIX_SIZE)
			p = &i32;
		assert_int_equal(read_one(PMIX_TIMEOUT, p, types[i]), CRED_OK);
		assert_int_equal(wish.timeout_s, 7);
		assert_int_equal(read_one(PMIX_USERID, p, types[i]), CRED_OK);
		assert_true(wish.has_uid);
		assert_int_equal(wish.uid, 7);
		assert_int_equal(read_one(PMIX_GRPID, p, types[i]), CRED_OK);
		assert_true(wish.has_gid);
		assert_int_equal(wish.gid, 7);
	}
}

static void other_types_are_no_numbers(void **state)
{
	static const char *const keys[] = { PMIX_TIMEOUT, PMIX_USERID,
					    PMIX_GRPID };
	const double d = 7.0;
	const float f = 7.0f;
	const bool b = true;
	const pid_t pid = 7;
	const pmix_rank_t rank = 7;
	const pmix_status_t status = 7;
	const time_t now = 7;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *key = keys[i], *why = "a wrong type";

		refused(read_one(key, "7", PMIX_STRING), key, why);
		refused(read_one(key, &d, PMIX_DOUBLE), key, why);
		refused(read_one(key, &f, PMIX_FLOAT), key, why);
		refused(read_one(key, &b, PMIX_BOOL), key, why);
		refused(read_one(key, &pid, PMIX_PID), key, why);
		refused(read_one(key, &rank, PMIX_PROC_RANK), key, why);
		refused(read_one(key, &status, PMIX_STATUS), key, why);
		refused(read_one(key, &now, PMIX_TIME), key, why);
	}
}

static void a_number_out_of_range_is_refused(void **state)
{
	const int minus = -1;
	const int64_t minus64 = INT64_MIN, max = INT32_MAX;
	const int64_t longer = (int64_t)INT32_MAX + 1;
	const uint32_t nobody = UINT32_MAX, last = UINT32_MAX - 1;
	const uint64_t huge = UINT64_MAX, wraps = 1ULL << 32;
	const char *why = "not possible";

	refused(read_one(PMIX_TIMEOUT, &minus, PMIX_INT), PMIX_TIMEOUT, why);
	refused(read_one(PMIX_TIMEOUT, &minus64, PMIX_INT64), PMIX_TIMEOUT,
		why);
	refused(read_one(PMIX_TIMEOUT, &longer, PMIX_INT64), PMIX_TIMEOUT, why);
	refused(read_one(PMIX_USERID, &nobody, PMIX_UINT32), PMIX_USERID, why);
	refused(read_one(PMIX_USERID, &wraps, PMIX_UINT64), PMIX_USERID, why);
	refused(read_one(PMIX_GRPID, &huge, PMIX_UINT64), PMIX_GRPID, why);
	refused(read_one(PMIX_GRPID, &minus, PMIX_INT), PMIX_GRPID, why);
	assert_int_equal(read_one(PMIX_TIMEOUT, &max, PMIX_INT64), CRED_OK);
	assert_int_equal(wish.timeout_s, INT32_MAX);
	assert_int_equal(read_one(PMIX_USERID, &last, PMIX_UINT32), CRED_OK);
	assert_int_equal(wish.uid, UINT32_MAX - 1);
}

static void a_timeout_of_zero_is_no_limit(void **state)
{
	const int zero = 0;

	assert_int_equal(read_one(PMIX_TIMEOUT, &zero, PMIX_INT), CRED_OK);
	assert_true(wish.has_timeout);
	assert_int_equal(wish.timeout_s, 0);
}

static void root_is_a_possible_owner(void **state)
{
	const uint32_t root = 0;

	assert_int_equal(read_one(PMIX_USERID, &root, PMIX_UINT32), CRED_OK);
	assert_true(wish.has_uid);
	assert_int_equal(wish.uid, 0);
}

static void lists_of_types_are_read_as_lists(void **state)
{
	assert_int_equal(read_one(PMIX_CRED_TYPE, " native, munge ,,native",
				  PMIX_STRING),
			 CRED_OK);
	assert_true(wish.has_types);
	assert_string_equal(wish.types, "native,munge");
}

static void what_is_no_list_of_types_is_refused(void **state)
{
	char overlong[PSEC_LIST_MAX + 8];
	const int number = 1;
	const char *key = PMIX_CRED_TYPE;

	memset(overlong, 'a', sizeof(overlong));
	overlong[sizeof(overlong) - 1] = '\0';
	refused(read_one(key, "", PMIX_STRING), key, "not possible");
	refused(read_one(key, " ,, ", PMIX_STRING), key, "not possible");
	refused(read_one(key, "mun/ge", PMIX_STRING), key, "not possible");
	refused(read_one(key, "munge\nnative", PMIX_STRING), key,
		"not possible");
	refused(read_one(key, overlong, PMIX_STRING), key, "not possible");
	refused(read_one(key, &number, PMIX_INT), key, "a wrong type");
}

static void a_string_that_is_not_there_is_refused(void **state)
{
	pmix_info_t info = load(PMIX_CRED_TYPE, "munge", PMIX_STRING);

	free(info.value.data.string);
	info.value.data.string = NULL;
	refused(cred_directives_read(&info, 1, &wish, &err), PMIX_CRED_TYPE,
		"a wrong type");
}

static void an_unknown_directive_is_skipped_unless_required(void **state)
{
	pmix_info_t info = load("some.key", "some text", PMIX_STRING);

	assert_int_equal(cred_directives_read(&info, 1, &wish, &err), CRED_OK);
	info.flags |= PMIX_INFO_REQD;
	assert_int_equal(cred_directives_read(&info, 1, &wish, &err),
			 CRED_UNKNOWN_DIRECTIVE);
	assert_non_null(strstr(err.text, "'some.key' is required"));
	assert_int_equal(cred_cause_status(err.cause), PMIX_ERR_NOT_SUPPORTED);
	PMIX_INFO_DESTRUCT(&info);
}

static void a_known_directive_may_be_required(void **state)
{
	const int two = 2;
	pmix_info_t info = load(PMIX_TIMEOUT, &two, PMIX_INT);

	info.flags |= PMIX_INFO_REQD;
	assert_int_equal(cred_directives_read(&info, 1, &wish, &err), CRED_OK);
	assert_int_equal(wish.timeout_s, 2);
}

static void a_repetition_counts_once_a_contradiction_is_refused(void **state)
{
	const int two = 2, three = 3;
	pmix_info_t info[2] = { load(PMIX_TIMEOUT, &two, PMIX_INT),
				load(PMIX_TIMEOUT, &two, PMIX_INT) };
	pmix_info_t types[2] = { load(PMIX_CRED_TYPE, "munge", PMIX_STRING),
				 load(PMIX_CRED_TYPE, "munge,native",
				      PMIX_STRING) };
	const char *why = "comes twice, with different values";

	assert_int_equal(cred_directives_read(info, 2, &wish, &err), CRED_OK);
	assert_int_equal(wish.timeout_s, 2);
	info[1].value.data.integer = three;
	refused(cred_directives_read(info, 2, &wish, &err), PMIX_TIMEOUT, why);
	refused(cred_directives_read(types, 2, &wish, &err), PMIX_CRED_TYPE,
		why);
	PMIX_INFO_DESTRUCT(&types[0]);
	PMIX_INFO_DESTRUCT(&types[1]);
}

static void a_longer_key_is_another_key(void **state)
{
	const int two = 2;

	assert_int_equal(read_one(PMIX_TIMEOUT ".x", &two, PMIX_INT), CRED_OK);
	assert_false(wish.has_timeout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			without_directives_there_is_a_time_limit_and_nothing_else),
		cmocka_unit_test(every_integer_type_is_a_number),
		cmocka_unit_test(other_types_are_no_numbers),
		cmocka_unit_test(a_number_out_of_range_is_refused),
		cmocka_unit_test(a_timeout_of_zero_is_no_limit),
		cmocka_unit_test(root_is_a_possible_owner),
		cmocka_unit_test(lists_of_types_are_read_as_lists),
		cmocka_unit_test(what_is_no_list_of_types_is_refused),
		cmocka_unit_test(a_string_that_is_not_there_is_refused),
		cmocka_unit_test(
			an_unknown_directive_is_skipped_unless_required),
		cmocka_unit_test(a_known_directive_may_be_required),
		cmocka_unit_test(
			a_repetition_counts_once_a_contradiction_is_refused),
		cmocka_unit_test(a_longer_key_is_another_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
