/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pmixd_link.c - links between up to five nodes; see mesh.h.
 */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytes.h"
#include "invitation.h"
#include "mesh.h"
#include "munged.h"
#include "tcp_listen.h"

/* One for all tests: starting it takes longer than most of them. */
static munged_t *munged;

static mesh_t *open_mesh(uint32_t n, int timeout_ms)
{
	mesh_options_t opt = { .timeout_ms = timeout_ms,
			       .munge_sockets = { munged_socket(munged) } };

	return mesh_open(n, &opt);
}

static void assert_got(mesh_t *m, uint32_t node, size_t k, uint32_t from,
		       const char *text)
{
	mesh_msg_t msg = mesh_await(m, node, k);

	assert_int_equal(msg.from, from);
	assert_int_equal(msg.len, strlen(text));
	assert_memory_equal(msg.msg, text, msg.len);
}

/* -- coming up ---------------------------------------------------------- */

static void a_message_sets_the_link_up(uint32_t from, uint32_t to)
{
	mesh_t *m = open_mesh(2, 0);
	unsigned forwards = mesh_forwards();

	mesh_start_all(m);
	assert_int_equal(mesh_send(m, from, to, "ping", 4), 0);
	assert_got(m, to, 0, from, "ping");
	assert_int_equal(mesh_send(m, to, from, "pong", 4), 0);
	assert_got(m, from, 0, to, "pong");
	assert_int_equal(mesh_forwards(), forwards + 1);
	assert_int_equal(mesh_logged("dropped"), 0);
	mesh_close(m);
}

static void the_lower_node_reaches_the_higher(void **state)
{
	a_message_sets_the_link_up(0, 1);
}

static void the_higher_node_reaches_the_lower(void **state)
{
	a_message_sets_the_link_up(1, 0);
}

static void simultaneous_invitations_make_one_link(void **state)
{
	for (int i = 0; i < 15; i++) {
		mesh_t *m = open_mesh(2, 0);

		mesh_start_all(m);
		/* Both locks, so that both invite before either connects. */
		mesh_lock(m, 0);
		mesh_lock(m, 1);
		for (uint32_t from = 0; from < 2; from++) {
			char hello[] = "hello";
			struct iovec iov = { hello, 5 };

			assert_int_equal(links_send(mesh_links(m, from),
						    1 - from, LINK_DMODEX, &iov,
						    1),
					 0);
		}
		mesh_unlock(m, 0);
		mesh_unlock(m, 1);
		assert_got(m, 0, 0, 1, "hello");
		assert_got(m, 1, 0, 0, "hello");
		assert_int_equal(mesh_logged("is up"), 2);
		assert_int_equal(mesh_logged("lost"), 0);
		assert_int_equal(mesh_logged("dropped"), 0);
		mesh_close(m);
	}
}

static void all_pairs_of_five_nodes_link_at_once(void **state)
{
	static const uint32_t all[] = { 0, 1, 2, 3, 4 };
	mesh_t *m = open_mesh(5, 0);
	unsigned forwards = mesh_forwards();
	bool seen[5] = { false };

	mesh_start_all(m);
	for (uint32_t i = 0; i < 5; i++) {
		mesh_lock(m, i);
		links_connect(mesh_links(m, i), all, 5);
		mesh_unlock(m, i);
	}
	for (uint32_t i = 0; i < 5; i++)
		for (uint32_t k = 0; k < 5; k++)
			assert_int_equal(mesh_send(m, i, k, &i, sizeof(i)),
					 i == k ? -1 : 0);
	for (uint32_t i = 0; i < 5; i++) {
		memset(seen, 0, sizeof(seen));
		for (size_t k = 0; k < 4; k++) {
			mesh_msg_t msg = mesh_await(m, i, k);

			assert_memory_equal(msg.msg, &msg.from, 4);
			assert_false(seen[msg.from]);
			seen[msg.from] = true;
		}
	}
	assert_int_equal(mesh_logged("is up"), 20);
	/* One call per node for all that it invites; the highest leaves it
	 * to the others unless they are slow. */
	assert_in_range(mesh_forwards() - forwards, 4, 10);
	mesh_close(m);
}

static void a_node_that_starts_late_is_reached(void **state)
{
	mesh_t *m = open_mesh(2, 0);

	assert_non_null(mesh_start(m, 0));
	assert_int_equal(mesh_send(m, 0, 1, "early", 5), 0);
	(void)usleep(300000);
	assert_non_null(mesh_start(m, 1));
	assert_got(m, 1, 0, 0, "early");
	mesh_close(m);
}

