/* SPDX-License-Identifier: BSD-3-Clause */
/* What holds for credentials of every mechanism, and mechanisms without a
   service: none and native. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static int setup(void **state)
{
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = MECH_DIR,
			       .mechs = "none,native" };

	return (int)psec_create((psec_t **)state, &opt, NULL);
}

static int teardown(void **state)
{
	psec_destroy(*state);
	return 0;
}

/* -- limits ------------------------------------------------------------- */

static void impossible_requests_are_refused(void **state)
{
	static char big[PSEC_PAYLOAD_MAX + 1];
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	void *cred = NULL;
	size_t len = 0;
	psec_error_t err;

	assert_refused(
		psec_cred_create(*state, "none", NULL, &cred, &len, &err), &err,
		PSEC_ERR_ARG, "psec_cred_request_t has size 0");
	req.payload = big;
	req.payload_len = sizeof(big);
	assert_refused(
		psec_cred_create(*state, "none", &req, &cred, &len, &err), &err,
		PSEC_ERR_TOO_BIG,
		"a payload of 16385 bytes is longer than 16384");
	req.payload = NULL;
	req.payload_len = 1;
	assert_refused(
		psec_cred_create(*state, "none", &req, &cred, &len, &err), &err,
		PSEC_ERR_ARG, "a payload of 1 bytes is at NULL");
	req.payload_len = 0;
	req.ttl_s = -1;
	assert_refused(
		psec_cred_create(*state, "none", &req, &cred, &len, &err), &err,
		PSEC_ERR_ARG, "-1 seconds is negative");
	assert_null(cred);
}

static void impossible_blobs_are_refused(void **state)
{
	psec_cred_info_t *info = NULL;
	psec_error_t err;
	char *big;

	assert_refused(psec_cred_validate(*state, "none", "", 0, &info, &err),
		       &err, PSEC_ERR_MALFORMED, "the credential is empty");
	assert_refused(psec_cred_validate(*state, "none", NULL, 5, &info, &err),
		       &err, PSEC_ERR_ARG, "5 bytes is at NULL");
	big = calloc(1, PSEC_CRED_MAX + 1);
	assert_non_null(big);
	assert_refused(psec_cred_validate(*state, "none", big,
					  PSEC_CRED_MAX + 1, &info, &err),
		       &err, PSEC_ERR_TOO_BIG,
		       "65537 bytes is longer than 65536");
	free(big);
	assert_null(info);
}

static void a_mechanism_that_was_not_named_is_refused(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info;
	psec_error_t err;
	void *cred;
	size_t len;

	assert_refused(
		psec_cred_create(*state, "munge", &req, &cred, &len, &err),
		&err, PSEC_ERR_NO_MECH, "mechanism 'munge'");
	assert_refused(psec_cred_validate(*state, "munge", "x", 1, &info, &err),
		       &err, PSEC_ERR_NO_MECH, "mechanism 'munge'");
}

/* -- none --------------------------------------------------------------- */

static psec_code_t pass_none(psec_t *psec, const psec_cred_request_t *req,
			     psec_cred_info_t **info, psec_error_t *err)
{
	void *cred;
	size_t len;
	psec_code_t rc;

	rc = psec_cred_create(psec, "none", req, &cred, &len, err);
	if (rc)
		return rc;
	assert_int_equal(((char *)cred)[len], '\0');
	rc = psec_cred_validate(psec, "none", cred, len, info, err);
	free(cred);
	return rc;
}

static void none_hands_back_claims_and_payload(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info;
	psec_error_t err;

	req.payload = "a\0b\n";
	req.payload_len = 4;
	req.ttl_s = 60;
	req.for_uid = geteuid();
	req.for_gid = getegid();
	assert_ok(pass_none(*state, &req, &info, &err), &err);
	assert_int_equal(info->uid, geteuid());
	assert_int_equal(info->gid, getegid());
	assert_int_equal(info->expires_s - info->issued_s, 60);
	assert_int_equal(info->payload_len, 4);
	assert_memory_equal(info->payload, "a\0b\n", 5);
	psec_cred_info_destroy(info);
}

