/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Credentials of mechanism native.  They are also built here, by hand, as
 * doc/credential-format.md says, so that times, people and keys can be wrong.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "check.h"

#define HEAD_LEN  56
#define HASH_LEN  32
#define TEXT_SIZE 1024
#define VARIANT	  sodium_base64_VARIANT_ORIGINAL
#define ANYBODY	  0xffffffffu

typedef struct {
	uint8_t key[PSEC_KEY_LEN];
	psec_code_t code; /* what giving it returns */
	int asked;
} secret_t;

static psec_code_t give_key(void *arg, uint8_t key[PSEC_KEY_LEN],
			    psec_error_t *err)
{
	secret_t *k = arg;

	__atomic_add_fetch(&k->asked, 1, __ATOMIC_RELAXED);
	memcpy(key, k->key, PSEC_KEY_LEN);
	if (k->code && err) {
		err->code = k->code;
		(void)snprintf(err->text, sizeof(err->text),
			       "the key is on its way");
	}
	return k->code;
}

/* A context that has the key, of bytes FIRST, FIRST + 1, ... */
typedef struct {
	secret_t key;
	psec_t *psec;
} holder_t;

static holder_t *holder_new(uint8_t first)
{
	holder_t *h = calloc(1, sizeof(*h));
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = MECH_DIR,
			       .mechs = "native",
			       .native_key = give_key };
	psec_error_t err;

	assert_non_null(h);
	for (int i = 0; i < PSEC_KEY_LEN; i++)
		h->key.key[i] = (uint8_t)(first + i);
	opt.native_key_arg = &h->key;
	assert_ok(psec_create(&h->psec, &opt, &err), &err);
	return h;
}

static void holder_free(holder_t *h)
{
	psec_destroy(h->psec);
	free(h);
}

static int setup(void **state)
{
	if (sodium_init() < 0)
		return -1;
	*state = holder_new(0);
	return 0;
}

static int teardown(void **state)
{
	holder_free(*state);
	return 0;
}

static char *issue(const holder_t *h, const psec_cred_request_t *req,
		   size_t *len)
{
	void *cred = NULL;
	psec_error_t err;

	assert_ok(psec_cred_create(h->psec, "native", req, &cred, len, &err),
		  &err);
	return cred;
}

static void expect_refusal(const holder_t *h, const void *cred, size_t len,
			   psec_code_t want, const char *words)
{
	psec_cred_info_t *info = NULL;
	psec_error_t err;

	assert_refused(
		psec_cred_validate(h->psec, "native", cred, len, &info, &err),
		&err, want, words);
	assert_null(info);
}

static void expect_accepted(const holder_t *h, const void *cred, size_t len)
{
	psec_cred_info_t *info = NULL;
	psec_error_t err;

	assert_ok(psec_cred_validate(h->psec, "native", cred, len, &info, &err),
		  &err);
	psec_cred_info_destroy(info);
}

/* -- by hand ------------------------------------------------------------ */

typedef struct {
	uint32_t version, ttl_s;
	int64_t issued_us;
	uint32_t uid, gid, for_uid, for_gid;
	const char *payload;
} plan_t;

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static plan_t good_plan(void)
{
	return (plan_t){ .version = 1u << 24,
			 .ttl_s = 300,
			 .issued_us = now_us(),
			 .uid = geteuid(),
			 .gid = getegid(),
			 .for_uid = ANYBODY,
			 .for_gid = ANYBODY,
			 .payload = "by hand" };
}

static void put(uint8_t **p, uint64_t v, int bytes)
{
	while (bytes-- > 0)
		*(*p)++ = (uint8_t)(v >> (8 * bytes));
}

/* The body of PLAN under KEY at OUT; ID is the credential's. */
static size_t build_body(uint8_t *out, const plan_t *plan,
			 const uint8_t key[PSEC_KEY_LEN], const uint8_t id[16])
{
	size_t len = HEAD_LEN + strlen(plan->payload);
	uint8_t *p = out, name[16];

	put(&p, plan->version, 4);
	put(&p, plan->ttl_s, 4);
	put(&p, (uint64_t)plan->issued_us, 8);
	put(&p, plan->uid, 4);
	put(&p, plan->gid, 4);
	put(&p, plan->for_uid, 4);
	put(&p, plan->for_gid, 4);
	memcpy(p, id, 16);
	crypto_generichash_blake2b_salt_personal(
		name, sizeof(name), NULL, 0, key, PSEC_KEY_LEN, NULL,
		(const unsigned char *)"psec native key\0");
	memcpy(p + 16, name, 8);
	memcpy(p + 24, plan->payload, strlen(plan->payload));
	crypto_generichash_blake2b_salt_personal(
		out + len, HASH_LEN, out, len, key, PSEC_KEY_LEN, NULL,
		(const unsigned char *)"psec native cred");
	return len + HASH_LEN;
}