static void a_slow_resolver_does_not_keep_nodes_waiting(void **state)
{
	mesh_t *m = open_mesh(2, 0);
	int64_t start;

	mesh_slow_resolver(1500);
	start = mesh_now_ms();
	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	assert_in_range(mesh_now_ms() - start, 0, 1000);
	mesh_close(m);
}

static void a_node_that_is_never_there_is_lost_with_a_sentence(void **state)
{
	mesh_t *m = open_mesh(3, 400);
	int64_t start = mesh_now_ms();
	mesh_lost_t lost;

	assert_non_null(mesh_start(m, 0));
	assert_int_equal(mesh_send(m, 0, 2, "?", 1), 0);
	lost = mesh_await_lost(m, 0, 2);
	assert_in_range(mesh_now_ms() - start, 350, 5000);
	assert_int_equal(lost.orderly, 0);
	assert_string_equal(lost.why,
			    "node n2 (host2) is lost: no link within 400 ms: "
			    "slurmd could not hand over the invitation: No "
			    "such file or directory");
	mesh_lock(m, 0);
	assert_string_equal(links_why_lost(mesh_links(m, 0), 2),
			    strstr(lost.why, "no link within"));
	mesh_unlock(m, 0);
	assert_int_equal(mesh_send(m, 0, 2, "?", 1), -1);
	assert_int_equal(mesh_lost(m, 0, 2).times, 1);
	mesh_close(m);
}

static void a_node_that_does_not_connect_is_lost_with_a_sentence(void **state)
{
	mesh_t *m = open_mesh(2, 600);

	mesh_start_all(m);
	mesh_redirect(1); /* nobody listens there */
	assert_int_equal(mesh_send(m, 0, 1, "?", 1), 0);
	assert_non_null(strstr(mesh_await_lost(m, 0, 1).why,
			       "it was invited and did not connect to port"));
	assert_non_null(strstr(mesh_await_lost(m, 1, 0).why,
			       "no link within 600 ms: 127.0.0.1 port 1: "
			       "Connection refused"));
	mesh_close(m);
}

static void another_key_is_no_link(void **state)
{
	munged_t *stranger = munged_start(NULL);
	mesh_options_t opt = { .timeout_ms = 1000,
			       .munge_sockets = { munged_socket(munged),
						  munged_socket(stranger) } };
	mesh_t *m = mesh_open(2, &opt);

	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 1, "secret", 6), 0);
	(void)mesh_await_lost(m, 0, 1);
	(void)mesh_await_lost(m, 1, 0);
	assert_true(mesh_logged("was dropped") > 0);
	assert_int_equal(mesh_received(m, 1), 0);
	assert_int_equal(mesh_logged("is up"), 0);
	mesh_close(m);
	munged_stop(stranger);
}

/* The first of COUNT ports in a row that nobody uses now.  Below those that
 * the kernel gives to connections. */
static uint16_t free_ports(uint16_t count)
{
	uint16_t first = (uint16_t)(20000 + randombytes_uniform(10000));
	uint16_t run = 0, port, got;
	int fd;

	for (port = first; run < count; port++) {
		fd = tcp_listen(port, port, &got);
		run = fd < 0 ? 0 : run + 1;
		if (fd >= 0)
			close(fd);
	}
	return port - count;
}

static void the_port_is_one_of_the_range(void **state)
{
	uint16_t first = free_ports(3);
	mesh_options_t opt = { .munge_sockets = { munged_socket(munged) },
			       .port_min = first,
			       .port_max = first + 2 };
	mesh_t *m = mesh_open(4, &opt);
	char sentence[100];

	for (uint32_t i = 0; i < 3; i++)
		assert_non_null(mesh_start(m, i));
	assert_int_equal(mesh_send(m, 0, 1, "x", 1), 0);
	assert_got(m, 1, 0, 0, "x");
	assert_in_range(mesh_port(m, 0), first, first + 2);
	assert_null(mesh_start(m, 3)); /* three ports, four nodes */
	(void)snprintf(sentence, sizeof(sentence),
		       "cannot listen on a TCP port of %u-%u: Address already "
		       "in use",
		       first, first + 2u);
	assert_int_equal(mesh_logged(sentence), 1);
	mesh_close(m);
}

static void a_step_of_one_node_does_not_listen(void **state)
{
	mesh_t *m = open_mesh(1, 0);

	assert_non_null(mesh_start(m, 0));
	assert_int_equal(mesh_send(m, 0, 0, "x", 1), -1);
	assert_int_equal(mesh_send(m, 0, 1, "x", 1), -1);
	mesh_close(m);
}

