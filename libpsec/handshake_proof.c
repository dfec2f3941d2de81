/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_proof.c - what the two ends of a handshake prove to each other.
 *
 * A proof is a credential of the chosen mechanism.  Its payload is a
 * statement, which says for whom, in which handshake and for which purpose it
 * was made and is compared byte by byte, and secrets, which only the peer
 * learns.
 *
 * Who knows the server's uid, and has a mechanism that lets this uid alone
 * read a payload, seals its proof: the server then needs no credential of its
 * own, as to send back a secret from the sealed proof shows as much.  See
 * doc/handshake-format.md.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "handshake_private.h"

/* Keeps a proof apart from every other credential of the mechanism. */
#define LABEL	  "psec-handshake-1"
#define LABEL_LEN (sizeof(LABEL) - 1)

/* Whose proof it is, and what for; wire numbers. */
typedef enum {
	KIND_CLIENT = 1, /* the server answers with a proof of its own */
	KIND_SERVER = 2,
	KIND_SEALED = 3 /* a client's, the server answers with its token */
} proof_kind_t;

/* A server's: its share, the client's share again, token. */
#define SECRETS_MAX (2 * PSEC_KEY_LEN + HS_TOKEN_LEN)

#define PAYLOAD_MAX                                                            \
	(LABEL_LEN + 1 + 1 + PSEC_NAME_MAX + 2 + HS_HELLO_MAX + 2 +            \
	 HS_NONCE_LEN + 2 + PSEC_BINDING_MAX + SECRETS_MAX)

const char *hs_role_name(psec_role_t role)
{
	switch (role) {
	case PSEC_CLIENT:
		return "client";
	case PSEC_TOOL:
		return "tool";
	case PSEC_LEGACY:
		return "legacy client";
	default:
		return "server";
	}
}

psec_code_t hs_random(void *buf, size_t len, psec_error_t *err)
{
	uint8_t *pos = buf;
	ssize_t n;

	while (len > 0) {
		n = getrandom(pos, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return psec_fail(err, PSEC_ERR_IO,
					 "no random numbers: %s",
					 strerror(errno));
		pos += n;
		len -= (size_t)n;
	}
	return PSEC_OK;
}

/* The kind of the own proof. */
static proof_kind_t own_kind(const psec_handshake_t *hs)
{
	if (hs->role == PSEC_SERVER)
		return KIND_SERVER;
	return hs->sealed ? KIND_SEALED : KIND_CLIENT;
}

/* Write what a proof of KIND states. */
static void put_statement(const psec_handshake_t *hs, proof_kind_t kind,
			  uint8_t **pos)
{
	const char *mech = hs->mech->name;
	size_t mech_len = strlen(mech);

	hs_put_bytes(pos, LABEL, LABEL_LEN);
	*(*pos)++ = (uint8_t)kind;
	*(*pos)++ = (uint8_t)mech_len;
	hs_put_bytes(pos, mech, mech_len);
	hs_put_u16(pos, hs->hello_len);
	hs_put_bytes(pos, hs->hello, hs->hello_len);
	hs_put_u16(pos, sizeof(hs->challenge));
	hs_put_bytes(pos, hs->challenge, sizeof(hs->challenge));
	hs_put_u16(pos, hs->binding_len);
	hs_put_bytes(pos, hs->binding, hs->binding_len);
}

static void put_secrets(const psec_handshake_t *hs, proof_kind_t kind,
			uint8_t **pos)
{
	hs_put_bytes(pos, hs->own_share, sizeof(hs->own_share));
	if (kind == KIND_SERVER)
		hs_put_bytes(pos, hs->peer_share, sizeof(hs->peer_share));
	if (kind != KIND_CLIENT)
		hs_put_bytes(pos, hs->token, sizeof(hs->token));
}

static psec_code_t mech_prove(const psec_handshake_t *hs,
			      const psec_cred_request_t *req, void **proof,
			      size_t *len, psec_error_t *err)
{
	const mech_t *m = hs->mech;

	if (m->vt->prove)
		return m->vt->prove(m->state, hs->fd, req, proof, len, err);
	return m->vt->cred_create(m->state, req, proof, len, err);
}

static psec_code_t mech_check(const psec_handshake_t *hs, hs_reader_t proof,
			      psec_cred_info_t *info, psec_error_t *err)
{
	const mech_t *m = hs->mech;

	if (m->vt->check)
		return m->vt->check(m->state, hs->fd, proof.pos, proof.left,
				    info, err);
	return m->vt->cred_validate(m->state, proof.pos, proof.left, info, err);
}

/*
 * Whom the own proof is for.  The server knows its client by now; to make the
 * client alone read the server's share keeps the key secret even where the
 * client, who accepts any server, has told its own share to all.
 */
static uid_t audience(const psec_handshake_t *hs)
{
	return hs->role == PSEC_SERVER ? hs->peer_uid : hs->expect_uid;
}

static psec_code_t make_secrets(psec_handshake_t *hs, psec_error_t *err)
{
	uint8_t bytes[PSEC_KEY_LEN + HS_TOKEN_LEN];
	psec_code_t rc = hs_random(bytes, sizeof(bytes), err);

	memcpy(hs->own_share, bytes, PSEC_KEY_LEN);
	memcpy(hs->token, bytes + PSEC_KEY_LEN, HS_TOKEN_LEN);
	explicit_bzero(bytes, sizeof(bytes));
	return rc;
}

psec_code_t hs_prove(psec_handshake_t *hs, psec_error_t *err)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	uint8_t payload[PAYLOAD_MAX];
	uint8_t *end = payload;
	void *proof = NULL;
	size_t len = 0;
	psec_code_t rc;

	hs->sealed = hs->role != PSEC_SERVER && hs->mech->vt->secret_payload &&
		     hs->expect_uid != (uid_t)-1;
	rc = make_secrets(hs, err);
	if (rc)
		return rc;
	put_statement(hs, own_kind(hs), &end);
	put_secrets(hs, own_kind(hs), &end);
	req.payload = payload;
	req.payload_len = (size_t)(end - payload);
	req.for_uid = audience(hs);
	rc = mech_prove(hs, &req, &proof, &len, err);
	if (rc)
		goto out;
	if (len == 0 || len > HS_BODY_MAX) {
		rc = psec_fail(
			err, PSEC_ERR_TOO_BIG,
			"mechanism %s made a proof of %zu bytes; 1 to %d "
			"are allowed",
			hs->mech->name, len, HS_BODY_MAX);
		goto out;
	}
	hs_out_add(&hs->out, HS_PROOF, proof, len);
out:
	free(proof);
	explicit_bzero(payload, sizeof(payload));
	return rc;
}

