/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * native_cred.c - see native_cred.h.
 *
 * What can be checked without the key comes first, so that stray bytes cost
 * little; of a body, nothing is looked at before its hash is right.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "native_cred.h"
#include "replay.h"

#define PREFIX	   "NATIVE:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define SUFFIX	   ':'
#define VARIANT	   sodium_base64_VARIANT_ORIGINAL
#define VERSION	   1

/* The body: head, payload, hash of both. */
#define HEAD_LEN   56
#define KEY_ID_LEN 8
#define HASH_LEN   32
#define BODY_MAX   (HEAD_LEN + PSEC_PAYLOAD_MAX + HASH_LEN)
#define TEXT_MAX   (PREFIX_LEN + (BODY_MAX + 2) / 3 * 4 + 1)

/* What a hash is for goes into it: BLAKE2's personalisation, 16 bytes. */
#define FOR_CRED   "psec native cred"
#define FOR_KEY_ID "psec native key\0"

#define S_TO_US	       1000000LL
#define REPLAY_ENTRIES 245760 /* 4 MiB */

struct native_cred {
	psec_key_fn key;
	void *key_arg;
	pthread_mutex_t lock;
	replay_t *replay; /* made for the first that is validated */
};

typedef struct {
	uint32_t ttl_s;
	int64_t issued_us;
	uint32_t uid, gid, for_uid, for_gid;
	uint8_t id[REPLAY_ID_LEN];
	uint8_t key_id[KEY_ID_LEN];
} head_t;

/* -- the head as bytes ------------------------------------------------- */

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
	return p + 4;
}

static const uint8_t *get32(const uint8_t *p, uint32_t *v)
{
	*v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
	     (uint32_t)p[3];
	return p + 4;
}

static void put_head(uint8_t *p, const head_t *h)
{
	p = put32(p, (uint32_t)VERSION << 24);
	p = put32(p, h->ttl_s);
	p = put32(p, (uint32_t)((uint64_t)h->issued_us >> 32));
	p = put32(p, (uint32_t)h->issued_us);
	p = put32(p, h->uid);
	p = put32(p, h->gid);
	p = put32(p, h->for_uid);
	p = put32(p, h->for_gid);
	memcpy(p, h->id, sizeof(h->id));
	memcpy(p + sizeof(h->id), h->key_id, sizeof(h->key_id));
}

static void get_head(const uint8_t *p, uint32_t *version, head_t *h)
{
	uint32_t high, low;

	p = get32(p, version);
	p = get32(p, &h->ttl_s);
	p = get32(p, &high);
	p = get32(p, &low);
	h->issued_us = (int64_t)((uint64_t)high << 32 | low);
	p = get32(p, &h->uid);
	p = get32(p, &h->gid);
	p = get32(p, &h->for_uid);
	p = get32(p, &h->for_gid);
	memcpy(h->id, p, sizeof(h->id));
	memcpy(h->key_id, p + sizeof(h->id), sizeof(h->key_id));
}

/* -- the key ------------------------------------------------------------- */

static psec_code_t check_keyed(const native_cred_t *nc, psec_error_t *err)
{
	if (nc->key)
		return PSEC_OK;
	return psec_fail(err, PSEC_ERR_UNAVAILABLE,
			 "native credentials need the step's key, which only "
			 "its servers have");
}

/* Keyed BLAKE2b; it fails only for lengths that it does not have. */
static void hash(uint8_t *out, size_t out_len, const void *in, size_t len,
		 const uint8_t key[PSEC_KEY_LEN], const char *use)
{
	(void)crypto_generichash_blake2b_salt_personal(
		out, out_len, in, len, key, PSEC_KEY_LEN, NULL,
		(const unsigned char *)use);
}

/* Tells keys apart, and nothing about them. */
static void name_key(const uint8_t key[PSEC_KEY_LEN], uint8_t id[KEY_ID_LEN])
{
	uint8_t full[crypto_generichash_blake2b_BYTES_MIN];

	_Static_assert(sizeof(full) >= KEY_ID_LEN, "the key's name is cut");
	hash(full, sizeof(full), NULL, 0, key, FOR_KEY_ID);
	memcpy(id, full, KEY_ID_LEN);
}

