/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_conn.c - a connection to psec-pmixd's port, which any process that
 * reaches the node can make: handshake, introduction, frames.
 *
 * Input: the setup of the handshake, then commands.  The other end is a real
 * client; h moves its handshake on, c likewise but with changed bytes, r
 * sends bytes of the input's own, f a frame (once there is a key), w lets the
 * server's worker finish, e ends the connection.  The socket, libevent,
 * conn.c and what is below it are real; jobs.h is a double.
 *
 * Nothing but what the client sealed comes out, and only after it was let in.
 */
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "ends.h"
#include "fuzz.h"
#include "link.h"
#include "wire.h"

#define MESSAGES_MAX 32

struct message {
	uint8_t type;
	size_t len;
};

static struct {
	conn_t *conn; /* NULL: closed */
	setup_t setup;
	job_t *job; /* the worker's */
	bool refuse, introduced, up, altered;
	struct message sent[MESSAGES_MAX];
	unsigned nsent, narrived;
	bool in_parts; /* the last of SENT is not complete */
	/* the client's end */
	end_t client;
	int fd;
	wire_t wire;
	bool has_key;
} world;

static struct event_base *base;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* -- the server's side ------------------------------------------------------
 */

int jobs_post(jobs_t *jobs, job_t *job)
{
	MUST(!world.job);
	world.job = job;
	return 0;
}

/* The worker, and then the loop. */
static void do_job(void)
{
	job_t *job = world.job;

	if (!job)
		return;
	world.job = NULL;
	fuzz_become(FUZZ_SERVER);
	job->work(job);
	pthread_mutex_lock(&lock);
	job->done(job);
	pthread_mutex_unlock(&lock);
}

static const char *on_introduced(void *arg, conn_t *conn, const uint8_t *intro,
				 size_t len)
{
	MUST(conn == world.conn && !world.introduced);
	MUST(len == world.setup.intro_len);
	MUST(memcmp(intro, world.setup.intro, len) == 0);
	world.introduced = true;
	return world.refuse ? "it is not wanted" : NULL;
}

static void on_up(void *arg, conn_t *conn)
{
	MUST(world.introduced && !world.refuse && !world.up);
	world.up = true;
}

static int on_message(void *arg, conn_t *conn, uint8_t type, const void *msg,
		      size_t len, const char **why)
{
	const struct message *m = &world.sent[world.narrived];

	MUST(world.up && world.narrived < world.nsent);
	MUST(m->type == type && m->len == len);
	for (size_t i = 0; i < len; i++)
		MUST(((const uint8_t *)msg)[i] == type);
	world.narrived++;
	return 0;
}

static void on_drained(void *arg, conn_t *conn)
{
	MUST(conn == world.conn && world.up && !conn_pending(conn));
}

static void on_closed(void *arg, conn_t *conn, const char *why)
{
	MUST(conn == world.conn && why && *why);
	world.conn = NULL;
}

static const conn_ops_t ops = {
	.introduced = on_introduced,
	.up = on_up,
	.message = on_message,
	.drained = on_drained,
	.closed = on_closed,
};

