/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes back with credentials and validations, and what is proven. */
#include <stdio.h>

#include <pmix.h>

#include "check.h"
#include "cred_answer.h"
#include "cred_cause.h"

static const claims_t claims = {
	.cluster = "c",
	.nspace = "slurm.pmix.12.3",
	.node = "n1",
	.id = "0123456789abcdef0123456789abcdef",
	.job_id = 12,
	.step_id = 3,
	.rank = 7,
	.issued_s = 1700000000,
};

static const pmix_value_t *value_of(const pmix_data_array_t *array,
				    const char *key)
{
	const pmix_info_t *info = array->array;

	for (size_t i = 0; i < array->size; i++)
		if (PMIX_CHECK_KEY(&info[i], key))
			return &info[i].value;
	return NULL;
}

static void has_text(const pmix_data_array_t *array, const char *key,
		     const char *text)
{
	const pmix_value_t *value = value_of(array, key);

	assert_non_null(value);
	assert_int_equal(value->type, PMIX_STRING);
	assert_string_equal(value->data.string, text);
}

static void has_u32(const pmix_data_array_t *array, const char *key,
		    uint32_t number)
{
	const pmix_value_t *value = value_of(array, key);

	assert_non_null(value);
	assert_int_equal(value->type, PMIX_UINT32);
	assert_int_equal(value->data.uint32, number);
}

static bool names(const pmix_data_array_t *array, const char *list,
		  const char *key)
{
	const pmix_value_t *value = value_of(array, list);

	char want[64], all[1024];

	/* Keys have dots, so psec_list_has() does not know them. */
	(void)snprintf(want, sizeof(want), ",%s,", key);
	(void)snprintf(all, sizeof(all), ",%s,",
		       value ? value->data.string : "");
	return strstr(all, want) != NULL;
}

static cred_facts_t facts_proven(unsigned proven)
{
	cred_facts_t facts = {
		.type = "munge",
		.uid = 1001,
		.gid = 1002,
		.issued_s = 1700000000,
		.expires_s = 1700000300,
		.claims = claims,
		.proven = proven,
	};

	return facts;
}

static void a_new_credential_tells_its_type_issuer_and_lifetime(void **state)
{
	pmix_data_array_t a;

	assert_int_equal(cred_answer_made("munge", &claims, 300, &a),
			 PMIX_SUCCESS);
	has_text(&a, PMIX_CRED_TYPE, "munge");
	has_text(&a, PSEC_KEY_ISSUER, "c/n1/munge");
	has_text(&a, PSEC_KEY_CLUSTER, "c");
	has_text(&a, PMIX_HOSTNAME, "n1");
	has_text(&a, PSEC_KEY_ID, claims.id);
	has_u32(&a, PSEC_KEY_LIFETIME, 300);
	assert_null(value_of(&a, PSEC_KEY_FOR_UID));
	PMIX_DATA_ARRAY_DESTRUCT(&a);
}

static void a_credential_without_an_end_tells_no_lifetime(void **state)
{
	pmix_data_array_t a;

	assert_int_equal(cred_answer_made("native", &claims, 0, &a),
			 PMIX_SUCCESS);
	assert_null(value_of(&a, PSEC_KEY_LIFETIME));
	PMIX_DATA_ARRAY_DESTRUCT(&a);
}

static void a_validation_tells_everything(void **state)
{
	cred_facts_t facts = facts_proven(CRED_PROVES_UID);
	pmix_data_array_t a;

	facts.claims.has_for_uid = facts.claims.has_for_gid = true;
	facts.claims.for_uid = 5;
	facts.claims.for_gid = 6;
	assert_int_equal(cred_answer_valid(&facts, &a), PMIX_SUCCESS);
	has_u32(&a, PMIX_USERID, 1001);
	has_u32(&a, PMIX_GRPID, 1002);
	has_text(&a, PMIX_CRED_TYPE, "munge");
	has_text(&a, PMIX_NSPACE, "slurm.pmix.12.3");
	has_text(&a, PMIX_JOBID, "12.3");
	has_u32(&a, PSEC_KEY_JOB, 12);
	has_u32(&a, PSEC_KEY_STEP, 3);
	has_text(&a, PMIX_HOSTNAME, "n1");
	has_text(&a, PSEC_KEY_ISSUER, "c/n1/munge");
	has_text(&a, PSEC_KEY_CLUSTER, "c");
	has_text(&a, PSEC_KEY_ID, claims.id);
	has_u32(&a, PSEC_KEY_FOR_UID, 5);
	has_u32(&a, PSEC_KEY_FOR_GID, 6);
	assert_int_equal(value_of(&a, PMIX_RANK)->data.rank, 7);
	assert_int_equal(value_of(&a, PSEC_KEY_ISSUED)->data.int64, 1700000000);
	assert_int_equal(value_of(&a, PSEC_KEY_EXPIRES)->data.int64,
			 1700000300);
	PMIX_DATA_ARRAY_DESTRUCT(&a);
}

