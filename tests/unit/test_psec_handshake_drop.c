/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No peer can keep an end of a handshake: not one that says nothing, not one
 * that says it slowly, not one that leaves in the middle.  For each role and
 * each mechanism, on real sockets and with real munged.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "nodes.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LONG_MS	     20000 /* never reached, unless something hangs */
#define DEADLINE_MS  1500
#define SLACK_MS     8000 /* a loaded machine under a sanitizer */
#define DRIP_MS	     1000
#define QUICK_BYTES  60 /* a CHALLENGE and most of a CONFIRM, or a HELLO */

/* An end that is tested, and what it talks to. */
typedef struct {
	psec_role_t tested;
	psec_role_t other; /* one of both is the server */
	const char *mech;
	bool sealed; /* does the end that is no server know its uid? */
} subject_t;

#define ROLES(mech, sealed)                                                    \
	{ PSEC_CLIENT, PSEC_SERVER, mech, sealed },                            \
		{ PSEC_TOOL, PSEC_SERVER, mech, sealed },                      \
		{ PSEC_LEGACY, PSEC_SERVER, mech, sealed },                    \
		{ PSEC_SERVER, PSEC_CLIENT, mech, sealed },                    \
		{ PSEC_SERVER, PSEC_TOOL, mech, sealed },                      \
	{                                                                      \
		PSEC_SERVER, PSEC_LEGACY, mech, sealed                         \
	}

static const subject_t subjects[] = {
	ROLES("munge", true),
	ROLES("munge", false),
	ROLES("native", true),
	ROLES("none", true),
};

/* How the other end behaves. */
typedef enum { HONEST, SILENT, SLOW, SLOW_LATER } manner_t;

typedef struct {
	psec_handshake_t *hs;
	int fd;
	size_t budget; /* bytes that it sends before it leaves */
	size_t sent;
	manner_t manner;
	pthread_t thread;
} other_t;

typedef struct {
	psec_handshake_t *hs;
	int fd;
	int timeout_ms;
	int64_t took_ms;
	psec_code_t rc;
	psec_error_t err;
	pthread_t thread;
} tested_t;

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static psec_handshake_t *end_of(nodes_t *w, const subject_t *s,
				psec_role_t role)
{
	psec_handshake_options_t opt = nodes_options(role);

	opt.mechs = s->mech;
	if (role != PSEC_SERVER && !s->sealed)
		opt.expect_uid = (uid_t)-1;
	return nodes_start(role == PSEC_SERVER ? w->node2 : w->node, opt);
}

static void meet(nodes_t *w, const subject_t *s, tested_t *t, other_t *o)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*t = (tested_t){ .fd = fds[0], .timeout_ms = LONG_MS };
	*o = (other_t){ .fd = fds[1], .budget = SIZE_MAX };
	t->hs = end_of(w, s, s->tested);
	o->hs = end_of(w, s, s->other);
	psec_handshake_set_fd(o->hs, o->fd);
}

static void part(tested_t *t, other_t *o)
{
	psec_handshake_destroy(t->hs);
	psec_handshake_destroy(o->hs);
	(void)close(t->fd);
	if (o->fd >= 0)
		(void)close(o->fd);
}

/* -- the other end; no assertion here, as it runs in a thread ----------- */

/* How many of LEN bytes does it send now? */
static size_t bite(const other_t *o, size_t len)
{
	size_t n = len;

	if (o->manner == SLOW)
		n = 1;
	if (o->manner == SLOW_LATER)
		n = o->sent < QUICK_BYTES ? QUICK_BYTES - o->sent : 1;
	if (n > o->budget - o->sent)
		n = o->budget - o->sent;
	return n < len ? n : len;
}