/* -- making -------------------------------------------------------------- */

static int64_t now_us(void)
{
	struct timespec t = { 0, 0 };

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * S_TO_US + t.tv_nsec / 1000;
}

static void fill_head(head_t *h, const psec_cred_request_t *req,
		      const uint8_t key[PSEC_KEY_LEN])
{
	h->ttl_s = req->ttl_s ? (uint32_t)req->ttl_s : NATIVE_TTL_S;
	h->issued_us = now_us();
	h->uid = geteuid();
	h->gid = getegid();
	h->for_uid = req->for_uid;
	h->for_gid = req->for_gid;
	randombytes_buf(h->id, sizeof(h->id));
	name_key(key, h->key_id);
}

/* The LEN bytes at BODY as text. */
static psec_code_t write_text(const uint8_t *body, size_t body_len, void **cred,
			      size_t *len, psec_error_t *err)
{
	size_t digits = sodium_base64_encoded_len(body_len, VARIANT) - 1;
	char *text = malloc(PREFIX_LEN + digits + 2);

	if (!text)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a native credential");
	memcpy(text, PREFIX, PREFIX_LEN);
	sodium_bin2base64(text + PREFIX_LEN, digits + 1, body, body_len,
			  VARIANT);
	*len = PREFIX_LEN + digits;
	text[(*len)++] = SUFFIX;
	text[*len] = '\0';
	*cred = text;
	return PSEC_OK;
}

psec_code_t native_cred_create(native_cred_t *nc,
			       const psec_cred_request_t *req, void **cred,
			       size_t *len, psec_error_t *err)
{
	size_t n = HEAD_LEN + req->payload_len;
	uint8_t key[PSEC_KEY_LEN], *body;
	psec_code_t rc = check_keyed(nc, err);
	head_t head;

	if (rc)
		return rc;
	if (req->ttl_s > NATIVE_TTL_MAX_S)
		return psec_fail(err, PSEC_ERR_ARG,
				 "a native credential lives for at most %d "
				 "seconds, not for %d",
				 NATIVE_TTL_MAX_S, req->ttl_s);
	body = malloc(n + HASH_LEN);
	if (!body)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a native credential");
	rc = nc->key(nc->key_arg, key, err);
	if (rc)
		goto out;
	fill_head(&head, req, key);
	put_head(body, &head);
	if (req->payload_len)
		memcpy(body + HEAD_LEN, req->payload, req->payload_len);
	hash(body + n, HASH_LEN, body, n, key, FOR_CRED);
	rc = write_text(body, n + HASH_LEN, cred, len, err);
out:
	sodium_memzero(key, sizeof(key));
	free(body);
	return rc;
}

/* -- validating ---------------------------------------------------------- */

static psec_code_t misshapen(const char *why, psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_MALFORMED,
			 "this is no native credential: %s", why);
}

/*
 * Decode the LEN digits.  A credential has one form only, and libsodium's
 * reader is not that strict: it takes bytes over 127 for digits (1.0.18).
 */
static bool read_base64(const char *digits, size_t len, uint8_t *out,
			size_t size, size_t *out_len)
{
	char *again;
	bool same;

	if (sodium_base642bin(out, size, digits, len, NULL, out_len, NULL,
			      VARIANT) != 0 ||
	    sodium_base64_encoded_len(*out_len, VARIANT) != len + 1)
		return false;
	again = malloc(len + 1);
	if (!again)
		return false;
	sodium_bin2base64(again, len + 1, out, *out_len, VARIANT);
	same = memcmp(again, digits, len) == 0;
	free(again);
	return same;
}

/* The LEN digits between the colons of TEXT, a credential of LEN bytes. */
static const char *find_digits(const char *text, size_t *len, psec_error_t *err)
{
	const char *why = NULL;
	size_t n = *len;

	if (n > 0 && text[n - 1] == '\0')
		n--;
	if (n <= PREFIX_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0)
		why = "it does not begin with '" PREFIX "'";
	else if (text[n - 1] != SUFFIX)
		why = "it does not end with ':'";
	else if (n > TEXT_MAX)
		why = "it is too long";
	if (why) {
		(void)misshapen(why, err);
		return NULL;
	}
	*len = n - PREFIX_LEN - 1;
	return text + PREFIX_LEN;
}

