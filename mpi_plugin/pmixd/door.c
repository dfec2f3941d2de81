/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * door.c - who may connect to libpmix's port: processes of the step's user.
 *
 * libpmix listens on loopback TCP, where every user of the node can connect,
 * and its code that greets a newcomer trusts what he says of himself: up to
 * 6.1 "native" believes his uid, and a refused newcomer leaves freed memory
 * behind.  So strangers must not get as far as that code.  libpmix offers no
 * hook there; but it calls accept(2), and a program's own accept() comes
 * before the C library's.  Ours asks the kernel who has connected.
 *
 * Nothing else in this process calls accept(): our own listeners use
 * accept4() and authenticate with libpsec.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "door.h"
#include "log.h"
#include "lograte.h"
#include "psec.h"

/* Only libpmix's one listening thread gets here. */
static lograte_t rate;
static atomic_ulong refused;
static atomic_bool in_use;

/* Where door_test() comes from, in network order; 0: it does not. */
static atomic_uint knocking_port;

#define KNOCK_MS 10000 /* a busy node */

bool door_in_use(void)
{
	return atomic_load(&in_use);
}

unsigned long door_refused(void)
{
	return atomic_load(&refused);
}

/* glibc's prototype takes any kind of address under _GNU_SOURCE. */
#ifndef __GLIBC__
#define __SOCKADDR_ARG struct sockaddr *restrict
#endif

static void refuse(int fd, const char *who)
{
	unsigned long n = atomic_fetch_add(&refused, 1) + 1;

	close(fd);
	if (lograte_ok(&rate, "connections were refused"))
		plog_info("a connection to the PMIx server was refused: %s "
			  "(%lu in all)",
			  who, n);
}

typedef union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
} address_t;

static in_port_t port_of(const address_t *addr)
{
	return addr->any.sa_family == AF_INET6 ? addr->in6.sin6_port
					       : addr->in.sin_port;
}

static bool is_knock(int conn)
{
	unsigned port = atomic_load(&knocking_port);
	address_t peer = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);

	return port && getpeername(conn, &peer.any, &len) == 0 &&
	       port_of(&peer) == port;
}

__attribute__((visibility("default"))) int accept(int fd, __SOCKADDR_ARG addr,
						  socklen_t *restrict len)
{
	char who[PSEC_ERROR_TEXT_MAX];
	psec_error_t err;
	uid_t uid = 0;
	int conn = accept4(fd, addr, len, SOCK_CLOEXEC);

	if (conn < 0) {
		if (errno == ECONNABORTED)
			errno = EAGAIN;
		return conn;
	}
	atomic_store(&in_use, true);
	if (is_knock(conn)) {
		close(conn);
	} else if (psec_peer_uid(conn, &uid, &err) == PSEC_OK) {
		if (uid == geteuid())
			return conn;
		snprintf(who, sizeof(who),
			 "it comes from a process of uid %u, and the step is "
			 "of uid %u",
			 (unsigned)uid, (unsigned)geteuid());
		refuse(conn, who);
	} else {
		refuse(conn, err.text);
	}
	/*
	 * As if nobody were there.  It is the one error after which every
	 * libpmix goes on: 4.2 stops listening after EINTR, and 5.0 and 6.0
	 * close their socket after ECONNABORTED.
	 */
	errno = EAGAIN;
	return -1;
}

/* libpmix's own notation: "NAME;tcp4://ADDRESS:PORT", or tcp6. */
static bool read_uri(const char *uri, address_t *addr, socklen_t *len)
{
	char host[INET6_ADDRSTRLEN];
	const char *start = strstr(uri, "tcp"), *colon = strrchr(uri, ':');
	long port = colon ? strtol(colon + 1, NULL, 10) : 0;
	size_t n;

	if (!start || !start[3] || strncmp(start + 4, "://", 3) != 0 ||
	    port < 1 || port > UINT16_MAX || colon < start + 7)
		return false;
	n = (size_t)(colon - start) - 7;
	if (n >= sizeof(host))
		return false;
	memcpy(host, start + 7, n);
	host[n] = '\0';
	memset(addr, 0, sizeof(*addr));
	if (start[3] == '6') {
		addr->in6.sin6_family = AF_INET6;
		addr->in6.sin6_port = htons((uint16_t)port);
		*len = sizeof(addr->in6);
		return inet_pton(AF_INET6, host, &addr->in6.sin6_addr) == 1;
	}
	addr->in.sin_family = AF_INET;
	addr->in.sin_port = htons((uint16_t)port);
	*len = sizeof(addr->in);
	return inet_pton(AF_INET, host, &addr->in.sin_addr) == 1;
}

/* accept() must know our port before it sees us, hence bind(). */
static int knock(int fd, const address_t *to, socklen_t len)
{
	address_t from = *to;

	if (from.any.sa_family == AF_INET6)
		from.in6.sin6_port = 0;
	else
		from.in.sin_port = 0;
	if (bind(fd, &from.any, len) != 0 ||
	    getsockname(fd, &from.any, &len) != 0)
		return -1;
	atomic_store(&knocking_port, port_of(&from));
	return connect(fd, &to->any, len);
}

bool door_test(const char *uri)
{
	address_t to;
	socklen_t len;
	struct pollfd pfd = { .events = POLLIN };

	if (!read_uri(uri, &to, &len))
		return false;
	pfd.fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (pfd.fd < 0)
		return false;
	/* accept() hangs up at once; libpmix would wait for a greeting. */
	if (knock(pfd.fd, &to, len) == 0)
		while (poll(&pfd, 1, KNOCK_MS) < 0 && errno == EINTR)
			;
	atomic_store(&knocking_port, 0);
	close(pfd.fd);
	return door_in_use();
}
