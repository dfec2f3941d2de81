/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conn.c - the socket of a connection and its three phases: TCP, handshake,
 * frames.
 */
#include "conn.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "link.h"
#include "log.h"
#include "reader.h"
#include "wire.h"

/* What one call may send before others get the lock again. */
#define SEND_BUDGET (4 * CONN_TXBUF_SIZE)
#define PROBES_MS   250000 /* Linux asks at least every 120 s */
#define NAME_LEN    80
#define WHY_LEN	    192

enum conn_state {
	CONN_CONNECTING = 1, /* client: TCP */
	CONN_HANDSHAKE = 2,
	CONN_AWAIT_ACCEPT = 3, /* client: authenticated, not yet accepted */
	CONN_UP = 4
};

struct conn {
	const conn_env_t *env;
	enum conn_state state;
	psec_role_t role;
	int fd;
	struct event *readable;
	struct event *writable;
	struct event *timer; /* deadline of a phase; also brings failures */
	bool watched;	     /* UP: the timer looks whether it is silent */
	void *owner;
	char name[NAME_LEN];
	bool heard;

	psec_handshake_t *hs;	/* NULL while a worker has it */
	struct hs_job *working; /* then this is set */
	uint8_t intro[CONN_INTRO_MAX];
	size_t intro_len;

	reader_t reader;
	wire_t wire;
	txq_t queue;
	uint8_t *sealed; /* frames being sent, CONN_TXBUF_SIZE bytes or NULL */
	size_t sealed_start;
	size_t sealed_end;
	bool tx_dead; /* sending failed; reading will tell how it ended */

	bool failed;
	char why[WHY_LEN];
};

/* psec_handshake_work() on a worker thread. */
struct hs_job {
	job_t job;
	conn_t *conn; /* NULL: the connection is gone */
	psec_handshake_t *hs;
	psec_code_t code;
	psec_error_t err;
};

/* -- life --------------------------------------------------------------- */

void conn_destroy(conn_t *conn)
{
	if (!conn)
		return;
	if (conn->readable)
		event_free(conn->readable);
	if (conn->writable)
		event_free(conn->writable);
	if (conn->timer)
		event_free(conn->timer);
	if (conn->working) /* its job now owns the handshake */
		conn->working->conn = NULL;
	psec_handshake_destroy(conn->hs);
	reader_clear(&conn->reader);
	wire_wipe(&conn->wire);
	txq_clear(&conn->queue);
	free(conn->sealed);
	close(conn->fd);
	free(conn);
}

/* Only at the end of an event's callback: CONN is gone after it. */
static void conn_close(conn_t *conn, const char *why)
{
	conn->env->ops->closed(conn->env->arg, conn, why);
	conn_destroy(conn);
}

void conn_fail(conn_t *conn, const char *why)
{
	if (conn->failed)
		return;
	conn->failed = true;
	(void)snprintf(conn->why, sizeof(conn->why), "%s", why);
	event_active(conn->timer, EV_TIMEOUT, 0);
}

static void set_deadline(conn_t *conn, int ms)
{
	struct timeval tv = clock_timeval(ms);

	if (event_add(conn->timer, &tv))
		conn_fail(conn, "out of memory");
}

static void await_writable(conn_t *conn)
{
	if (event_add(conn->writable, NULL))
		conn_fail(conn, "out of memory");
}

void conn_set_owner(conn_t *conn, void *owner)
{
	conn->owner = owner;
}

void *conn_owner(const conn_t *conn)
{
	return conn->owner;
}

const char *conn_name(const conn_t *conn)
{
	return conn->name;
}

bool conn_silent(const conn_t *conn)
{
	return !conn->heard;
}

/* -- silence ------------------------------------------------------------ */

/*
 * Where the way to the other end is cut, the kernel sends what was not
 * acknowledged for about a quarter of an hour; keep-alives are for connections
 * that have nothing to send.  TCP_USER_TIMEOUT would also give up an end whose
 * process is stopped and whose buffers are full: a suspended job's.
 */
static void watch(conn_t *conn)
{
	if (conn->watched || conn->state != CONN_UP)
		return;
	conn->watched = true;
	set_deadline(conn, conn->env->silence_ms / 4);
}

/*
 * Has nothing come for so long, not even that bytes have arrived?  An end that
 * has no room for more is asked less and less often.
 */
static bool is_silent(const conn_t *conn)
{
	uint32_t limit_ms = (uint32_t)conn->env->silence_ms;
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return false;
	if (info.tcpi_unacked == 0 && limit_ms < PROBES_MS)
		limit_ms = PROBES_MS;
	return info.tcpi_last_ack_recv >= limit_ms;
}

