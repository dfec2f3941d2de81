/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Credentials of mechanism munge, with real munged of the test's own: one to
 * work with, one with another key, two with the same key and other clocks.
 */
#include <dlfcn.h>
#include <munge.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "munged.h"
#include "psec_mech.h"

#define NOBODYS_ID 4242424 /* a uid and gid that no tester has */

typedef struct {
	munged_t *here, *other_key, *slow, *fast;
	psec_t *psec; /* over HERE */
} world_t;

static psec_t *context(const char *socket)
{
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = MECH_DIR,
			       .mechs = "munge",
			       .munge_socket = socket };
	psec_t *psec = NULL;
	psec_error_t err;

	assert_ok(psec_create(&psec, &opt, &err), &err);
	return psec;
}

static int setup(void **state)
{
	static world_t w;
	munged_options_t opt = { .same_key = NULL };

	w.here = munged_start(NULL);
	w.other_key = munged_start(NULL);
	opt.same_key = w.here;
	opt.clock_offset_s = -86400;
	w.slow = munged_start(&opt);
	opt.clock_offset_s = 86400;
	w.fast = munged_start(&opt);
	w.psec = context(munged_socket(w.here));
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_t *w = *state;

	psec_destroy(w->psec);
	munged_stop(w->fast);
	munged_stop(w->slow);
	munged_stop(w->other_key);
	munged_stop(w->here);
	return 0;
}

/* A credential for "hello" by PSEC, with what REQ wants otherwise. */
static char *make(psec_t *psec, psec_cred_request_t req, size_t *len)
{
	psec_error_t err;
	void *cred = NULL;

	req.payload = "hello";
	req.payload_len = 5;
	assert_ok(psec_cred_create(psec, "munge", &req, &cred, len, &err),
		  &err);
	return cred;
}

static char *make_plain(psec_t *psec, size_t *len)
{
	return make(psec, (psec_cred_request_t)PSEC_CRED_REQUEST_INIT, len);
}

/* Validate a blob that lies at the very end of its memory, so that reading
   past it is seen by a sanitizer. */
static psec_code_t validate(psec_t *psec, const char *cred, size_t len,
			    psec_cred_info_t **info, psec_error_t *err)
{
	char *copy = malloc(len > 0 ? len : 1);
	psec_code_t rc;

	assert_non_null(copy);
	memcpy(copy, cred, len);
	rc = psec_cred_validate(psec, "munge", copy, len, info, err);
	free(copy);
	return rc;
}

static void expect_refusal(psec_t *psec, const char *cred, size_t len,
			   psec_code_t code, const char *words)
{
	psec_cred_info_t *info = NULL;
	psec_error_t err;

	assert_refused(validate(psec, cred, len, &info, &err), &err, code,
		       words);
	assert_null(info);
}

/* -- what works --------------------------------------------------------- */

static void a_credential_tells_who_made_it_and_what_it_holds(void **state)
{
	world_t *w = *state;
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info;
	int64_t now_s = time(NULL);
	psec_error_t err;
	size_t len;
	char *cred;

	req.ttl_s = 120;
	cred = make(w->psec, req, &len);
	assert_int_equal(strlen(cred), len);
	assert_ok(validate(w->psec, cred, len, &info, &err), &err);
	assert_int_equal(info->uid, geteuid());
	assert_int_equal(info->gid, getegid());
	assert_int_equal(info->payload_len, 5);
	assert_string_equal((char *)info->payload, "hello");
	assert_int_equal(info->expires_s - info->issued_s, 120);
	assert_in_range(info->issued_s, now_s - 5, now_s + 5);
	psec_cred_info_destroy(info);
	free(cred);
}

static void payloads_of_zero_and_16384_bytes_come_back(void **state)
{
	static const size_t sizes[] = { 0, 1, PSEC_PAYLOAD_MAX };
	world_t *w = *state;
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info;
	uint8_t *payload;
	psec_error_t err;
	void *cred;
	size_t i, j, len;

	payload = malloc(PSEC_PAYLOAD_MAX);
	assert_non_null(payload);
	for (j = 0; j < PSEC_PAYLOAD_MAX; j++)
		payload[j] = (uint8_t)(j * 31 + j / 256);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		req.payload = payload;
		req.payload_len = sizes[i];
		assert_ok(psec_cred_create(w->psec, "munge", &req, &cred, &len,
					   &err),
			  &err);
		assert_ok(validate(w->psec, cred, len, &info, &err), &err);
		assert_int_equal(info->payload_len, sizes[i]);
		assert_memory_equal(info->payload, payload, sizes[i]);
		assert_int_equal(info->payload[sizes[i]], '\0');
		psec_cred_info_destroy(info);
		free(cred);
	}
	free(payload);
}

