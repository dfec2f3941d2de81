/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_coll.c - messages of collectives, which other nodes of the step send:
 * processes of the same user, who may run what he likes there.
 *
 * Input: the number of nodes and which one is ours, then commands: j joins,
 * m is a message made of plausible numbers, r one of any bytes, l loses a
 * node, c gives up.  Other nodes exist only in what they send.
 *
 * Each join completes exactly once, and a result holds what was contributed.
 */
#include "bytes.h"
#include "coll.h"
#include "fuzz.h"

#define NODES_MAX 9
#define JOINS_MAX 16
#define MSG_MAX	  2048
#define OWN_MAX	  40

struct join {
	bool used, completed, again;
	uint8_t set;
	uint8_t own[OWN_MAX];
	size_t len;
};

/* link.h's links, as far as collectives see them. */
struct links {
	link_handler_fn handler;
	link_lost_fn lost;
	link_drained_fn drained;
	void *arg;
	bool gone[NODES_MAX];
	bool full[NODES_MAX], pending[NODES_MAX];
	bool dropped[NODES_MAX]; /* lost soon */
};

static struct {
	uint32_t n, self;
	links_t links;
	coll_t *coll;
	struct join joins[JOINS_MAX];
	unsigned njoins;
} world;

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
	MUST(type == LINK_COLL);
	links->handler = fn;
	links->arg = arg;
}

void *links_keep(links_t *links, uint32_t from, const void *msg, size_t len)
{
	void *copy = malloc(len);

	MUST(copy);
	return memcpy(copy, msg, len);
}

void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
	links->lost = fn;
}

int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	size_t len = 0;

	MUST(type == LINK_COLL && node < world.n && node != world.self);
	for (int i = 0; i < iovcnt; i++) {
		/* So that each byte is one that there is. */
		free(fuzz_copy(iov[i].iov_base, iov[i].iov_len));
		len += iov[i].iov_len;
	}
	MUST(len >= 28);
	links->pending[node] |= links->full[node] && !links->gone[node];
	return links->gone[node] ? -1 : 0;
}

void links_on_drained(links_t *links, link_drained_fn fn, void *arg)
{
	links->drained = fn;
}

bool links_pending_to(const links_t *links, uint32_t node)
{
	MUST(node < world.n && node != world.self);
	return links->pending[node];
}

void links_connect(links_t *links, const uint32_t *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		MUST(nodes[i] < world.n && nodes[i] != world.self);
}

void links_drop(links_t *links, uint32_t node, const char *why)
{
	MUST(node < world.n && why && *why);
	links->dropped[node] = true;
}

/* -- commands ---------------------------------------------------------------
 */

static void lose(uint32_t node)
{
	if (node == world.self || world.links.gone[node])
		return;
	world.links.gone[node] = true;
	world.links.pending[node] = false;
	world.links.lost(world.links.arg, node, 0, "it is gone");
}

static void drain(uint32_t node)
{
	world.links.full[node] = false;
	if (!world.links.pending[node])
		return;
	world.links.pending[node] = false;
	world.links.drained(world.links.arg, node);
}

/* Those that broke a rule, but not within the call that found it. */
static void lose_dropped(void)
{
	for (uint32_t i = 0; i < world.n; i++)
		if (world.links.dropped[i])
			lose(i);
}

static uint32_t nodes_of(uint8_t set, uint32_t nodes[NODES_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < world.n; i++)
		if (i == world.self || (i < 8 && (set >> i & 1)))
			nodes[n++] = i;
	return n;
}

/* The same nodes, the same id; the bytes differ a little on purpose. */
static void id_of(uint8_t set, uint8_t id[COLL_ID_LEN])
{
	uint32_t nodes[NODES_MAX], n = nodes_of(set, nodes);

	memset(id, 0, COLL_ID_LEN);
	for (uint32_t i = 0; i < n; i++)
		id[nodes[i]] = 1;
}

static void join(feed_t *feed, uint8_t set, bool again);

