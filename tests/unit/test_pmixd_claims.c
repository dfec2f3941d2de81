/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims in a credential's payload: whoever made it, bad ones are refused. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "claims.h"

static const char good[] =
	"{\"v\":1,\"cluster\":\"c\",\"job\":7,\"step\":0,"
	"\"nspace\":\"slurm.pmix.7.0\",\"rank\":3,\"node\":\"n1\","
	"\"iat\":1700000000,\"id\":\"00\"}";

static void claims_survive_the_round_trip(void **state)
{
	claims_t c = { .job_id = UINT32_MAX,
		       .step_id = 4,
		       .rank = 5,
		       .issued_s = 1700000000 };
	claims_t back;
	char *text;

	strcpy(c.cluster, "a \"quoted\" cluster");
	strcpy(c.nspace, "slurm.pmix.1.4");
	strcpy(c.node, "n\xc3\xb6");
	strcpy(c.id, "0123456789abcdef0123456789abcdef");
	text = claims_encode(&c);
	assert_non_null(text);
	assert_int_equal(claims_decode(text, strlen(text), &back, NULL),
			 PSEC_OK);
	assert_int_equal(back.job_id, UINT32_MAX);
	assert_int_equal(back.step_id, 4);
	assert_int_equal(back.rank, 5);
	assert_int_equal(back.issued_s, 1700000000);
	assert_string_equal(back.cluster, c.cluster);
	assert_string_equal(back.nspace, c.nspace);
	assert_string_equal(back.node, c.node);
	assert_string_equal(back.id, c.id);
	free(text);
}

static void expect_refusal(const char *text, size_t len, const char *sentence)
{
	psec_error_t err;
	claims_t c;

	assert_refused(claims_decode(text, len, &c, &err), &err,
		       PSEC_ERR_MALFORMED, sentence);
}

static void a_payload_that_is_no_json_object_is_refused(void **state)
{
	expect_refusal("", 0, "not one of a PMIx credential");
	expect_refusal("hello", 5, "not one of a PMIx credential");
	expect_refusal("[1]", 3, "not a JSON object");
	expect_refusal(good, sizeof(good) - 2, "not one of a PMIx credential");
	expect_refusal("{\"v\":1,\"v\":1}", 13, "not one of a PMIx");
}

static void another_version_is_refused_by_its_number(void **state)
{
	expect_refusal("{\"v\":2}", 7, "version 2");
	expect_refusal("{}", 2, "version 0");
	expect_refusal("{\"v\":\"1\"}", 9, "version 0");
}

/* GOOD with the text FROM replaced by TO must be refused. */
static void expect_changed_refused(const char *from, const char *to)
{
	const char *at = strstr(good, from);
	char text[1024];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to,
		 at + strlen(from));
	expect_refusal(text, strlen(text), "incomplete");
}

static void a_missing_or_mistyped_claim_is_refused(void **state)
{
	expect_changed_refused("\"job\":7", "\"job\":\"7\"");
	expect_changed_refused("\"job\":7", "\"job\":-1");
	expect_changed_refused("\"job\":7", "\"job\":4294967296");
	expect_changed_refused("\"job\":7,", "");
	expect_changed_refused("\"rank\":3", "\"rank\":3.5");
	expect_changed_refused("\"node\":\"n1\"", "\"node\":null");
	expect_changed_refused("\"iat\":1700000000", "\"iat\":\"now\"");
	expect_changed_refused("\"id\":\"00\"",
			       "\"id\":\"0123456789abcdef0123456789abcdef0\"");
}

static void an_audience_survives_the_round_trip(void **state)
{
	claims_t c = { .has_for_uid = true, .has_for_gid = true }, back;
	char *text;

	c.for_uid = 0;
	c.for_gid = UINT32_MAX - 1;
	text = claims_encode(&c);
	assert_non_null(text);
	assert_int_equal(claims_decode(text, strlen(text), &back, NULL),
			 PSEC_OK);
	assert_true(back.has_for_uid && back.has_for_gid);
	assert_int_equal(back.for_uid, 0);
	assert_int_equal(back.for_gid, UINT32_MAX - 1);
	free(text);
}

static void an_audience_that_is_no_number_is_refused(void **state)
{
	expect_changed_refused("\"id\":\"00\"",
			       "\"id\":\"00\",\"for_uid\":\"0\"");
	expect_changed_refused("\"id\":\"00\"",
			       "\"id\":\"00\",\"for_uid\":null");
	expect_changed_refused("\"id\":\"00\"", "\"id\":\"00\",\"for_gid\":-1");
}

static void good_claims_are_accepted(void **state)
{
	claims_t c;

	assert_int_equal(claims_decode(good, sizeof(good) - 1, &c, NULL),
			 PSEC_OK);
	assert_int_equal(c.rank, 3);
	assert_false(c.has_for_uid || c.has_for_gid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_survive_the_round_trip),
		cmocka_unit_test(good_claims_are_accepted),
		cmocka_unit_test(a_payload_that_is_no_json_object_is_refused),
		cmocka_unit_test(another_version_is_refused_by_its_number),
		cmocka_unit_test(a_missing_or_mistyped_claim_is_refused),
		cmocka_unit_test(an_audience_survives_the_round_trip),
		cmocka_unit_test(an_audience_that_is_no_number_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
