/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_step_key.c - messages about the step's key, which other nodes of the
 * step send: processes of the same user, who may run what he likes there.
 *
 * Input: which node of how many this is, then commands: k sends the key, a
 * asks for it, n says that there is none, r is a message of any bytes, l is a
 * node lost.  links.h is a double.
 *
 * There is never a second key, and nobody waits for ever.
 */
#include <sodium.h>

#include "fuzz.h"
#include "step_key.h"

#define NODES_MAX 20
#define KEY_MSG	  (4 + PSEC_KEY_LEN)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
	uint32_t n, self;
	step_key_t *key;
	link_handler_fn handler;
	link_lost_fn lost;
	bool gone[NODES_MAX];
	bool asked[NODES_MAX]; /* it waits for our word */
	uint8_t first[PSEC_KEY_LEN];
	bool settled;
} world;

/* -- links ------------------------------------------------------------------
 */

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
	MUST(type == LINK_KEY);
	world.handler = fn;
}

void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
	world.lost = fn;
}

void links_drop(links_t *links, uint32_t node, const char *why)
{
	MUST(node < world.n && why && *why);
}

/* The key goes to others only once it is here, and is always the same. */
int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	const uint8_t *head = iov[0].iov_base;

	MUST(type == LINK_KEY && node < world.n && node != world.self);
	MUST(iov[0].iov_len == 4 && head[0] >= 1 && head[0] <= 3);
	MUST((iovcnt == 2) == (head[0] == 1));
	if (iovcnt == 2) {
		MUST(iov[1].iov_len == PSEC_KEY_LEN);
		if (world.settled)
			MUST(memcmp(iov[1].iov_base, world.first,
				    PSEC_KEY_LEN) == 0);
	}
	if (head[0] != 2) /* our word */
		world.asked[node] = false;
	return world.gone[node] ? -1 : 0;
}

/* -- commands ---------------------------------------------------------------
 */

/* Once there is a key it stays. */
static void look(void)
{
	uint8_t key[PSEC_KEY_LEN];
	psec_error_t err;
	psec_code_t rc;

	if (!step_key_settled(world.key))
		return;
	rc = step_key_give(world.key, key, &err);
	if (rc) {
		must_be_told(rc, &err);
		MUST(!world.settled);
		return;
	}
	if (world.settled)
		MUST(memcmp(key, world.first, sizeof(key)) == 0);
	memcpy(world.first, key, sizeof(key));
	world.settled = true;
}

static void give(uint32_t from, const uint8_t *msg, size_t len)
{
	uint8_t *copy = fuzz_copy(msg, len);

	if (from != world.self && !world.gone[from])
		world.handler(world.key, from, copy, len);
	free(copy);
}

static void lose(uint32_t node)
{
	if (node == world.self || world.gone[node])
		return;
	world.gone[node] = true;
	world.asked[node] = false;
	world.lost(world.key, node, 0, "it is gone");
}

static void command(feed_t *feed)
{
	static const char kinds[] = "\0kan";
	uint8_t msg[KEY_MSG] = { 0 }, what = feed_u8(feed);
	uint32_t from = feed_below(feed, world.n);
	const uint8_t *bytes;
	size_t len;

	switch (what) {
	case 'k':
	case 'a':
	case 'n':
		msg[0] = (uint8_t)(strchr(kinds + 1, what) - kinds);
		memset(msg + 4, (int)from + 1, PSEC_KEY_LEN);
		if (what == 'a' && from != world.self && !world.gone[from])
			world.asked[from] = true;
		give(from, msg, what == 'k' ? KEY_MSG : 4);
		break;
	case 'r':
		bytes = feed_bytes(feed, feed_below(feed, KEY_MSG + 2), &len);
		give(from, bytes, len);
		break;
	case 'l':
		lose(from);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };

	MUST(sodium_init() >= 0);
	memset(&world, 0, sizeof(world));
	world.n = 2 + feed_below(&feed, NODES_MAX - 1);
	world.self = feed_below(&feed, world.n);
	world.key = step_key_create(&lock);
	MUST(world.key);
	step_key_start(world.key, (links_t *)&world, world.self, world.n);
	look();
	while (feed.left > 0) {
		command(&feed);
		look();
	}
	/* With all others gone it is settled, one way or the other. */
	for (uint32_t i = 0; i < world.n; i++)
		lose(i);
	MUST(step_key_settled(world.key));
	look();
	for (uint32_t i = 0; i < world.n; i++)
		MUST(!world.asked[i]);
	step_key_wipe(world.key);
	step_key_destroy(world.key);
	return 0;
}
