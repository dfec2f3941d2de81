/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading mechanisms and selecting one, with stubs (stub_mech.c). */
#include "check.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static psec_t *context(const char *mechs)
{
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = STUB_DIR,
			       .mechs = mechs };
	psec_t *psec = NULL;
	psec_error_t err;

	assert_ok(psec_create(&psec, &opt, &err), &err);
	return psec;
}

/* -- loading ------------------------------------------------------------ */

static void a_bad_plugin_stays_listed_and_says_why(void **state)
{
	static const struct {
		const char *name;
		psec_code_t code;
		const char *words;
	} table[] = {
		{ "missing", PSEC_ERR_PLUGIN,
		  "psec_missing.so: cannot open shared object file" },
		{ "oldversion", PSEC_ERR_PLUGIN,
		  "was made for interface 0, libpsec has 1" },
		{ "newversion", PSEC_ERR_PLUGIN,
		  "was made for interface 2, libpsec has 1" },
		{ "othername", PSEC_ERR_PLUGIN, "calls itself 'high'" },
		{ "nosymbol", PSEC_ERR_PLUGIN, "exports no psec_mechanism" },
		{ "noprobe", PSEC_ERR_PLUGIN, "has no probe()" },
		{ "half", PSEC_ERR_PLUGIN,
		  "has only one of cred_create() and cred_validate()" },
		{ "negative", PSEC_ERR_PLUGIN, "has a negative priority" },
		{ "unresolved", PSEC_ERR_PLUGIN,
		  "psec_test_function_that_nobody_has" },
		{ "openfails", PSEC_ERR_UNAVAILABLE,
		  "the stub's library is old" },
		{ "mute", PSEC_ERR_PLUGIN,
		  "its open() fails and does not say why" },
	};
	psec_mech_info_t info;
	psec_error_t err;
	psec_t *psec;
	psec_code_t rc;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		psec = context(table[i].name);
		rc = psec_mech_probe(psec, table[i].name, &err);
		assert_refused(rc, &err, table[i].code, table[i].words);
		assert_true(psec_mech_get(psec, 0, &info));
		assert_string_equal(info.name, table[i].name);
		assert_int_equal(info.priority, -1);
		assert_string_equal(info.proves, "nothing: it is not loaded");
		assert_false(psec_mech_get(psec, 1, &info));
		psec_destroy(psec);
	}
}

static void a_bad_plugin_stops_no_other(void **state)
{
	psec_t *psec = context("othername,low");
	psec_error_t err;

	assert_ok(psec_mech_probe(psec, "low", &err), &err);
	psec_destroy(psec);
}

static void a_mechanism_that_was_not_named_is_unknown(void **state)
{
	psec_t *psec = context("low");
	psec_error_t err;
	psec_code_t rc;

	rc = psec_mech_probe(psec, "high", &err);
	assert_refused(rc, &err, PSEC_ERR_NO_MECH,
		       "mechanism 'high' is not among those");
	psec_destroy(psec);
}

static void mechanisms_are_listed_by_priority_unloaded_last(void **state)
{
	static const struct {
		const char *name;
		int priority;
	} want[] = {
		{ "high", 50 },	   { "low", 5 },      { "equal", 5 },
		{ "noprobe", -1 }, { "missing", -1 },
	};
	psec_t *psec = context("noprobe,low,missing,high,equal,low");
	psec_mech_info_t info;
	size_t i;

	for (i = 0; i < ARRAY_LEN(want); i++) {
		assert_true(psec_mech_get(psec, i, &info));
		assert_string_equal(info.name, want[i].name);
		assert_int_equal(info.priority, want[i].priority);
	}
	assert_false(psec_mech_get(psec, i, &info));
	psec_destroy(psec);
}

static void the_default_is_munge_and_native_but_not_none(void **state)
{
	psec_options_t opt = { .size = sizeof(opt), .plugin_dir = MECH_DIR };
	psec_mech_info_t info;
	psec_error_t err;
	psec_t *psec;

	assert_ok(psec_create(&psec, &opt, &err), &err);
	assert_true(psec_mech_get(psec, 0, &info));
	assert_string_equal(info.name, "munge");
	assert_int_equal(info.priority, 80);
	assert_true(psec_mech_get(psec, 1, &info));
	assert_string_equal(info.name, "native");
	assert_int_equal(info.priority, 10);
	assert_false(psec_mech_get(psec, 2, &info));
	psec_destroy(psec);
}