/* The body of TEXT, malloc()ed.  NULL: *RC and ERR say why. */
static uint8_t *read_text(const char *text, size_t len, size_t *body_len,
			  psec_code_t *rc, psec_error_t *err)
{
	const char *digits = find_digits(text, &len, err);
	uint8_t *body;

	*rc = PSEC_ERR_MALFORMED;
	if (!digits)
		return NULL;
	body = malloc(len / 4 * 3 + 1);
	if (!body) {
		*rc = psec_fail(err, PSEC_ERR_NOMEM,
				"no memory for a credential of %zu bytes", len);
		return NULL;
	}
	if (read_base64(digits, len, body, len / 4 * 3 + 1, body_len))
		return body;
	free(body);
	*rc = misshapen("between its colons is no plain base64", err);
	return NULL;
}

static psec_code_t check_shape(const uint8_t *body, size_t len, head_t *head,
			       psec_error_t *err)
{
	uint32_t version;

	if (len < HEAD_LEN + HASH_LEN)
		return misshapen("it is too short", err);
	get_head(body, &version, head);
	if (version != (uint32_t)VERSION << 24)
		return psec_fail(err, PSEC_ERR_MALFORMED,
				 "the native credential has version %08" PRIx32
				 ", this libpsec knows %08" PRIx32,
				 version, (uint32_t)VERSION << 24);
	return PSEC_OK;
}

static psec_code_t check_hash(const native_cred_t *nc, const uint8_t *body,
			      size_t len, const head_t *head, psec_error_t *err)
{
	uint8_t key[PSEC_KEY_LEN], key_id[KEY_ID_LEN], right[HASH_LEN];
	psec_code_t rc = nc->key(nc->key_arg, key, err);

	if (rc)
		return rc;
	name_key(key, key_id);
	hash(right, sizeof(right), body, len - HASH_LEN, key, FOR_CRED);
	/* Whose key it was made with is no secret, what its hash would be is.
	 */
	if (memcmp(key_id, head->key_id, sizeof(key_id)) != 0)
		rc = psec_fail(err, PSEC_ERR_TAMPERED,
			       "the native credential was altered, or made in "
			       "another step: native ones are valid in their "
			       "own step only");
	else if (sodium_memcmp(right, body + len - HASH_LEN, HASH_LEN) != 0)
		rc = psec_fail(err, PSEC_ERR_TAMPERED,
			       "the native credential was altered");
	sodium_memzero(key, sizeof(key));
	sodium_memzero(right, sizeof(right));
	return rc;
}

/* Clocks differ a little; MUNGE, too, allows for as much as the lifetime. */
static psec_code_t check_times(const head_t *h, psec_error_t *err)
{
	int64_t ttl_us = (int64_t)h->ttl_s * S_TO_US, now = now_us();

	if (h->ttl_s == 0 || h->ttl_s > NATIVE_TTL_MAX_S || h->issued_us <= 0)
		return misshapen("its times are impossible", err);
	if (h->issued_us - ttl_us > now)
		return psec_fail(err, PSEC_ERR_EARLY,
				 "the native credential was made in the "
				 "future: clocks differ");
	if (h->issued_us + ttl_us < now)
		return psec_fail(err, PSEC_ERR_EXPIRED,
				 "the native credential has expired");
	return PSEC_OK;
}

/* The effective group, or, as with MUNGE, one of the others. */
static bool in_group(gid_t gid)
{
	bool found = gid == getegid();
	int n = found ? 0 : getgroups(0, NULL);
	gid_t *gids = n > 0 ? calloc((size_t)n, sizeof(*gids)) : NULL;

	if (gids)
		n = getgroups(n, gids);
	while (gids && n > 0 && !found)
		found = gids[--n] == gid;
	free(gids);
	return found;
}