/* Take LEN expected bytes; false: others, or too few. */
static bool take_same(hs_reader_t *r, const void *expected, size_t len)
{
	const uint8_t *bytes;

	return hs_take_bytes(r, &bytes, len) &&
	       (len == 0 || memcmp(bytes, expected, len) == 0);
}

static bool take_same_sized(hs_reader_t *r, const void *expected, size_t len)
{
	size_t found;

	return hs_take_u16(r, &found) && found == len &&
	       take_same(r, expected, len);
}

/* A legacy peer may speak anything but what the server has to take. */
static psec_code_t other_mechanism(const psec_handshake_t *hs,
				   psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_NO_MECH,
			 "the legacy client does not speak mechanism '%s', "
			 "which is this server's default",
			 hs->mech->name);
}

static psec_code_t take_label(const psec_handshake_t *hs, hs_reader_t *r,
			      psec_error_t *err)
{
	if (take_same(r, LABEL, LABEL_LEN))
		return PSEC_OK;
	if (hs->peer_role == PSEC_LEGACY)
		return other_mechanism(hs, err);
	return psec_fail(err, PSEC_ERR_MISMATCH,
			 "the peer sent a valid %s credential that is no proof "
			 "of a handshake",
			 hs->mech->name);
}

/* Which kinds may come: a server's to a client, a client's to a server. */
static psec_code_t take_kind(const psec_handshake_t *hs, hs_reader_t *r,
			     proof_kind_t *kind, psec_error_t *err)
{
	size_t value;

	if (!hs_take_u8(r, &value) || value < KIND_CLIENT ||
	    value > KIND_SEALED ||
	    (value == KIND_SERVER) == (hs->role == PSEC_SERVER))
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the peer's proof is not that of a %s: it was "
				 "sent back to its maker",
				 hs_role_name(hs->peer_role));
	*kind = (proof_kind_t)value;
	return PSEC_OK;
}

/*
 * A sealed proof makes the server believe that its secrets are secret, which
 * is so only where the mechanism can keep them and was told to.
 */
static psec_code_t check_seal(const psec_handshake_t *hs, proof_kind_t kind,
			      const psec_cred_info_t *info, psec_error_t *err)
{
	if (kind != KIND_SEALED ||
	    (hs->mech->vt->secret_payload && info->for_uid != (uid_t)-1))
		return PSEC_OK;
	return psec_fail(err, PSEC_ERR_MISMATCH,
			 "the peer's proof holds the secrets of a sealed one, "
			 "but anybody may read it");
}