static void impossible_options_are_refused(void **state)
{
	static const struct {
		psec_options_t opt;
		const char *words;
	} table[] = {
		{ { .size = 0 }, "psec_options_t has size 0" },
		{ { .size = sizeof(psec_options_t), .plugin_dir = "plugins" },
		  "'plugins' is not an absolute path" },
		{ { .size = sizeof(psec_options_t), .plugin_dir = "" },
		  "'' is not an absolute path" },
		{ { .size = sizeof(psec_options_t), .mechs = "../evil" },
		  "'../evil' is no name of a mechanism" },
	};
	psec_t *psec = NULL;
	psec_error_t err;
	psec_code_t rc;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		rc = psec_create(&psec, &table[i].opt, &err);
		assert_refused(rc, &err, PSEC_ERR_ARG, table[i].words);
		assert_null(psec);
	}
	assert_refused(psec_create(NULL, NULL, &err), &err, PSEC_ERR_ARG,
		       "no place");
}

static void every_code_has_a_name_of_its_own(void **state)
{
	int a, b;

	for (a = PSEC_OK; a <= PSEC_ERR_PLUGIN; a++) {
		assert_string_not_equal(psec_strcode((psec_code_t)a),
					"unknown code");
		for (b = PSEC_OK; b < a; b++)
			assert_string_not_equal(psec_strcode((psec_code_t)a),
						psec_strcode((psec_code_t)b));
	}
	assert_string_equal(psec_strcode((psec_code_t)99), "unknown code");
	assert_string_equal(psec_strcode((psec_code_t)-1), "unknown code");
}

/* -- selecting ---------------------------------------------------------- */

static void the_highest_priority_in_common_is_selected(void **state)
{
	static const struct {
		const char *loaded, *list, *want;
	} table[] = {
		{ "low,high", "low,high", "high" },
		{ "low,high", "low", "low" },
		{ "low", "high,low", "low" },
		{ "low,high", " low , unknown ", "low" },
		{ "equal,low", "low,equal", "equal" },
		{ "low,equal", "equal,low", "low" },
		{ "missing,low", "missing,low", "low" },
		{ "low,high", "highest,low", "low" },
	};
	const char *name;
	psec_error_t err;
	psec_t *psec;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		psec = context(table[i].loaded);
		assert_ok(psec_select(psec, table[i].list, &name, &err), &err);
		assert_string_equal(name, table[i].want);
		psec_destroy(psec);
	}
}

static void nothing_in_common_shows_both_lists(void **state)
{
	static const struct {
		const char *loaded, *list, *words;
	} table[] = {
		{ "high,low", "munge,native",
		  "'munge,native' is loaded here ('high,low')" },
		{ "high", "", "'' is loaded here ('high')" },
		{ "", "munge", "'munge' is loaded here ('')" },
		{ "high", "hig", "'hig' is loaded here ('high')" },
		{ "high,low", "high,low,", NULL },
		{ "high,missing", "missing",
		  "('high'): mechanism missing cannot be loaded" },
	};
	const char *name;
	psec_error_t err;
	psec_t *psec;
	psec_code_t rc;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		psec = context(table[i].loaded);
		name = "untouched";
		rc = psec_select(psec, table[i].list, &name, &err);
		if (table[i].words) {
			assert_refused(rc, &err, PSEC_ERR_NO_MECH,
				       table[i].words);
			assert_string_equal(name, "untouched");
		} else {
			assert_ok(rc, &err);
		}
		psec_destroy(psec);
	}
}

static void an_overlong_list_is_refused(void **state)
{
	char list[PSEC_LIST_MAX + 2];
	psec_t *psec = context("low");
	const char *name;
	psec_error_t err;

	memset(list, ',', sizeof(list));
	memcpy(list, "low", 3);
	list[PSEC_LIST_MAX + 1] = '\0';
	assert_refused(psec_select(psec, list, &name, &err), &err,
		       PSEC_ERR_TOO_BIG, "more than 1024 bytes");
	psec_destroy(psec);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_plugin_stays_listed_and_says_why),
		cmocka_unit_test(a_bad_plugin_stops_no_other),
		cmocka_unit_test(a_mechanism_that_was_not_named_is_unknown),
		cmocka_unit_test(
			mechanisms_are_listed_by_priority_unloaded_last),
		cmocka_unit_test(the_default_is_munge_and_native_but_not_none),
		cmocka_unit_test(impossible_options_are_refused),
		cmocka_unit_test(every_code_has_a_name_of_its_own),
		cmocka_unit_test(the_highest_priority_in_common_is_selected),
		cmocka_unit_test(nothing_in_common_shows_both_lists),
		cmocka_unit_test(an_overlong_list_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