/* Send LEN bytes; false: it leaves, or cannot. */
static bool say(other_t *o, const uint8_t *bytes, size_t len)
{
	const struct timespec pause = { .tv_sec = DRIP_MS / 1000 };
	size_t n;

	while (len > 0 && o->sent < o->budget) {
		n = bite(o, len);
		if (send(o->fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
			return false;
		o->sent += n;
		bytes += n;
		len -= n;
		if (o->manner != HONEST)
			(void)nanosleep(&pause, NULL);
	}
	return len == 0;
}

static bool hear(other_t *o)
{
	uint8_t bytes[4096];
	ssize_t n = recv(o->fd, bytes, sizeof(bytes), 0);
	size_t used;

	/* Who waits for us to speak has sent one message only. */
	return n > 0 && psec_handshake_input(o->hs, bytes, (size_t)n, &used,
					     NULL) == PSEC_OK;
}

static bool speak(other_t *o)
{
	uint8_t bytes[16384];
	const void *out;
	size_t len;

	out = psec_handshake_output(o->hs, &len);
	memcpy(bytes, out, len);
	psec_handshake_sent(o->hs, len);
	return say(o, bytes, len);
}

static void *be_other(void *arg)
{
	other_t *o = arg;
	bool go_on = o->manner != SILENT;

	while (go_on) {
		switch (psec_handshake_state(o->hs)) {
		case PSEC_HS_INPUT:
			go_on = hear(o);
			break;
		case PSEC_HS_OUTPUT:
			go_on = speak(o);
			break;
		case PSEC_HS_WORK:
			go_on = psec_handshake_work(o->hs, NULL) == PSEC_OK;
			break;
		default:
			go_on = false;
		}
	}
	if (o->budget != SIZE_MAX) {
		(void)close(o->fd);
		o->fd = -1;
	}
	return NULL;
}

static void *be_tested(void *arg)
{
	tested_t *t = arg;
	int64_t start_ms = now_ms();

	t->rc = psec_handshake_run(t->hs, t->fd, t->timeout_ms, &t->err);
	t->took_ms = now_ms() - start_ms;
	return NULL;
}

/* -- it leaves ---------------------------------------------------------- */

/* The other end sends BUDGET bytes and closes; returns how many it sent. */
static size_t leave_after(nodes_t *w, const subject_t *s, size_t budget,
			  psec_code_t want)
{
	tested_t t;
	other_t o;

	meet(w, s, &t, &o);
	o.budget = budget;
	assert_int_equal(pthread_create(&o.thread, NULL, be_other, &o), 0);
	(void)be_tested(&t);
	assert_int_equal(pthread_join(o.thread, NULL), 0);
	if (t.rc != want)
		fail_msg("%s, role %d to %d, left after %zu bytes: %s, '%s'",
			 s->mech, s->tested, s->other, budget,
			 psec_strcode(t.rc), t.rc ? t.err.text : "");
	part(&t, &o);
	return o.sent;
}

static void a_peer_that_leaves_at_any_byte_is_noticed(void **state)
{
	const subject_t *s;
	size_t i, at, total;

	for (i = 0; i < ARRAY_LEN(subjects); i++) {
		s = &subjects[i];
		total = leave_after(*state, s, SIZE_MAX, PSEC_OK);
		assert_in_range(total, 40, 4000);
		/* Proofs vary by a byte or so: end before the last one. */
		for (at = 0; at < total - 8; at++)
			(void)leave_after(*state, s, at, PSEC_ERR_IO);
	}
}

/* -- it takes its time -------------------------------------------------- */

/* All subjects at once, as each waits for the deadline. */
static void assert_all_drop(nodes_t *w, manner_t manner)
{
	tested_t t[ARRAY_LEN(subjects)];
	other_t o[ARRAY_LEN(subjects)];
	size_t i;

	for (i = 0; i < ARRAY_LEN(subjects); i++) {
		meet(w, &subjects[i], &t[i], &o[i]);
		t[i].timeout_ms = DEADLINE_MS;
		o[i].manner = manner;
	}
	for (i = 0; i < ARRAY_LEN(subjects); i++) {
		assert_int_equal(
			pthread_create(&o[i].thread, NULL, be_other, &o[i]), 0);
		assert_int_equal(
			pthread_create(&t[i].thread, NULL, be_tested, &t[i]),
			0);
	}
	for (i = 0; i < ARRAY_LEN(subjects); i++) {
		assert_int_equal(pthread_join(t[i].thread, NULL), 0);
		/* As a program would that has failed. */
		(void)shutdown(t[i].fd, SHUT_RDWR);
	}
	for (i = 0; i < ARRAY_LEN(subjects); i++) {
		assert_int_equal(pthread_join(o[i].thread, NULL), 0);
		assert_refused(t[i].rc, &t[i].err, PSEC_ERR_TIMEOUT,
			       "was not done within 1500 ms");
		assert_in_range(t[i].took_ms, DEADLINE_MS - 2,
				DEADLINE_MS + SLACK_MS);
		assert_int_equal(psec_handshake_state(t[i].hs), PSEC_HS_FAILED);
		part(&t[i], &o[i]);
	}
}

static void a_peer_that_says_nothing_is_dropped(void **state)
{
	assert_all_drop(*state, SILENT);
}

static void a_peer_that_sends_a_byte_a_second_is_dropped(void **state)
{
	assert_all_drop(*state, SLOW);
}

/* Its first bytes come at once: the other end has gone further by then. */
static void a_peer_that_becomes_slow_is_dropped(void **state)
{
	assert_all_drop(*state, SLOW_LATER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_leaves_at_any_byte_is_noticed),
		cmocka_unit_test(a_peer_that_says_nothing_is_dropped),
		cmocka_unit_test(a_peer_that_sends_a_byte_a_second_is_dropped),
		cmocka_unit_test(a_peer_that_becomes_slow_is_dropped),
	};

	return cmocka_run_group_tests(tests, nodes_setup, nodes_teardown);
}
