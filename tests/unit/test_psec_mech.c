/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading mechanisms and selecting one, with stubs (stub_mech.c). */
#include <stdio.h>

#include "check.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static psec_t *context_with(const char *mechs, const char *priorities)
{
	psec_options_t opt = PSEC_OPTIONS_INIT;
	psec_t *psec = NULL;
	psec_error_t err;

	opt.plugin_dir = STUB_DIR;
	opt.mechs = mechs;
	opt.priorities = priorities;
	assert_ok(psec_create(&psec, &opt, &err), &err);
	return psec;
}

static psec_t *context(const char *mechs)
{
	return context_with(mechs, NULL);
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
		  "there is no " STUB_DIR
		  "/psec_missing.so; is it installed?" },
		{ "oldversion", PSEC_ERR_PLUGIN,
		  "was made for interface 0, libpsec has 1" },
		{ "newversion", PSEC_ERR_PLUGIN,
		  "was made for interface 2, libpsec has 1" },
		{ "othername", PSEC_ERR_PLUGIN, "calls itself 'high'" },
		{ "needy", PSEC_ERR_PLUGIN,
		  "mechanism needy cannot be loaded: libpsecgone is not "
		  "installed: psec_needy.so needs libpsecgone.so.7, which is "
		  "not found" },
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
		{ { .size = sizeof(psec_options_t), .plugin_dir = "/$LIB" },
		  "'/$LIB' has a '$', which the loader would replace" },
		{ { .size = sizeof(psec_options_t), .mechs = "../evil" },
		  "'../evil' is no name of a mechanism" },
		{ { .size = sizeof(psec_options_t), .priorities = "low" },
		  "'low' is not of the form NAME=NUMBER" },
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

/* -- priorities --------------------------------------------------------- */

static void priorities_of_the_site_replace_the_plugins_own(void **state)
{
	static const struct {
		const char *priorities;
		const char *name[3];
		int priority[3];
	} table[] = {
		{ NULL, { "high", "low", "equal" }, { 50, 5, 5 } },
		{ "", { "high", "low", "equal" }, { 50, 5, 5 } },
		{ "low=51", { "low", "high", "equal" }, { 51, 50, 5 } },
		{ "low=0", { "high", "equal", "low" }, { 50, 5, 0 } },
		{ " equal=100000 ,, low=99999\t,",
		  { "equal", "low", "high" },
		  { 100000, 99999, 50 } },
		{ "unknown=7,missing=99",
		  { "high", "low", "equal" },
		  { 50, 5, 5 } },
		{ "highe=1,hig=1,igh=1",
		  { "high", "low", "equal" },
		  { 50, 5, 5 } },
		{ "high=000005", { "low", "high", "equal" }, { 5, 5, 5 } },
	};
	psec_mech_info_t info;
	psec_t *psec;
	size_t i, j;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		psec = context_with("low,high,equal,missing",
				    table[i].priorities);
		for (j = 0; j < 3; j++) {
			assert_true(psec_mech_get(psec, j, &info));
			assert_string_equal(info.name, table[i].name[j]);
			assert_int_equal(info.priority, table[i].priority[j]);
		}
		/* What is not there gets no priority. */
		assert_true(psec_mech_get(psec, 3, &info));
		assert_int_equal(info.priority, -1);
		psec_destroy(psec);
	}
}

