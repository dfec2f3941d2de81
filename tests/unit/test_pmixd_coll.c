/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pmixd_coll.c - allgathers of up to 17 nodes in one thread.
 *
 * The links are a mock: a queue for each pair of nodes, of which a random one
 * is served next.  So each seed is one order of events, orders that a real
 * network shows once in a million runs come up, and a failing one can be run
 * again.  The links themselves are tested in test_pmixd_link.c.
 */
#include "check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "bytes.h"
#include "coll.h"

#define NODES_MAX 17
#define JOINS_MAX 12

/* -- the mock ----------------------------------------------------------- */

struct packet {
	STAILQ_ENTRY(packet) next;
	bool end; /* no message: the sender is lost */
	size_t len;
	uint8_t msg[];
};
STAILQ_HEAD(packets, packet);

struct world;

/* One node's links, as link.h has them. */
struct links {
	struct world *world;
	uint32_t node;
	bool dead;
	link_handler_fn handler;
	link_lost_fn lost;
	link_drained_fn drained;
	void *arg;
	coll_t *coll;
	bool lost_told[NODES_MAX]; /* the end of that node is on its way */
	bool wanted[NODES_MAX];	   /* there is a link, or will be one */
	char dropped[256];	   /* why, by links_drop() */
	uint32_t dropped_node;
};

struct world {
	uint32_t n;
	uint64_t random;
	size_t sent; /* messages, and their bytes */
	size_t sent_bytes;
	bool slow; /* links come up at some time after they are wanted */
	struct links nodes[NODES_MAX];
	struct packets queues[NODES_MAX][NODES_MAX]; /* [from][to] */
	struct packets held[NODES_MAX][NODES_MAX]; /* where no link is up yet */
	bool up[NODES_MAX][NODES_MAX];
};

/* A small generator of our own, so that a seed means the same everywhere. */
static uint32_t draw(struct world *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)((w->random >> 16) % below);
}

static void enqueue(struct world *w, uint32_t from, uint32_t to, bool end,
		    const struct iovec *iov, int iovcnt)
{
	struct packet *p;
	size_t len = 0, at = 0;

	for (int i = 0; i < iovcnt; i++)
		len += iov[i].iov_len;
	p = calloc(1, sizeof(*p) + len);
	assert_non_null(p);
	p->end = end;
	p->len = len;
	for (int i = 0; i < iovcnt; at += iov[i++].iov_len)
		memcpy(p->msg + at, iov[i].iov_base, iov[i].iov_len);
	if (end || w->up[from][to])
		STAILQ_INSERT_TAIL(&w->queues[from][to], p, next);
	else
		STAILQ_INSERT_TAIL(&w->held[from][to], p, next);
	w->sent += !end;
	w->sent_bytes += len;
}

/* FROM is dead: TO learns it, once, behind what FROM sent it before. */
static void tell_end(struct world *w, uint32_t from, uint32_t to)
{
	struct links *l = &w->nodes[to];

	if (l->lost_told[from] || l->dead)
		return;
	l->lost_told[from] = true;
	enqueue(w, from, to, true, NULL, 0);
}

static void want(struct links *l, uint32_t node)
{
	l->wanted[node] = true;
	if (l->world->nodes[node].dead)
		tell_end(l->world, node, l->node);
}

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
	assert_int_equal(type, LINK_COLL);
	links->handler = fn;
	links->arg = arg;
}

void *links_keep(links_t *links, uint32_t from, const void *msg, size_t len)
{
	void *copy = malloc(len);

	assert_non_null(copy);
	return memcpy(copy, msg, len);
}

void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
	links->lost = fn;
}

void links_on_drained(links_t *links, link_drained_fn fn, void *arg)
{
	links->drained = fn;
}

bool links_pending_to(const links_t *links, uint32_t node)
{
	const struct world *w = links->world;

	return !w->nodes[node].dead &&
	       !STAILQ_EMPTY(&w->held[links->node][node]);
}

