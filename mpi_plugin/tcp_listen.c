/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp_listen.c - see tcp_listen.h. */
#include "tcp_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket for IPv6 that takes IPv4 too; where there is no IPv6, for IPv4. */
static int tcp_socket(bool *ipv6)
{
	int fd, off = 0, on = 1;

	fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*ipv6 = fd >= 0;
	if (*ipv6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
				 sizeof(off));
	else
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			    0);
	if (fd >= 0) /* a port of an earlier step may rest in TIME_WAIT */
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}

static int tcp_bind(int fd, bool ipv6, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_ANY_INIT,
				    .sin6_port = htons(port) };
	struct sockaddr_in in4 = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_ANY),
				   .sin_port = htons(port) };

	if (ipv6)
		return bind(fd, (struct sockaddr *)&in6, sizeof(in6));
	return bind(fd, (struct sockaddr *)&in4, sizeof(in4));
}

static int tcp_port(int fd, uint16_t *port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} addr = { .in6 = { 0 } };
	socklen_t len = sizeof(addr);

	if (getsockname(fd, &addr.any, &len))
		return -1;
	*port = ntohs(addr.any.sa_family == AF_INET6 ? addr.in6.sin6_port
						     : addr.in4.sin_port);
	return 0;
}

static int tcp_try(uint16_t want, uint16_t *port)
{
	bool ipv6;
	int error, fd = tcp_socket(&ipv6);

	if (fd < 0)
		return -1;
	if (tcp_bind(fd, ipv6, want) == 0 && listen(fd, SOMAXCONN) == 0 &&
	    tcp_port(fd, port) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int tcp_listen(uint16_t port_min, uint16_t port_max, uint16_t *port)
{
	uint32_t count, first;
	int fd = -1;

	if (port_min == 0)
		return tcp_try(0, port);
	if (port_max < port_min) {
		errno = EINVAL;
		return -1;
	}
	/* Steps that start together shall not all try the same ports. */
	count = (uint32_t)port_max - port_min + 1;
	if (getrandom(&first, sizeof(first), 0) != (ssize_t)sizeof(first))
		first = (uint32_t)getpid();
	for (uint32_t i = 0; i < count && fd < 0; i++)
		fd = tcp_try((uint16_t)(port_min + (first + i) % count), port);
	return fd;
}