static void the_default_lifetime_is_munges_own(void **state)
{
	world_t *w = *state;
	psec_cred_info_t *info;
	psec_error_t err;
	size_t len;
	char *cred = make_plain(w->psec, &len);

	assert_ok(validate(w->psec, cred, len, &info, &err), &err);
	assert_int_equal(info->expires_s - info->issued_s, 300);
	psec_cred_info_destroy(info);
	free(cred);
}

static void one_counted_terminator_is_accepted(void **state)
{
	world_t *w = *state;
	psec_cred_info_t *info;
	psec_error_t err;
	size_t len;
	char *cred = make_plain(w->psec, &len);

	assert_ok(validate(w->psec, cred, len + 1, &info, &err), &err);
	psec_cred_info_destroy(info);
	free(cred);
}

static void a_credential_for_ones_own_uid_and_gid_is_accepted(void **state)
{
	world_t *w = *state;
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info;
	psec_error_t err;
	size_t len;
	char *cred;

	req.for_uid = geteuid();
	req.for_gid = getegid();
	cred = make(w->psec, req, &len);
	assert_ok(validate(w->psec, cred, len, &info, &err), &err);
	psec_cred_info_destroy(info);
	free(cred);
}

static void probing_a_running_munged_succeeds(void **state)
{
	world_t *w = *state;
	psec_error_t err;

	assert_ok(psec_mech_probe(w->psec, "munge", &err), &err);
}

/* -- what is refused ---------------------------------------------------- */

static void a_replayed_credential_is_refused(void **state)
{
	world_t *w = *state;
	psec_cred_info_t *info;
	psec_error_t err;
	size_t len;
	char *cred = make_plain(w->psec, &len);

	assert_ok(validate(w->psec, cred, len, &info, &err), &err);
	psec_cred_info_destroy(info);
	expect_refusal(w->psec, cred, len, PSEC_ERR_REPLAYED,
		       "was validated on this node before");
	free(cred);
}

static void an_expired_credential_is_refused(void **state)
{
	world_t *w = *state;
	psec_t *slow = context(munged_socket(w->slow));
	size_t len;
	char *cred = make_plain(slow, &len);

	expect_refusal(w->psec, cred, len, PSEC_ERR_EXPIRED, "has expired");
	free(cred);
	psec_destroy(slow);
}

static void a_credential_of_the_future_is_refused(void **state)
{
	world_t *w = *state;
	psec_t *fast = context(munged_socket(w->fast));
	size_t len;
	char *cred = make_plain(fast, &len);

	expect_refusal(w->psec, cred, len, PSEC_ERR_EARLY,
		       "was made in the future: clocks differ");
	free(cred);
	psec_destroy(fast);
}

static void a_credential_for_another_uid_or_gid_is_refused(void **state)
{
	world_t *w = *state;
	psec_cred_request_t uid_req = PSEC_CRED_REQUEST_INIT;
	psec_cred_request_t gid_req = PSEC_CRED_REQUEST_INIT;
	size_t len;
	char *cred;

	uid_req.for_uid = NOBODYS_ID;
	cred = make(w->psec, uid_req, &len);
	expect_refusal(w->psec, cred, len, PSEC_ERR_NOT_FOR_YOU,
		       "is for another uid or gid");
	free(cred);
	gid_req.for_gid = NOBODYS_ID;
	cred = make(w->psec, gid_req, &len);
	expect_refusal(w->psec, cred, len, PSEC_ERR_NOT_FOR_YOU,
		       "is for another uid or gid");
	free(cred);
}