int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	assert_int_equal(type, LINK_COLL);
	assert_true(node < links->world->n && node != links->node);
	want(links, node);
	if (!links->dead && !links->world->nodes[node].dead)
		enqueue(links->world, links->node, node, false, iov, iovcnt);
	return 0;
}

void links_connect(links_t *links, const uint32_t *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		want(links, nodes[i]);
}

void links_drop(links_t *links, uint32_t node, const char *why)
{
	links->dropped_node = node;
	(void)snprintf(links->dropped, sizeof(links->dropped), "%s", why);
}

static void world_open(struct world *w, uint32_t n, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->n = n;
	w->random = (seed + 1) * 0x9e3779b97f4a7c15u;
	for (uint32_t i = 0; i < NODES_MAX; i++)
		for (uint32_t j = 0; j < NODES_MAX; j++) {
			STAILQ_INIT(&w->queues[i][j]);
			STAILQ_INIT(&w->held[i][j]);
			w->up[i][j] = true;
		}
	for (uint32_t i = 0; i < n; i++) {
		w->nodes[i].world = w;
		w->nodes[i].node = i;
		w->nodes[i].coll = coll_create(&w->nodes[i], i, n);
		assert_non_null(w->nodes[i].coll);
	}
}

static void discard(struct packets *q)
{
	struct packet *p;

	while ((p = STAILQ_FIRST(q))) {
		STAILQ_REMOVE_HEAD(q, next);
		free(p);
	}
}

static void world_close(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		w->nodes[i].dead = true; /* nothing is sent any more */
		coll_destroy(w->nodes[i].coll);
	}
	for (uint32_t i = 0; i < w->n; i++)
		for (uint32_t j = 0; j < w->n; j++) {
			discard(&w->queues[i][j]);
			discard(&w->held[i][j]);
		}
}

/* From now on a link comes up some time after its first message. */
static void slow_down(struct world *w)
{
	w->slow = true;
	memset(w->up, 0, sizeof(w->up));
}

/* One link that is awaited comes up.  False: there is none. */
static bool bring_up(struct world *w)
{
	uint32_t pairs = w->n * w->n, first = draw(w, pairs);

	for (uint32_t i = 0; i < pairs; i++) {
		uint32_t from = (first + i) % pairs / w->n;
		uint32_t to = (first + i) % pairs % w->n;
		struct links *l = &w->nodes[from];

		if (STAILQ_EMPTY(&w->held[from][to]))
			continue;
		w->up[from][to] = true;
		STAILQ_CONCAT(&w->queues[from][to], &w->held[from][to]);
		if (!l->dead)
			l->drained(l->arg, to);
		return true;
	}
	return false;
}

/* Serve one queue at random.  False: all are empty. */
static bool deliver(struct world *w)
{
	uint32_t pairs = w->n * w->n, first = draw(w, pairs), i, from, to;
	struct packet *p = NULL;
	struct links *l;

	if (w->slow && draw(w, 3) == 0 && bring_up(w))
		return true;
	for (i = 0; i < pairs && !p; i++) {
		from = (first + i) % pairs / w->n;
		to = (first + i) % pairs % w->n;
		p = STAILQ_FIRST(&w->queues[from][to]);
	}
	if (!p)
		return w->slow && bring_up(w);
	STAILQ_REMOVE_HEAD(&w->queues[from][to], next);
	l = &w->nodes[to];
	if (!l->dead && p->end)
		l->lost(l->arg, from, (int)draw(w, 2), "it died");
	else if (!l->dead)
		l->handler(l->arg, from, p->msg, p->len);
	free(p);
	return true;
}

/* NODE dies: some of what it sent last does not arrive any more. */
static void kill_node(struct world *w, uint32_t node)
{
	struct links *l = &w->nodes[node];

	if (l->dead)
		return;
	l->dead = true;
	for (uint32_t i = 0; i < w->n; i++) {
		if (i == node)
			continue;
		if (draw(w, 2))
			discard(&w->queues[node][i]);
		if (l->wanted[i] || w->nodes[i].wanted[node])
			tell_end(w, node, i);
	}
}

/* -- collectives to be run ---------------------------------------------- */