static void turn(void)
{
	/* Until there is nothing to do: a turn may be short. */
	for (int i = 0; i < 4; i++)
		MUST(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
}

/* -- the client's side ------------------------------------------------------
 */

static bool give(const uint8_t *bytes, size_t len)
{
	ssize_t n = len ? send(world.fd, bytes, len, MSG_NOSIGNAL) : 0;

	turn();
	return n == (ssize_t)len;
}

/* The key, once the handshake is done here. */
static void take_key(void)
{
	psec_peer_t peer;

	if (world.has_key || end_state(&world.client) != PSEC_HS_DONE)
		return;
	MUST(psec_handshake_peer(world.client.hs, &peer, NULL) == PSEC_OK);
	if (!peer.key)
		return;
	MUST(wire_init(&world.wire, peer.key, WIRE_CLIENT) == 0);
	world.has_key = true;
}

/* What the server says goes into the handshake, not byte for byte. */
static void hear(void)
{
	uint8_t bytes[4096];
	ssize_t n;

	while (end_state(&world.client) == PSEC_HS_INPUT &&
	       (n = recv(world.fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		(void)end_input(&world.client, bytes, (size_t)n);
}

static void say(feed_t *feed, bool change)
{
	uint8_t bytes[16384];
	size_t len, max = feed_u8(feed), at;

	turn();
	hear();
	if (end_state(&world.client) == PSEC_HS_WORK)
		end_work(&world.client);
	if (end_state(&world.client) != PSEC_HS_OUTPUT)
		return;
	len = end_output(&world.client, bytes, max ? max : sizeof(bytes));
	if (change) {
		at = feed_below(feed, (uint32_t)len);
		bytes[at] ^= (uint8_t)(1 << feed_below(feed, 8));
		world.altered = true;
	}
	(void)give(bytes, len);
	take_key();
}

static void say_raw(feed_t *feed)
{
	size_t len;
	const uint8_t *bytes = feed_bytes(feed, feed_u8(feed), &len);

	world.altered |= len > 0;
	(void)give(bytes, len);
}

/* Which message the server makes of a frame; altered: none any more. */
static void expect_frame(uint8_t type, uint8_t flags, size_t len)
{
	struct message *m = &world.sent[world.nsent];

	if (!world.in_parts)
		*m = (struct message){ .type = type };
	if ((flags & ~WIRE_MORE) || m->type != type ||
	    (len == 0 && (world.in_parts || flags)))
		world.altered = true;
	m->len += len;
	world.in_parts = flags & WIRE_MORE;
	if (!world.altered && !world.in_parts)
		world.nsent++;
}

static void say_frame(feed_t *feed)
{
	uint8_t type = feed_u8(feed), flags = feed_u8(feed) & 3;
	uint8_t frame[256 + WIRE_OVERHEAD], body[256];
	size_t len = feed_u8(feed);

	if (!world.has_key || world.nsent == MESSAGES_MAX)
		return;
	memset(body, type, sizeof(body));
	if (!world.altered)
		expect_frame(type, flags, len);
	(void)give(frame,
		   wire_seal(&world.wire, frame, type, flags, body, len));
}

static void command(feed_t *feed)
{
	switch (feed_u8(feed)) {
	case 'h':
		say(feed, false);
		break;
	case 'c':
		say(feed, true);
		break;
	case 'r':
		say_raw(feed);
		break;
	case 'f':
		say_frame(feed);
		break;
	case 'w':
		do_job();
		turn();
		break;
	case 'e':
		(void)shutdown(world.fd, SHUT_WR);
		turn();
		break;
	case 'n': /* the service is done with it */
		if (world.up && world.conn)
			conn_fail(world.conn, "a service says so");
		break;
	default:
		break;
	}
}

/* -- ------------------------------------------------------------------------
 */

static conn_env_t *environment(psec_t *psec)
{
	static conn_env_t env = { .lock = &lock, .ops = &ops };
	static const char binding[] = "one purpose";

	if (!base)
		base = env.base = event_base_new();
	if (!env.txbuf)
		env.txbuf = malloc(CONN_TXBUF_SIZE);
	if (!env.scratch)
		env.scratch = malloc(WIRE_PAYLOAD_MAX);
	MUST(env.base && env.txbuf && env.scratch);
	env.psec = psec;
	env.mechs = world.setup.server_mechs;
	env.uid = fuzz_uid(FUZZ_CLIENT);
	env.silence_ms = 60000;
	memcpy(env.binding, binding, sizeof(binding));
	env.binding_len = sizeof(binding);
	return &env;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	psec_t *psec = fuzz_psec();
	int fds[2];

	memset(&world, 0, sizeof(world));
	setup_read(&world.setup, &feed);
	world.setup.other_binding = false;
	world.refuse = feed_below(&feed, 4) == 3;
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	world.fd = fds[1];
	end_open(&world.client, psec, FUZZ_CLIENT, &world.setup);
	fuzz_become(FUZZ_SERVER);
	world.conn = conn_accept(environment(psec), fds[0]);
	MUST(world.conn);
	turn();
	while (feed.left > 0)
		command(&feed);
	/* All that was sealed by an honest client has arrived. */
	if (world.up && world.conn && !world.altered)
		MUST(world.narrived == world.nsent);
	if (world.conn)
		conn_destroy(world.conn);
	world.conn = NULL;
	do_job(); /* one that is too late */
	end_close(&world.client);
	wire_wipe(&world.wire);
	(void)close(world.fd);
	fuzz_psec_clear();
	return 0;
}
