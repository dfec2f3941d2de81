/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_psec_mutate.c - mutated credentials against validation: none is
 * accepted, and the genuine one still is.
 *
 *	test_psec_mutate [COUNT [SEED]]
 *
 * COUNT credentials of each type are tried: 3,000, and a million where
 * PSEC_TEST_ALL is set, which takes less than a minute.  The same seed gives
 * the same mutations of credentials, which themselves differ each time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "claims.h"
#include "munged.h"
#include "mutate.h"

#define BASE_USES 5000 /* of one genuine credential, before it expires */
#define ROOM	  128  /* bytes that a mutation may add */

#define COUNT	  3000
#define COUNT_ALL 1000000

static unsigned long count = COUNT;
static uint64_t seed = 1;

static const char payload[] =
	"{\"v\":1,\"cluster\":\"c\",\"job\":7,\"step\":0,"
	"\"nspace\":\"slurm.pmix.7.0\",\"rank\":3,\"node\":\"n1\","
	"\"iat\":1700000000,\"id\":\"0123456789abcdef0123456789abcdef\"}";

typedef struct {
	psec_t *psec;
	const char *mech;
	uint8_t *cred; /* a genuine one, not validated yet */
	size_t len;
	bool proves; /* or a mutation may well be accepted */
	unsigned long by_code[PSEC_ERR_PLUGIN + 1];
} bench_t;

static void fresh(bench_t *b)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	void *cred = NULL;
	psec_error_t err;

	req.payload = payload;
	req.payload_len = sizeof(payload) - 1;
	assert_ok(
		psec_cred_create(b->psec, b->mech, &req, &cred, &b->len, &err),
		&err);
	free(b->cred);
	b->cred = cred;
}

/* What psec-pmixd does with a credential, but for its answer. */
static psec_code_t validate(bench_t *b, const uint8_t *cred, size_t len)
{
	psec_cred_info_t *info = NULL;
	psec_error_t err = { .text = "" };
	claims_t claims;
	psec_code_t rc;

	rc = psec_cred_validate(b->psec, b->mech, cred, len, &info, &err);
	if (rc == PSEC_OK)
		rc = claims_decode(info->payload, info->payload_len, &claims,
				   &err);
	/* Each refusal has its sentence. */
	if (rc != PSEC_OK && (err.code != rc || !err.text[0]))
		FAIL_MSG("code %d, but the error is %d '%s'", rc, err.code,
			 err.text);
	psec_cred_info_destroy(info);
	return rc;
}

/* One final NUL may be counted, see psec.h. */
static bool is_another(const bench_t *b, const uint8_t *cred, size_t len)
{
	if (len == b->len + 1 && cred[len - 1] == '\0')
		len--;
	return len != b->len || memcmp(cred, b->cred, len) != 0;
}

/*
 * In a block of its own size, so that a sanitizer sees who reads past it.
 * False: the mutation has left it as it was.
 */
static bool try_mutation(bench_t *b, uint64_t *state)
{
	uint8_t *room = malloc(b->len + ROOM), *exact;
	bool another;
	psec_code_t rc;
	size_t len;

	assert_non_null(room);
	memcpy(room, b->cred, b->len);
	len = mutate(room, b->len, b->len + ROOM, state);
	exact = malloc(len);
	assert_non_null(exact);
	memcpy(exact, room, len);
	free(room);
	another = is_another(b, exact, len);
	if (another) {
		rc = validate(b, exact, len);
		if (rc == PSEC_OK && b->proves)
			FAIL_MSG("accepted: %.*s", (int)len, (char *)exact);
		b->by_code[rc]++;
	}
	free(exact);
	return another;
}