static void clusters_with_different_keys_refuse_each_other(void **state)
{
	world_t *w = *state;
	psec_t *other = context(munged_socket(w->other_key));
	size_t len;
	char *cred;

	cred = make_plain(other, &len);
	expect_refusal(w->psec, cred, len, PSEC_ERR_TAMPERED,
		       "was altered, or made with another key");
	free(cred);
	cred = make_plain(w->psec, &len);
	expect_refusal(other, cred, len, PSEC_ERR_TAMPERED,
		       "was altered, or made with another key");
	free(cred);
	psec_destroy(other);
}

static void a_tampered_credential_is_refused(void **state)
{
	world_t *w = *state;
	size_t len;
	char *cred = make_plain(w->psec, &len);

	cred[len / 2] = cred[len / 2] == 'A' ? 'B' : 'A';
	expect_refusal(w->psec, cred, len, PSEC_ERR_TAMPERED,
		       "was altered, or made with another key");
	free(cred);
}

/* Changed, missing or added: no byte of a credential is without meaning. */
static void no_single_byte_can_be_changed(void **state)
{
	static const char with[] = { 'A', 'B', '!', ':', '\0', '\xff' };
	world_t *w = *state;
	psec_cred_info_t *info;
	psec_error_t err;
	psec_code_t rc;
	size_t len, i, j;
	char *cred = make_plain(w->psec, &len);
	char saved;

	for (i = 0; i < len; i++) {
		for (j = 0; j < sizeof(with); j++) {
			saved = cred[i];
			if (saved == with[j])
				continue;
			cred[i] = with[j];
			rc = validate(w->psec, cred, len, &info, &err);
			if (rc != PSEC_ERR_MALFORMED && rc != PSEC_ERR_TAMPERED)
				fail_msg("byte %zu as %d: %s", i, with[j],
					 psec_strcode(rc));
			cred[i] = saved;
		}
	}
	assert_ok(validate(w->psec, cred, len, &info, &err), &err);
	psec_cred_info_destroy(info);
	free(cred);
}

static void a_truncated_credential_is_refused(void **state)
{
	world_t *w = *state;
	size_t len, i;
	char *cred = make_plain(w->psec, &len);

	for (i = 1; i < len; i++)
		expect_refusal(w->psec, cred, i, PSEC_ERR_MALFORMED,
			       "this is no MUNGE credential");
	expect_refusal(w->psec, cred, 0, PSEC_ERR_MALFORMED,
		       "the credential is empty");
	free(cred);
}

/* munge_decode() itself would accept the first three and the blank inside. */
static void what_surrounds_a_credential_is_refused(void **state)
{
	static const struct {
		const char *before, *after;
		size_t after_len;
		const char *words;
	} table[] = {
		{ " ", "", 0, "does not begin with 'MUNGE:'" },
		{ "", "ABC", 3, "does not end with ':'" },
		{ "", "\n", 1, "does not end with ':'" },
		{ "", "\0\0", 2, "has a NUL inside" },
		{ "", "\0:", 2, "has a NUL inside" },
		{ "\xff", "", 0, "does not begin with 'MUNGE:'" },
	};
	world_t *w = *state;
	char blob[1024];
	size_t len, i, before;
	char *cred = make_plain(w->psec, &len);

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		before = strlen(table[i].before);
		assert_true(before + len + table[i].after_len < sizeof(blob));
		memcpy(blob, table[i].before, before);
		memcpy(blob + before, cred, len);
		memcpy(blob + before + len, table[i].after, table[i].after_len);
		expect_refusal(w->psec, blob, before + len + table[i].after_len,
			       PSEC_ERR_MALFORMED, table[i].words);
	}
	free(cred);
}

/* Base64 that says the same in another way would be accepted by munged. */
static void only_plain_base64_is_a_credential(void **state)
{
	static const char *const bad[] = {
		"MUNGE:AAA:",	   "MUNGE:A:",	       "MUNGE:AA A:",
		"MUNGE:AAAA AAA:", "MUNGE:AAAA\nAAA:", "MUNGE:AAB=:",
		"MUNGE:AAAAAB==:", "MUNGE:A===:",      "MUNGE:====:",
		"MUNGE:A=AA:",	   "MUNGE:AAAA:AAA:",  "MUNGE:AA-_:",
	};
	world_t *w = *state;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refusal(w->psec, bad[i], strlen(bad[i]),
			       PSEC_ERR_MALFORMED,
			       "between its colons is no plain base64");
	/* These are base64, so munged is asked. */
	expect_refusal(w->psec, "MUNGE:AAA=:", 11, PSEC_ERR_MALFORMED,
		       "(munged at ");
	expect_refusal(w->psec, "MUNGE:AA==:", 11, PSEC_ERR_MALFORMED,
		       "(munged at ");
}