struct join {
	struct world *world;
	struct gather *gather;
	uint32_t node;
	size_t len;
	uint8_t data[64];
	bool joined;
	int completed; /* how often */
	coll_status_t status;
	uint32_t lost_node;
	bool right; /* the data are what all contributed */
};

/* One meeting of a set of nodes. */
struct gather {
	uint8_t id[COLL_ID_LEN];
	uint32_t nodes[NODES_MAX];
	uint32_t n;
	struct join joins[NODES_MAX]; /* by position */
};

static bool all_joined(const struct gather *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (!g->joins[i].joined)
			return false;
	return true;
}

static bool is_right(const struct gather *g, const char *data, size_t len)
{
	size_t at = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct join *j = &g->joins[i];

		if (len - at < j->len ||
		    (j->len && memcmp(data + at, j->data, j->len) != 0))
			return false;
		at += j->len;
	}
	return at == len && (len > 0) == (data != NULL);
}

static void done(void *arg, coll_status_t status, uint32_t lost_node,
		 char *data, size_t len)
{
	struct join *j = arg;

	j->completed++;
	j->status = status;
	j->lost_node = lost_node;
	if (status == COLL_OK) {
		/* Nobody leaves before all have come. */
		assert_true(all_joined(j->gather));
		j->right = is_right(j->gather, data, len);
	} else {
		assert_null(data);
	}
	free(data);
}

/* How much each node contributes. */
enum { NOTHING, SAME, VARIED };

/* Give G N nodes of W at random, and contributions. */
static void gather_fill(struct world *w, struct gather *g, uint32_t n,
			int lengths)
{
	bool in[NODES_MAX] = { false };
	uint32_t node;

	memset(g, 0, sizeof(*g));
	g->n = n;
	for (uint32_t i = 0; i < n; i++) {
		do
			node = draw(w, w->n);
		while (in[node]);
		in[node] = true;
	}
	n = 0;
	for (node = 0; node < w->n; node++)
		if (in[node])
			g->nodes[n++] = node;
	for (uint32_t i = 0; i < g->n; i++) {
		struct join *j = &g->joins[i];

		*j = (struct join){ .world = w,
				    .gather = g,
				    .node = g->nodes[i] };
		j->len = lengths == SAME ? 24 : 0;
		if (lengths == VARIED)
			j->len = draw(w, 3) ? draw(w, 64) : 0;
		for (size_t k = 0; k < j->len; k++)
			j->data[k] = (uint8_t)draw(w, 256);
	}
	/* The same set has the same id, as the caller of coll.h makes it. */
	for (uint32_t i = 0; i < g->n; i++)
		g->id[g->nodes[i] % COLL_ID_LEN] ^= (uint8_t)(g->nodes[i] + 1);
}

static void join(struct join *j)
{
	struct gather *g = j->gather;

	if (j->world->nodes[j->node].dead)
		return;
	j->joined = true;
	coll_allgather(j->world->nodes[j->node].coll, g->id, g->nodes, g->n,
		       j->len ? j->data : NULL, j->len, done, j);
}

static void refuse(struct join *j)
{
	struct gather *g = j->gather;

	j->joined = true;
	coll_refuse(j->world->nodes[j->node].coll, g->id, g->nodes, g->n, done,
		    j);
}

static void assert_all_right(const struct gather *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		assert_int_equal(g->joins[i].completed, 1);
		assert_int_equal(g->joins[i].status, COLL_OK);
		assert_int_equal(g->joins[i].lost_node, UINT32_MAX);
		assert_true(g->joins[i].right);
	}
}

/* -- tests -------------------------------------------------------------- */