static void try_all(bench_t *b)
{
	uint64_t state = seed;
	unsigned long tried = 0;

	for (unsigned long i = 0; tried < count; i++) {
		if (i % BASE_USES == 0) {
			if (i)
				assert_int_equal(validate(b, b->cred, b->len),
						 PSEC_OK);
			fresh(b);
		}
		if (try_mutation(b, &state))
			tried++;
	}
	assert_int_equal(validate(b, b->cred, b->len), PSEC_OK);
	for (int code = PSEC_OK; code <= PSEC_ERR_PLUGIN; code++)
		if (b->by_code[code])
			printf("# %s: %lu %s\n", b->mech, b->by_code[code],
			       psec_strcode((psec_code_t)code));
}

static void no_mutated_munge_credential_is_accepted(void **state)
{
	munged_t *munged = munged_start(NULL);
	const psec_options_t opt = {
		.size = sizeof(opt),
		.plugin_dir = MECH_DIR,
		.mechs = "munge",
		.munge_socket = munged_socket(munged),
	};
	bench_t b = { .mech = "munge", .proves = true };
	psec_error_t err;

	assert_ok(psec_create(&b.psec, &opt, &err), &err);
	try_all(&b);
	/* Refused for what it is, not because munged was gone. */
	assert_int_equal(b.by_code[PSEC_ERR_UNAVAILABLE], 0);
	assert_true(b.by_code[PSEC_ERR_MALFORMED] > 0);
	assert_true(b.by_code[PSEC_ERR_TAMPERED] > 0);
	free(b.cred);
	psec_destroy(b.psec);
	munged_stop(munged);
}

static psec_code_t give_key(void *arg, uint8_t key[PSEC_KEY_LEN],
			    psec_error_t *err)
{
	memset(key, 7, PSEC_KEY_LEN);
	return PSEC_OK;
}

static void no_mutated_native_credential_is_accepted(void **state)
{
	const psec_options_t opt = { .size = sizeof(opt),
				     .plugin_dir = MECH_DIR,
				     .mechs = "native",
				     .native_key = give_key };
	bench_t b = { .mech = "native", .proves = true };
	psec_error_t err;

	assert_ok(psec_create(&b.psec, &opt, &err), &err);
	try_all(&b);
	assert_true(b.by_code[PSEC_ERR_MALFORMED] > 0);
	assert_true(b.by_code[PSEC_ERR_TAMPERED] > 0);
	free(b.cred);
	psec_destroy(b.psec);
}

/* Whoever accepts these is told that they prove nothing. */
static void mutated_none_credentials_are_refused_or_read(void **state)
{
	const psec_options_t opt = { .size = sizeof(opt),
				     .plugin_dir = MECH_DIR,
				     .mechs = "none" };
	bench_t b = { .mech = "none" };
	psec_error_t err;

	assert_ok(psec_create(&b.psec, &opt, &err), &err);
	try_all(&b);
	assert_true(b.by_code[PSEC_ERR_MALFORMED] > 0);
	free(b.cred);
	psec_destroy(b.psec);
}

/* A user can have MUNGE wrap what he likes. */
static void mutated_claims_are_refused_or_read(void **state)
{
	uint8_t text[sizeof(payload) + ROOM];
	uint64_t random = seed;
	unsigned long read = 0;
	psec_error_t err;
	claims_t claims;

	for (unsigned long i = 0; i < count; i++) {
		uint8_t *exact;
		size_t len;

		memcpy(text, payload, sizeof(payload) - 1);
		len = mutate(text, sizeof(payload) - 1, sizeof(text), &random);
		exact = malloc(len);
		assert_non_null(exact);
		memcpy(exact, text, len);
		if (claims_decode(exact, len, &claims, &err) == PSEC_OK)
			read++;
		else
			assert_int_equal(err.code, PSEC_ERR_MALFORMED);
		free(exact);
	}
	printf("# claims: %lu of %lu could still be read\n", read, count);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_mutated_munge_credential_is_accepted),
		cmocka_unit_test(no_mutated_native_credential_is_accepted),
		cmocka_unit_test(mutated_none_credentials_are_refused_or_read),
		cmocka_unit_test(mutated_claims_are_refused_or_read),
	};

	if (getenv("PSEC_TEST_ALL"))
		count = COUNT_ALL;
	if (argc > 1)
		count = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
