/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_proof.c - what the two ends of a handshake prove to each other.
 *
 * A proof is a credential of the chosen mechanism.  Its payload is a
 * statement, which says for whom, in which handshake and for which purpose it
 * was made and is compared byte by byte, and secrets, which only the peer
 * learns.  See doc/handshake-format.md.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "handshake_private.h"

/* Keeps a proof apart from every other credential of the mechanism. */
#define LABEL	  "psec-handshake-1"
#define LABEL_LEN (sizeof(LABEL) - 1)

/* client: share; server: share, the client's share again, token */
#define CLIENT_SECRETS_LEN PSEC_KEY_LEN
#define SERVER_SECRETS_LEN (2 * PSEC_KEY_LEN + HS_TOKEN_LEN)

#define PAYLOAD_MAX                                                            \
	(LABEL_LEN + 1 + 2 + HS_HELLO_MAX + 2 + HS_CHALLENGE_LEN + 2 +         \
	 PSEC_BINDING_MAX + SERVER_SECRETS_LEN)

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

static psec_role_t peer_role(const psec_handshake_t *hs)
{
	return hs->role == PSEC_CLIENT ? PSEC_SERVER : PSEC_CLIENT;
}

static const char *role_name(psec_role_t role)
{
	return role == PSEC_CLIENT ? "client" : "server";
}

/* Write what the end with ROLE states. */
static void put_statement(const psec_handshake_t *hs, psec_role_t role,
			  uint8_t **pos)
{
	hs_put_bytes(pos, LABEL, LABEL_LEN);
	*(*pos)++ = (uint8_t)role;
	hs_put_u16(pos, hs->hello_len);
	hs_put_bytes(pos, hs->hello, hs->hello_len);
	hs_put_u16(pos, sizeof(hs->challenge));
	hs_put_bytes(pos, hs->challenge, sizeof(hs->challenge));
	hs_put_u16(pos, hs->binding_len);
	hs_put_bytes(pos, hs->binding, hs->binding_len);
}

static void put_secrets(const psec_handshake_t *hs, uint8_t **pos)
{
	hs_put_bytes(pos, hs->own_share, sizeof(hs->own_share));
	if (hs->role == PSEC_CLIENT)
		return;
	hs_put_bytes(pos, hs->peer_share, sizeof(hs->peer_share));
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
	psec_code_t rc;

	rc = hs_random(hs->own_share, sizeof(hs->own_share), err);
	if (!rc && hs->role == PSEC_SERVER)
		rc = hs_random(hs->token, sizeof(hs->token), err);
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

	rc = make_secrets(hs, err);
	if (rc)
		return rc;
	put_statement(hs, hs->role, &end);
	put_secrets(hs, &end);
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
	hs_frame_make(&hs->out, HS_PROOF, proof, len);
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

/* Take the peer's statement off R: one step per thing stated. */
static psec_code_t check_statement(const psec_handshake_t *hs, hs_reader_t *r,
				   psec_error_t *err)
{
	size_t role;

	if (!take_same(r, LABEL, LABEL_LEN))
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the peer sent a valid %s credential that is "
				 "no proof of a handshake",
				 hs->mech->name);
	if (!hs_take_u8(r, &role) || role != (size_t)peer_role(hs))
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the peer's proof is not that of a %s: it was "
				 "sent back to its maker",
				 role_name(peer_role(hs)));
	if (!take_same_sized(r, hs->hello, hs->hello_len) ||
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

static psec_code_t take_secrets(psec_handshake_t *hs, hs_reader_t *r,
				psec_error_t *err)
{
	const uint8_t *share, *token = NULL;
	bool ok;

	ok = hs_take_bytes(r, &share, PSEC_KEY_LEN);
	if (hs->role == PSEC_CLIENT)
		ok = ok && take_same(r, hs->own_share, PSEC_KEY_LEN) &&
		     hs_take_bytes(r, &token, HS_TOKEN_LEN);
	if (!ok || r->left > 0)
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the secrets in the peer's proof do not "
				 "belong to this handshake");
	memcpy(hs->peer_share, share, PSEC_KEY_LEN);
	if (token)
		memcpy(hs->token, token, HS_TOKEN_LEN);
	return PSEC_OK;
}

static psec_code_t check_peer(const psec_handshake_t *hs,
			      const psec_cred_info_t *info, psec_error_t *err)
{
	if (hs->expect_uid == (uid_t)-1 || hs->expect_uid == info->uid)
		return PSEC_OK;
	return psec_fail(err, PSEC_ERR_MISMATCH,
			 "the peer has uid %u, but uid %u is expected",
			 info->uid, hs->expect_uid);
}

psec_code_t hs_check(psec_handshake_t *hs, psec_error_t *err)
{
	psec_cred_info_t info = { .payload = NULL };
	hs_reader_t r;
	psec_code_t rc;

	rc = mech_check(hs, hs_frame_body(&hs->in), &info, err);
	if (rc)
		goto out;
	r = (hs_reader_t){ .pos = info.payload, .left = info.payload_len };
	rc = check_peer(hs, &info, err);
	if (!rc)
		rc = check_statement(hs, &r, err);
	if (!rc)
		rc = take_secrets(hs, &r, err);
	if (rc)
		goto out;
	hs->peer_uid = info.uid;
	hs->peer_gid = info.gid;
out:
	cred_info_clear(&info);
	return rc;
}
