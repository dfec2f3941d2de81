/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_native.c - native credentials, which anybody may show to a server of
 * the step.
 *
 * Input: a letter.  t: the credential's text; c: where a good one is changed,
 * and how, then its payload; h: bytes that are put over the head of a good
 * one, which then gets the right hash, as only a server of the step could
 * give it.
 *
 * Without the key nothing is accepted but what was made, whole, once.
 */
#include <sodium.h>
#include <unistd.h>

#include "fuzz.h"
#include "native_cred.h"

#define PREFIX_LEN 7 /* "NATIVE:" */
#define HEAD_LEN   56
#define HASH_LEN   32
#define VARIANT	   sodium_base64_VARIANT_ORIGINAL

static const uint8_t step_key[PSEC_KEY_LEN] = "the key of a step";

static psec_code_t give_key(void *arg, uint8_t key[PSEC_KEY_LEN],
			    psec_error_t *err)
{
	memcpy(key, step_key, PSEC_KEY_LEN);
	return PSEC_OK;
}

static native_cred_t *open_native(void)
{
	const psec_options_t opt = { .size = sizeof(opt),
				     .native_key = give_key };
	native_cred_t *nc = NULL;

	MUST(native_cred_open(&nc, &opt, NULL) == PSEC_OK);
	return nc;
}

static void check_info(const psec_cred_info_t *info)
{
	MUST(info->uid == geteuid());
	MUST(info->issued_s >= 0 && info->expires_s > info->issued_s);
	MUST(info->payload && info->payload[info->payload_len] == '\0');
}

/* Show it; what comes out is as native_cred.h says. */
static psec_code_t show(native_cred_t *nc, const void *cred, size_t len)
{
	void *copy = fuzz_copy(cred, len);
	psec_cred_info_t info;
	psec_error_t err;
	psec_code_t rc;

	cred_info_init(&info);
	rc = native_cred_validate(nc, copy, len, &info, &err);
	if (rc)
		must_be_told(rc, &err);
	else
		check_info(&info);
	cred_info_clear(&info);
	free(copy);
	return rc;
}

static char *make(native_cred_t *nc, feed_t *payload, size_t *len)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	void *cred = NULL;

	req.payload = payload->pos;
	req.payload_len = payload->left;
	MUST(native_cred_create(nc, &req, &cred, len, NULL) == PSEC_OK);
	return cred;
}

static void check_text(native_cred_t *nc, feed_t *feed)
{
	if (feed->left > 0)
		MUST(show(nc, feed->pos, feed->left) != PSEC_OK);
}

static void check_changed(native_cred_t *nc, feed_t *feed)
{
	size_t at = feed_u16(feed), cut = feed_u8(feed), len;
	uint8_t bits = feed_u8(feed);
	char *cred = make(nc, feed, &len);

	cred[at % len] = (char)(cred[at % len] ^ bits);
	if (bits || (cut > 0 && cut < len)) {
		MUST(show(nc, cred, cut < len ? len - cut : len) != PSEC_OK);
		cred[at % len] = (char)(cred[at % len] ^ bits);
	}
	/* The refusal has used up nothing; being accepted has. */
	MUST(show(nc, cred, len) == PSEC_OK);
	MUST(show(nc, cred, len) == PSEC_ERR_REPLAYED);
	free(cred);
}

/* A body's text, with the hash that it must have. */
static void check_body(native_cred_t *nc, uint8_t *body, size_t len)
{
	size_t digits = sodium_base64_encoded_len(len, VARIANT);
	char *text = malloc(PREFIX_LEN + digits + 1);
	psec_code_t rc;

	MUST(text);
	MUST(crypto_generichash_blake2b_salt_personal(
		     body + len - HASH_LEN, HASH_LEN, body, len - HASH_LEN,
		     step_key, sizeof(step_key), NULL,
		     (const unsigned char *)"psec native cred") == 0);
	memcpy(text, "NATIVE:", PREFIX_LEN);
	sodium_bin2base64(text + PREFIX_LEN, digits, body, len, VARIANT);
	text[PREFIX_LEN + digits - 1] = ':';
	rc = show(nc, text, PREFIX_LEN + digits);
	MUST(rc != PSEC_ERR_REPLAYED);
	if (rc == PSEC_OK)
		MUST(show(nc, text, PREFIX_LEN + digits) == PSEC_ERR_REPLAYED);
	free(text);
}

static void check_head(native_cred_t *nc, feed_t *feed)
{
	feed_t payload = { (const uint8_t *)"payload", 7 };
	size_t at = feed_below(feed, HEAD_LEN + 1), n, len, body_len = 0;
	const uint8_t *bytes = feed_bytes(feed, HEAD_LEN - at, &n);
	char *cred = make(nc, &payload, &len);
	uint8_t body[HEAD_LEN + 7 + HASH_LEN + 3];

	MUST(sodium_base642bin(body, sizeof(body), cred + PREFIX_LEN,
			       len - PREFIX_LEN - 1, NULL, &body_len, NULL,
			       VARIANT) == 0);
	MUST(body_len == HEAD_LEN + 7 + HASH_LEN);
	if (n > 0)
		memcpy(body + at, bytes, n);
	check_body(nc, body, body_len);
	free(cred);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	uint8_t what = feed_u8(&feed);
	native_cred_t *nc;

	if (!what || !strchr("tch", what))
		return -1; /* not worth keeping */
	nc = open_native();
	if (what == 't')
		check_text(nc, &feed);
	else if (what == 'c')
		check_changed(nc, &feed);
	else
		check_head(nc, &feed);
	native_cred_close(nc);
	return 0;
}
