/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of the audit: what is in them, and that they always fit. */
#include <stdio.h>

#include <jansson.h>

#include "check.h"
#include "cred_audit.h"

static char text[CRED_AUDIT_MAX];

static json_t *record(const cred_note_t *note, uint64_t skipped)
{
	json_t *doc;

	memset(text, 'x', sizeof(text));
	assert_true(cred_audit_format(note, skipped, text, sizeof(text)));
	assert_null(strchr(text, '\n'));
	doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	return doc;
}

static void has_text(const json_t *doc, const char *key, const char *want)
{
	const char *got = json_string_value(json_object_get(doc, key));

	assert_non_null(got);
	assert_string_equal(got, want);
}

static void has_number(const json_t *doc, const char *key, json_int_t want)
{
	assert_true(json_is_integer(json_object_get(doc, key)));
	assert_int_equal(json_integer_value(json_object_get(doc, key)), want);
}

static void a_record_tells_who_whose_what_and_why(void **state)
{
	const pmix_proc_t proc = { .rank = 3 };
	const cred_facts_t facts = {
		.uid = 1001,
		.gid = 1002,
		.claims = { .cluster = "c",
			    .node = "n1",
			    .id = "0123456789abcdef0123456789abcdef",
			    .job_id = 12,
			    .step_id = 4,
			    .rank = 7,
			    .has_for_uid = true,
			    .for_uid = 5 },
		.proven = CRED_PROVES_UID | CRED_PROVES_JOB,
	};
	const cred_note_t note = {
		.proc = &proc,
		.cause = CRED_MISMATCH,
		.text = "it is of uid 1001",
		.type = "munge",
		.us = 321,
		.facts = &facts,
	};
	json_t *doc = record(&note, 9), *of = json_object_get(doc, "of");

	has_text(doc, "op", "validate");
	has_number(doc, "rank", 3);
	has_text(doc, "type", "munge");
	has_text(doc, "cause", "mismatch");
	has_number(doc, "code", PMIX_ERR_NO_PERMISSIONS);
	has_text(doc, "why", "it is of uid 1001");
	has_number(doc, "us", 321);
	has_number(doc, "skipped", 9);
	has_number(of, "uid", 1001);
	has_number(of, "gid", 1002);
	has_number(of, "job", 12);
	has_number(of, "step", 4);
	has_number(of, "rank", 7);
	has_text(of, "node", "n1");
	has_text(of, "cluster", "c");
	has_text(of, "id", "0123456789abcdef0123456789abcdef");
	has_number(of, "for_uid", 5);
	assert_null(json_object_get(of, "for_gid"));
	assert_non_null(strstr(text, "\"proven\":[\"uid\",\"job\"]"));
	json_decref(doc);
}

static void a_success_has_no_reason(void **state)
{
	const pmix_proc_t proc = { .rank = 0 };
	const cred_note_t note = { .proc = &proc, .get = true };
	json_t *doc = record(&note, 0);

	has_text(doc, "op", "get");
	has_text(doc, "cause", "ok");
	has_number(doc, "code", 0);
	assert_null(json_object_get(doc, "why"));
	assert_null(json_object_get(doc, "of"));
	assert_null(json_object_get(doc, "skipped"));
	json_decref(doc);
}

static void fill(char *out, size_t size, char c)
{
	memset(out, c, size - 1);
	out[size - 1] = '\0';
}

/* Texts of a credential may be another user's. */
static void the_longest_record_fits_whatever_the_texts(void **state)
{
	static const char worst[] = {
		'"', '\\', '\n', '\x01', (char)0xc3, 'a'
	};
	const pmix_proc_t proc = { .rank = UINT32_MAX };
	char why[PSEC_ERROR_TEXT_MAX];
	cred_facts_t facts;
	cred_note_t note = {
		.proc = &proc,
		.cause = CRED_UNKNOWN_DIRECTIVE,
		.text = why,
		.type = "abcdefghijklmnopqrstuvwxyzabcdef",
		.us = INT64_MAX,
		.facts = &facts,
	};

	for (size_t i = 0; i < sizeof(worst); i++) {
		memset(&facts, 0xff, sizeof(facts));
		fill(why, sizeof(why), worst[i]);
		fill(facts.claims.node, CLAIMS_TEXT_MAX, worst[i]);
		fill(facts.claims.cluster, CLAIMS_TEXT_MAX, worst[i]);
		fill(facts.claims.id, sizeof(facts.claims.id), worst[i]);
		facts.claims.has_for_uid = facts.claims.has_for_gid = true;
		json_decref(record(&note, UINT64_MAX / 2));
	}
}

static void a_record_that_does_not_fit_is_not_cut(void **state)
{
	const pmix_proc_t proc = { .rank = 0 };
	const cred_note_t note = { .proc = &proc };
	char small[16];

	assert_false(cred_audit_format(&note, 0, small, sizeof(small)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_tells_who_whose_what_and_why),
		cmocka_unit_test(a_success_has_no_reason),
		cmocka_unit_test(the_longest_record_fits_whatever_the_texts),
		cmocka_unit_test(a_record_that_does_not_fit_is_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