/* Take the rest of the statement off R: one step per thing stated. */
static psec_code_t check_statement(const psec_handshake_t *hs, hs_reader_t *r,
				   psec_error_t *err)
{
	const char *mech = hs->mech->name;
	size_t mech_len;

	if (!hs_take_u8(r, &mech_len) || mech_len != strlen(mech) ||
	    !take_same(r, mech, mech_len) ||
	    !take_same_sized(r, hs->hello, hs->hello_len) ||
	    !take_same_sized(r, hs->challenge, sizeof(hs->challenge)))
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the peer's proof belongs to another "
				 "handshake: it was recorded, or a message was "
				 "altered on the way");
	if (!take_same_sized(r, hs->binding, hs->binding_len))
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the peer's proof is bound to another "
				 "purpose, job or step than this end's");
	return PSEC_OK;
}

static psec_code_t take_secrets(psec_handshake_t *hs, proof_kind_t kind,
				hs_reader_t *r, psec_error_t *err)
{
	const uint8_t *share, *token = NULL;
	bool ok;

	ok = hs_take_bytes(r, &share, PSEC_KEY_LEN);
	if (kind == KIND_SERVER)
		ok = ok && take_same(r, hs->own_share, PSEC_KEY_LEN);
	if (kind != KIND_CLIENT)
		ok = ok && hs_take_bytes(r, &token, HS_TOKEN_LEN);
	if (!ok || r->left > 0)
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the secrets in the peer's proof do not "
				 "belong to this handshake");
	memcpy(hs->peer_share, share, PSEC_KEY_LEN);
	if (token)
		memcpy(hs->token, token, HS_TOKEN_LEN);
	hs->sealed = kind == KIND_SEALED;
	return PSEC_OK;
}

static psec_code_t check_peer(const psec_handshake_t *hs,
			      const psec_cred_info_t *info, psec_error_t *err)
{
	if (info->uid == (uid_t)-1)
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "mechanism %s does not tell the %s's uid",
				 hs->mech->name, hs_role_name(hs->peer_role));
	if (hs->expect_uid == (uid_t)-1 || hs->expect_uid == info->uid)
		return PSEC_OK;
	return psec_fail(err, PSEC_ERR_MISMATCH,
			 "the %s has uid %u, but uid %u is expected",
			 hs_role_name(hs->peer_role), info->uid,
			 hs->expect_uid);
}

/* The ladder: whose proof, what for, in which handshake; then the secrets. */
static psec_code_t check_payload(psec_handshake_t *hs,
				 const psec_cred_info_t *info,
				 psec_error_t *err)
{
	hs_reader_t r = { .pos = info->payload, .left = info->payload_len };
	proof_kind_t kind = KIND_CLIENT;
	psec_code_t rc;

	rc = check_peer(hs, info, err);
	if (!rc)
		rc = take_label(hs, &r, err);
	if (!rc)
		rc = take_kind(hs, &r, &kind, err);
	if (!rc)
		rc = check_seal(hs, kind, info, err);
	if (!rc)
		rc = check_statement(hs, &r, err);
	if (!rc)
		rc = take_secrets(hs, kind, &r, err);
	return rc;
}

psec_code_t hs_check(psec_handshake_t *hs, psec_error_t *err)
{
	psec_cred_info_t info;
	psec_code_t rc;

	cred_info_init(&info);
	rc = mech_check(hs, hs_frame_body(&hs->in), &info, err);
	if (!rc) {
		rc = check_payload(hs, &info, err);
	} else if (rc == PSEC_ERR_MALFORMED && hs->peer_role == PSEC_LEGACY) {
		rc = other_mechanism(hs, err);
	}
	if (!rc) {
		hs->peer_uid = info.uid;
		hs->peer_gid = info.gid;
	}
	cred_info_clear(&info);
	return rc;
}

psec_code_t hs_check_confirm(psec_handshake_t *hs, psec_error_t *err)
{
	hs_reader_t body = hs_frame_body(&hs->in);
	unsigned diff = 0;
	size_t i;

	for (i = 0; i < HS_TOKEN_LEN; i++)
		diff |= hs->token[i] ^ body.pos[i];
	if (diff != 0)
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the %s's CONFIRM does not show that it has "
				 "read our proof",
				 hs_role_name(hs->peer_role));
	if (hs->sealed) {
		hs->peer_uid = hs->expect_uid;
		hs->peer_gid = (gid_t)-1;
	}
	return PSEC_OK;
}
