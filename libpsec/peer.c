/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peer.c - whose process is at the other end of a socket, by the kernel's
 * word and not by the peer's.
 *
 * For a connection over loopback TCP both ends are sockets of this kernel,
 * which knows the owner of each: sock_diag(7) tells it for an exact pair of
 * addresses.  Where that module is missing, /proc/net/tcp says the same.
 *
 * A socket that no process has (closed, or not accepted yet) is root's to
 * both.  It has no inode then, and so is told from one that is root's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "psec_private.h"

/* The two ends of a TCP connection, as 128-bit addresses: IPv4 in the last
 * four bytes, as the kernel's tables have them for each family. */
struct ends {
	int family;
	struct in6_addr local, remote;
	in_port_t local_port, remote_port; /* network order */
};

union addr {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static void take_addr(const union addr *from, struct in6_addr *addr,
		      in_port_t *port)
{
	if (from->any.sa_family == AF_INET) {
		memcpy(addr->s6_addr, &from->in.sin_addr, 4);
		*port = from->in.sin_port;
	} else {
		*addr = from->in6.sin6_addr;
		*port = from->in6.sin6_port;
	}
}

/* IPv4 through an IPv6 socket is an IPv4 connection to the kernel. */
static void unmap(struct ends *e)
{
	if (e->family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&e->local) ||
	    !IN6_IS_ADDR_V4MAPPED(&e->remote))
		return;
	e->family = AF_INET;
	memmove(e->local.s6_addr, e->local.s6_addr + 12, 4);
	memmove(e->remote.s6_addr, e->remote.s6_addr + 12, 4);
}

static bool is_loopback(const struct ends *e, const struct in6_addr *addr)
{
	if (e->family == AF_INET)
		return addr->s6_addr[0] == 127;
	return IN6_IS_ADDR_LOOPBACK(addr);
}

static psec_code_t get_ends(int fd, struct ends *e, psec_error_t *err)
{
	union addr local = { .in6 = { 0 } }, remote = { .in6 = { 0 } };
	socklen_t llen = sizeof(local), rlen = sizeof(remote);
	socklen_t plen = sizeof(int);
	int protocol = -1;

	/* Another protocol's ports are not TCP's. */
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &plen) != 0 ||
	    protocol != IPPROTO_TCP)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "the kernel is asked for the owner of TCP "
				 "sockets only, not of protocol %d",
				 protocol);
	if (getsockname(fd, &local.any, &llen) != 0 ||
	    getpeername(fd, &remote.any, &rlen) != 0)
		return psec_fail(err, PSEC_ERR_IO,
				 "a connection has no peer: %s",
				 strerror(errno));
	e->family = local.any.sa_family;
	take_addr(&local, &e->local, &e->local_port);
	take_addr(&remote, &e->remote, &e->remote_port);
	unmap(e);
	if (!is_loopback(e, &e->local) || !is_loopback(e, &e->remote))
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "the kernel knows no owner of a connection "
				 "that is not over loopback");
	return PSEC_OK;
}

/* The peer's socket has our addresses the other way round. */
static void fill_request(const struct ends *e, struct inet_diag_req_v2 *req)
{
	memset(req, 0, sizeof(*req));
	req->sdiag_family = (uint8_t)e->family;
	req->sdiag_protocol = IPPROTO_TCP;
	req->idiag_states = ~0U;
	req->id.idiag_sport = e->remote_port;
	req->id.idiag_dport = e->local_port;
	memcpy(req->id.idiag_src, &e->remote, sizeof(e->remote));
	memcpy(req->id.idiag_dst, &e->local, sizeof(e->local));
	req->id.idiag_cookie[0] = req->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* What the kernel's tables say of a socket. */
struct owner {
	uid_t uid;
	unsigned long inode; /* 0: no process has it */
};

/* 0 and *OWNER; 1: there is no such socket; -1: the kernel cannot be asked. */
static int ask_sock_diag(const struct ends *e, struct owner *owner)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST } };
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} reply;
	const struct inet_diag_msg *msg;
	int fd, rv = -1;
	ssize_t n;

	fill_request(e, &ask.req);
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return -1;
	/* The kernel answers before send() returns; no need to wait. */
	if (send(fd, &ask, sizeof(ask), 0) != (ssize_t)sizeof(ask))
		goto out;
	n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);
	if (n < (ssize_t)sizeof(reply.head))
		goto out;
	if (reply.head.nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *failure = NLMSG_DATA(&reply.head);

		if (n >= (ssize_t)NLMSG_LENGTH(sizeof(*failure)) &&
		    failure->error == -ENOENT)
			rv = 1;
		goto out;
	}
	msg = NLMSG_DATA(&reply.head);
	if (reply.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    n < (ssize_t)NLMSG_LENGTH(sizeof(*msg)))
		goto out;
	owner->uid = msg->idiag_uid;
	owner->inode = msg->idiag_inode;
	rv = 0;