static void run_one(uint32_t n, int lengths, uint64_t seed)
{
	struct world w;
	struct gather g;
	uint32_t rounds = 0, last;

	world_open(&w, n, seed);
	gather_fill(&w, &g, n, lengths);
	while ((1u << rounds) < n)
		rounds++;
	/* All but one join; nothing may complete until that one comes. */
	last = draw(&w, n);
	for (uint32_t i = 0; i < n; i++)
		if (i != last)
			join(&g.joins[i]);
	while (deliver(&w))
		;
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(g.joins[i].completed, 0);
	join(&g.joins[last]);
	while (deliver(&w))
		;
	assert_all_right(&g);
	assert_int_equal(w.sent, (size_t)n * rounds);
	if (lengths == SAME) /* each block n-1 times, 28 + 4 bytes around */
		assert_int_equal(w.sent_bytes,
				 (size_t)n * (n - 1) * 24 + w.sent * 32);
	if (lengths == NOTHING)
		assert_int_equal(w.sent_bytes, w.sent * 32);
	world_close(&w);
}

static void all_get_the_contributions_of_all(void **state)
{
	for (uint32_t n = 1; n <= NODES_MAX; n++)
		for (uint64_t seed = 0; seed < 20; seed++)
			for (int lengths = NOTHING; lengths <= VARIED;
			     lengths++)
				run_one(n, lengths, seed);
}

/* Next join of a node, in the order that all its nodes agree on. */
static bool join_next(struct world *w, struct gather *gathers, uint32_t node,
		      size_t *next)
{
	while (*next < JOINS_MAX) {
		struct gather *g = &gathers[(*next)++];

		for (uint32_t i = 0; i < g->n; i++) {
			if (g->nodes[i] == node) {
				join(&g->joins[i]);
				return true;
			}
		}
	}
	return false;
}

/* Let nodes join and messages arrive in any order until nothing is left;
 * before step number KILL_AT, if any, VICTIMS nodes die. */
static void run_all(struct world *w, struct gather *gathers, uint32_t kill_at,
		    uint32_t victims)
{
	size_t next[NODES_MAX] = { 0 };
	uint32_t step = 0, idle = 0, node;

	while (idle < 200) {
		if (step++ == kill_at)
			for (uint32_t i = 0; i < victims; i++)
				kill_node(w, draw(w, w->n));
		node = draw(w, w->n);
		if (draw(w, 4) == 0 && join_next(w, gathers, node, &next[node]))
			idle = 0;
		else if (deliver(w))
			idle = 0;
		else
			idle++;
	}
	for (node = 0; node < w->n; node++)
		while (join_next(w, gathers, node, &next[node]))
			;
	while (deliver(w))
		;
}

static void fill_many(struct world *w, struct gather *gathers)
{
	for (size_t i = 0; i < JOINS_MAX; i++) {
		gather_fill(w, &gathers[i], 1 + draw(w, w->n), (int)draw(w, 3));
		/* Every other meets again, with new contributions. */
		if (i % 2) {
			gathers[i] = gathers[i - 1];
			for (uint32_t k = 0; k < gathers[i].n; k++)
				gathers[i].joins[k].gather = &gathers[i];
		}
	}
}

static void subsets_and_repetitions_mix_in_any_order(void **state)
{
	static struct gather gathers[JOINS_MAX];
	struct world w;

	for (uint64_t seed = 0; seed < 300; seed++) {
		world_open(&w, 2 + (uint32_t)(seed % (NODES_MAX - 1)), seed);
		fill_many(&w, gathers);
		run_all(&w, gathers, UINT32_MAX, 0);
		for (size_t i = 0; i < JOINS_MAX; i++)
			assert_all_right(&gathers[i]);
		world_close(&w);
	}
}

/* Every survivor that joined has completed, rightly or with a node that is
 * really dead. */
static void assert_nobody_hangs(struct world *w, struct gather *gathers,
				uint64_t seed)
{
	for (size_t i = 0; i < JOINS_MAX; i++) {
		for (uint32_t k = 0; k < gathers[i].n; k++) {
			struct join *j = &gathers[i].joins[k];

			if (w->nodes[j->node].dead)
				continue;
			if (j->completed != 1)
				fail_msg("seed %u: node %u of gather %zu "
					 "completed %d times",
					 (unsigned)seed, j->node, i,
					 j->completed);
			if (j->status == COLL_OK)
				assert_true(j->right);
			else
				assert_true(w->nodes[j->lost_node].dead);
		}
	}
}

