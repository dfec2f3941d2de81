/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who accepts libpmix's connections: this program's own accept(), which is
 * door.c's, or something past it.  Who is refused is told by tests that run
 * steps, because it takes several users.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "door.h"

/* What libpmix does on its listening thread, for one connection. */
typedef struct {
	int fd;
	bool past; /* by another call than accept() */
	int result, err;
} listener_t;

static void *listener_main(void *arg)
{
	listener_t *l = arg;
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN };

	poll(&pfd, 1, 20000);
	l->result = l->past ? accept4(l->fd, NULL, NULL, SOCK_CLOEXEC)
			    : accept(l->fd, NULL, NULL);
	l->err = errno;
	if (l->result >= 0)
		close(l->result);
	return NULL;
}

/* A socket on loopback, and its address as libpmix writes it. */
static int listen_at(int family, char *uri, size_t size)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr *addr = (struct sockaddr *)&in;
	socklen_t len = sizeof(in);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in6.sin6_addr = in6addr_loopback;
	if (family == AF_INET6) {
		addr = (struct sockaddr *)&in6;
		len = sizeof(in6);
	}
	assert_int_equal(bind(fd, addr, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, addr, &len), 0);
	if (family == AF_INET6)
		snprintf(uri, size, "pmix-server.7.0;tcp6://::1:%u",
			 ntohs(in6.sin6_port));
	else
		snprintf(uri, size, "pmix-server.7;tcp4://127.0.0.1:%u",
			 ntohs(in.sin_port));
	return fd;
}

static bool tested(int family, bool past, listener_t *l)
{
	pthread_t thread;
	char uri[128];
	bool ok;

	*l = (listener_t){ .fd = listen_at(family, uri, sizeof(uri)),
			   .past = past };
	assert_int_equal(pthread_create(&thread, NULL, listener_main, l), 0);
	ok = door_test(uri);
	pthread_join(thread, NULL);
	close(l->fd);
	return ok;
}

/* First of all: later there has been a connection through the door. */
static void an_address_that_cannot_be_read_is_no_proof(void **state)
{
	static const char *const uris[] = {
		"",
		"tcp",
		":",
		"tcp4://",
		"tcp4://127.0.0.1",
		"tcp4://127.0.0.1:",
		"tcp4://127.0.0.1:0",
		"tcp4://127.0.0.1:65536",
		"tcp4://localhost:1",
		"tcp4://::1:1",
		"tcp6://127.0.0.1:1",
		"x;tcp4:/127.0.0.1:1",
		"usock:/tmp/1",
		"tcp4://0123456789012345678901234567890123456789012345678:1",
	};

	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
		assert_false(door_test(uris[i]));
}

static void where_nobody_listens_is_no_proof(void **state)
{
	char uri[128];

	close(listen_at(AF_INET, uri, sizeof(uri)));
	assert_false(door_test(uri));
}

static void a_listener_past_the_door_is_noticed(void **state)
{
	listener_t l;

	assert_false(tested(AF_INET, true, &l));
	assert_true(l.result >= 0);
	assert_false(door_in_use());
}

static void a_listener_behind_the_door_is_seen_and_not_bothered(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };
	listener_t l;

	for (size_t i = 0; i < 2; i++) {
		assert_true(tested(families[i], false, &l));
		assert_int_equal(l.result, -1);
		assert_int_equal(l.err, EAGAIN);
	}
	assert_true(door_in_use());
}

static void own_processes_are_let_in(void **state)
{
	char uri[128];
	int fd = listen_at(AF_INET, uri, sizeof(uri)), out, conn;
	struct sockaddr_in to;
	socklen_t len = sizeof(to);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(out >= 0);
	assert_int_equal(connect(out, (struct sockaddr *)&to, len), 0);
	conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	close(conn);
	close(out);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_that_cannot_be_read_is_no_proof),
		cmocka_unit_test(where_nobody_listens_is_no_proof),
		cmocka_unit_test(a_listener_past_the_door_is_noticed),
		cmocka_unit_test(
			a_listener_behind_the_door_is_seen_and_not_bothered),
		cmocka_unit_test(own_processes_are_let_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