/* -- messages ----------------------------------------------------------- */

static void messages_arrive_once_and_in_order(void **state)
{
	mesh_t *m = open_mesh(2, 0);
	uint8_t *buf = malloc(100000);
	uint32_t lens[2][300];

	assert_non_null(buf);
	randombytes_buf(buf, 100000);
	mesh_start_all(m);
	/* The first ones wait for the link, the others do not. */
	for (uint32_t i = 0; i < 300; i++) {
		for (uint32_t from = 0; from < 2; from++) {
			lens[from][i] =
				4 + randombytes_uniform(i % 10 ? 200 : 99996);
			memcpy(buf, &i, 4);
			assert_int_equal(mesh_send(m, from, 1 - from, buf,
						   lens[from][i]),
					 0);
		}
	}
	for (uint32_t i = 0; i < 300; i++) {
		for (uint32_t from = 0; from < 2; from++) {
			mesh_msg_t msg = mesh_await(m, 1 - from, i);

			assert_int_equal(msg.len, lens[from][i]);
			memcpy(buf, &i, 4);
			assert_memory_equal(msg.msg, buf, msg.len);
		}
	}
	free(buf);
	mesh_close(m);
}

static void a_message_of_64_mib_arrives(void **state)
{
	size_t len = (size_t)64 * 1024 * 1024 + 1;
	mesh_t *m = open_mesh(2, 0);
	uint8_t *big = malloc(len);
	mesh_msg_t msg;

	assert_non_null(big);
	randombytes_buf(big, len);
	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 1, "before", 6), 0);
	assert_got(m, 1, 0, 0, "before");
	assert_int_equal(mesh_send(m, 0, 1, big, len), 0);
	assert_int_equal(mesh_send(m, 1, 0, "meanwhile", 9), 0);
	assert_int_equal(mesh_send(m, 0, 1, "after", 5), 0);
	assert_got(m, 0, 0, 1, "meanwhile");
	msg = mesh_await(m, 1, 1);
	assert_int_equal(msg.len, len);
	assert_memory_equal(msg.msg, big, len);
	assert_got(m, 1, 2, 0, "after");
	free(big);
	mesh_close(m);
}

static void a_message_over_the_limit_is_refused(void **state)
{
	mesh_t *m = open_mesh(2, 0);

	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 1, "", (size_t)LINK_MSG_MAX + 1), -1);
	assert_int_equal(mesh_send(m, 0, 0, "", 0), -1);
	assert_int_equal(mesh_send(m, 0, 2, "", 0), -1);
	assert_int_equal(mesh_send(m, 0, UINT32_MAX, "", 0), -1);
	mesh_close(m);
}

/* -- ending ------------------------------------------------------------- */

static mesh_t *open_linked_pair(void)
{
	mesh_t *m = open_mesh(2, 0);

	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	assert_int_equal(mesh_send(m, 1, 0, "pong", 4), 0);
	assert_got(m, 0, 0, 1, "pong");
	return m;
}

static void an_orderly_end_is_told_apart(void **state)
{
	mesh_t *m = open_linked_pair();
	mesh_lost_t lost;

	mesh_stop(m, 1);
	lost = mesh_await_lost(m, 0, 1);
	assert_int_equal(lost.orderly, 1);
	assert_string_equal(lost.why, "node n1 (host1) has left: its "
				      "connection ended");
	mesh_lock(m, 0);
	assert_string_equal(links_why_lost(mesh_links(m, 0), 1),
			    "its tasks had finalised; its connection ended");
	mesh_unlock(m, 0);
	assert_int_equal(mesh_send(m, 0, 1, "?", 1), -1);
	mesh_close(m);
}

static void what_was_sent_before_the_end_arrives(void **state)
{
	size_t len = 20 * 1024 * 1024;
	mesh_t *m = open_linked_pair();
	uint8_t *big = calloc(1, len);

	assert_non_null(big);
	assert_int_equal(mesh_send(m, 1, 0, big, len), 0);
	assert_int_equal(mesh_send(m, 1, 0, "last words", 10), 0);
	mesh_stop(m, 1);
	assert_int_equal(mesh_await(m, 0, 1).len, len);
	assert_got(m, 0, 2, 1, "last words");
	assert_int_equal(mesh_await_lost(m, 0, 1).orderly, 1);
	free(big);
	mesh_close(m);
}

