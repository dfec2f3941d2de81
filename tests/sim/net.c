/* SPDX-License-Identifier: BSD-3-Clause */
/* net.c - see net.h. */
#include "net.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* What happens to a message, in this order. */
enum stage {
	ARRIVE,	 /* at the receiver's interface */
	RECEIVE, /* all of it is in */
	HANDLE	 /* the receiver's processor has taken it */
};

struct event {
	double at;
	uint64_t order; /* of two at one time the one made first */
	enum stage stage;
	uint32_t from;
	uint32_t to;
	double bytes;
	void *body;
};

struct node {
	double cpu_free; /* from then on */
	double out_free;
	double in_free;
	double sent;
};

struct net {
	net_model_t model;
	net_handler_fn fn;
	void *arg;
	double now;
	uint64_t order;
	struct event *heap; /* the earliest first */
	size_t n, size;
	double *core_free;
	net_count_t count;
	struct node nodes[];
};

static void *need(void *mem)
{
	if (!mem) {
		(void)fputs("simulate: out of memory\n", stderr);
		exit(2);
	}
	return mem;
}

net_t *net_open(uint32_t nodes, const net_model_t *model, net_handler_fn fn,
		void *arg)
{
	net_t *net =
		need(calloc(1, sizeof(*net) + nodes * sizeof(net->nodes[0])));

	net->model = *model;
	net->fn = fn;
	net->arg = arg;
	if (model->cores)
		net->core_free =
			need(calloc(model->cores, sizeof(*net->core_free)));
	return net;
}

void net_close(net_t *net)
{
	free(net->core_free);
	free(net->heap);
	free(net);
}

/* -- events in order of time -------------------------------------------- */

static bool before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void swap(struct event *a, struct event *b)
{
	struct event tmp = *a;

	*a = *b;
	*b = tmp;
}

static void push(net_t *net, struct event ev)
{
	size_t i = net->n++;

	if (net->n > net->size) {
		net->size = net->size ? 2 * net->size : 1024;
		net->heap = need(
			realloc(net->heap, net->size * sizeof(*net->heap)));
	}
	ev.order = net->order++;
	net->heap[i] = ev;
	for (; i > 0 && before(&net->heap[i], &net->heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(&net->heap[i], &net->heap[(i - 1) / 2]);
}

static struct event pop(net_t *net)
{
	struct event first = net->heap[0];
	size_t i = 0, child;

	net->heap[0] = net->heap[--net->n];
	while ((child = 2 * i + 1) < net->n) {
		if (child + 1 < net->n &&
		    before(&net->heap[child + 1], &net->heap[child]))
			child++;
		if (!before(&net->heap[child], &net->heap[i]))
			break;
		swap(&net->heap[child], &net->heap[i]);
		i = child;
	}
	return first;
}

/* -- what things cost --------------------------------------------------- */

static double later(double a, double b)
{
	return a > b ? a : b;
}

/* NODE's processor works for US from AT on at the earliest; until when? */
static double compute(net_t *net, uint32_t node, double at, double us)
{
	struct node *n = &net->nodes[node];
	unsigned best = 0;
	double start = later(at, n->cpu_free);

	for (unsigned i = 1; i < net->model.cores; i++)
		if (net->core_free[i] < net->core_free[best])
			best = i;
	if (net->model.cores)
		start = later(start, net->core_free[best]);
	n->cpu_free = start + us;
	if (net->model.cores)
		net->core_free[best] = start + us;
	return start + us;
}

void net_send(net_t *net, uint32_t from, uint32_t to, double bytes, void *body)
{
	const net_model_t *m = &net->model;
	struct node *n = &net->nodes[from];
	double ready = compute(net, from, net->now,
			       m->send_us + bytes * m->cpu_us_per_byte);

	n->out_free = later(ready, n->out_free) + bytes * m->us_per_byte;
	n->sent += bytes;
	net->count.messages++;
	net->count.bytes += bytes;
	net->count.most_bytes = later(net->count.most_bytes, n->sent);
	/* The first byte arrives while the last ones are still being sent. */
	push(net, (struct event){ .at = n->out_free - bytes * m->us_per_byte +
					m->latency_us,
				  .stage = ARRIVE,
				  .from = from,
				  .to = to,
				  .bytes = bytes,
				  .body = body });
}

void net_wake(net_t *net, uint32_t node, double cpu_us, void *body)
{
	push(net, (struct event){ .at = compute(net, node, net->now, cpu_us),
				  .stage = HANDLE,
				  .from = node,
				  .to = node,
				  .body = body });
}

static void step(net_t *net, struct event *ev)
{
	const net_model_t *m = &net->model;
	struct node *to = &net->nodes[ev->to];

	switch (ev->stage) {
	case ARRIVE:
		to->in_free = later(net->now, to->in_free) +
			      ev->bytes * m->us_per_byte;
		ev->at = to->in_free;
		ev->stage = RECEIVE;
		push(net, *ev);
		return;
	case RECEIVE:
		ev->at = compute(net, ev->to, net->now,
				 m->recv_us + ev->bytes * m->cpu_us_per_byte);
		ev->stage = HANDLE;
		push(net, *ev);
		return;
	case HANDLE:
	default:
		net->fn(net->arg, ev->to, ev->from, ev->body);
		return;
	}
}

double net_run(net_t *net)
{
	struct event ev;

	while (net->n > 0) {
		ev = pop(net);
		net->now = ev.at;
		step(net, &ev);
	}
	return net->now;
}

double net_now(const net_t *net)
{
	return net->now;
}

net_count_t net_count(const net_t *net)
{
	return net->count;
}