static size_t as_text(char *text, const uint8_t *body, size_t len)
{
	size_t digits = sodium_base64_encoded_len(len, VARIANT) - 1;

	memcpy(text, "NATIVE:", 7);
	sodium_bin2base64(text + 7, TEXT_SIZE - 7, body, len, VARIANT);
	memcpy(text + 7 + digits, ":", 2);
	return digits + 8;
}

static size_t build(char *text, const plan_t *plan, const holder_t *h)
{
	uint8_t body[TEXT_SIZE], id[16];

	randombytes_buf(id, sizeof(id));
	return as_text(text, body, build_body(body, plan, h->key.key, id));
}

static void expect_plan_refused(const holder_t *h, const plan_t *plan,
				psec_code_t want, const char *words)
{
	char text[TEXT_SIZE];
	size_t len = build(text, plan, h);

	expect_refusal(h, text, len, want, words);
}

/* -- what is accepted --------------------------------------------------- */

static void what_was_made_is_valid(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info = NULL;
	psec_error_t err;
	size_t len;
	char *cred;

	req.payload = "hello\0world";
	req.payload_len = 11;
	cred = issue(*state, &req, &len);
	assert_int_equal(strlen(cred), len);
	assert_memory_equal(cred, "NATIVE:", 7);
	assert_int_equal(cred[len - 1], ':');
	assert_ok(psec_cred_validate(((holder_t *)*state)->psec, "native", cred,
				     len, &info, &err),
		  &err);
	assert_int_equal(info->uid, geteuid());
	assert_int_equal(info->gid, getegid());
	assert_int_equal(info->payload_len, 11);
	assert_memory_equal(info->payload, "hello\0world", 12);
	assert_in_range(time(NULL) - info->issued_s, 0, 5);
	assert_int_equal(info->expires_s - info->issued_s, 300);
	psec_cred_info_destroy(info);
	free(cred);
}

static void another_holder_of_the_key_accepts_it(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	holder_t *other = holder_new(0);
	size_t len;
	char *cred = issue(*state, &req, &len);

	expect_accepted(other, cred, len);
	expect_accepted(*state, cred, len);
	holder_free(other);
	free(cred);
}

static void a_counted_terminator_is_accepted(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	size_t len;
	char *cred = issue(*state, &req, &len);

	expect_accepted(*state, cred, len + 1);
	free(cred);
}

static void the_longest_payload_is_accepted(void **state)
{
	static char big[PSEC_PAYLOAD_MAX];
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	size_t len;
	char *cred;

	req.payload = big;
	req.payload_len = sizeof(big);
	cred = issue(*state, &req, &len);
	assert_true(len < PSEC_CRED_MAX);
	expect_accepted(*state, cred, len);
	free(cred);
}

static void one_that_is_built_by_hand_is_accepted(void **state)
{
	plan_t plan = good_plan();
	char text[TEXT_SIZE];

	expect_accepted(*state, text, build(text, &plan, *state));
	plan.for_uid = geteuid();
	plan.for_gid = getegid();
	expect_accepted(*state, text, build(text, &plan, *state));
	/* A clock that is ahead. */
	plan.issued_us += 200 * 1000000LL;
	expect_accepted(*state, text, build(text, &plan, *state));
}

/* -- the format --------------------------------------------------------- */