/* The good-bye is still to be read when sending fails already. */
static void sending_to_a_node_that_has_left_is_orderly(void **state)
{
	for (int i = 0; i < 10; i++) {
		mesh_t *m = open_linked_pair();

		mesh_lock(m, 0);
		mesh_stop(m, 1);
		for (int k = 0; k < 50; k++) {
			char late[] = "too late";
			struct iovec iov = { late, 8 };

			assert_int_equal(links_send(mesh_links(m, 0), 1,
						    LINK_DMODEX, &iov, 1),
					 0);
		}
		mesh_unlock(m, 0);
		assert_int_equal(mesh_await_lost(m, 0, 1).orderly, 1);
		mesh_close(m);
	}
}

static void a_good_bye_before_the_link_counts_too(void **state)
{
	mesh_t *m = open_mesh(2, 0);

	mesh_start_all(m);
	mesh_lock(m, 1);
	links_goodbye(mesh_links(m, 1));
	links_goodbye(mesh_links(m, 1));
	mesh_unlock(m, 1);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	mesh_stop(m, 1);
	assert_int_equal(mesh_await_lost(m, 0, 1).orderly, 1);
	mesh_close(m);
}

/* -- nodes that are apart -------------------------------------------------- */

static mesh_t *open_apart(int timeout_ms)
{
	const mesh_options_t opt = { .timeout_ms = timeout_ms,
				     .munge_sockets = { munged_socket(munged) },
				     .apart = true };

	return mesh_open(2, &opt);
}

static bool try_node(mesh_t *m, uint32_t from, uint32_t to)
{
	bool tried;

	mesh_lock(m, from);
	tried = links_try(mesh_links(m, from), to);
	mesh_unlock(m, from);
	return tried;
}

static void trying_a_node_that_is_not_there_changes_nothing(void **state)
{
	unsigned forwards = mesh_forwards();
	mesh_t *m = open_apart(0);
	int64_t start = mesh_now_ms();

	assert_non_null(mesh_start(m, 0));
	assert_true(try_node(m, 0, 1));
	assert_false(mesh_await_settled(m, 0, 1, 1));
	/* Nothing was tried a second time, let alone until the time is up. */
	assert_int_equal(mesh_forwards() - forwards, 1);
	assert_true(mesh_now_ms() - start < 5000);
	assert_int_equal(mesh_lost(m, 0, 1).times, 0);
	mesh_lock(m, 0);
	assert_false(links_is_set_up(mesh_links(m, 0), 1));
	mesh_unlock(m, 0);
	/* Now it is. */
	assert_non_null(mesh_start(m, 1));
	assert_true(try_node(m, 0, 1));
	assert_true(mesh_await_settled(m, 0, 1, 2));
	assert_true(mesh_await_settled(m, 1, 0, 1));
	assert_false(try_node(m, 0, 1));
	assert_int_equal(mesh_send(m, 1, 0, "ping", 4), 0);
	assert_got(m, 0, 0, 1, "ping");
	mesh_close(m);
}

static void what_is_sent_during_a_try_is_not_given_up(void **state)
{
	char text[] = "ping";
	struct iovec iov = { text, 4 };
	unsigned forwards = mesh_forwards();
	mesh_t *m = open_apart(0);

	assert_non_null(mesh_start(m, 0));
	mesh_lock(m, 0);
	assert_true(links_try(mesh_links(m, 0), 1));
	assert_int_equal(links_send(mesh_links(m, 0), 1, LINK_DMODEX, &iov, 1),
			 0);
	mesh_unlock(m, 0);
	while (mesh_forwards() - forwards < 2)
		usleep(1000);
	assert_non_null(mesh_start(m, 1));
	assert_got(m, 1, 0, 0, "ping");
	assert_true(mesh_await_settled(m, 0, 1, 1));
	mesh_close(m);
}

static void what_is_sent_to_nobody_is_lost_all_the_same(void **state)
{
	mesh_t *m = open_apart(300);

	assert_non_null(mesh_start(m, 0));
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_int_equal(mesh_await_lost(m, 0, 1).orderly, 0);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), -1);
	/* A try that fails leaves it so. */
	assert_true(try_node(m, 0, 1));
	assert_false(mesh_await_settled(m, 0, 1, 1));
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), -1);
	assert_int_equal(mesh_lost(m, 0, 1).times, 1);
	mesh_close(m);
}

