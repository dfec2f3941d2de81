/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec_munge.c - credentials made and checked by MUNGE.
 *
 * Proves: a process with this effective uid and gid, on a node that has the
 * cluster's MUNGE key, asked its munged for this credential with this
 * payload, at this time; and, as the payload is encrypted, that nobody reads
 * it but whom munged lets decode it.
 *
 * Does not prove: which process, job, step or node it was (what the payload
 * says about these is the word of that uid); that its holder is its maker
 * (anybody who sees a credential may hand it on once); anything at all
 * against root of any node, who has the key.
 *
 * munged takes the uid and gid from the kernel (SO_PEERCRED): a credential is
 * always of the calling process's own effective uid and gid, also where a
 * process of root would wish otherwise.
 *
 * A context of libmunge belongs to one thread, so each call has its own.
 * libmunge repeats what is worth repeating by itself; here nothing is.  So a
 * call takes up to 2 s where a socket has no munged behind it, and up to 10 s
 * where munged hangs (tried with 0.5.15); it fails at once where there is no
 * socket.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <munge.h>

#include "psec_mech.h"

#define PREFIX "MUNGE:"
#define SUFFIX ':'

typedef struct {
	char *socket; /* NULL: libmunge's default */
} munge_state_t;

/*
 * What munged's and libmunge's refusals mean.  Tried with munge 0.5.15:
 * changing any one digit behind the header gives CRED_INVALID; changing the
 * header's version, MAC or compression gives BAD_VERSION, BAD_MAC or BAD_ZIP,
 * because munged must know them before it can check the MAC.  So these can't
 * be told from a credential of a newer munged and are called malformed;
 * altered, and made with another key, are the same to munged.
 */
static const struct {
	munge_err_t munge;
	psec_code_t code;
	const char *text;
} causes[] = {
	{ EMUNGE_BAD_ARG, PSEC_ERR_ARG, "MUNGE was asked the impossible" },
	{ EMUNGE_BAD_LENGTH, PSEC_ERR_TOO_BIG, "it is too long for MUNGE" },
	{ EMUNGE_OVERFLOW, PSEC_ERR_TOO_BIG, "it is too long for MUNGE" },
	{ EMUNGE_NO_MEMORY, PSEC_ERR_NOMEM, "MUNGE is out of memory" },
	{ EMUNGE_SOCKET, PSEC_ERR_UNAVAILABLE, "munged does not answer" },
	{ EMUNGE_TIMEOUT, PSEC_ERR_UNAVAILABLE,
	  "munged does not answer in time" },
	{ EMUNGE_BAD_CRED, PSEC_ERR_MALFORMED, "this is no MUNGE credential" },
	{ EMUNGE_BAD_VERSION, PSEC_ERR_MALFORMED,
	  "the MUNGE credential has an unknown version" },
	{ EMUNGE_BAD_CIPHER, PSEC_ERR_MALFORMED,
	  "the MUNGE credential has an unknown cipher" },
	{ EMUNGE_BAD_MAC, PSEC_ERR_MALFORMED,
	  "the MUNGE credential has an unknown MAC" },
	{ EMUNGE_BAD_ZIP, PSEC_ERR_MALFORMED,
	  "the MUNGE credential has an unknown compression" },
	{ EMUNGE_BAD_REALM, PSEC_ERR_MISMATCH,
	  "the MUNGE credential is of another realm" },
	{ EMUNGE_CRED_INVALID, PSEC_ERR_TAMPERED,
	  "the MUNGE credential was altered, or made with another key" },
	{ EMUNGE_CRED_EXPIRED, PSEC_ERR_EXPIRED,
	  "the MUNGE credential has expired" },
	{ EMUNGE_CRED_REWOUND, PSEC_ERR_EARLY,
	  "the MUNGE credential was made in the future: clocks differ" },
	{ EMUNGE_CRED_REPLAYED, PSEC_ERR_REPLAYED,
	  "the MUNGE credential was validated on this node before" },
	{ EMUNGE_CRED_UNAUTHORIZED, PSEC_ERR_NOT_FOR_YOU,
	  "the MUNGE credential is for another uid or gid" },
};

static const char *socket_name(const munge_state_t *st, munge_ctx_t ctx)
{
	char *name = NULL;

	if (st->socket)
		return st->socket;
	if (munge_ctx_get(ctx, MUNGE_OPT_SOCKET, &name) || !name)
		return "its default socket";
	return name;
}

/*
 * munged could not be reached.  Where there is not even a socket, people need
 * not look for a munged that hangs; PSEC_OK: that is not it.
 */
