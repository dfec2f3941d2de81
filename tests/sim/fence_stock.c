/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fence_stock.c - how Slurm's mpi/pmix runs a fence, as its sources say.
 *
 * Ring: each node sends its contribution to the next one, which passes it on,
 * until each has gone around: n - 1 messages after one another.
 *
 * Tree: each node waits for its children, sends all of theirs and its own to
 * its parent; the root sends everything to each of its children, and they to
 * theirs.  The tree here is filled level by level; Slurm's has the same depth.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "fence.h"

struct message {
	uint32_t round;
	uint32_t hops; /* ring: how often it is to be passed on */
	bool down;     /* tree */
};

struct node {
	uint32_t have;	/* contributions, the own one included */
	uint32_t await; /* tree: children that have not sent yet */
	uint32_t round;
	bool entered;
	bool sent_up;
};

struct world {
	const fence_model_t *model;
	net_t *net;
	uint32_t n;
	uint32_t done;
	uint32_t rounds;
	double last_us;
	struct node nodes[];
};

static void *need(void *mem)
{
	if (!mem)
		abort();
	return mem;
}

static struct message *message(uint32_t round, uint32_t hops, bool down)
{
	struct message *m = need(malloc(sizeof(*m)));

	*m = (struct message){ round, hops, down };
	return m;
}

/* NODE has everything: it tells its ranks. */
static void leave(struct world *w, uint32_t node, uint32_t round)
{
	if (round > w->rounds)
		w->rounds = round;
	net_wake(w->net, node, w->model->local_us / 2, NULL);
}

static struct world *world_open(uint32_t nodes, const fence_model_t *model,
				net_handler_fn fn)
{
	struct world *w =
		need(calloc(1, sizeof(*w) + nodes * sizeof(w->nodes[0])));

	w->model = model;
	w->n = nodes;
	w->net = net_open(nodes, &model->net, fn, w);
	for (uint32_t i = 0; i < nodes; i++)
		w->nodes[i].have = 1;
	return w;
}

static fence_result_t run(struct world *w)
{
	fence_result_t result;
	net_count_t count;

	for (uint32_t i = 0; i < w->n; i++)
		net_wake(w->net, i, w->model->local_us / 2, w);
	(void)net_run(w->net);
	if (w->done != w->n)
		abort();
	count = net_count(w->net);
	result = (fence_result_t){ .us = w->last_us,
				   .rounds = w->rounds,
				   .messages = count.messages,
				   .bytes = count.bytes,
				   .most_bytes = count.most_bytes };
	net_close(w->net);
	free(w);
	return result;
}

/* It has come in (true), or it has left. */
static bool is_entry(struct world *w, uint32_t node, void *body)
{
	if (body)
		return true;
	w->done++;
	w->last_us = net_now(w->net);
	return false;
}

/* -- ring --------------------------------------------------------------- */

static void ring_event(void *arg, uint32_t node, uint32_t from, void *body)
{
	struct world *w = arg;
	uint32_t next = (node + 1) % w->n;
	struct message *m = body;

	if (from == node && !is_entry(w, node, body))
		return;
	if (from == node) {
		if (w->n > 1)
			net_send(w->net, node, next, w->model->bytes,
				 message(1, w->n - 2, false));
		else
			leave(w, node, 0);
		return;
	}
	if (m->hops > 0)
		net_send(w->net, node, next, w->model->bytes,
			 message(m->round + 1, m->hops - 1, false));
	/* All nodes enter at once, so that none still waits for its ranks. */
	if (++w->nodes[node].have == w->n)
		leave(w, node, m->round);
	free(m);
}

fence_result_t fence_stock_ring(uint32_t nodes, const fence_model_t *model)
{
	return run(world_open(nodes, model, ring_event));
}

/* -- tree --------------------------------------------------------------- */

static void tree_down(struct world *w, uint32_t node, uint32_t round)
{
	uint64_t first = (uint64_t)node * w->model->width + 1;

	for (uint64_t c = first; c < first + w->model->width && c < w->n; c++)
		net_send(w->net, node, (uint32_t)c,
			 w->model->bytes * (double)w->n,
			 message(round + 1, 0, true));
	leave(w, node, round);
}

/* Goes up when NODE and all its children have come. */
static void tree_up(struct world *w, uint32_t node)
{
	struct node *n = &w->nodes[node];

	if (!n->entered || n->await > 0 || n->sent_up)
		return;
	n->sent_up = true;
	if (node == 0)
		tree_down(w, node, n->round);
	else
		net_send(w->net, node, (node - 1) / w->model->width,
			 w->model->bytes * n->have,
			 message(n->round + 1, n->have, false));
}

static void tree_event(void *arg, uint32_t node, uint32_t from, void *body)
{
	struct world *w = arg;
	struct node *n = &w->nodes[node];
	struct message *m = body;

	if (from == node) {
		if (is_entry(w, node, body)) {
			n->entered = true;
			tree_up(w, node);
		}
		return;
	}
	if (m->round > n->round)
		n->round = m->round;
	if (m->down) {
		tree_down(w, node, m->round);
	} else {
		n->have += m->hops;
		n->await--;
		tree_up(w, node);
	}
	free(m);
}

fence_result_t fence_stock_tree(uint32_t nodes, const fence_model_t *model)
{
	struct world *w = world_open(nodes, model, tree_event);

	for (uint32_t i = 1; i < nodes; i++)
		w->nodes[(i - 1) / model->width].await++;
	return run(w);
}