static void a_node_that_was_lost_comes_back(void **state)
{
	mesh_t *m = open_apart(0);

	mesh_start_all(m);
	assert_true(try_node(m, 0, 1));
	assert_true(mesh_await_settled(m, 0, 1, 1));
	/* It is up there, too: who does not know so says no good-bye. */
	assert_int_equal(mesh_send(m, 1, 0, "up", 2), 0);
	assert_got(m, 0, 0, 1, "up");
	mesh_stop(m, 1);
	assert_int_equal(mesh_await_lost(m, 0, 1).orderly, 1);
	assert_int_equal(mesh_send(m, 0, 1, "?", 1), -1);
	/* This time it is the other one that wants a link. */
	assert_non_null(mesh_start(m, 1));
	assert_int_equal(mesh_send(m, 1, 0, "pong", 4), 0);
	assert_got(m, 0, 1, 1, "pong");
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	assert_int_equal(mesh_lost(m, 0, 1).times, 1);
	mesh_close(m);
}

static void a_service_can_drop_a_link(void **state)
{
	mesh_t *m = open_linked_pair();
	mesh_lost_t lost;

	mesh_lock(m, 0);
	links_drop(mesh_links(m, 0), 1, "it broke the rules");
	links_drop(mesh_links(m, 0), 1, "again");
	assert_int_equal(links_send(mesh_links(m, 0), 1, LINK_DMODEX, NULL, 0),
			 0);
	mesh_unlock(m, 0);
	lost = mesh_await_lost(m, 0, 1);
	assert_int_equal(lost.orderly, 0);
	assert_string_equal(lost.why, "node n1 (host1) is lost: it broke the "
				      "rules");
	lost = mesh_await_lost(m, 1, 0);
	assert_int_equal(lost.orderly, 0);
	assert_string_equal(lost.why, "node n0 (host0) is lost: its "
				      "connection ended");
	assert_int_equal(mesh_send(m, 1, 0, "?", 1), -1);
	assert_int_equal(mesh_lost(m, 0, 1).times, 1);
	mesh_close(m);
}

static void a_type_without_handler_drops_the_link(void **state)
{
	mesh_t *m = open_linked_pair();

	mesh_lock(m, 0);
	assert_int_equal(links_send(mesh_links(m, 0), 1, LINK_NOTICE, NULL, 0),
			 0);
	mesh_unlock(m, 0);
	assert_non_null(strstr(mesh_await_lost(m, 1, 0).why,
			       "a message has a type that nobody here "
			       "handles"));
	(void)mesh_await_lost(m, 0, 1);
	mesh_close(m);
}

static void stopping_while_links_come_up_leaves_nothing(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		mesh_t *m = open_mesh(3, 0);

		mesh_start_all(m);
		for (uint32_t from = 0; from < 3; from++)
			(void)mesh_send(m, from, (from + 1) % 3, "x", 1);
		(void)usleep(i * 500);
		mesh_close(m);
	}
}

/* -- strangers ---------------------------------------------------------- */

static int dial(uint16_t port)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET,
				   .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in4, sizeof(in4)), 0);
	return fd;
}

static void await_end(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buf[256];

	do
		assert_int_equal(poll(&pfd, 1, 20000), 1);
	while (read(fd, buf, sizeof(buf)) > 0);
	close(fd);
}

static void garbage_is_dropped_and_the_step_goes_on(void **state)
{
	mesh_t *m = open_mesh(3, 0);
	char garbage[1000];
	int fd;

	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	for (int i = 0; i < 40; i++) {
		randombytes_buf(garbage, sizeof(garbage));
		if (i == 0)
			(void)snprintf(garbage, sizeof(garbage),
				       "GET / HTTP/1.0\r\n\r\n");
		fd = dial(mesh_port(m, 0));
		assert_true(send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL) >
			    0);
		if (i % 2)
			(void)shutdown(fd, SHUT_WR);
		await_end(fd);
	}
	close(dial(mesh_port(m, 0)));
	mesh_await_log("a connection from 127.0.0.1");
	assert_in_range(mesh_logged("was dropped"), 1, 20);
	assert_int_equal(mesh_send(m, 0, 2, "still here", 10), 0);
	assert_got(m, 2, 0, 0, "still here");
	assert_int_equal(mesh_send(m, 1, 0, "here too", 8), 0);
	assert_got(m, 0, 0, 1, "here too");
	mesh_close(m);
}