/* CONN may be gone after it. */
static void look(conn_t *conn)
{
	int left = 0;

	conn->watched = false;
	if (ioctl(conn->fd, TIOCOUTQ, &left) != 0 || left == 0)
		return;
	if (!is_silent(conn)) {
		watch(conn);
		return;
	}
	(void)snprintf(conn->why, sizeof(conn->why),
		       "it has acknowledged nothing for %d s; is the network "
		       "between the nodes cut?",
		       conn->env->silence_ms / 1000);
	conn_close(conn, conn->why);
}

/* -- sending ------------------------------------------------------------ */

/* Returns the bytes taken, 0 when the socket takes none now. */
static size_t write_some(conn_t *conn, const uint8_t *buf, size_t len)
{
	ssize_t n;

	do
		n = send(conn->fd, buf, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		watch(conn);
		return (size_t)n;
	}
	if (errno != EAGAIN) {
		/*
		 * The peer may have said good-bye before it left: what it sent
		 * is still to be read, and reading brings the end too.
		 */
		conn->tx_dead = true;
		txq_clear(&conn->queue);
		conn->sealed_start = conn->sealed_end = 0;
	}
	return 0;
}

bool conn_pending(const conn_t *conn)
{
	return conn->sealed_start < conn->sealed_end ||
	       !txq_empty(&conn->queue);
}

/* Make the buffer for frames; it is kept while there is something to send. */
static bool have_sealed_buffer(conn_t *conn)
{
	if (!conn->sealed)
		conn->sealed = malloc(CONN_TXBUF_SIZE);
	if (!conn->sealed)
		conn_fail(conn, "out of memory");
	return conn->sealed != NULL;
}

/* Send what is queued, up to the budget. */
static void flush(conn_t *conn)
{
	size_t n, sent = 0;

	while (sent < SEND_BUDGET && conn_pending(conn)) {
		if (!have_sealed_buffer(conn))
			return;
		if (conn->sealed_start == conn->sealed_end) {
			conn->sealed_start = 0;
			conn->sealed_end =
				txq_seal(&conn->queue, &conn->wire,
					 conn->sealed, CONN_TXBUF_SIZE);
		}
		n = write_some(conn, conn->sealed + conn->sealed_start,
			       conn->sealed_end - conn->sealed_start);
		if (n == 0)
			break;
		conn->sealed_start += n;
		sent += n;
	}
	if (conn_pending(conn)) {
		await_writable(conn);
	} else {
		free(conn->sealed);
		conn->sealed = NULL;
	}
}

/* The socket takes bytes again. */
static void drain(conn_t *conn)
{
	if (!conn_pending(conn))
		return;
	flush(conn);
	if (!conn_pending(conn))
		conn->env->ops->drained(conn->env->arg, conn);
}

/* Keep the LEN bytes of frames at BUF that the socket did not take. */
static void keep_sealed(conn_t *conn, const uint8_t *buf, size_t len)
{
	if (!have_sealed_buffer(conn))
		return;
	memcpy(conn->sealed, buf, len);
	conn->sealed_start = 0;
	conn->sealed_end = len;
}

/* Queue the rest of a message. */
static void keep_message(conn_t *conn, uint8_t type, const txq_cursor_t *c)
{
	if (txq_push(&conn->queue, type, c))
		conn_fail(conn, "out of memory for a message");
}

void conn_send(conn_t *conn, uint8_t type, txq_cursor_t *c)
{
	uint8_t *buf = conn->env->txbuf;
	size_t len, n, sent = 0;
	bool done = false;

	if (conn->tx_dead || conn->failed)
		return;
	if (conn_pending(conn)) {
		keep_message(conn, type, c);
		return;
	}
	do {
		len = txq_seal_direct(&conn->wire, type, c, buf,
				      CONN_TXBUF_SIZE, &done);
		n = write_some(conn, buf, len);
		sent += n;
	} while (n == len && !done && sent < SEND_BUDGET);
	if (conn->tx_dead)
		return;
	if (n < len)
		keep_sealed(conn, buf + n, len - n);
	if (!done)
		keep_message(conn, type, c);
	if (conn_pending(conn))
		await_writable(conn);
}

void conn_send_queue(conn_t *conn, txq_t *q)
{
	STAILQ_CONCAT(&conn->queue, q);
	if (!conn->tx_dead && !conn->failed)
		flush(conn);
}

