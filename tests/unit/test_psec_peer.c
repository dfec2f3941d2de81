/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose process is at the other end of a socket: the kernel says. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define OTHER_UID 65534u

/*
 * A kernel without sock_diag cannot be had on demand, so this program's
 * socket(2), which comes before the C library's, can refuse netlink.
 */
static bool no_netlink;

__attribute__((visibility("default"))) int socket(int domain, int type,
						  int protocol)
{
	if (no_netlink && domain == AF_NETLINK) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return (int)syscall(SYS_socket, domain, type, protocol);
}

/* A listening socket on loopback; *ADDR tells where. */
static int listen_on(int family, struct sockaddr_storage *addr, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)addr;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memset(addr, 0, sizeof(*addr));
	addr->ss_family = (sa_family_t)family;
	*len = family == AF_INET ? sizeof(*in) : sizeof(*in6);
	if (family == AF_INET)
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		in6->sin6_addr = in6addr_loopback;
	assert_int_equal(bind(fd, (struct sockaddr *)addr, *len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)addr, len), 0);
	return fd;
}

/* A process of UID that connects and waits to be killed. */
static pid_t connect_as(uid_t uid, const struct sockaddr_storage *addr,
			socklen_t len)
{
	pid_t pid = fork();
	int fd;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	if (uid != geteuid() && setresuid(uid, uid, uid) != 0)
		_exit(1);
	fd = socket(addr->ss_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)addr, len) != 0)
		_exit(1);
	alarm(20);
	pause();
	_exit(1);
}

static void expect_uid_over(int family, uid_t uid)
{
	struct sockaddr_storage addr;
	psec_error_t err;
	socklen_t len;
	int fd = listen_on(family, &addr, &len), conn;
	pid_t pid = connect_as(uid, &addr, len);
	uid_t got = (uid_t)-1;

	alarm(20);
	conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	assert_ok(psec_peer_uid(conn, &got, &err), &err);
	assert_int_equal(got, uid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(conn);
	close(fd);
}

static void the_owner_of_a_loopback_connection_is_told(void **state)
{
	expect_uid_over(AF_INET, geteuid());
	expect_uid_over(AF_INET6, geteuid());
}

/* Ordinary users cannot become another one to try. */
static void another_user_is_told_from_ourselves(void **state)
{
	uid_t other = geteuid() == 0 ? OTHER_UID : geteuid();

	expect_uid_over(AF_INET, other);
	expect_uid_over(AF_INET6, other);
}

/* An IPv4 client of a socket for both families. */
static void a_mapped_address_is_looked_up_as_what_it_is(void **state)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_ANY_INIT };
	struct sockaddr_storage to = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&to;
	socklen_t len = sizeof(any);
	const int off = 0;
	uid_t other = geteuid() == 0 ? OTHER_UID : geteuid();
	uid_t got = (uid_t)-1;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), conn;
	psec_error_t err;
	pid_t pid;

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in->sin_port = any.sin6_port;
	pid = connect_as(other, &to, sizeof(*in));
	alarm(20);
	conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	assert_ok(psec_peer_uid(conn, &got, &err), &err);
	assert_int_equal(got, other);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(conn);
	close(fd);
}

/* Whoever hangs up at once must not pass for somebody, and least for root. */
static void a_peer_that_is_gone_is_not_taken_for_anybody(void **state)
{
	struct sockaddr_storage addr;
	psec_error_t err;
	socklen_t len;
	int fd = listen_on(AF_INET, &addr, &len), conn;
	pid_t pid = connect_as(geteuid(), &addr, len);
	uid_t got = (uid_t)-1;

	alarm(20);
	conn = accept(fd, NULL, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_refused(psec_peer_uid(conn, &got, &err), &err,
		       PSEC_ERR_UNAVAILABLE,
		       "no process has the peer's socket");
	assert_int_equal(got, (uid_t)-1);
	close(conn);
	close(fd);
}

/* The connection is there before the server knows of it. */
static void a_peer_that_has_not_accepted_is_not_taken_for_anybody(void **state)
{
	struct sockaddr_storage addr;
	psec_error_t err;
	socklen_t len;
	int fd = listen_on(AF_INET, &addr, &len), conn, accepted;
	uid_t got = (uid_t)-1;

	alarm(20);
	conn = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(conn, (struct sockaddr *)&addr, len), 0);
	assert_refused(psec_peer_uid(conn, &got, &err), &err,
		       PSEC_ERR_UNAVAILABLE, "or is not accepted yet");
	accepted = accept(fd, NULL, NULL);
	assert_ok(psec_peer_uid(conn, &got, &err), &err);
	assert_int_equal(got, geteuid());
	close(accepted);
	close(conn);
	close(fd);
}

static void without_sock_diag_the_proc_table_tells_the_same(void **state)
{
	no_netlink = true;
	the_owner_of_a_loopback_connection_is_told(state);
	another_user_is_told_from_ourselves(state);
	a_mapped_address_is_looked_up_as_what_it_is(state);
	a_peer_that_is_gone_is_not_taken_for_anybody(state);
	a_peer_that_has_not_accepted_is_not_taken_for_anybody(state);
	no_netlink = false;
}

static void a_unix_sockets_peer_is_told(void **state)
{
	psec_error_t err;
	uid_t got = (uid_t)-1;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_ok(psec_peer_uid(fds[0], &got, &err), &err);
	assert_int_equal(got, geteuid());
	close(fds[0]);
	close(fds[1]);
}

static void what_has_no_peer_is_refused(void **state)
{
	struct sockaddr_storage addr;
	psec_error_t err;
	socklen_t len;
	uid_t got;
	int fd = listen_on(AF_INET, &addr, &len);
	int fds[2];

	assert_refused(psec_peer_uid(fd, &got, &err), &err, PSEC_ERR_IO,
		       "has no peer");
	assert_int_equal(pipe(fds), 0);
	assert_refused(psec_peer_uid(fds[0], &got, &err), &err, PSEC_ERR_ARG,
		       "not a socket");
	close(fds[0]);
	close(fds[1]);
	close(fd);
}

/* A UDP socket may have the ports of somebody's TCP connection. */
static void what_is_not_tcp_is_refused(void **state)
{
	struct sockaddr_storage addr;
	psec_error_t err;
	socklen_t len;
	uid_t got;
	int fd = listen_on(AF_INET, &addr, &len);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(udp, (struct sockaddr *)&addr, len), 0);
	assert_refused(psec_peer_uid(udp, &got, &err), &err,
		       PSEC_ERR_UNAVAILABLE, "not of protocol 17");
	close(udp);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owner_of_a_loopback_connection_is_told),
		cmocka_unit_test(another_user_is_told_from_ourselves),
		cmocka_unit_test(a_mapped_address_is_looked_up_as_what_it_is),
		cmocka_unit_test(a_peer_that_is_gone_is_not_taken_for_anybody),
		cmocka_unit_test(
			a_peer_that_has_not_accepted_is_not_taken_for_anybody),
		cmocka_unit_test(
			without_sock_diag_the_proc_table_tells_the_same),
		cmocka_unit_test(a_unix_sockets_peer_is_told),
		cmocka_unit_test(what_has_no_peer_is_refused),
		cmocka_unit_test(what_is_not_tcp_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