static psec_code_t check_people(const head_t *h, psec_error_t *err)
{
	/* A key is one uid's: whoever says another one has stolen it. */
	if (h->uid != geteuid())
		return psec_fail(err, PSEC_ERR_TAMPERED,
				 "the native credential says uid %" PRIu32
				 ", but only uid %u has its key",
				 h->uid, (unsigned)geteuid());
	if ((h->for_uid != (uint32_t)-1 && h->for_uid != geteuid()) ||
	    (h->for_gid != (uint32_t)-1 && !in_group(h->for_gid)))
		return psec_fail(err, PSEC_ERR_NOT_FOR_YOU,
				 "the native credential is for another uid or "
				 "gid");
	return PSEC_OK;
}

static replay_t *replay_of(native_cred_t *nc)
{
	replay_t *r;

	pthread_mutex_lock(&nc->lock);
	if (!nc->replay)
		nc->replay = replay_create(REPLAY_ENTRIES);
	r = nc->replay;
	pthread_mutex_unlock(&nc->lock);
	return r;
}

/* Last: what was refused for another reason has not been used. */
static psec_code_t check_replay(native_cred_t *nc, const head_t *h,
				psec_error_t *err)
{
	replay_t *r = replay_of(nc);

	if (!r)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory to remember native credentials");
	switch (replay_note(r, h->id, h->issued_us)) {
	case REPLAY_NEW:
		return PSEC_OK;
	case REPLAY_SEEN:
		return psec_fail(err, PSEC_ERR_REPLAYED,
				 "the native credential was validated on this "
				 "node before");
	case REPLAY_FORGOTTEN:
		break;
	}
	return psec_fail(err, PSEC_ERR_EXPIRED,
			 "the native credential is older than what this node "
			 "remembers: so many were validated since that it "
			 "cannot say whether this one was");
}

static psec_code_t take_payload(psec_cred_info_t *info, const uint8_t *payload,
				size_t len, psec_error_t *err)
{
	info->payload = malloc(len + 1);
	if (!info->payload)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a payload of %zu bytes", len);
	memcpy(info->payload, payload, len);
	info->payload[len] = '\0';
	info->payload_len = len;
	return PSEC_OK;
}

static psec_code_t check(native_cred_t *nc, const uint8_t *body, size_t len,
			 const head_t *head, psec_cred_info_t *info,
			 psec_error_t *err)
{
	psec_code_t rc = check_hash(nc, body, len, head, err);

	if (!rc)
		rc = check_times(head, err);
	if (!rc)
		rc = check_people(head, err);
	if (!rc)
		rc = take_payload(info, body + HEAD_LEN,
				  len - HEAD_LEN - HASH_LEN, err);
	if (!rc)
		rc = check_replay(nc, head, err);
	return rc;
}

psec_code_t native_cred_validate(native_cred_t *nc, const void *cred,
				 size_t len, psec_cred_info_t *info,
				 psec_error_t *err)
{
	psec_code_t rc = check_keyed(nc, err);
	head_t head = { 0 };
	size_t body_len = 0;
	uint8_t *body;

	if (rc)
		return rc;
	body = read_text(cred, len, &body_len, &rc, err);
	if (!body)
		return rc;
	rc = check_shape(body, body_len, &head, err);
	if (!rc)
		rc = check(nc, body, body_len, &head, info, err);
	free(body);
	if (rc)
		return rc;
	info->uid = head.uid;
	info->gid = head.gid;
	info->issued_s = head.issued_us / S_TO_US;
	info->expires_s = info->issued_s + head.ttl_s;
	return PSEC_OK;
}

/* -- life ---------------------------------------------------------------- */

psec_code_t native_cred_open(native_cred_t **nc, const psec_options_t *opt,
			     psec_error_t *err)
{
	native_cred_t *n = calloc(1, sizeof(*n));

	if (!n)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for mechanism native");
	if (sodium_init() < 0) {
		free(n);
		return psec_fail(err, PSEC_ERR_PLUGIN,
				 "mechanism native: libsodium cannot start");
	}
	n->key = opt->native_key;
	n->key_arg = opt->native_key_arg;
	pthread_mutex_init(&n->lock, NULL);
	*nc = n;
	return PSEC_OK;
}

void native_cred_close(native_cred_t *nc)
{
	int saved = errno;

	if (!nc)
		return;
	replay_destroy(nc->replay);
	pthread_mutex_destroy(&nc->lock);
	free(nc);
	errno = saved;
}
