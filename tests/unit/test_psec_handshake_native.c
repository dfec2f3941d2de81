/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mechanism native between processes of really different users, over unix
 * sockets and loopback TCP.  Most of it needs root, who can become anybody.
 *
 * The processes may lie about themselves: this program's geteuid(2) and
 * getegid(2) come before the C library's, and say what the test wants.
 */
#include <arpa/inet.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "nodes.h"

#define ALICE	   54321u
#define BOB	   54322u
#define NOBODY	   ((uid_t)-1)
#define TIMEOUT_MS 10000

static uid_t lie = NOBODY;

__attribute__((visibility("default"))) uid_t geteuid(void)
{
	return lie != NOBODY ? lie : (uid_t)syscall(SYS_geteuid);
}

__attribute__((visibility("default"))) gid_t getegid(void)
{
	return lie != NOBODY ? lie : (gid_t)syscall(SYS_getegid);
}

/* One end. */
typedef struct {
	uid_t uid;    /* which it really has */
	uid_t claims; /* and which it says, or NOBODY */
	uid_t expects;
} who_t;

/* How it went for one end. */
typedef struct {
	psec_code_t rc;
	psec_error_t err;
	uid_t uid; /* of the peer */
	gid_t gid;
} outcome_t;

typedef enum { UNIX, TCP4, TCP6, KINDS } kind_t;

typedef struct {
	const char *mech;
	psec_role_t role;
	who_t client, server;
	kind_t kind;
} play_t;

static int setup(void **state)
{
	/* Loaded here: other users cannot read the directory it is in. */
	*state = nodes_context(NULL, "native,none");
	return 0;
}

static int teardown(void **state)
{
	psec_destroy(*state);
	return 0;
}

static void need_root(void)
{
	if (geteuid() != 0) {
		print_message("needs root, to become other users\n");
		skip();
	}
}

/* -- processes ---------------------------------------------------------- */

/* Ends a child, where cmocka's assertions would end up in the parent. */
#define must(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			(void)dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__,    \
				      #condition);                             \
			_exit(3);                                              \
		}                                                              \
	} while (0)

static void become(const who_t *who)
{
	alarm(20);
	if (who->uid != 0) {
		must(setgroups(0, NULL) == 0);
		must(setresgid(who->uid, who->uid, who->uid) == 0);
		must(setresuid(who->uid, who->uid, who->uid) == 0);
	}
	lie = who->claims;
}

static socklen_t address(kind_t kind, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ss;
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)ss;

	memset(ss, 0, sizeof(*ss));
	switch (kind) {
	case TCP4:
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	case TCP6:
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		return sizeof(*in6);
	default:
		/* The kernel finds an abstract name, which all can reach. */
		un->sun_family = AF_UNIX;
		return sizeof(sa_family_t);
	}
}

static outcome_t handshake(psec_t *psec, const play_t *play, psec_role_t role,
			   const who_t *who, int fd)
{
	psec_handshake_options_t opt = nodes_options(role);
	outcome_t o = { .uid = NOBODY, .gid = (gid_t)-1 };
	psec_handshake_t *hs = NULL;
	psec_peer_t peer;

	opt.mechs = play->mech;
	opt.expect_uid = who->expects;
	o.rc = psec_handshake_create(&hs, psec, &opt, &o.err);
	if (!o.rc)
		o.rc = psec_handshake_run(hs, fd, TIMEOUT_MS, &o.err);
	if (!o.rc)
		o.rc = psec_handshake_peer(hs, &peer, &o.err);
	if (!o.rc) {
		o.uid = peer.uid;
		o.gid = peer.gid;
	}
	psec_handshake_destroy(hs);
	return o;
}

/* Where the server of a play listens. */
typedef struct {
	struct sockaddr_storage ss;
	socklen_t len;
} place_t;

