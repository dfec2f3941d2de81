/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake on sockets: psec_handshake_run() and mechanism native. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "nodes.h"

#define LONG_MS	  20000 /* never reached, unless something hangs */
#define SHORT_MS  150
#define AFTERWARD "bytes after the handshake"

/* One end, which runs in a thread of its own. */
typedef struct {
	psec_handshake_t *hs;
	int fd;
	int timeout_ms;
	psec_code_t rc;
	psec_error_t err;
	pthread_t thread;
} end_t;

static psec_handshake_options_t options(psec_role_t role, const char *mechs)
{
	return (psec_handshake_options_t){
		.size = sizeof(psec_handshake_options_t),
		.role = role,
		.mechs = mechs,
		.binding = "test",
		.binding_len = 4,
		.expect_uid = geteuid(),
	};
}

static end_t end_of(psec_t *psec, psec_role_t role, const char *mechs, int fd)
{
	psec_handshake_options_t opt = options(role, mechs);
	end_t end = { .fd = fd, .timeout_ms = LONG_MS };

	assert_ok(psec_handshake_create(&end.hs, psec, &opt, &end.err),
		  &end.err);
	return end;
}

/* As a program would: after the handshake it sends at once. */
static void *run_end(void *arg)
{
	end_t *end = arg;

	end->rc = psec_handshake_run(end->hs, end->fd, end->timeout_ms,
				     &end->err);
	if (end->rc == PSEC_OK && send(end->fd, AFTERWARD, sizeof(AFTERWARD),
				       MSG_NOSIGNAL) != sizeof(AFTERWARD))
		end->rc = PSEC_ERR_IO;
	return NULL;
}

static void run_both(end_t *a, end_t *b)
{
	assert_int_equal(pthread_create(&a->thread, NULL, run_end, a), 0);
	(void)run_end(b);
	/* A refused end must not wait for one that is gone. */
	if (b->rc)
		(void)shutdown(b->fd, SHUT_WR);
	assert_int_equal(pthread_join(a->thread, NULL), 0);
}

static void assert_afterward_is_there(int fd)
{
	char buf[sizeof(AFTERWARD) + 1];

	assert_int_equal(recv(fd, buf, sizeof(buf), 0), sizeof(AFTERWARD));
	assert_string_equal(buf, AFTERWARD);
}

static void pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

/* Two ends of a TCP connection over loopback. */
static void tcp_pair(int fds[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len),
			 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&addr, len), 0);
	fds[1] = accept(listener, NULL, NULL);
	assert_true(fds[1] >= 0);
	assert_int_equal(close(listener), 0);
}

static void clear(end_t *a, end_t *b)
{
	psec_handshake_destroy(a->hs);
	psec_handshake_destroy(b->hs);
	(void)close(a->fd);
	(void)close(b->fd);
}

/* -- what works --------------------------------------------------------- */

/* A handshake over FDS; what each sends afterwards waits for the other. */
static void assert_runs(nodes_t *w, const int fds[2], const char *mech,
			bool key)
{
	psec_peer_t p[2];
	psec_error_t err;
	end_t c, s;
	int i;

	c = end_of(w->node, PSEC_CLIENT, mech, fds[0]);
	s = end_of(w->node2, PSEC_SERVER, mech, fds[1]);
	run_both(&c, &s);
	assert_ok(c.rc, &c.err);
	assert_ok(s.rc, &s.err);
	assert_ok(psec_handshake_peer(c.hs, &p[0], &err), &err);
	assert_ok(psec_handshake_peer(s.hs, &p[1], &err), &err);
	for (i = 0; i < 2; i++) {
		assert_string_equal(p[i].mech, mech);
		assert_int_equal(p[i].uid, geteuid());
		assert_int_equal(p[i].key != NULL, key);
	}
	if (key)
		assert_memory_equal(p[0].key, p[1].key, PSEC_KEY_LEN);
	assert_afterward_is_there(fds[0]);
	assert_afterward_is_there(fds[1]);
	clear(&c, &s);
}

static void bytes_after_the_handshake_are_left_in_the_socket(void **state)
{
	int fds[2];

	pair(fds);
	assert_runs(*state, fds, "munge", true);
	tcp_pair(fds);
	assert_runs(*state, fds, "munge", true);
}

