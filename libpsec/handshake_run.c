/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_run.c - a whole handshake on a socket, blocking.
 *
 * One deadline for the whole, by the monotonic clock: a peer that sends a
 * byte now and then gains no time.  What follows the handshake stays in the
 * socket.  Blocking and non-blocking sockets are the same here.  The socket
 * is tried first and waited for then: most of a message comes at once.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "handshake_private.h"

#define NO_DEADLINE INT64_MAX

typedef struct {
	int fd;
	int timeout_ms;
	int64_t deadline_ms;
} run_t;

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static psec_code_t timed_out(const psec_handshake_t *hs, const run_t *run,
			     psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_TIMEOUT,
			 "the handshake was not done within %d ms (%s %s)",
			 run->timeout_ms,
			 hs->state == PSEC_HS_INPUT ? "waiting for" : "before",
			 hs_type_name(hs->expect));
}

static psec_code_t failed_io(const char *what, psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_IO, "cannot %s the peer: %s", what,
			 strerror(errno));
}

/* Milliseconds left, for poll(); 0: none. */
static int time_left_ms(const run_t *run)
{
	int64_t left;

	if (run->deadline_ms == NO_DEADLINE)
		return -1;
	left = run->deadline_ms - now_ms();
	if (left < 0)
		left = 0;
	return (int)(left < INT_MAX ? left : INT_MAX);
}

/* Wait until FD is ready for EVENTS. */
static psec_code_t wait_for(const psec_handshake_t *hs, const run_t *run,
			    short events, psec_error_t *err)
{
	struct pollfd pfd = { .fd = run->fd, .events = events };
	int left, n;

	do {
		left = time_left_ms(run);
		if (left == 0)
			return timed_out(hs, run, err);
		n = poll(&pfd, 1, left);
	} while (n == 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return failed_io("wait for", err);
	return PSEC_OK;
}

static bool has_left(void)
{
	return errno == EPIPE || errno == ECONNRESET;
}

/* The last call failed: wait for EVENTS if it was only not the moment. */
static psec_code_t not_now(const psec_handshake_t *hs, const run_t *run,
			   short events, const char *what, psec_error_t *err)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return wait_for(hs, run, events, err);
	return errno == EINTR ? PSEC_OK : failed_io(what, err);
}

static psec_code_t do_input(psec_handshake_t *hs, const run_t *run,
			    psec_error_t *err)
{
	uint8_t buf[2048];
	size_t want = hs_input_wanted(hs), used;
	psec_code_t rc;
	ssize_t n;

	/* There may always be another byte. */
	if (time_left_ms(run) == 0)
		return timed_out(hs, run, err);
	if (want > sizeof(buf))
		want = sizeof(buf);
	n = recv(run->fd, buf, want, MSG_DONTWAIT);
	if (n < 0)
		return not_now(hs, run, POLLIN, "read from", err);
	if (n == 0)
		return psec_fail(err, PSEC_ERR_IO,
				 "the peer closed the connection during the "
				 "handshake, where %s was awaited",
				 hs_type_name(hs->expect));
	rc = psec_handshake_input(hs, buf, (size_t)n, &used, err);
	if (!rc && used < (size_t)n)
		rc = psec_fail(err, PSEC_ERR_PROTOCOL,
			       "the peer sent more than was awaited");
	return rc;
}

static psec_code_t do_output(psec_handshake_t *hs, const run_t *run,
			     psec_error_t *err)
{
	const void *bytes;
	size_t len;
	ssize_t n;

	if (time_left_ms(run) == 0)
		return timed_out(hs, run, err);
	bytes = psec_handshake_output(hs, &len);
	n = send(run->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* Before it left the peer may have said why: go on with reading. */
	if (n < 0 && has_left() && hs->after_output == PSEC_HS_INPUT)
		n = (ssize_t)len;
	if (n < 0)
		return not_now(hs, run, POLLOUT, "write to", err);
	psec_handshake_sent(hs, (size_t)n);
	return PSEC_OK;
}

/* A refusal is a few bytes: they fit now or are not worth waiting for. */
static void send_refusal(psec_handshake_t *hs, const run_t *run)
{
	const void *bytes;
	size_t len;

	if (hs->state != PSEC_HS_OUTPUT || hs->after_output != PSEC_HS_FAILED)
		return;
	bytes = psec_handshake_output(hs, &len);
	(void)send(run->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static psec_code_t do_work(psec_handshake_t *hs, const run_t *run,
			   psec_error_t *err)
{
	psec_code_t rc;

	rc = psec_handshake_work(hs, err);
	if (!rc && time_left_ms(run) == 0)
		rc = timed_out(hs, run, err);
	return rc;
}

static psec_code_t step(psec_handshake_t *hs, const run_t *run,
			psec_error_t *err)
{
	switch (hs->state) {
	case PSEC_HS_INPUT:
		return do_input(hs, run, err);
	case PSEC_HS_OUTPUT:
		return do_output(hs, run, err);
	case PSEC_HS_WORK:
		return do_work(hs, run, err);
	default:
		return psec_fail(err, PSEC_ERR_ARG,
				 "the handshake has failed already");
	}
}

psec_code_t psec_handshake_run(psec_handshake_t *hs, int fd, int timeout_ms,
			       psec_error_t *err)
{
	run_t run = { .fd = fd, .timeout_ms = timeout_ms };
	psec_code_t rc = PSEC_OK;

	run.deadline_ms = timeout_ms < 0 ? NO_DEADLINE : now_ms() + timeout_ms;
	hs->fd = fd;
	while (!rc && hs->state != PSEC_HS_DONE)
		rc = step(hs, &run, err);
	if (rc) {
		send_refusal(hs, &run);
		hs->state = PSEC_HS_FAILED;
	}
	return rc;
}