/* The vectors of doc/credential-format.md; made with Python's hashlib. */
static void the_format_is_as_documented(void **state)
{
	static const char *const vectors[] = {
		"NATIVE:AQAAAAAAASwABgokGCAiQAAAA+kAAAPq//////////8QERITFBUWFxg"
		"ZGhscHR4fKfgufDDeyYV7InYiOjEsImNsdXN0ZXIiOiJ0aW55Iiwiam9iIjoxM"
		"iwic3RlcCI6MCwibnNwYWNlIjoic2x1cm0ucG1peC4xMi4wIiwicmFuayI6Myw"
		"ibm9kZSI6Im4xIiwiaWF0IjoxNzAwMDAwMDAwLCJpZCI6ImM3MTVkY2M5NjhkY"
		"2U3OGI3ZDk1ZjRmMzU3Yzc2OWQ0In1QnRymeDyPThI+3Iucjtgcjpjt1N/rz+0"
		"u1YbgmCUlCA==:",
		"NATIVE:AQAAAAAAASwABgokGCAiQAAAA+kAAAPqAAAD6QAAA+oQERITFBUWFxg"
		"ZGhscHR4fKfgufDDeyYXubTOpOeJ45zxt3v46cJ9R5I0rDnMz5MtCVm/7IrzyK"
		"g==:",
	};
	plan_t plan = { .version = 1u << 24,
			.ttl_s = 300,
			.issued_us = 1700000000123456LL,
			.uid = 1001,
			.gid = 1002,
			.for_uid = 1001,
			.for_gid = 1002,
			.payload = "" };
	uint8_t body[TEXT_SIZE], id[16];
	char text[TEXT_SIZE];

	/* Their hash is right; they are only old. */
	for (size_t i = 0; i < 2; i++)
		expect_refusal(*state, vectors[i], strlen(vectors[i]),
			       PSEC_ERR_EXPIRED,
			       "the native credential has expired");
	for (int i = 0; i < 16; i++)
		id[i] = (uint8_t)(0x10 + i);
	(void)as_text(
		text, body,
		build_body(body, &plan, ((holder_t *)*state)->key.key, id));
	assert_string_equal(text, vectors[1]);
}

static uint64_t number(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | *p++;
	return v;
}

static void a_request_is_written_down(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	uint8_t body[TEXT_SIZE];
	size_t len, body_len = 0;
	char *cred;

	req.ttl_s = 77;
	req.for_uid = 5;
	req.for_gid = 6;
	cred = issue(*state, &req, &len);
	assert_int_equal(sodium_base642bin(body, sizeof(body), cred + 7,
					   len - 8, NULL, &body_len, NULL,
					   VARIANT),
			 0);
	assert_int_equal(body_len, HEAD_LEN + HASH_LEN);
	assert_int_equal(number(body, 4), 0x01000000);
	assert_int_equal(number(body + 4, 4), 77);
	assert_in_range(now_us() - (int64_t)number(body + 8, 8), 0, 5000000);
	assert_int_equal(number(body + 16, 4), geteuid());
	assert_int_equal(number(body + 20, 4), getegid());
	assert_int_equal(number(body + 24, 4), 5);
	assert_int_equal(number(body + 28, 4), 6);
	free(cred);
}

static void no_two_are_the_same(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	size_t len;
	char *a = issue(*state, &req, &len), *b = issue(*state, &req, &len);

	assert_string_not_equal(a, b);
	free(a);
	free(b);
}

/* -- what is refused ---------------------------------------------------- */

static void every_changed_letter_is_refused(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info = NULL;
	size_t len, i;
	char *cred;
	int c;

	req.payload = "{\"v\":1}";
	req.payload_len = 7;
	cred = issue(*state, &req, &len);
	for (i = 0; i < len; i++) {
		char was = cred[i];

		for (c = 0; c < 256; c++) {
			if ((char)c == was)
				continue;
			cred[i] = (char)c;
			assert_int_not_equal(
				psec_cred_validate(((holder_t *)*state)->psec,
						   "native", cred, len, &info,
						   NULL),
				PSEC_OK);
		}
		cred[i] = was;
	}
	expect_accepted(*state, cred, len);
	free(cred);
}

static void a_cut_or_longer_one_is_refused(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info = NULL;
	size_t len, i;
	char *cred = issue(*state, &req, &len), more[TEXT_SIZE];
	static const char *const extra[] = { " ", "\n",	  "A",
					     ":", "\0\0", "AAAA:" };

	for (i = 1; i < len; i++)
		assert_int_not_equal(
			psec_cred_validate(((holder_t *)*state)->psec, "native",
					   cred, i, &info, NULL),
			PSEC_OK);
	for (i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
		size_t n = extra[i][0] ? strlen(extra[i]) : 2;

		memcpy(more, cred, len);
		memcpy(more + len, extra[i], n);
		expect_refusal(*state, more, len + n, PSEC_ERR_MALFORMED,
			       "this is no native credential");
	}
	expect_accepted(*state, cred, len);
	free(cred);
}

static void garbage_is_refused(void **state)
{
	static const char *const bad[] = { "x",		 "",
					   "NATIVE",	 "NATIVE:",
					   "NATIVE::",	 "NATIVE:AAAA:",
					   "NATIVE:AA",	 "native:AAAA:",
					   "MUNGE:AAAA:" };
	char *big = malloc(PSEC_CRED_MAX);

	assert_non_null(big);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refusal(*state, bad[i], strlen(bad[i]) + 1,
			       PSEC_ERR_MALFORMED,
			       "this is no native credential");
	memset(big, 'A', PSEC_CRED_MAX);
	memcpy(big, "NATIVE:", 7);
	big[PSEC_CRED_MAX - 1] = ':';
	expect_refusal(*state, big, PSEC_CRED_MAX, PSEC_ERR_MALFORMED,
		       "it is too long");
	free(big);
}

