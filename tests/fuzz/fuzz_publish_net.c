/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_publish_net.c - who asks whom for published data: the step's nodes and
 * their home, and the homes of the job's other steps.  All are processes of the
 * same user, who may run what he likes.
 *
 * Input: first whether this is the home; then commands.  p: a rank here
 * publishes or removes; f: it searches; c: it does not want to know any more;
 * m: a message of a node; h: of another step's home; r, R: likewise, of any
 * bytes; e: a rank here has ended; l: a node is lost; s: a step is; u: there is
 * a link with a step; d: the search for steps is over; t: the clock.  links.h,
 * peers.h and deadline.h are doubles.
 *
 * Each question of ours is answered once, each of others at most once; who
 * breaks the rules is dropped.  The source is included, so that what it keeps
 * can be counted.
 */
#include "../../mpi_plugin/pmixd/publish_net.c" /* NOLINT(bugprone-suspicious-include) */
#include "fuzz.h"

#define NODES	 3
#define RANKS	 6 /* two on each node */
#define STEPS	 4 /* ours is number 1 */
#define OWN_STEP 1
#define ASKS_MAX 16

pmixd_t pmixd;

static struct {
	link_handler_fn near;
	link_lost_fn near_lost;
	peers_handler_fn far;
	peers_lost_fn far_lost;
	const peers_search_ops_t *search;
	bool gone[NODES];
	bool up[STEPS];
	uint32_t reached[STEPS];
	size_t nreached;
	bool searching;
	struct {
		publish_ask_t ask;
		char key[8];
		int answers;
	} asks[ASKS_MAX];
	unsigned nasks;
	unsigned asked, answered; /* of us, by others; to them */
	uint32_t last_id;	  /* of our own questions */
	deadline_t *deadline;	  /* there is one */
	bool drop_node[NODES], drop_step[STEPS];
} world;

/* -- doubles ----------------------------------------------------------------
 */

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
	MUST(type == LINK_PUBLISH);
	world.near = fn;
}

void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
	world.near_lost = fn;
}

static void note(const struct iovec *iov, bool to_step)
{
	const char *why = NULL;
	publish_msg_t m;

	/* What is said is never against the rules. */
	MUST(publish_msg_decode(&m, iov->iov_base, iov->iov_len, &why) == 0);
	if (to_step)
		MUST(m.kind == PUBLISH_FIND || m.kind == PUBLISH_FORGET ||
		     m.kind == PUBLISH_ANSWER);
	if (m.kind == PUBLISH_ANSWER)
		world.answered++;
	else
		world.last_id = m.id;
}

int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	MUST(node < NODES && node != pmixd.conf.node && iovcnt == 1);
	MUST(type == LINK_PUBLISH);
	note(iov, false);
	return world.gone[node] ? -1 : 0;
}

void links_drop(links_t *links, uint32_t node, const char *why)
{
	MUST(node < NODES && why && *why);
	world.drop_node[node] = true;
}

void peers_register(peers_service_t service, peers_handler_fn fn, void *arg)
{
	MUST(service == PEERS_PUBLISH);
	world.far = fn;
}

void peers_on_lost(peers_lost_fn fn, void *arg)
{
	world.far_lost = fn;
}

void peers_on_search(const peers_search_ops_t *ops)
{
	world.search = ops;
}

int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt)
{
	MUST(to.step < STEPS && to.step != OWN_STEP && to.node == 0);
	MUST(service == PEERS_PUBLISH && iovcnt == 1);
	note(iov, true);
	return world.up[to.step] ? 0 : -1;
}

void peers_drop(uint32_t step, const char *why)
{
	MUST(step < STEPS && why && *why);
	world.drop_step[step] = true;
}

size_t peers_reached(void)
{
	return world.nreached;
}

uint32_t peers_reached_step(size_t i)
{
	MUST(i < world.nreached);
	return world.reached[i];
}

bool peers_search(void)
{
	MUST(pmixd.conf.node == PUBLISH_HOME);
	world.searching = true;
	return true;
}

void deadline_clear(deadline_t *d)
{
	world.deadline = NULL;
}

void deadline_set(deadline_t *d, int64_t ms, deadline_fn fn)
{
	MUST(ms > 0 && (!world.deadline || world.deadline == d));
	d->fn = fn;
	world.deadline = d;
}

/* -- ranks here -------------------------------------------------------------
 */

