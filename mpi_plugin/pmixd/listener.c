/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listener.c - accepting, and sockets to accept from.
 */
#include "listener.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define BATCH	 64  /* connections accepted before others get a turn */
#define PAUSE_MS 100 /* when descriptors run out */

struct listener {
	pthread_mutex_t *lock;
	int fd;
	struct event *readable;
	struct event *pause; /* runs while accepting is suspended */
	listener_fn fn;
	void *arg;
};

/*
 * accept() failed.  Out of descriptors or memory, the socket stays readable
 * and the loop would spin: leave it alone for a moment.
 */
static void on_error(listener_t *l, int error)
{
	struct timeval tv = clock_timeval(PAUSE_MS);

	if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
		return;
	plog_info("cannot accept a connection: %s", strerror(error));
	(void)event_del(l->readable);
	(void)event_add(l->pause, &tv);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	listener_t *l = arg;
	int conn;

	pthread_mutex_lock(l->lock);
	for (int i = 0; i < BATCH; i++) {
		conn = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (conn < 0) {
			on_error(l, errno);
			break;
		}
		l->fn(l->arg, conn);
	}
	pthread_mutex_unlock(l->lock);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	listener_t *l = arg;

	(void)event_add(l->readable, NULL);
}

listener_t *listener_create(struct event_base *base, pthread_mutex_t *lock,
			    int fd, listener_fn fn, void *arg)
{
	listener_t *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->lock = lock;
	l->fd = fd;
	l->fn = fn;
	l->arg = arg;
	l->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, l);
	l->pause = evtimer_new(base, on_pause_over, l);
	if (!l->readable || !l->pause || event_add(l->readable, NULL)) {
		listener_destroy(l);
		return NULL;
	}
	return l;
}

void listener_destroy(listener_t *l)
{
	if (!l)
		return;
	if (l->readable)
		event_free(l->readable);
	if (l->pause)
		event_free(l->pause);
	free(l);
}

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

int listener_tcp(uint16_t port_min, uint16_t port_max, uint16_t *port)
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
	first = randombytes_uniform(count);
	for (uint32_t i = 0; i < count && fd < 0; i++)
		fd = tcp_try((uint16_t)(port_min + (first + i) % count), port);
	return fd;
}
