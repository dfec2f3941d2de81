/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_run.c - a whole handshake on a socket, blocking.
 *
 * One deadline for the whole, by the monotonic clock: a peer that sends a
 * byte now and then gains no time.  Only as many bytes are read as the
 * message awaited has left, so what follows the handshake stays in the
 * socket.  Blocking and non-blocking sockets are the same here.
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

/* Was it only not the moment? */
static bool try_again(void)
{
	return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
}

/*
 * A message's header is worth waiting for; behind it the body is there as a
 * rule, and asking poll() first would be one more system call.
 */
static psec_code_t do_input(psec_handshake_t *hs, const run_t *run,
			    psec_error_t *err)
{
	uint8_t buf[1024];
	size_t want = hs_input_wanted(hs), used;
	psec_code_t rc = PSEC_OK;
	ssize_t n;

	if (want > sizeof(buf))
		want = sizeof(buf);
	if (hs->in.len == 0)
		rc = wait_for(hs, run, POLLIN, err);
	if (rc)
		return rc;
	n = recv(run->fd, buf, want, MSG_DONTWAIT);
	if (n < 0)
		return try_again() ? wait_for(hs, run, POLLIN, err)
				   : failed_io("read from", err);
	if (n == 0)
		return psec_fail(err, PSEC_ERR_IO,
				 "the peer closed the connection during the "
				 "handshake, where %s was awaited",
				 hs_type_name(hs->expect));
	return psec_handshake_input(hs, buf, (size_t)n, &used, err);
}

/* *FULL: the socket takes nothing now. */
static psec_code_t send_some(psec_handshake_t *hs, const run_t *run, bool *full,
			     psec_error_t *err)
{
	const void *bytes;
	size_t len;
	ssize_t n;

	bytes = psec_handshake_output(hs, &len);
	n = send(run->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	*full = n < 0 && try_again();
	if (n < 0)
		return *full ? PSEC_OK : failed_io("write to", err);
	psec_handshake_sent(hs, (size_t)n);
	return PSEC_OK;
}

/* A message fits into the socket, as a rule. */
static psec_code_t do_output(psec_handshake_t *hs, const run_t *run,
			     psec_error_t *err)
{
	psec_code_t rc;
	bool full;

	rc = send_some(hs, run, &full, err);
	if (!rc && full)
		rc = wait_for(hs, run, POLLOUT, err);
	return rc;
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
	bool full;

	run.deadline_ms = timeout_ms < 0 ? NO_DEADLINE : now_ms() + timeout_ms;
	hs->fd = fd;
	while (!rc && hs->state != PSEC_HS_DONE)
		rc = step(hs, &run, err);
	/* A refusal is a few bytes: they fit now or are not worth waiting. */
	if (rc && hs->state == PSEC_HS_OUTPUT &&
	    hs->after_output == PSEC_HS_FAILED)
		(void)send_some(hs, &run, &full, NULL);
	if (rc)
		hs->state = PSEC_HS_FAILED;
	return rc;
}