static void a_lost_node_hangs_nobody(void **state)
{
	static struct gather gathers[JOINS_MAX];
	struct world w;

	for (uint64_t seed = 0; seed < 2000; seed++) {
		world_open(&w, 2 + (uint32_t)(seed % (NODES_MAX - 1)), seed);
		fill_many(&w, gathers);
		run_all(&w, gathers, draw(&w, 300), 1 + draw(&w, 3));
		assert_nobody_hangs(&w, gathers, seed);
		world_close(&w);
	}
}

static void a_set_with_a_node_lost_before_fails_at_once(void **state)
{
	struct gather g;
	struct world w;

	world_open(&w, 5, 1);
	gather_fill(&w, &g, 5, SAME);
	w.nodes[0].lost(w.nodes[0].arg, 3, 1, "it is done");
	join(&g.joins[0]);
	assert_int_equal(g.joins[0].completed, 1);
	assert_int_equal(g.joins[0].status, COLL_LOST);
	assert_int_equal(g.joins[0].lost_node, 3);
	world_close(&w);
}

/* The end of a node that has completed harms nobody: its messages were
 * first. */
static void a_node_may_leave_when_it_has_completed(void **state)
{
	struct gather g;
	struct world w;

	for (uint64_t seed = 0; seed < 300; seed++) {
		uint32_t n = 2 + (uint32_t)(seed % (NODES_MAX - 1));

		world_open(&w, n, seed);
		gather_fill(&w, &g, n, SAME);
		for (uint32_t i = 0; i < n; i++)
			join(&g.joins[i]);
		while (deliver(&w)) {
			for (uint32_t i = 0; i < n; i++) {
				if (!g.joins[i].completed || w.nodes[i].dead)
					continue;
				w.nodes[i].dead = true;
				for (uint32_t k = 0; k < n; k++)
					if (k != i && w.nodes[k].wanted[i])
						tell_end(&w, i, k);
			}
		}
		assert_all_right(&g);
		world_close(&w);
	}
}

/*
 * A process that has been told that a collective is over may end at once, and
 * what it has not sent ends with it.  So it is told when all has left.
 */
static void completion_waits_for_own_messages(void **state)
{
	struct gather g;
	struct world w;

	for (uint64_t seed = 0; seed < 500; seed++) {
		uint32_t n = 2 + (uint32_t)(seed % (NODES_MAX - 1));

		world_open(&w, n, seed);
		slow_down(&w);
		gather_fill(&w, &g, n, SAME);
		for (uint32_t i = 0; i < n; i++)
			join(&g.joins[i]);
		while (deliver(&w)) {
			for (uint32_t i = 0; i < n; i++) {
				if (!g.joins[i].completed || w.nodes[i].dead)
					continue;
				w.nodes[i].dead = true;
				for (uint32_t k = 0; k < n; k++) {
					discard(&w.held[i][k]);
					if (k != i && w.nodes[k].wanted[i])
						tell_end(&w, i, k);
				}
			}
		}
		assert_all_right(&g);
		world_close(&w);
	}
}

static void a_cancelled_collective_ends_for_all(void **state)
{
	struct gather g;
	struct world w;

	for (uint32_t n = 1; n < NODES_MAX; n++) {
		world_open(&w, n + 1, n);
		gather_fill(&w, &g, n + 1, SAME);
		for (uint32_t i = 0; i < n; i++) /* the last never joins */
			join(&g.joins[i]);
		while (deliver(&w))
			;
		coll_cancel(w.nodes[0].coll, &g.joins[0]);
		coll_cancel(w.nodes[0].coll, &g.joins[0]);
		assert_int_equal(g.joins[0].completed, 1);
		assert_int_equal(g.joins[0].status, COLL_LOST);
		assert_int_equal(g.joins[0].lost_node, UINT32_MAX);
		while (deliver(&w))
			;
		join(&g.joins[n]);
		/* The last may find all messages there and complete. */
		assert_int_equal(g.joins[n].completed, 1);
		for (uint32_t i = 1; i < n; i++) {
			assert_int_equal(g.joins[i].completed, 1);
			assert_int_equal(g.joins[i].status, COLL_LOST);
			assert_int_equal(g.joins[i].lost_node, 0);
		}
		world_close(&w);
	}
}