static void done(publish_ask_t *ask, pmix_status_t status,
		 const publish_found_t *found)
{
	size_t i = 0;

	while (&world.asks[i].ask != ask)
		MUST(++i < world.nasks);
	MUST(++world.asks[i].answers == 1);
	if (!found)
		return;
	MUST(status == PMIX_SUCCESS && ask->key);
	free(fuzz_copy(found->value, found->len));
	MUST(memchr(found->nspace, '\0', PUBLISH_NSPACE_MAX + 1));
}

static uint32_t own_rank(feed_t *feed)
{
	return 2 * pmixd.conf.node + feed_below(feed, 2);
}

static void make_key(feed_t *feed, char key[8])
{
	(void)snprintf(key, 8, "k%u", feed_below(feed, 4));
}

static uint8_t any_range(feed_t *feed)
{
	return (uint8_t)feed_below(feed, PMIX_RANGE_PROC_LOCAL + 1);
}

static void publish(feed_t *feed)
{
	bool put = feed_below(feed, 3);
	publish_msg_t m = { .kind = put ? PUBLISH_PUT : PUBLISH_REMOVE,
			    .rank = own_rank(feed),
			    .range = any_range(feed) };
	uint8_t *msg;
	size_t len;
	char key[8];

	if (world.nasks == ASKS_MAX)
		return;
	m.persist = (uint8_t)feed_below(feed, 5);
	make_key(feed, key);
	msg = publish_msg_encode(&m, &len);
	MUST(publish_msg_add(&msg, &len, key, "value", put ? 5 : 0) == 0);
	world.asks[world.nasks].ask.done = done;
	publish_net_do(&world.asks[world.nasks++].ask, msg, len);
	free(msg);
}

static void search(feed_t *feed)
{
	publish_ask_t *ask;

	if (world.nasks == ASKS_MAX)
		return;
	ask = &world.asks[world.nasks].ask;
	make_key(feed, world.asks[world.nasks].key);
	ask->done = done;
	ask->key = world.asks[world.nasks].key;
	ask->asker = (publish_proc_t){ pmixd.nspace, own_rank(feed),
				       pmixd.conf.node };
	ask->range = any_range(feed);
	ask->wait = feed_below(feed, 2);
	world.nasks++;
	publish_net_find(ask);
}

static void cancel(unsigned i)
{
	if (i >= world.nasks || world.asks[i].answers)
		return;
	publish_net_cancel(&world.asks[i].ask);
	world.asks[i].answers = 1;
}

/* -- others -----------------------------------------------------------------
 */

static void give(bool to_far, uint32_t from, uint32_t node, const void *msg,
		 size_t len)
{
	uint8_t *copy = fuzz_copy(msg, len);
	const char *why = NULL;
	publish_msg_t m;

	if (publish_msg_decode(&m, copy, len, &why) == 0 &&
	    m.kind != PUBLISH_ANSWER && m.kind != PUBLISH_FORGET)
		world.asked++;
	if (to_far)
		world.far(NULL, (peers_addr_t){ from, node }, copy, len);
	else if (pmixd.links && !world.gone[from])
		world.near(NULL, from, copy, len);
	free(copy);
}

static uint32_t other_node(feed_t *feed)
{
	return (pmixd.conf.node + 1 + feed_below(feed, NODES - 1)) % NODES;
}

/* A step with a link; STEPS: there is none. */
static uint32_t other_step(feed_t *feed)
{
	uint32_t step = feed_below(feed, STEPS);

	return world.up[step] ? step : STEPS;
}

static void message(feed_t *feed, bool of_step)
{
	uint32_t from = of_step ? other_step(feed) : other_node(feed);
	publish_msg_t m = { .kind = (publish_kind_t)(1 + feed_below(feed, 6)),
			    .range = any_range(feed),
			    .flags = (uint8_t)feed_below(feed, 2),
			    .rank = feed_below(feed, RANKS + 1) };
	unsigned n = feed_below(feed, 3);
	uint8_t *msg;
	size_t len;
	char key[8];

	/* Near our own, which grow from input to input. */
	m.id = world.last_id - feed_below(feed, 4);
	m.persist = (uint8_t)feed_below(feed, 5);
	m.status = feed_below(feed, 2) ? PMIX_ERR_NOT_FOUND : PMIX_SUCCESS;
	msg = publish_msg_encode(&m, &len);
	for (unsigned i = 0; i < n; i++) {
		make_key(feed, key);
		MUST(publish_msg_add(&msg, &len, key, "other", 5) == 0);
	}
	if (from < STEPS)
		give(of_step, from, feed_below(feed, 8) == 7, msg, len);
	free(msg);
}