void conn_finish(conn_t *conn, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = conn->fd, .events = POLLOUT };
	int64_t left;

	while (!conn->tx_dead && !conn->failed && conn_pending(conn)) {
		flush(conn);
		left = deadline_ms - clock_ms();
		if (left <= 0)
			break;
		(void)poll(&pfd, 1, (int)left);
	}
	/* The end of our bytes must reach the peer behind them, not before. */
	(void)shutdown(conn->fd, SHUT_WR);
}

/* -- receiving ---------------------------------------------------------- */

static int on_message(void *arg, uint8_t type, const void *msg, size_t len,
		      const char **why)
{
	conn_t *conn = arg;
	const conn_env_t *env = conn->env;

	if (conn->failed) {
		*why = conn->why;
		return -1;
	}
	if (conn->state == CONN_UP)
		return env->ops->message(env->arg, conn, type, msg, len, why);
	if (type != WIRE_ACCEPT || len != 0) {
		*why = "a message came before the connection was accepted";
		return -1;
	}
	conn->state = CONN_UP;
	(void)event_del(conn->timer);
	env->ops->up(env->arg, conn);
	return 0;
}

void *conn_keep(conn_t *conn, const void *msg, size_t len)
{
	return reader_keep(&conn->reader, msg, len);
}

/* Returns -1 when CONN must be closed, with *WHY. */
static int take_frames(conn_t *conn, const char **why)
{
	return reader_parse(&conn->reader, &conn->wire, conn->env->scratch,
			    on_message, conn, why);
}

/* -- handshake ---------------------------------------------------------- */

static void handshake(conn_t *conn);

static void hs_work(job_t *job)
{
	struct hs_job *j = (struct hs_job *)job;

	j->code = psec_handshake_work(j->hs, &j->err);
}

static void hs_drop(job_t *job)
{
	struct hs_job *j = (struct hs_job *)job;

	psec_handshake_destroy(j->hs);
	free(j);
}

/* A failed handshake may have a short refusal for the peer. */
static void hs_failed(conn_t *conn, const psec_error_t *err)
{
	const void *out;
	size_t len;

	if (psec_handshake_state(conn->hs) == PSEC_HS_OUTPUT) {
		out = psec_handshake_output(conn->hs, &len);
		(void)write_some(conn, out, len);
	}
	conn_close(conn, err->text);
}

static void hs_done(job_t *job)
{
	struct hs_job *j = (struct hs_job *)job;
	conn_t *conn = j->conn;

	if (!conn) {
		hs_drop(job);
		return;
	}
	conn->hs = j->hs;
	conn->working = NULL;
	if (j->code != PSEC_OK)
		hs_failed(conn, &j->err);
	else if (event_add(conn->readable, NULL))
		conn_close(conn, "out of memory");
	else
		handshake(conn);
	free(j);
}

/* Hand the handshake to a worker; nothing is read meanwhile. */
static const char *hs_start_work(conn_t *conn)
{
	struct hs_job *j = calloc(1, sizeof(*j));

	if (!j)
		return "out of memory";
	j->job.work = hs_work;
	j->job.done = hs_done;
	j->job.drop = hs_drop;
	j->conn = conn;
	j->hs = conn->hs;
	if (jobs_post(conn->env->jobs, &j->job)) {
		free(j);
		return "this node is too busy for a handshake";
	}
	conn->hs = NULL;
	conn->working = j;
	(void)event_del(conn->readable);
	return NULL;
}

/*
 * Has the client given up meanwhile?  It sends nothing before it is accepted,
 * so anything but "nothing there" means that.  Accepting a connection that
 * is dead already would lose the node.
 */
