/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec_native.c - what the kernel says about the other end of a socket.
 *
 * Proves, in a handshake over a unix socket: the uid and gid of the process
 * that connected it, listened on it or made the pair (SO_PEERCRED, taken by
 * the kernel at that moment).
 *
 * Does not prove: that this process still is the one at the other end, as
 * descriptors can be handed on; anything over TCP, where libpmix's psec of
 * this name believes what the peer states.  Here it is refused.
 *
 * Its credentials would be keyed hashes under a key that only the step's
 * servers have.  Without that key there is no honest one, so none is made.
 *
 * Proofs are not encrypted.  Only the kernel sees them, but the payload is
 * not called secret, and no key agreed on, because a descriptor may have more
 * holders than the two ends think.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "psec_mech.h"

static psec_code_t unix_peer(int fd, struct ucred *peer, psec_error_t *err)
{
	socklen_t len = sizeof(*peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) != 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native cannot learn who is at the other end "
				 "of descriptor %d: %s",
				 fd, strerror(errno));
	/* The kernel's answer for a socket that has no other end. */
	if (peer->uid == (uid_t)-1 || peer->gid == (gid_t)-1)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native cannot learn who is at the other end "
				 "of descriptor %d: it is not connected",
				 fd);
	return PSEC_OK;
}

/*
 * Who is at the other end of FD?  One family per case; loopback TCP, whose
 * owner sock_diag(7) knows, has its place here.
 */
static psec_code_t socket_peer(int fd, struct ucred *peer, psec_error_t *err)
{
	int domain = -1;
	socklen_t len = sizeof(domain);

	if (fd < 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native asks the kernel about the socket to "
				 "the peer, but was not told which it is");
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native cannot learn who is at the other end "
				 "of descriptor %d: %s",
				 fd, strerror(errno));
	switch (domain) {
	case AF_UNIX:
		return unix_peer(fd, peer, err);
	default:
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native proves who the peer is over unix "
				 "sockets only, but descriptor %d has address "
				 "family %d",
				 fd, domain);
	}
}

/* A terminated copy of the LEN bytes at SRC. */
static psec_code_t copy_bytes(void **dst, const void *src, size_t len,
			      psec_error_t *err)
{
	uint8_t *copy;

	copy = malloc(len + 1);
	if (!copy)
		return psec_fail(err, PSEC_ERR_NOMEM,
				 "no memory for a proof of %zu bytes", len);
	if (len > 0)
		memcpy(copy, src, len);
	copy[len] = '\0';
	*dst = copy;
	return PSEC_OK;
}

/*
 * The proof is the bare payload: the kernel speaks for its sender.  It can't
 * be restricted afterwards, so the restriction is checked before.
 */
static psec_code_t native_prove(void *state, int fd,
				const psec_cred_request_t *req, void **proof,
				size_t *len, psec_error_t *err)
{
	struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	psec_code_t rc;

	rc = socket_peer(fd, &peer, err);
	if (rc)
		return rc;
	if ((req->for_uid != (uid_t)-1 && req->for_uid != peer.uid) ||
	    (req->for_gid != (gid_t)-1 && req->for_gid != peer.gid))
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the peer has uid %u and gid %u, but the "
				 "proof is for uid %d and gid %d",
				 peer.uid, peer.gid, (int)req->for_uid,
				 (int)req->for_gid);
	rc = copy_bytes(proof, req->payload, req->payload_len, err);
	if (!rc)
		*len = req->payload_len;
	return rc;
}

static psec_code_t native_check(void *state, int fd, const void *proof,
				size_t len, psec_cred_info_t *info,
				psec_error_t *err)
{
	struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	void *payload = NULL;
	psec_code_t rc;

	rc = socket_peer(fd, &peer, err);
	if (!rc)
		rc = copy_bytes(&payload, proof, len, err);
	if (rc)
		return rc;
	info->uid = peer.uid;
	info->gid = peer.gid;
	info->payload = payload;
	info->payload_len = len;
	return PSEC_OK;
}

static psec_code_t no_credentials(psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_UNAVAILABLE,
			 "native credentials need the step's key, which only "
			 "its servers have; native here proves peers of unix "
			 "sockets only");
}

static psec_code_t native_create(void *state, const psec_cred_request_t *req,
				 void **cred, size_t *len, psec_error_t *err)
{
	return no_credentials(err);
}

static psec_code_t native_validate(void *state, const void *cred, size_t len,
				   psec_cred_info_t *info, psec_error_t *err)
{
	return no_credentials(err);
}

/* The kernel always answers. */
static psec_code_t native_probe(void *state, psec_error_t *err)
{
	return PSEC_OK;
}

const psec_mech_t psec_mechanism = {
	.interface = PSEC_MECH_INTERFACE,
	.name = "native",
	.priority = 10,
	.proves = "the uid and gid at the other end of a unix socket",
	.secret_payload = false,
	.probe = native_probe,
	.cred_create = native_create,
	.cred_validate = native_validate,
	.prove = native_prove,
	.check = native_check,
};