static void silent_strangers_do_not_keep_nodes_out(void **state)
{
	mesh_t *m = open_mesh(3, 0);
	int fds[200];

	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	for (int i = 0; i < 200; i++)
		fds[i] = dial(mesh_port(m, 0));
	assert_int_equal(mesh_send(m, 0, 2, "hello", 5), 0);
	assert_got(m, 2, 0, 0, "hello");
	mesh_await_log("too many that are not authenticated");
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	mesh_close(m);
}

/* Hand bytes to node I's unix socket as slurmd would. */
static void invite(mesh_t *m, uint32_t i, uint32_t uid, uint32_t len,
		   const void *data, size_t data_len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	uint8_t prefix[8];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s",
		       mesh_wire(m, i));
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	put_u32(prefix, uid);
	put_u32(prefix + 4, len);
	(void)send(fd, prefix, sizeof(prefix), MSG_NOSIGNAL);
	(void)send(fd, data, data_len, MSG_NOSIGNAL);
	close(fd);
}

static void wrong_invitations_are_dropped(void **state)
{
	mesh_t *m = open_mesh(3, 0);
	invitation_t inv = { .job_id = MESH_JOB,
			     .step_id = MESH_STEP,
			     .node = 1,
			     .port = 1,
			     .naddrs = 1,
			     .addrs = { { 4, { 127, 0, 0, 1 } } } };
	uint8_t buf[INVITATION_MAX];
	uint32_t me = geteuid();
	size_t len = invitation_encode(&inv, buf);

	mesh_start_all(m);
	invite(m, 0, me + 1, (uint32_t)len, buf, len);
	mesh_await_log("dropped: slurmd says that another user sent it");
	invite(m, 0, me, UINT32_MAX, buf, len);
	mesh_await_log("dropped: it is too long");
	invite(m, 0, me, (uint32_t)len, buf, len - 1);
	mesh_await_log("dropped: it ended early");
	invite(m, 0, me, 12, "hello, world", 12);
	mesh_await_log("dropped: this is no invitation");
	inv.step_id++;
	len = invitation_encode(&inv, buf);
	invite(m, 0, me, (uint32_t)len, buf, len);
	mesh_await_log("dropped: it is for another step");
	inv.step_id--;
	inv.node = 0;
	len = invitation_encode(&inv, buf);
	invite(m, 0, me, (uint32_t)len, buf, len);
	mesh_await_log("dropped: its sender is no other node of this step");
	inv.node = 3;
	len = invitation_encode(&inv, buf);
	invite(m, 0, me, (uint32_t)len, buf, len);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	mesh_close(m);
}

static void nobody_authenticates_who_was_not_invited(void **state)
{
	mesh_t *m = open_mesh(3, 1500);
	invitation_t inv = { .job_id = MESH_JOB,
			     .step_id = MESH_STEP,
			     .node = 0,
			     .naddrs = 1,
			     .addrs = { { 4, { 127, 0, 0, 1 } } } };
	uint8_t buf[INVITATION_MAX];
	size_t len;

	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	inv.port = mesh_port(m, 0);
	len = invitation_encode(&inv, buf);
	/* Node 2 is told that node 0 awaits it, which is not so. */
	invite(m, 2, geteuid(), (uint32_t)len, buf, len);
	mesh_await_log("its node was not invited, or has a link already");
	assert_non_null(strstr(mesh_await_lost(m, 2, 0).why,
			       "no link within 1500 ms: "));
	assert_int_equal(mesh_lost(m, 0, 2).times, 0);
	mesh_close(m);
}

static void a_connection_meant_for_another_node_is_dropped(void **state)
{
	mesh_t *m = open_mesh(3, 1500);

	mesh_start_all(m);
	assert_int_equal(mesh_send(m, 0, 2, "ping", 4), 0);
	assert_got(m, 2, 0, 0, "ping");
	mesh_redirect(mesh_port(m, 0));
	/* Node 2 is invited by node 1 and led to node 0. */
	assert_int_equal(mesh_send(m, 1, 2, "ping", 4), 0);
	mesh_await_log("was dropped: it was meant for another node");
	assert_non_null(strstr(mesh_await_lost(m, 2, 1).why,
			       "node n1 (host1) is lost: no link within"));
	assert_int_equal(mesh_send(m, 2, 0, "pong", 4), 0);
	assert_got(m, 0, 0, 2, "pong");
	mesh_close(m);
}

/* -- the man in the middle ---------------------------------------------- */

struct proxy {
	pthread_t thread;
	int listener;
	uint16_t port;	   /* its own */
	atomic_int target; /* where it leads */
	atomic_int flip;   /* alter a bit in the next bytes to the target */
};