/*
 * Play HS on FD by hand, and send what follows the handshake in one piece
 * with its last message.
 */
static void play_eagerly(psec_handshake_t *hs, int fd)
{
	uint8_t bytes[16384];
	psec_hs_state_t state;
	psec_error_t err;
	const void *out;
	size_t len, used;

	while ((state = psec_handshake_state(hs)) != PSEC_HS_DONE) {
		if (state == PSEC_HS_WORK) {
			assert_ok(psec_handshake_work(hs, &err), &err);
		} else if (state == PSEC_HS_INPUT) {
			assert_int_equal(recv(fd, bytes, 1, 0), 1);
			assert_ok(
				psec_handshake_input(hs, bytes, 1, &used, &err),
				&err);
		} else {
			assert_int_equal(state, PSEC_HS_OUTPUT);
			out = psec_handshake_output(hs, &len);
			memcpy(bytes, out, len);
			psec_handshake_sent(hs, len);
			memcpy(bytes + len, AFTERWARD, sizeof(AFTERWARD));
			if (psec_handshake_state(hs) == PSEC_HS_DONE)
				len += sizeof(AFTERWARD);
			assert_int_equal(send(fd, bytes, len, 0), len);
		}
	}
}

/* EAGER has the last word. */
static void assert_rest_is_left(end_t *eager, end_t *other)
{
	assert_int_equal(pthread_create(&other->thread, NULL, run_end, other),
			 0);
	play_eagerly(eager->hs, eager->fd);
	assert_int_equal(pthread_join(other->thread, NULL), 0);
	assert_ok(other->rc, &other->err);
	assert_afterward_is_there(other->fd);
	assert_afterward_is_there(eager->fd);
	clear(eager, other);
}

static void not_one_byte_is_read_too_far(void **state)
{
	psec_handshake_options_t trusting = options(PSEC_CLIENT, "munge");
	nodes_t *w = *state;
	int fds[2];
	end_t c, s;

	pair(fds);
	c = end_of(w->node, PSEC_CLIENT, "munge", fds[0]);
	s = end_of(w->node2, PSEC_SERVER, "munge", fds[1]);
	assert_rest_is_left(&s, &c);
	pair(fds);
	trusting.expect_uid = (uid_t)-1;
	c = (end_t){ .fd = fds[0], .timeout_ms = LONG_MS };
	c.hs = nodes_start(w->node, trusting);
	s = end_of(w->node2, PSEC_SERVER, "munge", fds[1]);
	assert_rest_is_left(&c, &s);
}

static void a_nonblocking_socket_will_do(void **state)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_runs(*state, fds, "munge", true);
}

static void native_runs_over_unix_sockets_and_loopback_tcp(void **state)
{
	int fds[2];

	pair(fds);
	assert_runs(*state, fds, "native", false);
	tcp_pair(fds);
	assert_runs(*state, fds, "native", false);
}

/* -- many at once ------------------------------------------------------- */

#define THREADS 8
#define ROUNDS	12

typedef struct {
	nodes_t *w;
	size_t number;
	size_t failures;
	pthread_t thread;
} user_t;

/* Both ends in one thread: a socket pair holds all that one of them says. */
static bool shake_hands(nodes_t *w, psec_role_t role, const char *mech)
{
	static const struct timespec soon = { .tv_nsec = 1000 };
	psec_handshake_t *hs[2] = { NULL, NULL };
	psec_handshake_options_t opt = options(role, mech);
	psec_hs_state_t state;
	uint8_t bytes[4096];
	const void *out;
	bool ok = true;
	size_t len, used, i;
	ssize_t n;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return false;
	if (psec_handshake_create(&hs[0], w->node, &opt, NULL))
		ok = false;
	opt = options(PSEC_SERVER, "munge,native,none");
	opt.default_mech = mech;
	if (psec_handshake_create(&hs[1], w->node2, &opt, NULL))
		ok = false;
	for (i = 0; ok && i < 2; i++)
		psec_handshake_set_fd(hs[i], fds[i]);
	for (i = 0; ok; i = !i) {
		state = psec_handshake_state(hs[i]);
		if (state == PSEC_HS_WORK) {
			ok = !psec_handshake_work(hs[i], NULL);
		} else if (state == PSEC_HS_OUTPUT) {
			out = psec_handshake_output(hs[i], &len);
			ok = send(fds[i], out, len, 0) == (ssize_t)len;
			psec_handshake_sent(hs[i], len);
		} else if (state == PSEC_HS_INPUT) {
			n = recv(fds[i], bytes, sizeof(bytes), MSG_DONTWAIT);
			if (n > 0)
				ok = !psec_handshake_input(
					hs[i], bytes, (size_t)n, &used, NULL);
			else
				(void)nanosleep(&soon, NULL);
		} else if (psec_handshake_state(hs[!i]) == PSEC_HS_DONE) {
			break;
		}
	}
	psec_handshake_destroy(hs[0]);
	psec_handshake_destroy(hs[1]);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return ok;
}