static void garbage_is_refused(void **state)
{
	world_t *w = *state;
	char *big;

	expect_refusal(w->psec, "x", 1, PSEC_ERR_MALFORMED, "does not begin");
	expect_refusal(w->psec, "", 1, PSEC_ERR_MALFORMED, "does not begin");
	expect_refusal(w->psec, "MUNGE:", 6, PSEC_ERR_MALFORMED,
		       "does not begin");
	expect_refusal(w->psec, "MUNGE::", 7, PSEC_ERR_MALFORMED,
		       "this is no MUNGE credential (munged at ");
	expect_refusal(w->psec, "MUNGE:AAAA:", 11, PSEC_ERR_MALFORMED,
		       "has an unknown version");
	big = malloc(1 << 20);
	assert_non_null(big);
	memset(big, 'A', 1 << 20);
	expect_refusal(w->psec, big, 1 << 20, PSEC_ERR_TOO_BIG,
		       "1048576 bytes is longer than 65536");
	memcpy(big, "MUNGE:", 6);
	big[PSEC_CRED_MAX - 1] = ':';
	expect_refusal(w->psec, big, PSEC_CRED_MAX, PSEC_ERR_MALFORMED,
		       "MUNGE credential");
	free(big);
}

/* -- munged is not there ------------------------------------------------ */

static void without_a_socket_it_is_named_and_munged_asked_for(void **state)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_t *psec = context("/nonexistent/munge.socket");
	psec_error_t err;
	void *cred;
	size_t len;

	assert_refused(psec_mech_probe(psec, "munge", &err), &err,
		       PSEC_ERR_UNAVAILABLE,
		       "no socket at /nonexistent/munge.socket: is munged "
		       "running?");
	assert_refused(psec_cred_create(psec, "munge", &req, &cred, &len, &err),
		       &err, PSEC_ERR_UNAVAILABLE,
		       "no socket at /nonexistent/munge.socket");
	expect_refusal(psec, "MUNGE:AAAA:", 11, PSEC_ERR_UNAVAILABLE,
		       "/nonexistent/munge.socket");
	psec_destroy(psec);
}

static void a_munged_that_ended_is_unavailable(void **state)
{
	munged_t *m = munged_start(NULL);
	psec_t *psec = context(munged_socket(m));
	psec_error_t err;

	assert_ok(psec_mech_probe(psec, "munge", &err), &err);
	munged_kill(m);
	assert_refused(psec_mech_probe(psec, "munge", &err), &err,
		       PSEC_ERR_UNAVAILABLE, munged_socket(m));
	psec_destroy(psec);
	munged_stop(m);
}

/* A munged that was killed leaves its socket behind. */
static void a_socket_without_munged_does_not_answer(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/psec-XXXXXX", words[160];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	psec_error_t err;
	psec_t *psec;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	psec = context(addr.sun_path);
	(void)snprintf(words, sizeof(words),
		       "munged does not answer (munged at %s: ", addr.sun_path);
	assert_refused(psec_mech_probe(psec, "munge", &err), &err,
		       PSEC_ERR_UNAVAILABLE, words);
	psec_destroy(psec);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(addr.sun_path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void a_file_in_the_sockets_place_does_not_answer(void **state)
{
	psec_t *psec = context("/dev/null");
	psec_error_t err;

	assert_refused(psec_mech_probe(psec, "munge", &err), &err,
		       PSEC_ERR_UNAVAILABLE,
		       "munged does not answer (munged at /dev/null: ");
	psec_destroy(psec);
}

/* -- threads ------------------------------------------------------------ */

#define THREADS	   8
#define PER_THREAD 20

static void *make_and_validate(void *arg)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	uintptr_t failures = 0;
	psec_cred_info_t *info;
	void *cred;
	size_t len;
	int i;

	req.payload = &i;
	req.payload_len = sizeof(i);
	for (i = 0; i < PER_THREAD; i++) {
		if (psec_cred_create(arg, "munge", &req, &cred, &len, NULL)) {
			failures++;
			continue;
		}
		if (psec_cred_validate(arg, "munge", cred, len, &info, NULL)) {
			failures++;
		} else {
			failures += memcmp(info->payload, &i, sizeof(i)) != 0;
			psec_cred_info_destroy(info);
		}
		free(cred);
	}
	return (void *)failures;
}

static void threads_share_a_context(void **state)
{
	world_t *w = *state;
	pthread_t threads[THREADS];
	void *failures;
	int i;

	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						make_and_validate, w->psec),
				 0);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failures), 0);
		assert_null(failures);
	}
}

