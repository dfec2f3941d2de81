/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec_native.c - what the kernel says about the other end of a socket; and
 * credentials for those who share a key, in native_cred.c.
 *
 * Proves, in a handshake:
 *   - over a unix socket: the uid and gid of the process that connected it,
 *     listened on it or made the pair (SO_PEERCRED, taken by the kernel at
 *     that moment);
 *   - over loopback TCP: the uid of the process that made or accepted the
 *     peer's socket (sock_diag).  The kernel knows no gid of it.
 * Any other connection is refused: libpmix's psec of this name believes what
 * the peer states there.  Nothing that the peer says of itself is believed.
 *
 * Does not prove: that this process still is the one at the other end, as
 * descriptors can be handed on; who is behind a program that forwards bytes,
 * such as a tunnel: the tunnel is the other end.
 *
 * Proofs are not encrypted.  Only the kernel sees them, but the payload is
 * not called secret, and no key agreed on, because a descriptor may have more
 * holders than the two ends think.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "native_cred.h"
#include "psec_mech.h"

/* Who is at the other end. */
typedef struct {
	uid_t uid;
	gid_t gid; /* (gid_t)-1: not known */
} native_peer_t;

static psec_code_t unix_peer(int fd, native_peer_t *peer, psec_error_t *err)
{
	struct ucred cred = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native cannot learn who is at the other end "
				 "of descriptor %d: %s",
				 fd, strerror(errno));
	/* The kernel's answer for a socket that has no other end. */
	if (cred.uid == (uid_t)-1 || cred.gid == (gid_t)-1)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native cannot learn who is at the other end "
				 "of descriptor %d: it is not connected",
				 fd);
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	return PSEC_OK;
}

static psec_code_t tcp_peer(int fd, native_peer_t *peer, psec_error_t *err)
{
	psec_error_t why;
	psec_code_t rc = psec_peer_uid(fd, &peer->uid, &why);

	if (rc)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native proves who the peer is over unix "
				 "sockets and loopback TCP only, and not that "
				 "of descriptor %d: %.200s",
				 fd, why.text);
	peer->gid = (gid_t)-1;
	return PSEC_OK;
}

/* Who is at the other end of FD?  One family per case. */
static psec_code_t socket_peer(int fd, native_peer_t *peer, psec_error_t *err)
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
	case AF_INET:
	case AF_INET6:
		return tcp_peer(fd, peer, err);
	default:
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "native proves who the peer is over unix "
				 "sockets and loopback TCP only, but "
				 "descriptor %d has address family %d",
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
	native_peer_t peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	psec_code_t rc;

	rc = socket_peer(fd, &peer, err);
	if (rc)
		return rc;
	if ((req->for_uid != (uid_t)-1 && req->for_uid != peer.uid) ||
	    (req->for_gid != (gid_t)-1 && req->for_gid != peer.gid))
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the peer has uid %d and gid %d (-1: not "
				 "known), but the proof is for uid %d and gid "
				 "%d (-1: any)",
				 (int)peer.uid, (int)peer.gid,
				 (int)req->for_uid, (int)req->for_gid);
	rc = copy_bytes(proof, req->payload, req->payload_len, err);
	if (!rc)
		*len = req->payload_len;
	return rc;
}

static psec_code_t native_check(void *state, int fd, const void *proof,
				size_t len, psec_cred_info_t *info,
				psec_error_t *err)
{
	native_peer_t peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
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

static psec_code_t native_create(void *state, const psec_cred_request_t *req,
				 void **cred, size_t *len, psec_error_t *err)
{
	return native_cred_create(state, req, cred, len, err);
}

static psec_code_t native_validate(void *state, const void *cred, size_t len,
				   psec_cred_info_t *info, psec_error_t *err)
{
	return native_cred_validate(state, cred, len, info, err);
}

/* The kernel always answers. */
static psec_code_t native_probe(void *state, psec_error_t *err)
{
	return PSEC_OK;
}

static void native_close(void *state)
{
	native_cred_close(state);
}

static psec_code_t native_open(void **state, const psec_options_t *opt,
			       psec_error_t *err)
{
	native_cred_t *nc = NULL;
	psec_code_t rc = native_cred_open(&nc, opt, err);

	if (!rc)
		*state = nc;
	return rc;
}

const psec_mech_t psec_mechanism = {
	.interface = PSEC_MECH_INTERFACE,
	.name = "native",
	.priority = 10,
	.proves = "the uid at the other end of a unix socket (its gid, too) or "
		  "of loopback TCP",
	.secret_payload = false,
	.open = native_open,
	.close = native_close,
	.probe = native_probe,
	.cred_create = native_create,
	.cred_validate = native_validate,
	.prove = native_prove,
	.check = native_check,
};