static void raw(feed_t *feed, bool of_step)
{
	uint32_t from = of_step ? other_step(feed) : other_node(feed);
	size_t len;
	const uint8_t *msg = feed_bytes(feed, feed_u8(feed), &len);

	if (from < STEPS)
		give(of_step, from, 0, msg, len);
}

static void lose_node(uint32_t node)
{
	if (!pmixd.links || node == pmixd.conf.node || world.gone[node])
		return;
	world.gone[node] = true;
	world.near_lost(NULL, node, 0, "it is gone");
}

static void lose_step(uint32_t step)
{
	if (!world.up[step])
		return;
	world.up[step] = false;
	for (size_t i = 0; i < world.nreached; i++)
		if (world.reached[i] == step)
			world.reached[i] = world.reached[--world.nreached];
	world.far_lost(NULL, step, false, "it is gone");
}

static void reach(uint32_t step)
{
	if (!is_home() || step == OWN_STEP || world.up[step])
		return;
	world.up[step] = true;
	world.reached[world.nreached++] = step;
	world.search->reached(step);
}

/* Who broke the rules is lost soon. */
static void drop(void)
{
	for (uint32_t i = 0; i < NODES; i++)
		if (world.drop_node[i])
			lose_node(i);
	for (uint32_t i = 0; i < STEPS; i++)
		if (world.drop_step[i])
			lose_step(i);
	memset(world.drop_node, 0, sizeof(world.drop_node));
	memset(world.drop_step, 0, sizeof(world.drop_step));
}

static void end_search(void)
{
	if (!world.searching)
		return;
	world.searching = false;
	world.search->searched();
}

static void tick(void)
{
	deadline_t *d = world.deadline;

	world.deadline = NULL;
	if (d)
		d->fn(d);
}

static void command(feed_t *feed)
{
	switch (feed_u8(feed)) {
	case 'p':
		publish(feed);
		break;
	case 'f':
		search(feed);
		break;
	case 'c':
		cancel(feed_below(feed, ASKS_MAX));
		break;
	case 'm':
		message(feed, false);
		break;
	case 'h':
		message(feed, true);
		break;
	case 'r':
		raw(feed, false);
		break;
	case 'R':
		raw(feed, true);
		break;
	case 'e':
		publish_net_ended(own_rank(feed));
		break;
	case 'l':
		lose_node(feed_below(feed, NODES));
		break;
	case 's':
		lose_step(feed_below(feed, STEPS));
		break;
	case 'u':
		reach(feed_below(feed, STEPS));
		break;
	case 'd':
		end_search();
		break;
	case 't':
		tick();
		break;
	default:
		break;
	}
	drop();
}

/* -- the step ---------------------------------------------------------------
 */

static void open_world(feed_t *feed)
{
	static uint32_t node_of[RANKS] = { 0, 0, 1, 1, 2, 2 };
	static links_t *const links = (links_t *)&world;

	memset(&world, 0, sizeof(world));
	memset(&self, 0, sizeof(self));
	pmixd.links = links;
	pmixd.conf.step_id = OWN_STEP;
	pmixd.conf.node = feed_below(feed, 2);
	pmixd.conf.nnodes = pmixd.layout.nnodes = NODES;
	pmixd.layout.ntasks = RANKS;
	pmixd.layout.node_of = node_of;
	memcpy(pmixd.nspace, "slurm.pmix.7.1", 15);
	MUST(publish_net_init());
}

/* All others are gone, and the search is over: who does not wait is told. */
static void close_world(void)
{
	for (uint32_t i = 0; i < NODES; i++)
		lose_node(i);
	for (uint32_t i = 0; i < STEPS; i++)
		lose_step(i);
	end_search();
	MUST(LIST_EMPTY(&self.guests));
	for (unsigned i = 0; i < world.nasks; i++) {
		const publish_ask_t *ask = &world.asks[i].ask;

		MUST(world.asks[i].answers == 1 || (ask->key && ask->wait));
		cancel(i);
	}
	MUST(LIST_EMPTY(&self.asks));
	MUST(world.answered <= world.asked);
	publish_store_destroy(self.store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };

	open_world(&feed);
	while (feed.left > 0)
		command(&feed);
	close_world();
	return 0;
}