static void serve(psec_t *psec, const play_t *play, int out)
{
	place_t place;
	outcome_t o;
	int fd, conn;
	char c;

	become(&play->server);
	place.len = address(play->kind, &place.ss);
	fd = socket(place.ss.ss_family, SOCK_STREAM, 0);
	must(bind(fd, (struct sockaddr *)&place.ss, place.len) == 0);
	must(listen(fd, 1) == 0);
	place.len = sizeof(place.ss);
	must(getsockname(fd, (struct sockaddr *)&place.ss, &place.len) == 0);
	must(write(out, &place, sizeof(place)) == sizeof(place));
	conn = accept(fd, NULL, NULL);
	must(conn >= 0);
	o = handshake(psec, play, PSEC_SERVER, &play->server, conn);
	must(write(out, &o, sizeof(o)) == sizeof(o));
	/* The client may still ask the kernel about our end. */
	(void)shutdown(conn, SHUT_WR);
	while (recv(conn, &c, 1, 0) > 0)
		;
	_exit(0);
}

static void connect_to(psec_t *psec, const play_t *play, const place_t *place,
		       int out)
{
	outcome_t o;
	int fd;

	become(&play->client);
	fd = socket(place->ss.ss_family, SOCK_STREAM, 0);
	must(connect(fd, (const struct sockaddr *)&place->ss, place->len) == 0);
	o = handshake(psec, play, play->role, &play->client, fd);
	must(write(out, &o, sizeof(o)) == sizeof(o));
	_exit(0);
}

static void read_all(int fd, void *buf, size_t len)
{
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		n = read(fd, (char *)buf + have, len - have);
		if (n <= 0)
			FAIL_MSG("one end of the play died");
		have += (size_t)n;
	}
}

static void assert_ended_well(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Two processes shake hands; *CLIENT and *SERVER tell how it went for each. */
static void run_play(psec_t *psec, const play_t *play, outcome_t *client,
		     outcome_t *server)
{
	int s[2], c[2];
	pid_t spid, cpid;
	place_t place;

	assert_int_equal(pipe(s), 0);
	assert_int_equal(pipe(c), 0);
	spid = fork();
	assert_true(spid >= 0);
	if (spid == 0)
		serve(psec, play, s[1]);
	close(s[1]);
	read_all(s[0], &place, sizeof(place));
	cpid = fork();
	assert_true(cpid >= 0);
	if (cpid == 0)
		connect_to(psec, play, &place, c[1]);
	close(c[1]);
	read_all(c[0], client, sizeof(*client));
	read_all(s[0], server, sizeof(*server));
	assert_ended_well(cpid);
	assert_ended_well(spid);
	close(s[0]);
	close(c[0]);
}

/* -- what is proven ----------------------------------------------------- */

/* A plain play between ALICE's server and BOB's client. */
static play_t alice_and_bob(kind_t kind)
{
	return (play_t){ .mech = "native",
			 .role = PSEC_CLIENT,
			 .client = { BOB, NOBODY, ALICE },
			 .server = { ALICE, NOBODY, BOB },
			 .kind = kind };
}

static void each_end_learns_the_others_real_uid(void **state)
{
	static const psec_role_t roles[] = { PSEC_CLIENT, PSEC_TOOL,
					     PSEC_LEGACY };
	outcome_t c, s;
	kind_t kind;
	play_t play;
	size_t i;

	need_root();
	for (kind = UNIX; kind < KINDS; kind++) {
		for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
			play = alice_and_bob(kind);
			play.role = roles[i];
			run_play(*state, &play, &c, &s);
			assert_ok(c.rc, &c.err);
			assert_ok(s.rc, &s.err);
			assert_int_equal(c.uid, ALICE);
			assert_int_equal(s.uid, BOB);
			/* The kernel knows no gid of a TCP socket's owner. */
			assert_int_equal(c.gid,
					 kind == UNIX ? ALICE : (gid_t)-1);
			assert_int_equal(s.gid, kind == UNIX ? BOB : (gid_t)-1);
		}
	}
}

static void root_is_told_as_root(void **state)
{
	outcome_t c, s;
	kind_t kind;
	play_t play;

	need_root();
	for (kind = UNIX; kind < KINDS; kind++) {
		play = alice_and_bob(kind);
		play.client = (who_t){ 0, NOBODY, ALICE };
		play.server.expects = 0;
		run_play(*state, &play, &c, &s);
		assert_ok(c.rc, &c.err);
		assert_ok(s.rc, &s.err);
		assert_int_equal(s.uid, 0);
	}
}

/* -- lies --------------------------------------------------------------- */

