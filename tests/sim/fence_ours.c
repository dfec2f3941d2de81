/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fence_ours.c - psec-pmixd's collectives on the simulated network.
 *
 * coll.c is the real one; link.h's functions are replaced by ones that send
 * over net.h.  So that 16,384 nodes fit into memory, a contribution is really
 * one byte, and counts for as many as the model says.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "coll.h"
#include "fence.h"

struct message {
	uint32_t round; /* messages that led to this one, itself included */
	size_t len;
	uint8_t bytes[];
};

struct links {
	struct world *world;
	uint32_t node;
	uint32_t round; /* of the message being handled */
	link_handler_fn handler;
	void *arg;
	coll_t *coll;
};

struct world {
	const fence_model_t *model;
	net_t *net;
	uint32_t n;
	uint32_t *all;
	uint32_t entered;
	uint32_t done;
	uint32_t rounds;
	double last_us;
	struct links nodes[];
};

static void die(void)
{
	abort(); /* a mistake in the simulator */
}

/* -- link.h ------------------------------------------------------------- */

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
	links->handler = fn;
	links->arg = arg;
}

void *links_keep(links_t *links, uint32_t from, const void *msg, size_t len)
{
	void *copy = malloc(len);

	return copy ? memcpy(copy, msg, len) : NULL;
}

/* Nobody is ever lost here, every link is up, and nothing is queued. */
void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
}

void links_on_drained(links_t *links, link_drained_fn fn, void *arg)
{
}

bool links_pending_to(const links_t *links, uint32_t node)
{
	return false;
}

void links_connect(links_t *links, const uint32_t *nodes, size_t n)
{
}

void links_drop(links_t *links, uint32_t node, const char *why)
{
	die();
}

/* The first piece is coll.c's header, the others are contributions. */
int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	struct world *w = links->world;
	double bytes = (double)iov[0].iov_len;
	struct message *m;
	size_t len = 0;

	for (int i = 0; i < iovcnt; i++)
		len += iov[i].iov_len;
	for (int i = 1; i < iovcnt; i++)
		bytes += (double)iov[i].iov_len * w->model->bytes;
	m = malloc(sizeof(*m) + len);
	if (!m)
		die();
	m->round = links->round + 1;
	m->len = 0;
	for (int i = 0; i < iovcnt; i++) {
		memcpy(m->bytes + m->len, iov[i].iov_base, iov[i].iov_len);
		m->len += iov[i].iov_len;
	}
	net_send(w->net, links->node, node, bytes, m);
	return 0;
}

/* -- one fence ---------------------------------------------------------- */

static void on_done(void *arg, coll_status_t status, uint32_t lost_node,
		    char *data, size_t len)
{
	struct links *l = arg;

	if (status != COLL_OK ||
	    (l->world->model->bytes > 0 && len != l->world->n))
		die();
	free(data);
	if (l->round > l->world->rounds)
		l->world->rounds = l->round;
	net_wake(l->world->net, l->node, l->world->model->local_us / 2, NULL);
}

static void enter(struct links *l)
{
	static const uint8_t id[COLL_ID_LEN];

	coll_allgather(l->coll, id, l->world->all, l->world->n, "x",
		       l->world->model->bytes > 0, on_done, l);
}

/* A message; or, from the node itself: it has come in, or it has left. */
static void on_event(void *arg, uint32_t node, uint32_t from, void *body)
{
	struct world *w = arg;
	struct links *l = &w->nodes[node];
	struct message *m = body;

	if (m == (void *)w) {
		w->entered++;
		enter(l);
	} else if (from == node) {
		w->done++;
		w->last_us = net_now(w->net);
	} else {
		l->round = m->round;
		l->handler(l->arg, from, m->bytes, m->len);
		free(m);
	}
}

static struct world *world_open(uint32_t nodes, const fence_model_t *model)
{
	struct world *w = calloc(1, sizeof(*w) + nodes * sizeof(w->nodes[0]));

	if (!w || !(w->all = calloc(nodes, sizeof(*w->all))))
		die();
	w->model = model;
	w->n = nodes;
	w->net = net_open(nodes, &model->net, on_event, w);
	for (uint32_t i = 0; i < nodes; i++) {
		w->all[i] = i;
		w->nodes[i].world = w;
		w->nodes[i].node = i;
		w->nodes[i].coll = coll_create(&w->nodes[i], i, nodes);
		if (!w->nodes[i].coll)
			die();
	}
	return w;
}

static void world_close(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		coll_destroy(w->nodes[i].coll);
	net_close(w->net);
	free(w->all);
	free(w);
}

fence_result_t fence_ours(uint32_t nodes, const fence_model_t *model)
{
	struct world *w = world_open(nodes, model);
	fence_result_t result;
	net_count_t count;

	for (uint32_t i = 0; i < nodes; i++)
		net_wake(w->net, i, model->local_us / 2, w);
	(void)net_run(w->net);
	if (w->done != nodes)
		die();
	count = net_count(w->net);
	result = (fence_result_t){ .us = w->last_us,
				   .rounds = w->rounds,
				   .messages = count.messages,
				   .bytes = count.bytes,
				   .most_bytes = count.most_bytes };
	world_close(w);
	return result;
}