static void malformed_priorities_are_refused(void **state)
{
	static const struct {
		const char *priorities, *words;
	} table[] = {
		{ "low", "the priority 'low' is not of the form NAME=NUMBER" },
		{ "high=1,low", "'low' is not of the form" },
		{ "low=", "'low=' is not of the form" },
		{ "=5", "'=5' is not of the form" },
		{ "low=-1", "'low=-1' is not of the form" },
		{ "low=+1", "'low=+1' is not of the form" },
		{ "low= 1", "'low= 1' is not of the form" },
		{ "low =1", "'low =1' is not of the form" },
		{ "low=1x", "'low=1x' is not of the form" },
		{ "low=0x1", "'low=0x1' is not of the form" },
		{ "low=1=2", "'low=1=2' is not of the form" },
		{ "low=100001", "with a number from 0 to 100000" },
		{ "low=4294967296", "with a number from 0 to 100000" },
		{ "../low=1", "'../low=1' is not of the form" },
		{ "lo\nw=1", "'lo?w=1' is not of the form" },
		{ "low=1,high=2,low=1", "mechanism low has two priorities" },
		{ NULL, "no priorities" },
	};
	char longest[PSEC_LIST_MAX + 2];
	psec_error_t err;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++)
		assert_refused(psec_priorities_check(table[i].priorities, &err),
			       &err, PSEC_ERR_ARG, table[i].words);
	memset(longest, ',', sizeof(longest));
	memcpy(longest, "low=1", 5);
	longest[PSEC_LIST_MAX] = '\0';
	assert_ok(psec_priorities_check(longest, &err), &err);
	longest[PSEC_LIST_MAX] = ',';
	longest[PSEC_LIST_MAX + 1] = '\0';
	assert_refused(psec_priorities_check(longest, &err), &err, PSEC_ERR_ARG,
		       "more than 1024 bytes");
}

static void priorities_decide_what_is_selected(void **state)
{
	psec_t *psec = context_with("low,high", "low=60");
	psec_error_t err;
	const char *name;

	assert_ok(psec_select(psec, "high,low", &name, &err), &err);
	assert_string_equal(name, "low");
	psec_destroy(psec);
}

/* -- the server's list -------------------------------------------------- */

static void the_servers_list_names_what_works_best_first(void **state)
{
	static const struct {
		const char *loaded, *priorities, *allowed, *want;
	} table[] = {
		{ "low,high", NULL, "low,high", "high,low" },
		{ "low,high", "low=99", "low,high", "low,high" },
		{ "low,high", NULL, "low", "low" },
		{ "low,high", NULL, NULL, "high,low" },
		{ "low,high,sick", NULL, "sick,low,high", "high,low" },
		{ "low,missing,newversion", NULL, "newversion,missing,low",
		  "low" },
		{ "low", NULL, "high,low,unknown", "low" },
		{ "equal,low", NULL, "low,equal", "equal,low" },
		{ "low,high", NULL, " high ,, low,high, ", "high,low" },
		{ "low,high", NULL, "highs,low", "low" },
	};
	char out[PSEC_LIST_MAX + 1];
	psec_error_t err;
	psec_t *psec;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		psec = context_with(table[i].loaded, table[i].priorities);
		assert_ok(psec_server_list(psec, table[i].allowed, out,
					   sizeof(out), &err),
			  &err);
		assert_string_equal(out, table[i].want);
		psec_destroy(psec);
	}
}

static void a_servers_list_with_nothing_on_it_says_why(void **state)
{
	static const struct {
		const char *loaded, *allowed, *words;
	} table[] = {
		{ "sick,low", "sick",
		  "none of the mechanisms 'sick' works here: the service of "
		  "stub sick is out" },
		{ "sick,missing", NULL,
		  "none of the mechanisms 'this context's' works here: the "
		  "service of stub sick is out" },
		{ "missing", "missing,high",
		  "'missing,high' works here: mechanism missing cannot be "
		  "loaded: there is no " },
		{ "low", "high", "this context was made without them" },
		{ "low", "", "'' works here" },
		{ "low", " , ", "works here" },
	};
	char out[16] = "untouched";
	psec_error_t err;
	psec_t *psec;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		psec = context(table[i].loaded);
		assert_refused(psec_server_list(psec, table[i].allowed, out,
						sizeof(out), &err),
			       &err, PSEC_ERR_NO_MECH, table[i].words);
		assert_string_equal(out, "untouched");
		psec_destroy(psec);
	}
}