static void pass(struct proxy *p, int from, int to, bool up)
{
	uint8_t buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n > 0) {
		if (up && atomic_exchange(&p->flip, 0))
			buf[n - 1] ^= 0x10;
		(void)send(to, buf, (size_t)n, MSG_NOSIGNAL);
	} else {
		(void)shutdown(to, SHUT_WR);
	}
}

static void *proxy_run(void *arg)
{
	struct proxy *p = arg;
	int client = accept(p->listener, NULL, NULL);
	int server = dial((uint16_t)atomic_load(&p->target));
	struct pollfd pfds[2] = { { .fd = client, .events = POLLIN },
				  { .fd = server, .events = POLLIN } };

	while (poll(pfds, 2, 20000) > 0) {
		if (pfds[0].revents)
			pass(p, client, server, true);
		if (pfds[1].revents)
			pass(p, server, client, false);
		if ((pfds[0].revents | pfds[1].revents) & (POLLHUP | POLLERR))
			break;
	}
	close(client);
	close(server);
	return NULL;
}

static void proxy_start(struct proxy *p)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	socklen_t len = sizeof(in4);

	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(p->listener, (struct sockaddr *)&in4, sizeof(in4)), 0);
	assert_int_equal(listen(p->listener, 5), 0);
	assert_int_equal(
		getsockname(p->listener, (struct sockaddr *)&in4, &len), 0);
	p->port = ntohs(in4.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, proxy_run, p), 0);
}

static void a_bit_altered_on_the_way_ends_the_link(void **state)
{
	struct proxy p = { .target = 0 };
	mesh_t *m = open_mesh(3, 0);
	mesh_lost_t lost;

	mesh_start_all(m);
	/* Learn where node 0 listens, then lead node 1 to the proxy. */
	assert_int_equal(mesh_send(m, 0, 2, "ping", 4), 0);
	assert_got(m, 2, 0, 0, "ping");
	atomic_store(&p.target, mesh_port(m, 0));
	proxy_start(&p);
	mesh_redirect(p.port);
	assert_int_equal(mesh_send(m, 0, 1, "ping", 4), 0);
	assert_got(m, 1, 0, 0, "ping");
	assert_int_equal(mesh_send(m, 1, 0, "good", 4), 0);
	assert_got(m, 0, 0, 1, "good");
	atomic_store(&p.flip, 1);
	assert_int_equal(mesh_send(m, 1, 0, "evil", 4), 0);
	lost = mesh_await_lost(m, 0, 1);
	assert_non_null(strstr(lost.why, "a frame does not authenticate"));
	assert_int_equal(lost.orderly, 0);
	assert_int_equal(mesh_await_lost(m, 1, 0).orderly, 0);
	assert_int_equal(mesh_received(m, 0), 1);
	pthread_join(p.thread, NULL);
	close(p.listener);
	mesh_close(m);
}

/* -- collectives -------------------------------------------------------- */

struct arrivals {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t done;
	uint32_t right;
	uint32_t lost;
};

static void gathered(void *arg, coll_status_t status, uint32_t lost_node,
		     char *data, size_t len)
{
	struct arrivals *a = arg;

	pthread_mutex_lock(&a->lock);
	a->done++;
	a->lost += status == COLL_LOST;
	a->right += status == COLL_OK && len == 5 * 4 &&
		    memcmp(data, "\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0",
			   20) == 0;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	free(data);
}

static void join_gather(mesh_t *m, uint32_t i, struct arrivals *a)
{
	static const uint8_t id[COLL_ID_LEN] = "all";
	static const uint32_t all[] = { 0, 1, 2, 3, 4 };

	mesh_lock(m, i);
	coll_allgather(mesh_coll(m, i), id, all, 5, &i, sizeof(i), gathered, a);
	mesh_unlock(m, i);
}

static void await_arrivals(struct arrivals *a, uint32_t count)
{
	struct timespec until;
	int rc = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&a->lock);
	while (a->done < count && rc == 0)
		rc = pthread_cond_timedwait(&a->changed, &a->lock, &until);
	pthread_mutex_unlock(&a->lock);
	assert_int_equal(rc, 0);
}

static void collectives_run_over_real_links(void **state)
{
	struct arrivals a = { PTHREAD_MUTEX_INITIALIZER,
			      PTHREAD_COND_INITIALIZER, 0, 0, 0 };
	mesh_t *m = open_mesh(5, 0);

	mesh_start_all(m);
	for (uint32_t round = 0; round < 200; round++) {
		for (uint32_t i = 0; i < 5; i++)
			join_gather(m, (i + round) % 5, &a);
		if (round % 50 == 0)
			await_arrivals(&a, 5 * (round + 1));
	}
	await_arrivals(&a, 5 * 200);
	assert_int_equal(a.right, 5 * 200);
	mesh_close(m);
}

