/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_cred.c - credentials of anybody's, before and after a service looks at
 * them.
 *
 * Input: a letter, then the credential or payload.  n: a credential of none;
 * N: the payload of one that is made; m: a credential of munge, for which
 * libmunge below stands in; k: a credential of native; K: the body of one,
 * which gets the right hash.
 */
#include <munge.h>
#include <stdarg.h>
#include <sodium.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

/* The mechanisms themselves, compiled under these names. */
extern const psec_mech_t mech_munge, mech_native, mech_none;

static const uint8_t native_key[PSEC_KEY_LEN] = { 1, 2, 3 };

static psec_code_t give_key(void *arg, uint8_t key[PSEC_KEY_LEN],
			    psec_error_t *err)
{
	memcpy(key, native_key, PSEC_KEY_LEN);
	return PSEC_OK;
}

static psec_t *context(void)
{
	static mech_t mechs[] = {
		{ .name = "munge", .vt = &mech_munge, .priority = 80 },
		{ .name = "native", .vt = &mech_native, .priority = 10 },
		{ .name = "none", .vt = &mech_none }
	};
	static psec_t psec = { .mechs = mechs, .nmechs = 3 };

	if (!mechs[0].state) {
		const psec_options_t opt = { .size = sizeof(opt),
					     .native_key = give_key };

		MUST(mech_munge.open(&mechs[0].state, &opt, NULL) == PSEC_OK);
		MUST(mech_native.open(&mechs[1].state, &opt, NULL) == PSEC_OK);
	}
	return &psec;
}

/* -- instead of libmunge --------------------------------------------------- */

static struct {
	const char *got; /* what munge_decode() was asked to decode */
	munge_err_t answer;
	uint8_t payload[64];
	int payload_len;
} munged;

struct munge_ctx {
	munge_err_t last;
};

munge_ctx_t munge_ctx_create(void)
{
	return calloc(1, sizeof(struct munge_ctx));
}

void munge_ctx_destroy(munge_ctx_t ctx)
{
	free(ctx);
}

const char *munge_ctx_strerror(munge_ctx_t ctx)
{
	return ctx->last ? "munged said so" : NULL;
}

const char *munge_strerror(munge_err_t e)
{
	return "it went wrong";
}

munge_err_t munge_ctx_set(munge_ctx_t ctx, int opt, ...)
{
	return EMUNGE_SUCCESS;
}

munge_err_t munge_ctx_get(munge_ctx_t ctx, int opt, ...)
{
	va_list ap;

	va_start(ap, opt);
	if (opt == MUNGE_OPT_ENCODE_TIME)
		*va_arg(ap, time_t *) = 1000;
	else if (opt == MUNGE_OPT_SOCKET)
		*va_arg(ap, char **) = NULL;
	else
		*va_arg(ap, int *) = 300;
	va_end(ap);
	return EMUNGE_SUCCESS;
}

munge_err_t munge_encode(char **cred, munge_ctx_t ctx, const void *buf, int len)
{
	return EMUNGE_SNAFU;
}

/* Hands out what is in an expired or replayed credential, like the real. */
munge_err_t munge_decode(const char *cred, munge_ctx_t ctx, void **buf,
			 int *len, uid_t *uid, gid_t *gid)
{
	munged.got = cred;
	*uid = 1001;
	*gid = 1002;
	*buf = NULL;
	*len = 0;
	if (munged.payload_len > 0) {
		*buf = fuzz_string(munged.payload, (size_t)munged.payload_len);
		*len = munged.payload_len;
	}
	ctx->last = munged.answer;
	return munged.answer;
}

/* -- munge ----------------------------------------------------------------- */

/* One credential, one form: what libmunge would skip never gets there. */
static bool has_the_one_form(const uint8_t *cred, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, pad = 0;
	size_t i;

	if (len > 0 && cred[len - 1] == '\0')
		len--;
	if (len < 7 || memcmp(cred, "MUNGE:", 6) != 0 || cred[len - 1] != ':' ||
	    (len - 7) % 4 != 0)
		return false;
	for (i = 6; i < len - 1; i++) {
		const char *at = memchr(digits, cred[i], 64);

		if (cred[i] == '=' && i + 3 >= len) {
			pad++;
			continue;
		}
		if (!at || pad > 0)
			return false;
		bits = (unsigned)(at - digits);
	}
	return pad == 0 || (pad == 1 && bits % 4 == 0) ||
	       (pad == 2 && bits % 16 == 0);
}