static void *use_contexts(void *arg)
{
	static const char *const mechs[] = { "munge", "native", "none" };
	static const psec_role_t roles[] = { PSEC_CLIENT, PSEC_TOOL,
					     PSEC_LEGACY };
	user_t *u = arg;
	size_t i;

	for (i = u->number; i < u->number + ROUNDS; i++)
		u->failures +=
			!shake_hands(u->w, roles[i / 3 % 3], mechs[i % 3]);
	return NULL;
}

static void eight_threads_share_two_contexts(void **state)
{
	user_t users[THREADS];
	size_t i;

	for (i = 0; i < THREADS; i++) {
		users[i] = (user_t){ .w = *state, .number = i };
		assert_int_equal(pthread_create(&users[i].thread, NULL,
						use_contexts, &users[i]),
				 0);
	}
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(users[i].thread, NULL), 0);
		assert_int_equal(users[i].failures, 0);
	}
}

/* -- what is refused ---------------------------------------------------- */

static void both_ends_learn_of_a_refusal(void **state)
{
	nodes_t *w = *state;
	int fds[2];
	end_t c, s;

	pair(fds);
	c = end_of(w->node, PSEC_CLIENT, "native", fds[0]);
	s = end_of(w->node2, PSEC_SERVER, "munge", fds[1]);
	run_both(&c, &s);
	assert_refused(s.rc, &s.err, PSEC_ERR_NO_MECH,
		       "chose mechanism 'native', but only 'munge' is allowed");
	assert_refused(c.rc, &c.err, PSEC_ERR_NO_MECH,
		       "the server refused the handshake: no mechanism");
	assert_int_equal(psec_handshake_state(c.hs), PSEC_HS_FAILED);
	assert_int_equal(psec_handshake_state(s.hs), PSEC_HS_FAILED);
	assert_refused(psec_handshake_run(c.hs, c.fd, LONG_MS, &c.err), &c.err,
		       PSEC_ERR_ARG, "has failed already");
	clear(&c, &s);
}

/* A server that refuses a HELLO at once and hangs up. */
static void *refuse_and_leave(void *arg)
{
	end_t *s = arg;

	(void)run_end(s);
	(void)close(s->fd);
	return NULL;
}

/* The client writes to a connection that is closed, and yet learns why. */
static void assert_cause_is_heard(nodes_t *w, const int fds[2])
{
	uint8_t bytes[40];
	psec_error_t err;
	const uint8_t *out;
	size_t len, used;
	end_t c, s;

	c = end_of(w->node, PSEC_CLIENT, "munge", fds[0]);
	s = end_of(w->node2, PSEC_SERVER, "native", fds[1]);
	assert_int_equal(pthread_create(&s.thread, NULL, refuse_and_leave, &s),
			 0);
	assert_int_equal(recv(c.fd, bytes, sizeof(bytes), MSG_WAITALL),
			 sizeof(bytes));
	assert_ok(psec_handshake_input(c.hs, bytes, sizeof(bytes), &used, &err),
		  &err);
	assert_ok(psec_handshake_work(c.hs, &err), &err);
	/* The HELLO, without the PROOF behind it. */
	out = psec_handshake_output(c.hs, &len);
	len = 8 + ((size_t)out[6] << 8) + out[7];
	assert_int_equal(send(c.fd, out, len, 0), len);
	psec_handshake_sent(c.hs, len);
	assert_int_equal(pthread_join(s.thread, NULL), 0);
	assert_refused(s.rc, &s.err, PSEC_ERR_NO_MECH, "'native' is allowed");
	(void)run_end(&c);
	assert_refused(c.rc, &c.err, PSEC_ERR_NO_MECH,
		       "the server refused the handshake: no mechanism");
	psec_handshake_destroy(c.hs);
	psec_handshake_destroy(s.hs);
	(void)close(c.fd);
}