/* BOB says he is PRETENDED, whom ALICE's server expects. */
static void assert_lie_is_refused(psec_t *psec, kind_t kind, uid_t pretended)
{
	play_t play = alice_and_bob(kind);
	outcome_t c, s;
	char words[80];

	play.client.claims = pretended;
	play.server.expects = pretended;
	run_play(psec, &play, &c, &s);
	(void)snprintf(words, sizeof(words),
		       "the client has uid %u, but uid %u is expected", BOB,
		       pretended);
	assert_refused(s.rc, &s.err, PSEC_ERR_MISMATCH, words);
	assert_refused(c.rc, &c.err, PSEC_ERR_MISMATCH,
		       "the server refused the handshake: mismatch");
}

static void a_client_that_claims_anothers_uid_is_refused(void **state)
{
	kind_t kind;

	need_root();
	for (kind = UNIX; kind < KINDS; kind++) {
		assert_lie_is_refused(*state, kind, ALICE);
		assert_lie_is_refused(*state, kind, 0);
	}
}

/* The lie is a real one: none, which believes what it is told, believes it. */
static void the_same_claim_fools_mechanism_none(void **state)
{
	play_t play = alice_and_bob(TCP4);
	outcome_t c, s;

	need_root();
	play.mech = "none";
	play.client.claims = ALICE;
	play.client.expects = NOBODY;
	play.server.expects = ALICE;
	/* The server's proof is for ALICE, whom BOB claims to be. */
	run_play(*state, &play, &c, &s);
	assert_ok(s.rc, &s.err);
	assert_int_equal(s.uid, ALICE);
}

/* BOB listens where ALICE's server should. */
static void a_server_of_another_uid_is_refused(void **state)
{
	outcome_t c, s;
	kind_t kind;
	play_t play;

	need_root();
	for (kind = UNIX; kind < KINDS; kind++) {
		play = alice_and_bob(kind);
		play.client = (who_t){ ALICE, NOBODY, ALICE };
		play.server = (who_t){ BOB, ALICE, NOBODY };
		run_play(*state, &play, &c, &s);
		assert_refused(c.rc, &c.err, PSEC_ERR_MISMATCH,
			       "the peer has uid 54322");
		assert_refused(s.rc, &s.err, PSEC_ERR_MISMATCH,
			       "the client refused the handshake: mismatch");
	}
}

/* -- what the kernel cannot tell ---------------------------------------- */

/* Say what a client says up to its proof, and hang up. */
static void say_and_leave(psec_t *psec, const place_t *place)
{
	psec_handshake_options_t opt = nodes_options(PSEC_CLIENT);
	const who_t bob = { BOB, NOBODY, NOBODY };
	psec_handshake_t *hs = NULL;
	const void *out;
	size_t len, used;
	char byte;
	int fd;

	become(&bob);
	opt.mechs = "native";
	opt.expect_uid = NOBODY;
	fd = socket(place->ss.ss_family, SOCK_STREAM, 0);
	must(connect(fd, (const struct sockaddr *)&place->ss, place->len) == 0);
	must(!psec_handshake_create(&hs, psec, &opt, NULL));
	psec_handshake_set_fd(hs, fd);
	out = psec_handshake_output(hs, &len);
	must(send(fd, out, len, 0) == (ssize_t)len);
	psec_handshake_sent(hs, len);
	while (psec_handshake_state(hs) == PSEC_HS_INPUT) {
		must(recv(fd, &byte, 1, 0) == 1);
		must(!psec_handshake_input(hs, &byte, 1, &used, NULL));
	}
	must(!psec_handshake_work(hs, NULL));
	out = psec_handshake_output(hs, &len);
	must(send(fd, out, len, 0) == (ssize_t)len);
	_exit(0);
}

