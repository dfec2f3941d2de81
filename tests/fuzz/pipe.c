/* SPDX-License-Identifier: BSD-3-Clause */
/* pipe.c - see pipe.h. */
#include "pipe.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

pipe_t fuzz_pipe;

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);

/* How much goes this time, of LEN; -1 and errno: nothing. */
static ssize_t cut(size_t len)
{
	size_t n = fuzz_pipe.cuts[fuzz_pipe.turn++ % 4];

	/* Never for ever. */
	if ((n == 1 || n == 2) && fuzz_pipe.turn < 64) {
		errno = n == 1 ? EINTR : EAGAIN;
		return -1;
	}
	return (ssize_t)(n < 3 || n > len ? len : n);
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	ssize_t n;

	MUST(len > 0);
	if (fuzz_pipe.feed.left == 0)
		return 0;
	if (len > fuzz_pipe.feed.left)
		len = fuzz_pipe.feed.left;
	n = cut(len);
	if (n > 0)
		memcpy(buf, feed_bytes(&fuzz_pipe.feed, (size_t)n, &len),
		       (size_t)n);
	return n;
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	ssize_t n;

	MUST(len > 0);
	if (fuzz_pipe.broken) {
		errno = EPIPE;
		return -1;
	}
	n = cut(len);
	if (n > 0 && (size_t)n <= PIPE_SENT_MAX - fuzz_pipe.sent_len) {
		memcpy(fuzz_pipe.sent + fuzz_pipe.sent_len, buf, (size_t)n);
		fuzz_pipe.sent_len += (size_t)n;
	}
	return n;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	MUST(n == 1 && fds[0].events != 0);
	if (fuzz_pipe.polls == 0)
		return 0;
	fuzz_pipe.polls--;
	fds[0].revents = fds[0].events;
	return 1;
}