static void a_refusal_is_heard_of_a_server_that_has_left(void **state)
{
	int fds[2];

	pair(fds);
	assert_cause_is_heard(*state, fds);
	tcp_pair(fds);
	assert_cause_is_heard(*state, fds);
}

static void who_sends_too_much_is_refused(void **state)
{
	static const char hello_and_more[] =
		"PSEC\x01\x01\x00\x2a"
		"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\1\0\5munge\0\0"
		"PSEC\x01\x03\x00\x01p and more";
	nodes_t *w = *state;
	int fds[2];
	end_t s;

	pair(fds);
	s = end_of(w->node2, PSEC_SERVER, "munge", fds[1]);
	assert_int_equal(
		send(fds[0], hello_and_more, sizeof(hello_and_more), 0),
		sizeof(hello_and_more));
	(void)run_end(&s);
	assert_refused(s.rc, &s.err, PSEC_ERR_PROTOCOL,
		       "the peer sent more than was awaited");
	psec_handshake_destroy(s.hs);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void native_refuses_a_peer_of_another_uid(void **state)
{
	nodes_t *w = *state;
	psec_handshake_options_t opt = options(PSEC_SERVER, "native");
	int fds[2];
	end_t c, s = { .timeout_ms = LONG_MS };

	pair(fds);
	opt.expect_uid = geteuid() + 1;
	c = end_of(w->node, PSEC_CLIENT, "native", fds[0]);
	s.fd = fds[1];
	assert_ok(psec_handshake_create(&s.hs, w->node2, &opt, &s.err), &s.err);
	run_both(&c, &s);
	assert_refused(s.rc, &s.err, PSEC_ERR_MISMATCH, "is expected");
	assert_refused(c.rc, &c.err, PSEC_ERR_MISMATCH,
		       "the server refused the handshake: mismatch");
	clear(&c, &s);
}

/* Give HS a CHALLENGE. */
static void challenge(psec_handshake_t *hs)
{
	static const uint8_t bytes[40] = "PSEC\x01\x02\x00\x20";
	psec_error_t err;
	size_t used;

	assert_ok(psec_handshake_input(hs, bytes, sizeof(bytes), &used, &err),
		  &err);
}

static void native_refuses_what_it_cannot_ask_about(void **state)
{
	nodes_t *w = *state;
	int unconnected = socket(AF_UNIX, SOCK_STREAM, 0);
	int file = open("/dev/null", O_RDONLY);
	const struct {
		int fd;
		const char *words;
	} table[] = {
		{ -1, "was not told which it is" },
		{ unconnected, "it is not connected" },
		{ file, "Socket operation on non-socket" },
	};
	psec_error_t err;
	size_t i;
	end_t c;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		c = end_of(w->node, PSEC_CLIENT, "native", -1);
		psec_handshake_set_fd(c.hs, table[i].fd);
		challenge(c.hs);
		assert_refused(psec_handshake_work(c.hs, &err), &err,
			       PSEC_ERR_UNAVAILABLE, table[i].words);
		psec_handshake_destroy(c.hs);
	}
	assert_int_equal(close(unconnected), 0);
	assert_int_equal(close(file), 0);
}

/* -- deadlines and broken connections ----------------------------------- */

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void assert_times_out(end_t *end, const char *words)
{
	int64_t start_ms = now_ms();

	end->timeout_ms = SHORT_MS;
	(void)run_end(end);
	assert_refused(end->rc, &end->err, PSEC_ERR_TIMEOUT, words);
	assert_in_range(now_ms() - start_ms, SHORT_MS - 2, 5000);
}