static void done(void *arg, coll_status_t status, uint32_t lost, char *data,
		 size_t len)
{
	struct join *j = arg;
	feed_t nothing = { NULL, 0 };

	MUST(j->used && !j->completed);
	j->completed = true;
	MUST((status == COLL_LOST) || lost == UINT32_MAX);
	MUST(lost == UINT32_MAX || lost < world.n);
	MUST((len > 0) == (data != NULL));
	if (status == COLL_OK) {
		MUST(len >= j->len);
		MUST(j->len == 0 || memmem(data, len, j->own, j->len));
	} else {
		MUST(!data);
	}
	free(data);
	if (j->again)
		join(&nothing, j->set, false);
}

static void join(feed_t *feed, uint8_t set, bool again)
{
	uint32_t nodes[NODES_MAX], n = nodes_of(set, nodes);
	uint8_t id[COLL_ID_LEN];
	struct join *j;

	if (world.njoins == JOINS_MAX)
		return;
	j = &world.joins[world.njoins++];
	*j = (struct join){ .used = true, .again = again, .set = set };
	j->len = feed_below(feed, OWN_MAX);
	for (size_t i = 0; i < j->len; i++)
		j->own[i] = (uint8_t)(world.njoins * 31 + i);
	id_of(set, id);
	coll_allgather(world.coll, id, nodes, n, j->own, j->len, done, j);
}

static void give(uint32_t from, const uint8_t *msg, size_t len)
{
	uint8_t *copy = fuzz_copy(msg, len);

	if (from != world.self && !world.links.gone[from])
		world.links.handler(world.links.arg, from, copy, len);
	free(copy);
}

/* A message that is right but for what the numbers say. */
static void message(feed_t *feed)
{
	uint32_t from = feed_below(feed, world.n);
	uint8_t msg[MSG_MAX] = { 0 };
	uint8_t bits = feed_u8(feed);
	uint32_t blocks, len = 0, total = 0;
	size_t at = 28;

	msg[0] = bits & 0x80 ? 2 : 1;
	msg[1] = bits & 7;
	msg[2] = bits & 0x40 ? 1 : 0;
	put_u32(msg + 4, feed_below(feed, 4));
	id_of(feed_u8(feed), msg + 8);
	blocks = feed_below(feed, 10);
	put_u32(msg + 24, blocks);
	if (msg[2]) {
		len = feed_below(feed, 100);
		put_u32(msg + at, len);
		total = len * blocks;
		at += 4;
	}
	for (uint32_t i = 0; !msg[2] && i < blocks; i++, at += 4) {
		len = feed_below(feed, 100);
		put_u32(msg + at, len);
		total += len;
	}
	memset(msg + at, (int)from, total);
	give(from, msg, at + total + (bits & 0x20 ? 1 : 0));
}

static void raw(feed_t *feed)
{
	uint32_t from = feed_below(feed, world.n);
	size_t len;
	const uint8_t *msg = feed_bytes(feed, feed_u8(feed), &len);

	give(from, msg, len);
}

static void command(feed_t *feed)
{
	uint32_t i;

	switch (feed_u8(feed)) {
	case 'j':
		i = feed_u8(feed);
		join(feed, (uint8_t)i, false);
		break;
	case 'J':
		join(feed, feed_u8(feed), true);
		break;
	case 'm':
		message(feed);
		break;
	case 'r':
		raw(feed);
		break;
	case 'l':
		lose(feed_below(feed, world.n));
		break;
	case 'p':
		i = feed_below(feed, world.n);
		world.links.full[i] = true;
		break;
	case 'd':
		drain(feed_below(feed, world.n));
		break;
	case 'c':
		i = feed_below(feed, JOINS_MAX);
		coll_cancel(world.coll, &world.joins[i]);
		MUST(!world.joins[i].used || world.joins[i].completed);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };

	memset(&world, 0, sizeof(world));
	world.n = 1 + feed_below(&feed, NODES_MAX);
	world.self = feed_below(&feed, world.n);
	world.coll = coll_create(&world.links, world.self, world.n);
	MUST(world.coll);
	while (feed.left > 0) {
		command(&feed);
		lose_dropped();
	}
	/* With all others gone nothing can be waited for any more. */
	for (uint32_t i = 0; i < world.n; i++)
		lose(i);
	for (unsigned i = 0; i < world.njoins; i++)
		MUST(world.joins[i].completed);
	coll_destroy(world.coll);
	return 0;
}