static psec_code_t no_socket(const char *name, psec_error_t *err)
{
	struct stat st;

	if (name[0] != '/')
		return PSEC_OK;
	if (stat(name, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "no socket at %.200s: is munged running?",
				 name);
	return PSEC_OK;
}

/* Turn E, which an operation with CTX gave, into a code and a sentence. */
static psec_code_t munge_failed(const munge_state_t *st, munge_ctx_t ctx,
				munge_err_t e, psec_error_t *err)
{
	const char *said = munge_ctx_strerror(ctx);
	char detail[160]; /* asking CTX for its socket frees what it said */
	psec_code_t code = PSEC_ERR_UNAVAILABLE;
	const char *text = "munged failed";
	size_t i;

	(void)snprintf(detail, sizeof(detail), "%s",
		       said ? said : munge_strerror(e));
	if (e == EMUNGE_SOCKET && no_socket(socket_name(st, ctx), err))
		return PSEC_ERR_UNAVAILABLE;
	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (causes[i].munge == e) {
			code = causes[i].code;
			text = causes[i].text;
		}
	}
	return psec_fail(err, code, "%s (munged at %.120s: %s)", text,
			 socket_name(st, ctx), detail);
}

static psec_code_t ctx_create(const munge_state_t *st, munge_ctx_t *ctx,
			      psec_error_t *err)
{
	munge_ctx_t c;
	munge_err_t e = EMUNGE_SUCCESS;
	psec_code_t rc;

	c = munge_ctx_create();
	if (!c)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a context of MUNGE");
	if (st->socket)
		e = munge_ctx_set(c, MUNGE_OPT_SOCKET, st->socket);
	if (e) {
		rc = munge_failed(st, c, e, err);
		munge_ctx_destroy(c);
		return rc;
	}
	*ctx = c;
	return PSEC_OK;
}

static munge_err_t ctx_restrict(munge_ctx_t ctx, const psec_cred_request_t *req)
{
	munge_err_t e = EMUNGE_SUCCESS;

	if (req->ttl_s > 0)
		e = munge_ctx_set(ctx, MUNGE_OPT_TTL, req->ttl_s);
	if (!e && req->for_uid != (uid_t)-1)
		e = munge_ctx_set(ctx, MUNGE_OPT_UID_RESTRICTION, req->for_uid);
	if (!e && req->for_gid != (gid_t)-1)
		e = munge_ctx_set(ctx, MUNGE_OPT_GID_RESTRICTION, req->for_gid);
	return e;
}

static psec_code_t munge_create(void *state, const psec_cred_request_t *req,
				void **cred, size_t *len, psec_error_t *err)
{
	const munge_state_t *st = state;
	munge_ctx_t ctx = NULL;
	munge_err_t e;
	psec_code_t rc;
	char *text = NULL;

	rc = ctx_create(st, &ctx, err);
	if (rc)
		return rc;
	e = ctx_restrict(ctx, req);
	if (!e)
		e = munge_encode(&text, ctx, req->payload,
				 (int)req->payload_len);
	if (e) {
		rc = munge_failed(st, ctx, e, err);
	} else {
		*cred = text;
		*len = strlen(text);
	}
	munge_ctx_destroy(ctx);
	return rc;
}

/* The 6 bits that C stands for in base64, or -1. */
static int base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = memchr(digits, c, sizeof(digits) - 1);

	return at ? (int)(at - digits) : -1;
}

/* Without branches: a credential has hundreds of digits, in no order. */
static bool is_base64_digit(unsigned char c)
{
	return ((c | 0x20U) - 'a' < 26U) | (c - (unsigned)'0' < 10U) |
	       (c == '+') | (c == '/');
}

/* Base64 as an encoder writes it: no blanks, no spare bits set. */
static bool is_canonical_base64(const char *text, size_t len)
{
	size_t i, pad = 0;
	bool ok = len % 4 == 0;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	for (i = 0; i < len - pad; i++)
		ok &= is_base64_digit((unsigned char)text[i]);
	/* One '=' leaves 2 bits of the last digit without use, two leave 4. */
	return ok && (pad == 0 ||
		      base64_value(text[len - pad - 1]) % (1 << 2 * pad) == 0);
}

static psec_code_t misshapen(const char *why, psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_MALFORMED,
			 "this is no MUNGE credential: %s", why);
}

/*
 * munge_decode() wants a string, skips blanks before and inside it, ignores
 * what follows its final colon and the spare bits of base64 (tried with
 * 0.5.15: "MUNGE:...:ABC" is accepted).  Here a credential has one form only.
 */
static psec_code_t check_shape(const char *cred, size_t *len, psec_error_t *err)
{
	const size_t prefix = sizeof(PREFIX) - 1;
	size_t n = *len;

	/* libpmix's psec/munge counts the terminator. */
	if (n > 0 && cred[n - 1] == '\0')
		n--;
	if (memchr(cred, '\0', n))
		return misshapen("it has a NUL inside", err);
	if (n <= prefix || memcmp(cred, PREFIX, prefix) != 0)
		return misshapen("it does not begin with '" PREFIX "'", err);
	if (cred[n - 1] != SUFFIX)
		return misshapen("it does not end with ':'", err);
	if (!is_canonical_base64(cred + prefix, n - prefix - 1))
		return misshapen("between its colons is no plain base64", err);
	*len = n;
	return PSEC_OK;
}