static void a_silent_peer_hits_the_deadline(void **state)
{
	nodes_t *w = *state;
	int fds[2];
	end_t c, s;

	pair(fds);
	c = end_of(w->node, PSEC_CLIENT, "munge", fds[0]);
	s = end_of(w->node2, PSEC_SERVER, "munge", fds[1]);
	assert_times_out(&c, "not done within 150 ms (waiting for CHALLENGE)");
	clear(&c, &s);
	pair(fds);
	c = end_of(w->node, PSEC_CLIENT, "munge", fds[0]);
	s = end_of(w->node2, PSEC_SERVER, "munge", fds[1]);
	assert_times_out(&s, "not done within 150 ms (waiting for HELLO)");
	clear(&c, &s);
}

/* A HELLO of 331 bytes, one per 20 ms: more than 6 s. */
static void *drip(void *arg)
{
	const int *fd = arg;
	struct timespec pause = { .tv_nsec = 20000000 };
	static const char hello[] = "PSEC\x01\x01\x01\x43";
	size_t i;

	for (i = 0; i < 8 + 323; i++) {
		if (send(*fd, i < 8 ? &hello[i] : "x", 1, MSG_NOSIGNAL) != 1)
			break;
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

static void a_peer_that_drips_bytes_gains_no_time(void **state)
{
	nodes_t *w = *state;
	pthread_t thread;
	int fds[2];
	end_t s;

	pair(fds);
	s = end_of(w->node2, PSEC_SERVER, "munge", fds[1]);
	assert_int_equal(pthread_create(&thread, NULL, drip, &fds[0]), 0);
	assert_times_out(&s, "waiting for HELLO");
	(void)close(fds[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	psec_handshake_destroy(s.hs);
	(void)close(fds[0]);
}

static void a_peer_that_reads_nothing_hits_the_deadline(void **state)
{
	nodes_t *w = *state;
	int fds[2], small = 1;
	char fill[4096] = { 0 };
	end_t s;

	pair(fds);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small,
				    sizeof(small)),
			 0);
	while (send(fds[0], fill, sizeof(fill), MSG_DONTWAIT) > 0)
		;
	s = end_of(w->node, PSEC_SERVER, "munge", fds[0]);
	assert_times_out(&s, "not done within 150 ms (before HELLO)");
	psec_handshake_destroy(s.hs);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void a_peer_that_is_gone_is_an_error_and_no_signal(void **state)
{
	nodes_t *w = *state;
	int fds[2];
	end_t c;

	pair(fds);
	assert_int_equal(close(fds[1]), 0);
	c = end_of(w->node, PSEC_CLIENT, "munge", fds[0]);
	(void)run_end(&c);
	assert_refused(c.rc, &c.err, PSEC_ERR_IO,
		       "the peer closed the connection during the "
		       "handshake, where CHALLENGE was awaited");
	psec_handshake_destroy(c.hs);
	(void)close(fds[0]);
}

static void a_descriptor_that_is_no_socket_is_refused(void **state)
{
	nodes_t *w = *state;
	end_t c;

	c = end_of(w->node, PSEC_CLIENT, "munge", open("/dev/null", O_RDWR));
	(void)run_end(&c);
	assert_refused(c.rc, &c.err, PSEC_ERR_IO, "cannot read from the peer");
	psec_handshake_destroy(c.hs);
	(void)close(c.fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			bytes_after_the_handshake_are_left_in_the_socket),
		cmocka_unit_test(not_one_byte_is_read_too_far),
		cmocka_unit_test(a_nonblocking_socket_will_do),
		cmocka_unit_test(
			native_runs_over_unix_sockets_and_loopback_tcp),
		cmocka_unit_test(eight_threads_share_two_contexts),
		cmocka_unit_test(both_ends_learn_of_a_refusal),
		cmocka_unit_test(a_refusal_is_heard_of_a_server_that_has_left),
		cmocka_unit_test(who_sends_too_much_is_refused),
		cmocka_unit_test(native_refuses_a_peer_of_another_uid),
		cmocka_unit_test(native_refuses_what_it_cannot_ask_about),
		cmocka_unit_test(a_silent_peer_hits_the_deadline),
		cmocka_unit_test(a_peer_that_drips_bytes_gains_no_time),
		cmocka_unit_test(a_peer_that_reads_nothing_hits_the_deadline),
		cmocka_unit_test(a_peer_that_is_gone_is_an_error_and_no_signal),
		cmocka_unit_test(a_descriptor_that_is_no_socket_is_refused),
	};

	return cmocka_run_group_tests(tests, nodes_setup, nodes_teardown);
}