static void none_without_payload_has_an_empty_one(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info;
	psec_error_t err;

	assert_ok(pass_none(*state, &req, &info, &err), &err);
	assert_int_equal(info->payload_len, 0);
	assert_int_equal(info->payload[0], '\0');
	assert_int_equal(info->expires_s, 0);
	psec_cred_info_destroy(info);
}

static void none_says_that_it_proves_nothing(void **state)
{
	psec_mech_info_t info;
	psec_error_t err;

	assert_ok(psec_mech_probe(*state, "none", &err), &err);
	assert_true(psec_mech_get(*state, 1, &info));
	assert_string_equal(info.name, "none");
	assert_int_equal(info.priority, 0);
	assert_string_equal(info.proves,
			    "nothing: anybody can claim any uid and gid");
}

static void none_keeps_its_limits(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info;
	psec_error_t err;
	char old[256];
	int n;

	req.for_uid = geteuid() + 1;
	assert_refused(pass_none(*state, &req, &info, &err), &err,
		       PSEC_ERR_NOT_FOR_YOU, "is for uid");
	n = snprintf(old, sizeof(old),
		     "PSEC-NONE-1 proves nothing: uid=1 gid=1 issued=1000 "
		     "expires=1001 for-uid=4294967295 for-gid=4294967295\n");
	assert_refused(
		psec_cred_validate(*state, "none", old, (size_t)n, &info, &err),
		&err, PSEC_ERR_EXPIRED, "has expired");
}

static void none_refuses_other_forms(void **state)
{
	static const char *const bad[] = {
		"x",
		"\n",
		"MUNGE:AwQFAAB7RruIPXf3DvDqtfm40xycXnsJycHf:",
		"PSEC-NONE-1 proves nothing:",
		"PSEC-NONE-1 proves nothing: uid=1 gid=1 issued=1 expires=0 "
		"for-uid=4294967295 for-gid=4294967295",
		"PSEC-NONE-1 proves nothing: uid=01 gid=1 issued=1 expires=0 "
		"for-uid=4294967295 for-gid=4294967295\n",
		"PSEC-NONE-1 proves nothing: uid=-1 gid=1 issued=1 expires=0 "
		"for-uid=4294967295 for-gid=4294967295\n",
		"PSEC-NONE-1 proves nothing: uid=4294967296 gid=1 issued=1 "
		"expires=0 for-uid=4294967295 for-gid=4294967295\n",
		"PSEC-NONE-1 proves nothing: uid=1 gid=1 issued=1 expires=0 "
		"for-uid=4294967295 for-gid=4294967295 \n",
	};
	psec_cred_info_t *info;
	psec_error_t err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(psec_cred_validate(*state, "none", bad[i],
						  strlen(bad[i]), &info, &err),
			       &err, PSEC_ERR_MALFORMED,
			       "this is no credential of mechanism none");
}

/* -- native ------------------------------------------------------------- */

static void native_has_no_credentials_without_the_steps_key(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info;
	psec_error_t err;
	void *cred;
	size_t len;

	assert_refused(
		psec_cred_create(*state, "native", &req, &cred, &len, &err),
		&err, PSEC_ERR_UNAVAILABLE,
		"native credentials need the step's key");
	assert_refused(
		psec_cred_validate(*state, "native", "x", 1, &info, &err), &err,
		PSEC_ERR_UNAVAILABLE, "native credentials need the step's key");
	assert_ok(psec_mech_probe(*state, "native", &err), &err);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_requests_are_refused),
		cmocka_unit_test(impossible_blobs_are_refused),
		cmocka_unit_test(a_mechanism_that_was_not_named_is_refused),
		cmocka_unit_test(none_hands_back_claims_and_payload),
		cmocka_unit_test(none_without_payload_has_an_empty_one),
		cmocka_unit_test(none_says_that_it_proves_nothing),
		cmocka_unit_test(none_keeps_its_limits),
		cmocka_unit_test(none_refuses_other_forms),
		cmocka_unit_test(
			native_has_no_credentials_without_the_steps_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