/* When it was issued and expires, and for whom it is, by the decoded CTX. */
static munge_err_t read_limits(munge_ctx_t ctx, psec_cred_info_t *info)
{
	munge_err_t e;
	time_t issued = 0;
	int ttl_s = 0;

	e = munge_ctx_get(ctx, MUNGE_OPT_ENCODE_TIME, &issued);
	if (!e)
		e = munge_ctx_get(ctx, MUNGE_OPT_TTL, &ttl_s);
	/* MUNGE's word for anybody is -1, too. */
	if (!e)
		e = munge_ctx_get(ctx, MUNGE_OPT_UID_RESTRICTION,
				  &info->for_uid);
	if (!e)
		e = munge_ctx_get(ctx, MUNGE_OPT_GID_RESTRICTION,
				  &info->for_gid);
	if (!e) {
		info->issued_s = issued;
		info->expires_s = (int64_t)issued + ttl_s;
	}
	return e;
}

/*
 * Decode TEXT with CTX.  munge_decode() hands out payload, uid and gid of
 * expired, early and replayed credentials too: the caller drops INFO then.
 */
static munge_err_t decode(munge_ctx_t ctx, const char *text,
			  psec_cred_info_t *info)
{
	munge_err_t e;
	void *payload = NULL;
	int payload_len = 0;

	e = munge_decode(text, ctx, &payload, &payload_len, &info->uid,
			 &info->gid);
	info->payload = payload;
	info->payload_len = payload ? (size_t)payload_len : 0;
	if (!e)
		e = read_limits(ctx, info);
	return e;
}

/* Validate; *CIPHER tells how the payload was encrypted. */
static psec_code_t validate(const munge_state_t *st, const void *cred,
			    size_t len, psec_cred_info_t *info, int *cipher,
			    psec_error_t *err)
{
	munge_ctx_t ctx = NULL;
	char *text = NULL;
	munge_err_t e;
	psec_code_t rc;

	rc = check_shape(cred, &len, err);
	if (rc)
		return rc;
	text = strndup(cred, len);
	if (!text)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a credential of %zu bytes",
				 len);
	rc = ctx_create(st, &ctx, err);
	if (rc)
		goto out;
	e = decode(ctx, text, info);
	if (!e)
		e = munge_ctx_get(ctx, MUNGE_OPT_CIPHER_TYPE, cipher);
	if (e)
		rc = munge_failed(st, ctx, e, err);
out:
	munge_ctx_destroy(ctx);
	free(text);
	return rc;
}

static psec_code_t munge_validate(void *state, const void *cred, size_t len,
				  psec_cred_info_t *info, psec_error_t *err)
{
	int cipher;

	return validate(state, cred, len, info, &cipher, err);
}

static psec_code_t munge_prove(void *state, int fd,
			       const psec_cred_request_t *req, void **proof,
			       size_t *len, psec_error_t *err)
{
	return munge_create(state, req, proof, len, err);
}

/* A proof carries a key share, so it must have been encrypted. */
static psec_code_t munge_check(void *state, int fd, const void *proof,
			       size_t len, psec_cred_info_t *info,
			       psec_error_t *err)
{
	int cipher = MUNGE_CIPHER_NONE;
	psec_code_t rc;

	rc = validate(state, proof, len, info, &cipher, err);
	if (!rc && cipher == MUNGE_CIPHER_NONE)
		rc = psec_fail(err, PSEC_ERR_MISMATCH,
			       "the peer's MUNGE credential is not encrypted, "
			       "so it cannot carry a key: its munged has no "
			       "default cipher");
	return rc;
}

/*
 * Only making a credential shows that munged answers; a socket may be there
 * without.  Nobody gets to see it, and nobody else could use it.
 */
static psec_code_t munge_probe(void *state, psec_error_t *err)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	void *cred = NULL;
	size_t len = 0;
	psec_code_t rc;

	req.ttl_s = 1;
	req.for_uid = geteuid();
	rc = munge_create(state, &req, &cred, &len, err);
	free(cred);
	return rc;
}

static void munge_close(void *state)
{
	munge_state_t *st = state;
	int saved = errno;

	if (!st)
		return;
	free(st->socket);
	free(st);
	errno = saved;
}

static psec_code_t munge_open(void **state, const psec_options_t *opt,
			      psec_error_t *err)
{
	munge_state_t *st;

	st = calloc(1, sizeof(*st));
	if (!st)
		goto nomem;
	if (opt->munge_socket) {
		st->socket = strdup(opt->munge_socket);
		if (!st->socket)
			goto nomem;
	}
	*state = st;
	return PSEC_OK;

nomem:
	munge_close(st);
	return psec_fail(err, PSEC_ERR_NOMEM, "no memory for mechanism munge");
}

const psec_mech_t psec_mechanism = {
	.interface = PSEC_MECH_INTERFACE,
	.name = "munge",
	.priority = 80,
	.proves = "the issuer's uid and gid, to all who have the cluster's key",
	.secret_payload = true,
	.open = munge_open,
	.close = munge_close,
	.probe = munge_probe,
	.cred_create = munge_create,
	.cred_validate = munge_validate,
	.prove = munge_prove,
	.check = munge_check,
};