static void another_version_is_refused(void **state)
{
	plan_t plan = good_plan();

	plan.version = 2u << 24;
	expect_plan_refused(*state, &plan, PSEC_ERR_MALFORMED,
			    "has version 02000000, this libpsec knows "
			    "01000000");
	plan.version = (1u << 24) + 1;
	expect_plan_refused(*state, &plan, PSEC_ERR_MALFORMED,
			    "has version 01000001");
}

static void another_steps_is_refused(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	holder_t *other = holder_new(1);
	size_t len;
	char *cred = issue(other, &req, &len);

	expect_refusal(*state, cred, len, PSEC_ERR_TAMPERED,
		       "made in another step");
	expect_accepted(other, cred, len);
	holder_free(other);
	free(cred);
}

/* Who knows what the key is called still has not got it. */
static void the_name_of_the_key_is_not_the_key(void **state)
{
	plan_t plan = good_plan();
	holder_t *forger = holder_new(1);
	uint8_t body[TEXT_SIZE], ours[TEXT_SIZE], id[16] = { 1 };
	size_t len = build_body(body, &plan, forger->key.key, id);
	char text[TEXT_SIZE];

	(void)build_body(ours, &plan, ((holder_t *)*state)->key.key, id);
	memcpy(body + 48, ours + 48, 8);
	crypto_generichash_blake2b_salt_personal(
		body + len - HASH_LEN, HASH_LEN, body, len - HASH_LEN,
		forger->key.key, PSEC_KEY_LEN, NULL,
		(const unsigned char *)"psec native cred");
	expect_refusal(*state, text, as_text(text, body, len),
		       PSEC_ERR_TAMPERED, "the native credential was altered");
	holder_free(forger);
}

static void an_expired_one_is_refused(void **state)
{
	plan_t plan = good_plan();

	plan.issued_us -= 301 * 1000000LL;
	expect_plan_refused(*state, &plan, PSEC_ERR_EXPIRED,
			    "the native credential has expired");
}

static void one_of_the_future_is_refused(void **state)
{
	plan_t plan = good_plan();

	plan.issued_us += 310 * 1000000LL;
	expect_plan_refused(*state, &plan, PSEC_ERR_EARLY,
			    "was made in the future: clocks differ");
	plan.issued_us = INT64_MAX;
	expect_plan_refused(*state, &plan, PSEC_ERR_EARLY,
			    "was made in the future");
}

static void impossible_times_are_refused(void **state)
{
	plan_t plan = good_plan();

	plan.ttl_s = 0;
	expect_plan_refused(*state, &plan, PSEC_ERR_MALFORMED,
			    "its times are impossible");
	plan.ttl_s = 86401;
	expect_plan_refused(*state, &plan, PSEC_ERR_MALFORMED,
			    "its times are impossible");
	plan.ttl_s = 300;
	plan.issued_us = 0;
	expect_plan_refused(*state, &plan, PSEC_ERR_MALFORMED,
			    "its times are impossible");
	plan.issued_us = INT64_MIN;
	expect_plan_refused(*state, &plan, PSEC_ERR_MALFORMED,
			    "its times are impossible");
}

static void one_for_others_is_refused(void **state)
{
	plan_t plan = good_plan();

	plan.for_uid = geteuid() + 1;
	expect_plan_refused(*state, &plan, PSEC_ERR_NOT_FOR_YOU,
			    "is for another uid or gid");
	plan.for_uid = ANYBODY;
	plan.for_gid = 4000000000u;
	expect_plan_refused(*state, &plan, PSEC_ERR_NOT_FOR_YOU,
			    "is for another uid or gid");
}

/* A key is one uid's; a thief of the key is not believed anything else. */
static void another_uid_under_the_key_is_refused(void **state)
{
	plan_t plan = good_plan();

	plan.uid++;
	expect_plan_refused(*state, &plan, PSEC_ERR_TAMPERED, "says uid");
}

static void a_lifetime_over_the_limit_is_refused(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	holder_t *h = *state;
	void *cred = NULL;
	size_t len;
	psec_error_t err;

	req.ttl_s = 86401;
	assert_refused(
		psec_cred_create(h->psec, "native", &req, &cred, &len, &err),
		&err, PSEC_ERR_ARG, "at most 86400 seconds");
	assert_null(cred);
}