static void nobody_completes_what_one_refuses(void **state)
{
	struct gather g;
	struct world w;

	for (uint32_t n = 2; n < NODES_MAX; n++) {
		world_open(&w, n, n);
		gather_fill(&w, &g, n, SAME);
		for (uint32_t i = 0; i < n; i++) {
			while (draw(&w, 3) && deliver(&w))
				;
			if (i == n / 2)
				refuse(&g.joins[i]);
			else
				join(&g.joins[i]);
		}
		while (deliver(&w))
			;
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(g.joins[i].completed, 1);
			assert_int_equal(g.joins[i].status, COLL_LOST);
			assert_int_equal(g.joins[i].lost_node,
					 i == n / 2 ? UINT32_MAX : n / 2);
			assert_false(coll_is_lost(w.nodes[i].coll, n / 2));
		}
		world_close(&w);
	}
}

static void the_next_meeting_works_after_a_cancelled_one(void **state)
{
	struct gather first, second;
	struct world w;

	for (uint64_t seed = 0; seed < 100; seed++) {
		world_open(&w, 7, seed);
		gather_fill(&w, &first, 7, SAME);
		second = first;
		for (uint32_t i = 0; i < 7; i++)
			second.joins[i].gather = &second;
		join(&first.joins[3]);
		coll_cancel(w.nodes[3].coll, &first.joins[3]);
		join(&second.joins[3]);
		for (uint32_t i = 0; i < 7; i++) {
			if (i == 3)
				continue;
			while (draw(&w, 3) && deliver(&w))
				;
			join(&first.joins[i]);
			join(&second.joins[i]);
		}
		while (deliver(&w))
			;
		for (uint32_t i = 0; i < 7; i++)
			assert_int_equal(first.joins[i].status, COLL_LOST);
		assert_all_right(&second);
		world_close(&w);
	}
}

static void a_contribution_over_the_limit_fails_for_all(void **state)
{
	struct gather g;
	struct world w;

	world_open(&w, 4, 1);
	gather_fill(&w, &g, 4, NOTHING);
	for (uint32_t i = 0; i < 3; i++)
		join(&g.joins[i]);
	coll_allgather(w.nodes[3].coll, g.id, g.nodes, 4, "",
		       (size_t)LINK_MSG_MAX + 1, done, &g.joins[3]);
	assert_int_equal(g.joins[3].status, COLL_NOMEM);
	while (deliver(&w))
		;
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(g.joins[i].completed, 1);
		assert_int_equal(g.joins[i].status, COLL_LOST);
		assert_int_equal(g.joins[i].lost_node, 3);
	}
	world_close(&w);
}

/* Completion of one starts the next one, as a program's fences do. */
struct chain {
	struct world *world;
	struct gather *gather;
	uint32_t node;
	int left;
};

static void chain_done(void *arg, coll_status_t status, uint32_t lost_node,
		       char *data, size_t len)
{
	struct chain *c = arg;

	assert_int_equal(status, COLL_OK);
	free(data);
	if (--c->left > 0)
		coll_allgather(c->world->nodes[c->node].coll, c->gather->id,
			       c->gather->nodes, c->gather->n, "x", 1,
			       chain_done, c);
}

static void completion_may_start_the_next_one(void **state)
{
	struct chain chains[NODES_MAX];
	struct gather g;
	struct world w;

	for (uint32_t n = 1; n <= NODES_MAX; n++) {
		world_open(&w, n, n);
		gather_fill(&w, &g, n, NOTHING);
		for (uint32_t i = 0; i < n; i++) {
			chains[i] = (struct chain){ &w, &g, i, 51 };
			chain_done(&chains[i], COLL_OK, UINT32_MAX, NULL, 0);
		}
		while (deliver(&w))
			;
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(chains[i].left, 0);
		world_close(&w);
	}
}

