/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of mechanisms. */
#include "check.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static void a_list_has_its_names_compared_whole(void **state)
{
	static const struct {
		const char *list, *name;
		bool has;
	} table[] = {
		{ "munge,native", "munge", true },
		{ "munge,native", "native", true },
		{ " munge ,\tnative ", "native", true },
		{ ",,munge,,", "munge", true },
		{ "munge", "mung", false },
		{ "munge", "unge", false },
		{ "mung", "munge", false },
		{ "nonesuch,none-1", "none", false },
		{ "Munge", "munge", false },
		{ "munge native", "munge", false },
		{ "munge,native", "munge,native", false },
		{ "", "munge", false },
		{ "", "", false },
		{ ",", "", false },
		{ "munge", "", false },
		{ NULL, "munge", false },
		{ "munge", NULL, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		if (psec_list_has(table[i].list, table[i].name) != table[i].has)
			fail_msg("'%s' in '%s'", table[i].name, table[i].list);
	}
}

static void a_filtered_list_keeps_order_and_drops_the_rest(void **state)
{
	static const struct {
		const char *list, *filter, *out;
	} table[] = {
		{ "munge,native,none", NULL, "munge,native,none" },
		{ "munge,native,none", "none,munge", "munge,none" },
		{ " munge , native,, ", NULL, "munge,native" },
		{ "native,munge,native,munge", NULL, "native,munge" },
		{ "munge", "mung,munges", "" },
		{ "munge", "", "" },
		{ "", "munge", "" },
		{ "", NULL, "" },
		{ "a_B-9", NULL, "a_B-9" },
	};
	char out[PSEC_LIST_MAX + 1];
	psec_error_t err;
	psec_code_t rc;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		rc = psec_list_filter(table[i].list, table[i].filter, out,
				      sizeof(out), &err);
		assert_ok(rc, &err);
		assert_string_equal(out, table[i].out);
	}
}

static void a_name_with_other_characters_is_refused(void **state)
{
	static const char *const bad[] = {
		"munge,../../tmp/evil",
		"mun ge",
		"m\xc3\xbcnge",
		"munge;",
		"a.b",
		"munge\n",
	};
	char out[PSEC_LIST_MAX + 1] = "untouched";
	psec_error_t err;
	psec_code_t rc;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		rc = psec_list_filter(bad[i], NULL, out, sizeof(out), &err);
		assert_refused(rc, &err, PSEC_ERR_MALFORMED,
			       "is no name of a mechanism");
		rc = psec_list_filter("munge", bad[i], out, sizeof(out), &err);
		assert_refused(rc, &err, PSEC_ERR_MALFORMED,
			       "is no name of a mechanism");
		assert_string_equal(out, "untouched");
	}
}

static void a_name_has_at_most_32_characters(void **state)
{
	char out[PSEC_LIST_MAX + 1], name[PSEC_NAME_MAX + 2];
	psec_error_t err;
	psec_code_t rc;

	memset(name, 'n', sizeof(name));
	name[PSEC_NAME_MAX] = '\0';
	rc = psec_list_filter(name, NULL, out, sizeof(out), &err);
	assert_ok(rc, &err);
	assert_string_equal(out, name);
	name[PSEC_NAME_MAX] = 'n';
	name[PSEC_NAME_MAX + 1] = '\0';
	rc = psec_list_filter(name, NULL, out, sizeof(out), &err);
	assert_refused(rc, &err, PSEC_ERR_MALFORMED, "at most 32");
}

static void a_list_has_at_most_1024_bytes(void **state)
{
	char list[PSEC_LIST_MAX + 2], out[PSEC_LIST_MAX + 1];
	psec_error_t err;
	psec_code_t rc;

	memset(list, ',', sizeof(list));
	memcpy(list, "munge", 5);
	list[PSEC_LIST_MAX] = '\0';
	assert_true(psec_list_has(list, "munge"));
	rc = psec_list_filter(list, NULL, out, sizeof(out), &err);
	assert_ok(rc, &err);
	assert_string_equal(out, "munge");

	list[PSEC_LIST_MAX] = ',';
	list[PSEC_LIST_MAX + 1] = '\0';
	assert_false(psec_list_has(list, "munge"));
	rc = psec_list_filter(list, NULL, out, sizeof(out), &err);
	assert_refused(rc, &err, PSEC_ERR_TOO_BIG, "more than 1024 bytes");
	rc = psec_list_filter("munge", list, out, sizeof(out), &err);
	assert_refused(rc, &err, PSEC_ERR_TOO_BIG, "more than 1024 bytes");
}

static void a_list_that_does_not_fit_is_refused_whole(void **state)
{
	char out[13] = "untouched";
	psec_error_t err;
	psec_code_t rc;

	rc = psec_list_filter("munge,native", NULL, out, 12, &err);
	assert_refused(rc, &err, PSEC_ERR_TOO_BIG,
		       "'munge,native' does not fit into 12 bytes");
	assert_string_equal(out, "untouched");
	rc = psec_list_filter("munge,native", NULL, out, 13, &err);
	assert_ok(rc, &err);
	assert_string_equal(out, "munge,native");
}

static void a_missing_list_is_refused(void **state)
{
	char out[8];
	psec_error_t err;

	assert_refused(psec_list_filter(NULL, NULL, out, sizeof(out), &err),
		       &err, PSEC_ERR_ARG, "no list of mechanisms");
	assert_refused(psec_list_filter("a", NULL, NULL, 0, &err), &err,
		       PSEC_ERR_ARG, "no place");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_has_its_names_compared_whole),
		cmocka_unit_test(
			a_filtered_list_keeps_order_and_drops_the_rest),
		cmocka_unit_test(a_name_with_other_characters_is_refused),
		cmocka_unit_test(a_name_has_at_most_32_characters),
		cmocka_unit_test(a_list_has_at_most_1024_bytes),
		cmocka_unit_test(a_list_that_does_not_fit_is_refused_whole),
		cmocka_unit_test(a_missing_list_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