/* A socket that no process has any more is root's to some kernels. */
static void a_tcp_client_that_has_hung_up_is_not_taken_for_root(void **state)
{
	psec_handshake_options_t opt = nodes_options(PSEC_SERVER);
	struct pollfd hung_up = { .events = POLLRDHUP };
	psec_handshake_t *hs;
	psec_error_t err;
	char bytes[4096];
	place_t place;
	size_t used = 0, len;
	ssize_t n = 0;
	int fd;
	pid_t pid;

	need_root();
	place.len = address(TCP4, &place.ss);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&place.ss, place.len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(
		getsockname(fd, (struct sockaddr *)&place.ss, &place.len), 0);
	pid = fork();
	if (pid == 0)
		say_and_leave(*state, &place);
	hung_up.fd = accept(fd, NULL, NULL);
	opt.mechs = "native";
	opt.expect_uid = 0;
	hs = nodes_start(*state, opt);
	psec_handshake_set_fd(hs, hung_up.fd);
	while (psec_handshake_state(hs) != PSEC_HS_WORK) {
		if (psec_handshake_state(hs) == PSEC_HS_OUTPUT) {
			const void *out = psec_handshake_output(hs, &len);

			assert_int_equal(send(hung_up.fd, out, len, 0), len);
			psec_handshake_sent(hs, len);
			continue;
		}
		n = recv(hung_up.fd, bytes, sizeof(bytes), 0);
		assert_true(n > 0);
		assert_ok(
			psec_handshake_input(hs, bytes, (size_t)n, &used, &err),
			&err);
	}
	assert_ended_well(pid);
	assert_int_equal(poll(&hung_up, 1, TIMEOUT_MS), 1);
	assert_refused(psec_handshake_work(hs, &err), &err,
		       PSEC_ERR_UNAVAILABLE,
		       "no process has the peer's socket");
	psec_handshake_destroy(hs);
	close(hung_up.fd);
	close(fd);
}

/* A network of this process's own, with ADDR on its loopback device. */
static void enter_network(const char *addr)
{
	struct ifreq ifr = { .ifr_name = "lo:1" };
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&ifr.ifr_addr;
	int fd;

	must(unshare(CLONE_NEWNET) == 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	in->sin_family = AF_INET;
	must(inet_pton(AF_INET, addr, &in->sin_addr) == 1);
	must(ioctl(fd, SIOCSIFADDR, &ifr) == 0);
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, "lo", sizeof("lo"));
	ifr.ifr_flags = IFF_UP;
	must(ioctl(fd, SIOCSIFFLAGS, &ifr) == 0);
	close(fd);
}

/* The client's end of a handshake over TCP from ADDR to ADDR. */
static void refuse_at(psec_t *psec, const char *addr, int out)
{
	const play_t play = { .mech = "native" };
	const who_t root = { 0, NOBODY, NOBODY };
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int listener, fd;
	outcome_t o;

	alarm(20);
	enter_network(addr);
	must(inet_pton(AF_INET, addr, &in.sin_addr) == 1);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(listener, (struct sockaddr *)&in, len) == 0);
	must(listen(listener, 1) == 0);
	must(getsockname(listener, (struct sockaddr *)&in, &len) == 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(fd, (struct sockaddr *)&in, len) == 0);
	if (fork() == 0) {
		(void)handshake(psec, &play, PSEC_SERVER, &root,
				accept(listener, NULL, NULL));
		_exit(0);
	}
	close(listener);
	o = handshake(psec, &play, PSEC_CLIENT, &root, fd);
	must(write(out, &o, sizeof(o)) == sizeof(o));
	_exit(0);
}

static outcome_t outcome_at(psec_t *psec, const char *addr)
{
	outcome_t o;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		refuse_at(psec, addr, fds[1]);
	close(fds[1]);
	read_all(fds[0], &o, sizeof(o));
	assert_ended_well(pid);
	close(fds[0]);
	return o;
}

static void tcp_that_is_not_loopback_is_refused(void **state)
{
	outcome_t o;

	need_root();
	o = outcome_at(*state, "192.0.2.77");
	assert_refused(o.rc, &o.err, PSEC_ERR_UNAVAILABLE,
		       "over unix sockets and loopback TCP only, and not that "
		       "of descriptor");
	assert_non_null(strstr(o.err.text, "is not over loopback"));
	/* The same network, the same steps, another address. */
	o = outcome_at(*state, "127.0.0.77");
	assert_ok(o.rc, &o.err);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_learns_the_others_real_uid),
		cmocka_unit_test(root_is_told_as_root),
		cmocka_unit_test(a_client_that_claims_anothers_uid_is_refused),
		cmocka_unit_test(the_same_claim_fools_mechanism_none),
		cmocka_unit_test(a_server_of_another_uid_is_refused),
		cmocka_unit_test(
			a_tcp_client_that_has_hung_up_is_not_taken_for_root),
		cmocka_unit_test(tcp_that_is_not_loopback_is_refused),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