/* -- wrong messages ----------------------------------------------------- */

/* A round's message with one block, for the set {0..3} seen from node 0. */
static size_t make_message(const struct gather *g, uint8_t *msg, uint8_t round,
			   uint32_t count, uint32_t block_len)
{
	memset(msg, 0, 64);
	msg[0] = 1; /* data */
	msg[1] = round;
	msg[2] = 1; /* uniform */
	memcpy(msg + 8, g->id, COLL_ID_LEN);
	put_u32(msg + 24, count);
	put_u32(msg + 28, block_len);
	return 32 + (size_t)count * block_len;
}

static void assert_dropped(struct world *w, const struct gather *g,
			   uint32_t from, const uint8_t *msg, size_t len,
			   const char *why)
{
	struct links *l = &w->nodes[0];

	l->dropped[0] = '\0';
	l->handler(l->arg, from, msg, len);
	assert_string_equal(l->dropped, why);
	assert_int_equal(l->dropped_node, from);
	assert_int_equal(g->joins[0].completed, 0);
}

static void wrong_messages_drop_the_link(void **state)
{
	struct gather g;
	struct world w;
	uint8_t msg[64];
	size_t len;

	world_open(&w, 5, 1);
	gather_fill(&w, &g, 5, NOTHING);
	g.n = 4;
	join(&g.joins[0]);

	len = make_message(&g, msg, 0, 1, 4);
	for (size_t l = 0; l < 28; l++)
		assert_dropped(&w, &g, 1, msg, l,
			       "a collective's message is truncated");
	assert_dropped(&w, &g, 1, msg, 31,
		       "a collective's message is truncated");
	assert_dropped(&w, &g, 1, msg, len - 1,
		       "the lengths in a collective's message are wrong");
	assert_dropped(&w, &g, 1, msg, len + 1,
		       "the lengths in a collective's message are wrong");
	assert_dropped(&w, &g, 2, msg, len,
		       "a collective's message came from the wrong node");
	msg[0] = 3;
	assert_dropped(&w, &g, 1, msg, len,
		       "a collective's message is of an unknown kind");
	(void)make_message(&g, msg, 2, 1, 4);
	assert_dropped(&w, &g, 1, msg, len,
		       "a collective's message came from the wrong node");
	(void)make_message(&g, msg, 255, 1, 4);
	assert_dropped(&w, &g, 1, msg, len,
		       "a collective's message came from the wrong node");
	(void)make_message(&g, msg, 0, 2, 0);
	assert_dropped(&w, &g, 1, msg, 32,
		       "a collective's message has the wrong number of blocks");
	(void)make_message(&g, msg, 1, 2, UINT32_MAX);
	assert_dropped(&w, &g, 2, msg, 64,
		       "the lengths in a collective's message are wrong");
	(void)make_message(&g, msg, 1, 2, 0);
	msg[2] = 0; /* two lengths are announced, one is there */
	assert_dropped(&w, &g, 2, msg, 32,
		       "a collective's message is truncated");

	len = make_message(&g, msg, 1, 2, 4); /* right, but early */
	w.nodes[0].handler(w.nodes[0].arg, 2, msg, len);
	assert_dropped(&w, &g, 2, msg, len,
		       "a collective's message came twice");
	(void)make_message(&g, msg, 0, 99, 0);
	msg[0] = 2; /* abort because of node 99 */
	assert_dropped(&w, &g, 1, msg, 28,
		       "a collective's abort makes no sense");
	(void)make_message(&g, msg, 0, 3, 0);
	msg[0] = 2; /* abort from a node outside the set */
	assert_dropped(&w, &g, 4, msg, 28,
		       "a collective's abort makes no sense");
	world_close(&w);
}

