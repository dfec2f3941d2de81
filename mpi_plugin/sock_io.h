/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sock_io.h - all bytes of a message, on a socket that blocks.  (startup.c has
 * a time limit, and so its own.)
 */
#ifndef PSEC_SOCK_IO_H
#define PSEC_SOCK_IO_H

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

/* 0, or -1: the connection is over. */
static inline int sock_send_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* 0, or -1: the connection is over before LEN bytes have come. */
static inline int sock_recv_all(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

#endif