/* -- proofs ------------------------------------------------------------- */

/* A credential by libmunge itself with a cipher of the test's choice. */
static char *encode(const world_t *w, int cipher)
{
	munge_ctx_t ctx = munge_ctx_create();
	char *cred = NULL;

	assert_non_null(ctx);
	assert_int_equal(
		munge_ctx_set(ctx, MUNGE_OPT_SOCKET, munged_socket(w->here)),
		EMUNGE_SUCCESS);
	assert_int_equal(munge_ctx_set(ctx, MUNGE_OPT_CIPHER_TYPE, cipher),
			 EMUNGE_SUCCESS);
	assert_int_equal(munge_encode(&cred, ctx, "share", 5), EMUNGE_SUCCESS);
	munge_ctx_destroy(ctx);
	return cred;
}

static void a_proof_that_is_not_encrypted_is_refused(void **state)
{
	world_t *w = *state;
	psec_options_t opt = { .size = sizeof(opt),
			       .munge_socket = munged_socket(w->here) };
	psec_cred_info_t info = { .payload = NULL };
	void *dl = dlopen(MECH_DIR "/psec_munge.so", RTLD_NOW | RTLD_LOCAL);
	const psec_mech_t *vt;
	psec_error_t err;
	void *mech_state;
	char *cred;

	assert_non_null(dl);
	vt = dlsym(dl, "psec_mechanism");
	assert_non_null(vt);
	assert_ok(vt->open(&mech_state, &opt, &err), &err);

	cred = encode(w, MUNGE_CIPHER_AES128);
	assert_ok(vt->check(mech_state, -1, cred, strlen(cred), &info, &err),
		  &err);
	free(info.payload);
	free(cred);
	info.payload = NULL;
	cred = encode(w, MUNGE_CIPHER_NONE);
	assert_refused(
		vt->check(mech_state, -1, cred, strlen(cred), &info, &err),
		&err, PSEC_ERR_MISMATCH, "is not encrypted");
	free(info.payload);
	free(cred);
	vt->close(mech_state);
	assert_int_equal(dlclose(dl), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_credential_tells_who_made_it_and_what_it_holds),
		cmocka_unit_test(payloads_of_zero_and_16384_bytes_come_back),
		cmocka_unit_test(the_default_lifetime_is_munges_own),
		cmocka_unit_test(one_counted_terminator_is_accepted),
		cmocka_unit_test(
			a_credential_for_ones_own_uid_and_gid_is_accepted),
		cmocka_unit_test(probing_a_running_munged_succeeds),
		cmocka_unit_test(a_replayed_credential_is_refused),
		cmocka_unit_test(an_expired_credential_is_refused),
		cmocka_unit_test(a_credential_of_the_future_is_refused),
		cmocka_unit_test(
			a_credential_for_another_uid_or_gid_is_refused),
		cmocka_unit_test(
			clusters_with_different_keys_refuse_each_other),
		cmocka_unit_test(a_tampered_credential_is_refused),
		cmocka_unit_test(no_single_byte_can_be_changed),
		cmocka_unit_test(a_truncated_credential_is_refused),
		cmocka_unit_test(what_surrounds_a_credential_is_refused),
		cmocka_unit_test(only_plain_base64_is_a_credential),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(
			without_a_socket_it_is_named_and_munged_asked_for),
		cmocka_unit_test(a_munged_that_ended_is_unavailable),
		cmocka_unit_test(a_socket_without_munged_does_not_answer),
		cmocka_unit_test(a_file_in_the_sockets_place_does_not_answer),
		cmocka_unit_test(threads_share_a_context),
		cmocka_unit_test(a_proof_that_is_not_encrypted_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