static void wrong_early_messages_drop_the_link_on_joining(void **state)
{
	struct gather g;
	struct world w;
	uint8_t msg[64];
	size_t len;

	world_open(&w, 4, 1);
	gather_fill(&w, &g, 4, NOTHING);
	len = make_message(&g, msg, 0, 1, 4);
	w.nodes[0].handler(w.nodes[0].arg, 2, msg, len);
	assert_string_equal(w.nodes[0].dropped, "");
	join(&g.joins[0]);
	assert_string_equal(w.nodes[0].dropped,
			    "a collective's message came from the wrong node");
	world_close(&w);
}

static void early_messages_are_limited(void **state)
{
	struct gather g;
	struct world w;
	uint8_t msg[64];
	size_t len, kept = 0;

	world_open(&w, 2, 1);
	gather_fill(&w, &g, 2, NOTHING);
	len = make_message(&g, msg, 0, 1, 4);
	while (!w.nodes[0].dropped[0] && kept < 100000) {
		put_u32(msg + 4, (uint32_t)kept++);
		w.nodes[0].handler(w.nodes[0].arg, 1, msg, len);
	}
	assert_int_equal(kept, 4096 + 1);
	assert_string_equal(w.nodes[0].dropped,
			    "too many messages of collectives that this node "
			    "has not joined");
	world_close(&w);
}

static void random_messages_are_survived(void **state)
{
	struct gather g;
	struct world w;
	uint8_t msg[64];

	for (uint64_t seed = 0; seed < 300; seed++) {
		world_open(&w, 6, seed);
		gather_fill(&w, &g, 6, VARIED);
		for (int i = 0; i < 40; i++) {
			if (i == 20)
				join(&g.joins[0]);
			(void)make_message(&g, msg, (uint8_t)draw(&w, 4),
					   draw(&w, 4), draw(&w, 3));
			for (uint32_t k = draw(&w, 4); k > 0; k--)
				msg[draw(&w, 64)] ^= (uint8_t)draw(&w, 256);
			w.nodes[0].handler(w.nodes[0].arg, 1 + draw(&w, 5), msg,
					   draw(&w, 65));
		}
		world_close(&w);
	}
}

/* -- partners ----------------------------------------------------------- */

static void partnership_is_mutual_and_logarithmic(void **state)
{
	static uint32_t of[300][COLL_PARTNERS_MAX];
	size_t count[300];

	for (uint32_t n = 1; n <= 300; n += n < 20 ? 1 : 35) {
		uint32_t rounds = 0;

		while ((1u << rounds) < n)
			rounds++;
		for (uint32_t i = 0; i < n; i++) {
			count[i] =
				coll_partners(i, n, of[i], COLL_PARTNERS_MAX);
			assert_true(count[i] <= 2 * (size_t)rounds);
		}
		for (uint32_t i = 0; i < n; i++) {
			for (size_t k = 0; k < count[i]; k++) {
				uint32_t p = of[i][k];
				bool mutual = false;

				assert_true(p < n && p != i);
				for (size_t m = 0; m < count[p]; m++)
					mutual |= of[p][m] == i;
				assert_true(mutual);
			}
		}
	}
	assert_int_equal(coll_partners(0, 300, of[0], 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_get_the_contributions_of_all),
		cmocka_unit_test(subsets_and_repetitions_mix_in_any_order),
		cmocka_unit_test(a_lost_node_hangs_nobody),
		cmocka_unit_test(a_set_with_a_node_lost_before_fails_at_once),
		cmocka_unit_test(a_node_may_leave_when_it_has_completed),
		cmocka_unit_test(completion_waits_for_own_messages),
		cmocka_unit_test(a_cancelled_collective_ends_for_all),
		cmocka_unit_test(nobody_completes_what_one_refuses),
		cmocka_unit_test(the_next_meeting_works_after_a_cancelled_one),
		cmocka_unit_test(a_contribution_over_the_limit_fails_for_all),
		cmocka_unit_test(completion_may_start_the_next_one),
		cmocka_unit_test(wrong_messages_drop_the_link),
		cmocka_unit_test(wrong_early_messages_drop_the_link_on_joining),
		cmocka_unit_test(early_messages_are_limited),
		cmocka_unit_test(random_messages_are_survived),
		cmocka_unit_test(partnership_is_mutual_and_logarithmic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