static void a_servers_list_keeps_the_limits_of_lists(void **state)
{
	char list[PSEC_LIST_MAX + 2], out[9] = "none yet";
	psec_t *psec = context("low,high");
	psec_error_t err;

	memset(list, ',', sizeof(list));
	list[PSEC_LIST_MAX + 1] = '\0';
	assert_refused(psec_server_list(psec, list, out, sizeof(out), &err),
		       &err, PSEC_ERR_TOO_BIG, "more than 1024 bytes");
	assert_refused(
		psec_server_list(psec, "low,hi gh", out, sizeof(out), &err),
		&err, PSEC_ERR_MALFORMED, "'hi gh' is no name");
	assert_refused(psec_server_list(psec, "low,high", out, 8, &err), &err,
		       PSEC_ERR_TOO_BIG, "does not fit into 8 bytes");
	assert_refused(psec_server_list(psec, "low", NULL, 0, &err), &err,
		       PSEC_ERR_ARG, "no place");
	assert_refused(psec_server_list(NULL, "low", out, 8, &err), &err,
		       PSEC_ERR_ARG, "no context");
	assert_string_equal(out, "none yet");
	assert_ok(psec_server_list(psec, "low,high", out, 9, &err), &err);
	assert_string_equal(out, "high,low");
	psec_destroy(psec);
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
		{ "low,high", "HIGH,High,low", "low" },
		{ "low,high", ",,low,\t\thigh\t,,", "high" },
		{ "low,high", "low,low,low", "low" },
		{ "low,high", "high low,low", "low" },
		{ "low,high", "../high,h\xc3\xafgh,;,low", "low" },
		{ "low,high", "high=1,low\n,low", "low" },
		{ "low,high", "low\rhigh, low", "low" },
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
		{ "high", " ,\t,", "' ,?,' is loaded here ('high')" },
		{ "high", "\x1b[31mred\n", "'?[31mred?' is loaded here" },
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

/* Both lists, even where there is no place for all of them. */
static void long_lists_are_cut_in_sentences(void **state)
{
	char list[PSEC_LIST_MAX + 1], loaded[PSEC_LIST_MAX + 1] = "";
	psec_t *psec = context("high,low");
	const char *name;
	psec_error_t err;
	size_t i;

	memset(list, 'n', sizeof(list));
	list[PSEC_LIST_MAX] = '\0';
	assert_refused(psec_select(psec, list, &name, &err), &err,
		       PSEC_ERR_NO_MECH, "nnn...' is loaded here ('high,low')");
	psec_destroy(psec);
	for (i = 0; i < 30; i++)
		(void)snprintf(loaded + strlen(loaded), 32,
			       "%sa-missing-mechanism-%zu", i ? "," : "", i);
	psec = context(loaded);
	assert_refused(psec_select(psec, loaded, &name, &err), &err,
		       PSEC_ERR_NO_MECH,
		       "...' is loaded here (''): mechanism "
		       "a-missing-mechanism-0 cannot be loaded: there is no /");
	psec_destroy(psec);
}

static void an_overlong_list_is_refused(void **state)
{
	char list[PSEC_LIST_MAX + 2];
	psec_t *psec = context("low");
	const char *name;
	psec_error_t err;

	memset(list, ',', sizeof(list));
	memcpy(list, "low", 3);
	list[PSEC_LIST_MAX] = '\0';
	assert_ok(psec_select(psec, list, &name, &err), &err);
	list[PSEC_LIST_MAX] = ',';
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
		cmocka_unit_test(
			priorities_of_the_site_replace_the_plugins_own),
		cmocka_unit_test(malformed_priorities_are_refused),
		cmocka_unit_test(priorities_decide_what_is_selected),
		cmocka_unit_test(the_servers_list_names_what_works_best_first),
		cmocka_unit_test(a_servers_list_with_nothing_on_it_says_why),
		cmocka_unit_test(a_servers_list_keeps_the_limits_of_lists),
		cmocka_unit_test(the_highest_priority_in_common_is_selected),
		cmocka_unit_test(nothing_in_common_shows_both_lists),
		cmocka_unit_test(long_lists_are_cut_in_sentences),
		cmocka_unit_test(an_overlong_list_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