static void check_munge(feed_t *feed)
{
	psec_cred_info_t *info = NULL;
	psec_error_t err;
	psec_code_t rc;
	size_t len;
	uint8_t *cred;

	/* What munged says matters less than what it is asked. */
	munged.got = NULL;
	munged.answer = (munge_err_t)feed_below(feed, 20);
	munged.payload_len = (int)feed_below(feed, sizeof(munged.payload));
	len = feed->left;
	cred = fuzz_copy(feed->pos, len);
	rc = psec_cred_validate(context(), "munge", cred, len, &info, &err);
	MUST((munged.got != NULL) == has_the_one_form(cred, len));
	MUST((rc == PSEC_OK) ==
	     (munged.got != NULL && munged.answer == EMUNGE_SUCCESS));
	if (rc) {
		must_be_told(rc, &err);
		MUST(!info);
	} else {
		MUST(info->uid == 1001 && info->gid == 1002);
		MUST(info->payload_len == (size_t)munged.payload_len);
		MUST(info->payload[info->payload_len] == '\0');
		MUST(info->issued_s == 1000 && info->expires_s == 1300);
	}
	psec_cred_info_destroy(info);
	free(cred);
}

/* -- native ---------------------------------------------------------------- */

#define HEAD_LEN 56
#define HASH_LEN 32

/* Nobody makes up a hash. */
static void check_native(feed_t *feed)
{
	uint8_t *cred = fuzz_copy(feed->pos, feed->left);
	psec_cred_info_t *info = NULL;
	psec_error_t err;
	psec_code_t rc;

	rc = psec_cred_validate(context(), "native", cred, feed->left, &info,
				&err);
	MUST(rc != PSEC_OK && !info);
	must_be_told(rc, &err);
	free(cred);
}

static char *as_native(const uint8_t *body, size_t len)
{
	size_t digits =
		sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(digits + 8);

	MUST(text);
	memcpy(text, "NATIVE:", 7);
	sodium_bin2base64(text + 7, digits, body, len,
			  sodium_base64_VARIANT_ORIGINAL);
	memcpy(text + 6 + digits, ":", 2);
	return text;
}

/* What the head says is checked only behind a hash that is right. */
static void check_native_body(feed_t *feed)
{
	size_t len = feed->left;
	uint8_t *body = malloc(len + HASH_LEN), name[16];
	psec_cred_info_t *info = NULL;
	psec_error_t err;
	psec_code_t rc;
	char *text;

	MUST(body);
	memcpy(body, feed->pos, len);
	crypto_generichash_blake2b_salt_personal(
		name, sizeof(name), NULL, 0, native_key, PSEC_KEY_LEN, NULL,
		(const unsigned char *)"psec native key\0");
	if (len >= HEAD_LEN)
		memcpy(body + HEAD_LEN - 8, name, 8);
	crypto_generichash_blake2b_salt_personal(
		body + len, HASH_LEN, body, len, native_key, PSEC_KEY_LEN, NULL,
		(const unsigned char *)"psec native cred");
	text = as_native(body, len + HASH_LEN);
	rc = psec_cred_validate(context(), "native", text, strlen(text), &info,
				&err);
	if (rc) {
		must_be_told(rc, &err);
		MUST(!info);
	} else {
		MUST(len >= HEAD_LEN && info->uid == geteuid());
		MUST(info->payload_len == len - HEAD_LEN);
		MUST(memcmp(info->payload, body + HEAD_LEN,
			    info->payload_len) == 0);
		MUST(info->expires_s > info->issued_s);
	}
	psec_cred_info_destroy(info);
	free(text);
	free(body);
}

/* -- none ------------------------------------------------------------------ */

static void check_none(feed_t *feed)
{
	const uint8_t *newline = memchr(feed->pos, '\n', feed->left);
	uint8_t *cred = fuzz_copy(feed->pos, feed->left);
	psec_cred_info_t *info = NULL;
	psec_error_t err;
	psec_code_t rc;

	rc = psec_cred_validate(context(), "none", cred, feed->left, &info,
				&err);
	if (rc) {
		must_be_told(rc, &err);
		MUST(!info);
	} else {
		size_t head = (size_t)(newline - feed->pos) + 1;

		MUST(newline && info->payload_len == feed->left - head);
		MUST(memcmp(info->payload, cred + head, info->payload_len) ==
		     0);
		MUST(info->payload[info->payload_len] == '\0');
	}
	psec_cred_info_destroy(info);
	free(cred);
}

static void check_none_round_trip(feed_t *feed)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info = NULL;
	size_t len = 0;
	void *cred = NULL;

	req.payload = feed->pos;
	req.payload_len = feed->left;
	MUST(psec_cred_create(context(), "none", &req, &cred, &len, NULL) ==
	     PSEC_OK);
	MUST(psec_cred_validate(context(), "none", cred, len, &info, NULL) ==
	     PSEC_OK);
	MUST(info->payload_len == feed->left);
	MUST(feed->left == 0 ||
	     memcmp(info->payload, feed->pos, feed->left) == 0);
	psec_cred_info_destroy(info);
	free(cred);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };

	switch (feed_u8(&feed)) {
	case 'n':
		if (feed.left > 0)
			check_none(&feed);
		break;
	case 'N':
		check_none_round_trip(&feed);
		break;
	case 'm':
		check_munge(&feed);
		break;
	case 'k':
		if (feed.left > 0)
			check_native(&feed);
		break;
	case 'K':
		check_native_body(&feed);
		break;
	default:
		return -1; /* not worth keeping */
	}
	return 0;
}