static void without_the_key_nothing_is_made_or_accepted(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	holder_t *h = holder_new(0);
	size_t len;
	char *cred = issue(h, &req, &len);
	void *other = NULL;
	psec_error_t err;

	h->key.code = PSEC_ERR_UNAVAILABLE;
	assert_refused(
		psec_cred_create(h->psec, "native", &req, &other, &len, &err),
		&err, PSEC_ERR_UNAVAILABLE, "the key is on its way");
	assert_null(other);
	expect_refusal(h, cred, strlen(cred), PSEC_ERR_UNAVAILABLE,
		       "the key is on its way");
	h->key.code = PSEC_OK;
	expect_accepted(h, cred, strlen(cred));
	holder_free(h);
	free(cred);
}

/* Each use asks; nothing else keeps the key. */
static void the_key_is_asked_for_each_time(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	holder_t *h = holder_new(0);
	size_t len;
	char *cred = issue(h, &req, &len);

	assert_int_equal(h->key.asked, 1);
	expect_accepted(h, cred, len);
	assert_int_equal(h->key.asked, 2);
	h->key.key[0] ^= 1;
	free(cred);
	cred = issue(h, &req, &len);
	h->key.key[0] ^= 1;
	expect_refusal(h, cred, len, PSEC_ERR_TAMPERED, "another step");
	holder_free(h);
	free(cred);
}

/* -- replay ------------------------------------------------------------- */

static void a_replayed_one_is_refused(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	size_t len;
	char *cred = issue(*state, &req, &len);

	expect_accepted(*state, cred, len);
	for (int i = 0; i < 3; i++)
		expect_refusal(*state, cred, len, PSEC_ERR_REPLAYED,
			       "was validated on this node before");
	free(cred);
}

#define THREADS 4
#define ROUNDS	2000

static unsigned accepted[THREADS];

typedef struct {
	holder_t *h;
	char **creds;
	unsigned n;
} racer_t;

static void *race(void *arg)
{
	racer_t *r = arg;
	psec_cred_info_t *info = NULL;

	for (int i = 0; i < ROUNDS; i++) {
		if (psec_cred_validate(r->h->psec, "native", r->creds[i],
				       strlen(r->creds[i]), &info,
				       NULL) != PSEC_OK)
			continue;
		psec_cred_info_destroy(info);
		accepted[r->n]++;
	}
	return NULL;
}

static void of_threads_one_is_accepted(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	static char *creds[ROUNDS];
	pthread_t threads[THREADS];
	racer_t racers[THREADS];
	unsigned total = 0;
	size_t len;

	for (int i = 0; i < ROUNDS; i++)
		creds[i] = issue(*state, &req, &len);
	for (unsigned i = 0; i < THREADS; i++) {
		racers[i] = (racer_t){ *state, creds, i };
		assert_int_equal(
			pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		total += accepted[i];
	}
	assert_int_equal(total, ROUNDS);
	for (int i = 0; i < ROUNDS; i++)
		free(creds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_made_is_valid),
		cmocka_unit_test(another_holder_of_the_key_accepts_it),
		cmocka_unit_test(a_counted_terminator_is_accepted),
		cmocka_unit_test(the_longest_payload_is_accepted),
		cmocka_unit_test(one_that_is_built_by_hand_is_accepted),
		cmocka_unit_test(the_format_is_as_documented),
		cmocka_unit_test(a_request_is_written_down),
		cmocka_unit_test(no_two_are_the_same),
		cmocka_unit_test(every_changed_letter_is_refused),
		cmocka_unit_test(a_cut_or_longer_one_is_refused),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(another_version_is_refused),
		cmocka_unit_test(another_steps_is_refused),
		cmocka_unit_test(the_name_of_the_key_is_not_the_key),
		cmocka_unit_test(an_expired_one_is_refused),
		cmocka_unit_test(one_of_the_future_is_refused),
		cmocka_unit_test(impossible_times_are_refused),
		cmocka_unit_test(one_for_others_is_refused),
		cmocka_unit_test(another_uid_under_the_key_is_refused),
		cmocka_unit_test(a_lifetime_over_the_limit_is_refused),
		cmocka_unit_test(without_the_key_nothing_is_made_or_accepted),
		cmocka_unit_test(the_key_is_asked_for_each_time),
		cmocka_unit_test(a_replayed_one_is_refused),
		cmocka_unit_test(of_threads_one_is_accepted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