static void a_node_that_leaves_ends_the_collective_of_the_others(void **state)
{
	struct arrivals a = { PTHREAD_MUTEX_INITIALIZER,
			      PTHREAD_COND_INITIALIZER, 0, 0, 0 };
	mesh_t *m = open_mesh(5, 0);

	mesh_start_all(m);
	for (uint32_t i = 0; i < 5; i++)
		join_gather(m, i, &a);
	await_arrivals(&a, 5);
	for (uint32_t i = 0; i < 5; i++)
		if (i != 2)
			join_gather(m, i, &a);
	mesh_stop(m, 2);
	await_arrivals(&a, 9);
	assert_int_equal(a.right, 5);
	assert_int_equal(a.lost, 4);
	mesh_close(m);
}

static void a_node_that_never_comes_ends_the_collective(void **state)
{
	struct arrivals a = { PTHREAD_MUTEX_INITIALIZER,
			      PTHREAD_COND_INITIALIZER, 0, 0, 0 };
	mesh_t *m = open_mesh(5, 700);

	for (uint32_t i = 0; i < 4; i++) {
		assert_non_null(mesh_start(m, i));
		join_gather(m, i, &a);
	}
	await_arrivals(&a, 4);
	assert_int_equal(a.lost, 4);
	mesh_close(m);
}

/* ----------------------------------------------------------------------- */

static int start_munged(void **state)
{
	munged = munged_start(NULL);
	return munged ? 0 : -1;
}

static int stop_munged(void **state)
{
	munged_stop(munged);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lower_node_reaches_the_higher),
		cmocka_unit_test(the_higher_node_reaches_the_lower),
		cmocka_unit_test(simultaneous_invitations_make_one_link),
		cmocka_unit_test(all_pairs_of_five_nodes_link_at_once),
		cmocka_unit_test(a_node_that_starts_late_is_reached),
		cmocka_unit_test(a_slow_resolver_does_not_keep_nodes_waiting),
		cmocka_unit_test(
			a_node_that_is_never_there_is_lost_with_a_sentence),
		cmocka_unit_test(
			a_node_that_does_not_connect_is_lost_with_a_sentence),
		cmocka_unit_test(another_key_is_no_link),
		cmocka_unit_test(the_port_is_one_of_the_range),
		cmocka_unit_test(a_step_of_one_node_does_not_listen),
		cmocka_unit_test(messages_arrive_once_and_in_order),
		cmocka_unit_test(a_message_of_64_mib_arrives),
		cmocka_unit_test(a_message_over_the_limit_is_refused),
		cmocka_unit_test(an_orderly_end_is_told_apart),
		cmocka_unit_test(what_was_sent_before_the_end_arrives),
		cmocka_unit_test(sending_to_a_node_that_has_left_is_orderly),
		cmocka_unit_test(a_good_bye_before_the_link_counts_too),
		cmocka_unit_test(
			trying_a_node_that_is_not_there_changes_nothing),
		cmocka_unit_test(what_is_sent_during_a_try_is_not_given_up),
		cmocka_unit_test(what_is_sent_to_nobody_is_lost_all_the_same),
		cmocka_unit_test(a_node_that_was_lost_comes_back),
		cmocka_unit_test(a_service_can_drop_a_link),
		cmocka_unit_test(a_type_without_handler_drops_the_link),
		cmocka_unit_test(stopping_while_links_come_up_leaves_nothing),
		cmocka_unit_test(garbage_is_dropped_and_the_step_goes_on),
		cmocka_unit_test(silent_strangers_do_not_keep_nodes_out),
		cmocka_unit_test(wrong_invitations_are_dropped),
		cmocka_unit_test(nobody_authenticates_who_was_not_invited),
		cmocka_unit_test(
			a_connection_meant_for_another_node_is_dropped),
		cmocka_unit_test(a_bit_altered_on_the_way_ends_the_link),
		cmocka_unit_test(collectives_run_over_real_links),
		cmocka_unit_test(
			a_node_that_leaves_ends_the_collective_of_the_others),
		cmocka_unit_test(a_node_that_never_comes_ends_the_collective),
	};

	return cmocka_run_group_tests(tests, start_munged, stop_munged);
}