static bool is_gone(const conn_t *conn)
{
	char c;

	return recv(conn->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       errno != EAGAIN;
}

/* Why the client cannot come in, or NULL: then the connection is up. */
static const char *accept_client(conn_t *conn, const psec_peer_t *peer)
{
	const conn_env_t *env = conn->env;
	txq_cursor_t nothing = { NULL, 0, 0 };
	const char *why;

	if (is_gone(conn))
		return "it was given up by the other end";
	why = env->ops->introduced(env->arg, conn, peer->intro,
				   peer->intro_len);
	if (why)
		return why;
	conn->state = CONN_UP;
	(void)event_del(conn->timer);
	conn_send(conn, WIRE_ACCEPT, &nothing);
	return NULL;
}

/* The handshake is done: what follows is in frames. */
static void hs_finish(conn_t *conn)
{
	psec_error_t err = { .code = PSEC_OK, .text = "" };
	const char *why = NULL;
	psec_peer_t peer;

	if (psec_handshake_peer(conn->hs, &peer, &err)) {
		why = err.text;
	} else if (!peer.key) {
		why = "its mechanism agrees on no key, and links need one";
	} else if (wire_init(&conn->wire, peer.key,
			     conn->role == PSEC_CLIENT ? WIRE_CLIENT
						       : WIRE_SERVER) != 0) {
		why = "OpenSSL gives no ChaCha20-Poly1305 here; is this "
		      "machine in FIPS mode, or out of memory?";
	} else {
		conn->state = CONN_AWAIT_ACCEPT;
		if (conn->role == PSEC_SERVER)
			why = accept_client(conn, &peer);
	}
	if (!why) {
		psec_handshake_destroy(conn->hs);
		conn->hs = NULL;
		if (conn->state == CONN_UP)
			conn->env->ops->up(conn->env->arg, conn);
		(void)take_frames(conn, &why);
	}
	if (why)
		conn_close(conn, why);
}

/* Send what the handshake has for the peer.  False: the rest later. */
static bool hs_output(conn_t *conn)
{
	const void *out;
	size_t len, n;

	out = psec_handshake_output(conn->hs, &len);
	n = write_some(conn, out, len);
	psec_handshake_sent(conn->hs, n);
	if (n < len && !conn->tx_dead)
		await_writable(conn);
	return n == len;
}

/* Feed it what has come.  False: wait for more, or it is closed. */
static bool hs_input(conn_t *conn)
{
	psec_error_t err;
	const uint8_t *buf;
	size_t len, used = 0;
	psec_code_t code;

	buf = reader_bytes(&conn->reader, &len);
	if (len == 0)
		return false;
	code = psec_handshake_input(conn->hs, buf, len, &used, &err);
	if (code != PSEC_OK) {
		hs_failed(conn, &err);
		return false;
	}
	reader_consume(&conn->reader, used);
	return used > 0;
}

/* Go on until it has to wait.  CONN may be gone after it. */
static void handshake(conn_t *conn)
{
	const char *why = NULL;

	for (;;) {
		switch (psec_handshake_state(conn->hs)) {
		case PSEC_HS_INPUT:
			if (!hs_input(conn))
				return;
			break;
		case PSEC_HS_OUTPUT:
			if (!hs_output(conn))
				return;
			break;
		case PSEC_HS_WORK:
			why = hs_start_work(conn);
			if (why)
				conn_close(conn, why);
			return;
		case PSEC_HS_DONE:
			hs_finish(conn);
			return;
		case PSEC_HS_FAILED:
		default:
			conn_close(conn, "the handshake failed");
			return;
		}
	}
}

static const char *hs_start(conn_t *conn, psec_error_t *err)
{
	psec_handshake_options_t opt = {
		.size = sizeof(opt),
		.role = conn->role,
		.mechs = conn->env->mechs,
		.binding = conn->env->binding,
		.binding_len = conn->env->binding_len,
		.intro = conn->intro_len ? conn->intro : NULL,
		.intro_len = conn->intro_len,
		.expect_uid = conn->env->uid,
	};

	/* Nodes know what they speak: there is nothing to choose. */
	if (conn->role == PSEC_SERVER)
		opt.refuse = PSEC_REFUSE_TOOLS | PSEC_REFUSE_LEGACY;

	if (psec_handshake_create(&conn->hs, conn->env->psec, &opt, err))
		return err->text;
	conn->state = CONN_HANDSHAKE;
	set_deadline(conn, CONN_HANDSHAKE_MS);
	if (event_add(conn->readable, NULL))
		return "out of memory";
	return NULL;
}

/* -- events ------------------------------------------------------------- */

static void read_some(conn_t *conn)
{
	const char *why = NULL;
	uint8_t *space;
	size_t len;
	ssize_t n;

	space = reader_space(&conn->reader, &len);
	n = recv(conn->fd, space, len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(conn,
			   n == 0 ? "its connection ended" : strerror(errno));
		return;
	}
	conn->heard = true;
	reader_added(&conn->reader, (size_t)n);
	if (conn->state == CONN_HANDSHAKE)
		handshake(conn);
	else if (take_frames(conn, &why))
		conn_close(conn, why);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	conn_t *conn = arg;
	pthread_mutex_t *lock = conn->env->lock;

	pthread_mutex_lock(lock);
	read_some(conn);
	pthread_mutex_unlock(lock);
}

/* TCP is connected, or has failed. */
static void connected(conn_t *conn)
{
	psec_error_t err;
	socklen_t len = sizeof(int);
	const char *why;
	int error = 0;

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	why = error ? strerror(error) : hs_start(conn, &err);
	if (why)
		conn_close(conn, why);
	else
		handshake(conn);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	conn_t *conn = arg;
	pthread_mutex_t *lock = conn->env->lock;

	pthread_mutex_lock(lock);
	if (conn->state == CONN_CONNECTING)
		connected(conn);
	else if (conn->state == CONN_UP)
		drain(conn);
	else if (conn->state == CONN_HANDSHAKE && conn->hs)
		handshake(conn);
	pthread_mutex_unlock(lock);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	conn_t *conn = arg;
	pthread_mutex_t *lock = conn->env->lock;

	pthread_mutex_lock(lock);
	if (conn->failed)
		conn_close(conn, conn->why);
	else if (conn->state == CONN_CONNECTING)
		conn_close(conn, "no answer in time");
	else if (conn->state != CONN_UP)
		conn_close(conn, "the handshake took too long");
	else
		look(conn);
	pthread_mutex_unlock(lock);
}

/* -- beginning ---------------------------------------------------------- */

static void set_name(conn_t *conn, const struct sockaddr *sa, socklen_t len)
{
	static const char mapped[] = "::ffff:"; /* IPv4 on an IPv6 socket */
	char host[48], port[8];
	const char *shown = host;

	if (getnameinfo(sa, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV)) {
		(void)snprintf(conn->name, sizeof(conn->name), "somewhere");
		return;
	}
	if (strncmp(host, mapped, sizeof(mapped) - 1) == 0 && strchr(host, '.'))
		shown += sizeof(mapped) - 1;
	(void)snprintf(conn->name, sizeof(conn->name), "%s port %s", shown,
		       port);
}

/* The kernel takes no more than 32767. */
static int seconds(int ms)
{
	int s = ms / 1000;

	return s < 1 ? 1 : s > INT16_MAX ? INT16_MAX : s;
}

/*
 * Frames are small and awaited; and a machine that dies says nothing: half of
 * SILENCE_MS without a word, then questions in the other half.
 */
static void set_options(int fd, int silence_ms)
{
	int on = 1, count = 6, idle_s = seconds(silence_ms / 2),
	    interval_s = seconds(silence_ms / 2 / count);

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s,
			 sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s,
			 sizeof(interval_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* FD becomes the connection's; closed when NULL. */
static conn_t *conn_new(const conn_env_t *env, int fd, psec_role_t role)
{
	conn_t *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		close(fd);
		return NULL;
	}
	conn->env = env;
	conn->fd = fd;
	conn->role = role;
	txq_init(&conn->queue);
	set_options(fd, env->silence_ms);
	conn->readable = event_new(env->base, fd, EV_READ | EV_PERSIST,
				   on_readable, conn);
	conn->writable = event_new(env->base, fd, EV_WRITE, on_writable, conn);
	conn->timer = evtimer_new(env->base, on_timer, conn);
	if (!conn->readable || !conn->writable || !conn->timer ||
	    reader_init(&conn->reader)) {
		conn_destroy(conn);
		return NULL;
	}
	return conn;
}

conn_t *conn_accept(const conn_env_t *env, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	conn_t *conn = conn_new(env, fd, PSEC_SERVER);
	const char *why;
	psec_error_t err;

	if (!conn)
		return NULL;
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
		set_name(conn, (struct sockaddr *)&ss, len);
	why = hs_start(conn, &err);
	if (why)
		conn_fail(conn, why);
	else
		await_writable(conn); /* the server speaks at once, too */
	return conn;
}

conn_t *conn_connect(const conn_env_t *env, const struct sockaddr_storage *ss,
		     socklen_t ss_len, int timeout_ms, const uint8_t *intro,
		     size_t intro_len)
{
	conn_t *conn;
	int error, fd;

	fd = socket(ss->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return NULL;
	conn = conn_new(env, fd, PSEC_CLIENT);
	if (!conn) {
		errno = ENOMEM;
		return NULL;
	}
	conn->state = CONN_CONNECTING;
	set_name(conn, (const struct sockaddr *)ss, ss_len);
	memcpy(conn->intro, intro, intro_len);
	conn->intro_len = intro_len;
	if (connect(fd, (const struct sockaddr *)ss, ss_len) &&
	    errno != EINPROGRESS) {
		error = errno;
		conn_destroy(conn);
		errno = error;
		return NULL;
	}
	/* Writable is what connected looks like, and what failed does. */
	await_writable(conn);
	set_deadline(conn, timeout_ms);
	return conn;
}