out:
	close(fd);
	return rv;
}

/* An address as /proc/net/tcp and tcp6 print it: words of host order. */
static void print_addr(char *out, size_t size, const struct ends *e,
		       const struct in6_addr *addr, in_port_t port)
{
	uint32_t w[4];

	memcpy(w, addr, sizeof(w));
	if (e->family == AF_INET)
		(void)snprintf(out, size, "%08X:%04X", w[0], ntohs(port));
	else
		(void)snprintf(out, size, "%08X%08X%08X%08X:%04X", w[0], w[1],
			       w[2], w[3], ntohs(port));
}

/* Like ask_sock_diag(). */
static int ask_proc(const struct ends *e, struct owner *owner)
{
	char local[48], remote[48], line[512], a[64], b[64];
	unsigned uid;
	unsigned long inode;
	int rv = 1;
	FILE *in =
		fopen(e->family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6",
		      "re");

	if (!in)
		return -1;
	print_addr(local, sizeof(local), e, &e->remote, e->remote_port);
	print_addr(remote, sizeof(remote), e, &e->local, e->local_port);
	while (rv == 1 && fgets(line, sizeof(line), in)) {
		if (sscanf(line, " %*d: %63s %63s %*s %*s %*s %*s %u %*u %lu",
			   a, b, &uid, &inode) == 4 &&
		    !strcmp(a, local) && !strcmp(b, remote)) {
			owner->uid = uid;
			owner->inode = inode;
			rv = 0;
		}
	}
	(void)fclose(in);
	return rv;
}

static int ask(const struct ends *e, struct owner *owner)
{
	int found = ask_sock_diag(e, owner);

	return found < 0 ? ask_proc(e, owner) : found;
}

static psec_code_t tcp_uid(int fd, uid_t *uid, psec_error_t *err)
{
	struct owner owner = { .uid = (uid_t)-1 };
	struct ends e = { 0 };
	psec_code_t rc = get_ends(fd, &e, err);
	int found;

	if (rc)
		return rc;
	found = ask(&e, &owner);
	/*
	 * The kernel looks for the uid first and then for the inode, and the
	 * socket may be accepted between.  It is accepted once: what has an
	 * inode now and is root's the next time, too, is root's.
	 */
	if (found == 0 && owner.inode != 0 && owner.uid == 0)
		found = ask(&e, &owner);
	if (found < 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "the kernel does not tell the owner of a "
				 "socket: neither sock_diag nor /proc/net/tcp "
				 "is there");
	if (found > 0 || owner.inode == 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "no process has the peer's socket: it was "
				 "closed, or is not accepted yet");
	*uid = owner.uid;
	return PSEC_OK;
}

psec_code_t psec_peer_uid(int fd, uid_t *uid, psec_error_t *err)
{
	struct ucred cred;
	socklen_t len = sizeof(int);
	int domain = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0)
		return psec_fail(err, PSEC_ERR_ARG, "not a socket: %s",
				 strerror(errno));
	if (domain == AF_INET || domain == AF_INET6)
		return tcp_uid(fd, uid, err);
	len = sizeof(cred);
	if (domain != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "the kernel knows no owner of the other end "
				 "of such a socket");
	*uid = cred.uid;
	return PSEC_OK;
}
