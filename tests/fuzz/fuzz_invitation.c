/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_invitation.c - invitations, which come through slurmd into the socket
 * of the step directory.
 *
 * Input: a letter, then the invitation (i), or all that comes through the
 * socket (s): how it is cut, and the bytes, slurmd's own eight first.
 */
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "fuzz.h"
#include "invitation.h"
#include "listener.h"
#include "wireup.h"

#define NODES 4

/* -- the bytes alone --------------------------------------------------------
 */

/* An invitation that is accepted has one form only. */
static void check_decode(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = fuzz_copy(bytes, len);
	uint8_t again[INVITATION_MAX];
	struct sockaddr_storage ss;
	const char *why = NULL;
	invitation_t inv;

	if (invitation_decode(&inv, copy, len, &why) == 0) {
		MUST(inv.naddrs >= 1 && inv.naddrs <= INVITATION_ADDRS_MAX);
		MUST(inv.port != 0);
		MUST(invitation_encode(&inv, again) == len);
		MUST(memcmp(again, copy, len) == 0);
		for (size_t i = 0; i < inv.naddrs; i++)
			MUST(invitation_sockaddr(&inv.addrs[i], inv.port,
						 &ss) <= sizeof(ss));
	} else {
		MUST(why && *why);
	}
	free(copy);
}

/* -- through the socket; listener.h and jobs.h are doubles ------------------
 */

static struct {
	listener_fn accepted;
	void *arg;
	unsigned received;
	invitation_t last;
} world;

listener_t *listener_create(struct event_base *base, pthread_mutex_t *lock,
			    int fd, listener_fn fn, void *arg)
{
	world.accepted = fn;
	world.arg = arg;
	return (listener_t *)&world;
}

void listener_destroy(listener_t *l)
{
}

/* Nobody resolves anything here. */
int jobs_post(jobs_t *jobs, job_t *job)
{
	return -1;
}

static void on_ready(void *arg)
{
}

static void on_sent(void *arg, uint32_t node, const char *failure)
{
}

static void on_received(void *arg, const invitation_t *inv)
{
	world.received++;
	world.last = *inv;
}

static void turn(struct event_base *base)
{
	MUST(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
}

/* What the receiver promises of an invitation that it hands on. */
static void check_received(const uint8_t *sent, size_t len)
{
	uint8_t again[INVITATION_MAX];
	size_t n;

	MUST(world.received <= 1);
	if (world.received == 0)
		return;
	MUST(len > 8 && get_u32(sent) == geteuid());
	MUST(world.last.job_id == 7 && world.last.step_id == 1);
	MUST(world.last.node < NODES && world.last.node != 2);
	n = invitation_encode(&world.last, again);
	MUST(get_u32(sent + 4) == n && len >= 8 + n);
	MUST(memcmp(sent + 8, again, n) == 0);
}

static void check_socket(feed_t *feed)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static const char *const names[NODES] = { "n0", "n1", "n2", "n3" };
	static struct event_base *base;
	wireup_config_t cfg = { .lock = &lock,
				.path = "/nowhere",
				.uid = geteuid(),
				.job_id = 7,
				.step_id = 1,
				.node = 2,
				.nnodes = NODES,
				.node_names = names,
				.port = 4711,
				.ready = on_ready,
				.received = on_received,
				.sent = on_sent };
	size_t cut = feed_u8(feed), at, n;
	bool stays = feed_u8(feed) & 1;
	wireup_t *w;
	int fds[2];

	if (!base)
		base = event_base_new();
	cfg.base = base;
	memset(&world, 0, sizeof(world));
	w = wireup_create(&cfg);
	MUST(base && w);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	world.accepted(world.arg, fds[0]);
	for (at = 0; at < feed->left; at += n) {
		n = feed->left - at;
		if (cut > 0 && n > cut)
			n = cut;
		if (send(fds[1], feed->pos + at, n, MSG_NOSIGNAL) != (ssize_t)n)
			break; /* it has hung up */
		turn(base);
	}
	if (!stays)
		(void)close(fds[1]);
	turn(base);
	check_received(feed->pos, feed->left);
	wireup_destroy(w);
	if (stays)
		(void)close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };

	switch (feed_u8(&feed)) {
	case 'i':
		check_decode(feed.pos, feed.left);
		break;
	case 's':
		check_socket(&feed);
		break;
	default:
		return -1; /* not worth keeping */
	}
	return 0;
}