static void what_munge_proves_is_listed_apart(void **state)
{
	cred_facts_t facts = facts_proven(CRED_PROVES_UID | CRED_PROVES_GID |
					  CRED_PROVES_TIMES);
	pmix_data_array_t a;

	assert_int_equal(cred_answer_valid(&facts, &a), PMIX_SUCCESS);
	has_text(&a, PSEC_KEY_PROVEN,
		 "pmix.euid,pmix.egid,pmix.sec.ctype,psec.issued,psec.expires,"
		 "psec.job_confirmed");
	assert_false(value_of(&a, PSEC_KEY_JOB_OK)->data.flag);
	has_text(&a, PSEC_KEY_STATED,
		 "pmix.jobid,psec.job,psec.step,pmix.nspace,pmix.rank,"
		 "psec.issuer,psec.cluster,pmix.hname,psec.id");
	PMIX_DATA_ARRAY_DESTRUCT(&a);
}

static void a_job_that_was_confirmed_is_proven(void **state)
{
	cred_facts_t facts = facts_proven(CRED_PROVES_UID | CRED_PROVES_JOB);
	pmix_data_array_t a;

	assert_int_equal(cred_answer_valid(&facts, &a), PMIX_SUCCESS);
	assert_true(names(&a, PSEC_KEY_PROVEN, PSEC_KEY_JOB));
	assert_true(names(&a, PSEC_KEY_STATED, PSEC_KEY_STEP));
	/* "12.3" names both. */
	assert_true(names(&a, PSEC_KEY_STATED, PMIX_JOBID));
	assert_true(names(&a, PSEC_KEY_STATED, PMIX_GRPID));
	PMIX_DATA_ARRAY_DESTRUCT(&a);
}

static void rank_and_namespace_are_never_proven(void **state)
{
	cred_facts_t facts = facts_proven(0x7fffffff);
	pmix_data_array_t a;

	assert_int_equal(cred_answer_valid(&facts, &a), PMIX_SUCCESS);
	has_text(&a, PSEC_KEY_STATED, "pmix.nspace,pmix.rank,psec.id");
	PMIX_DATA_ARRAY_DESTRUCT(&a);
}

static void every_cause_has_a_name_and_a_status(void **state)
{
	for (int i = 0; i < CRED_CAUSES; i++) {
		cred_cause_t cause = (cred_cause_t)i;

		assert_non_null(cred_cause_name(cause));
		assert_true(cred_cause_name(cause)[0] != '\0');
		assert_int_equal(cred_cause_status(cause) == PMIX_SUCCESS,
				 cause == CRED_OK);
	}
	assert_string_equal(cred_cause_name((cred_cause_t)999), "failed");
}

static void libpsecs_codes_keep_their_meaning(void **state)
{
	static const struct {
		psec_code_t code;
		cred_cause_t cause;
		pmix_status_t status;
	} rows[] = {
		{ PSEC_ERR_MALFORMED, CRED_MALFORMED, PMIX_ERR_INVALID_CRED },
		{ PSEC_ERR_TOO_BIG, CRED_MALFORMED, PMIX_ERR_INVALID_CRED },
		{ PSEC_ERR_TAMPERED, CRED_TAMPERED, PMIX_ERR_INVALID_CRED },
		{ PSEC_ERR_EXPIRED, CRED_EXPIRED, PMIX_ERR_INVALID_CRED },
		{ PSEC_ERR_EARLY, CRED_EARLY, PMIX_ERR_INVALID_CRED },
		{ PSEC_ERR_REPLAYED, CRED_REPLAYED, PMIX_ERR_INVALID_CRED },
		{ PSEC_ERR_NOT_FOR_YOU, CRED_NOT_FOR_YOU,
		  PMIX_ERR_NO_PERMISSIONS },
		{ PSEC_ERR_MISMATCH, CRED_MISMATCH, PMIX_ERR_NO_PERMISSIONS },
		{ PSEC_ERR_UNAVAILABLE, CRED_UNAVAILABLE, PMIX_ERR_UNREACH },
		{ PSEC_ERR_PLUGIN, CRED_UNAVAILABLE, PMIX_ERR_UNREACH },
		{ PSEC_ERR_TIMEOUT, CRED_TIMEOUT, PMIX_ERR_TIMEOUT },
		{ PSEC_ERR_NO_MECH, CRED_NO_TYPE, PMIX_ERR_NOT_SUPPORTED },
		{ PSEC_ERR_NOMEM, CRED_NOMEM, PMIX_ERR_NOMEM },
		{ PSEC_ERR_IO, CRED_FAILED, PMIX_ERROR },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		psec_error_t psec = { .code = rows[i].code, .text = "why" };
		cred_error_t err;

		assert_int_equal(cred_fail_psec(&err, &psec), rows[i].cause);
		assert_string_equal(err.text, "why");
		assert_int_equal(cred_cause_status(err.cause), rows[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_new_credential_tells_its_type_issuer_and_lifetime),
		cmocka_unit_test(a_credential_without_an_end_tells_no_lifetime),
		cmocka_unit_test(a_validation_tells_everything),
		cmocka_unit_test(what_munge_proves_is_listed_apart),
		cmocka_unit_test(a_job_that_was_confirmed_is_proven),
		cmocka_unit_test(rank_and_namespace_are_never_proven),
		cmocka_unit_test(every_cause_has_a_name_and_a_status),
		cmocka_unit_test(libpsecs_codes_keep_their_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
