/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wireup.c - the sending side in struct outbound, which owns copies of all
 * that it needs on its worker thread; receiving is inbox.c's.
 */
#include "wireup.h"

#include <errno.h>
#include <event2/event.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "inbox.h"
#include "slurm_extra.h"

/* slurm.h declared hostlist_t as a pointer before 23.02, as a struct since. */
typedef __typeof__(slurm_hostlist_create(NULL)) hostlist_ptr_t;

struct wireup {
	wireup_config_t cfg;
	inbox_t *inbox;
	bool ready;
	struct event *resolve_timer;
	invitation_t own;
};

/* Asking the resolver for this node's addresses. */
struct resolve {
	job_t job;
	wireup_t *wireup; /* for done() only */
	char *name;
	invitation_addr_t addrs[INVITATION_ADDRS_MAX];
	size_t naddrs;
};

struct outbound {
	job_t job;
	wireup_t *wireup; /* for done() only */
	invitation_t own;
	char *path;
	int rc; /* of slurm_forward_data() */
	size_t n;
	struct {
		uint32_t node;
		bool failed;
		char *name;
	} to[];
};

/* -- own addresses ------------------------------------------------------ */

static void become_ready(wireup_t *w)
{
	if (w->ready)
		return;
	w->ready = true;
	w->cfg.ready(w->cfg.arg);
}

/* The resolver is slow: it must not keep the step waiting. */
static void on_resolve_timer(evutil_socket_t fd, short what, void *arg)
{
	wireup_t *w = arg;
	pthread_mutex_t *lock = w->cfg.lock;

	pthread_mutex_lock(lock);
	become_ready(w);
	pthread_mutex_unlock(lock);
}

static void resolve_drop(job_t *job)
{
	struct resolve *r = (struct resolve *)job;

	free(r->name);
	free(r);
}

static void resolve_work(job_t *job)
{
	struct resolve *r = (struct resolve *)job;

	r->naddrs = invitation_own_addrs(r->addrs, r->name);
}

static void resolve_done(job_t *job)
{
	struct resolve *r = (struct resolve *)job;
	wireup_t *w = r->wireup;

	memcpy(w->own.addrs, r->addrs, sizeof(r->addrs));
	w->own.naddrs = r->naddrs;
	resolve_drop(job);
	become_ready(w);
}

/* Whatever cannot be done here: the timer makes it ready. */
static int resolve_start(wireup_t *w)
{
	struct timeval tv = clock_timeval(WIREUP_RESOLVE_MS);
	struct resolve *r;

	w->own.naddrs = invitation_own_addrs(w->own.addrs, NULL);
	w->resolve_timer = evtimer_new(w->cfg.base, on_resolve_timer, w);
	if (!w->resolve_timer || event_add(w->resolve_timer, &tv))
		return -1;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -1;
	r->job.work = resolve_work;
	r->job.done = resolve_done;
	r->job.drop = resolve_drop;
	r->wireup = w;
	r->name = strdup(w->cfg.node_names[w->cfg.node]);
	if (!r->name || jobs_post(w->cfg.jobs, &r->job))
		resolve_drop(&r->job);
	return 0;
}

bool wireup_ready(const wireup_t *w)
{
	return w->ready;
}

/* -- sending ------------------------------------------------------------ */

static void outbound_free(struct outbound *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->to[i].name);
	free(o->path);
	free(o);
}

static void outbound_drop(job_t *job)
{
	outbound_free((struct outbound *)job);
}

/* The nodes as slurm_forward_data() wants them: allocated by Slurm, which
 * may free and replace it.  NULL: no memory. */
static char *hostlist_of(const struct outbound *o)
{
	hostlist_ptr_t hl = slurm_hostlist_create(NULL);
	char *text = NULL;

	if (!hl)
		return NULL;
	for (size_t i = 0; i < o->n; i++)
		(void)slurm_hostlist_push_host(hl, o->to[i].name);
	text = slurm_hostlist_ranged_string_xmalloc(hl);
	slurm_hostlist_destroy(hl);
	return text;
}

/* After a failure: the nodes of FAILED.  All, should it make no sense: who
 * is invited twice ignores it. */
static void mark_failed(struct outbound *o, const char *failed)
{
	hostlist_ptr_t hl = slurm_hostlist_create(failed);

	for (size_t i = 0; i < o->n; i++)
		o->to[i].failed =
			!hl || slurm_hostlist_find(hl, o->to[i].name) >= 0;
	if (hl)
		slurm_hostlist_destroy(hl);
}

/* On a worker thread. */
static void outbound_work(job_t *job)
{
	struct outbound *o = (struct outbound *)job;
	uint8_t data[INVITATION_MAX];
	char *nodes = NULL;
	size_t len;

	nodes = hostlist_of(o);
	if (!nodes || o->own.naddrs == 0) {
		o->rc = nodes ? EADDRNOTAVAIL : ENOMEM;
		mark_failed(o, NULL);
		goto out;
	}
	len = invitation_encode(&o->own, data);
	o->rc = slurm_forward_data(&nodes, o->path, (uint32_t)len,
				   (const char *)data);
	if (o->rc != SLURM_SUCCESS)
		mark_failed(o, nodes);
out:
	slurm_xfree((void **)&nodes);
}

static void outbound_done(job_t *job)
{
	struct outbound *o = (struct outbound *)job;
	const wireup_config_t *cfg = &o->wireup->cfg;
	char why[256];

	(void)snprintf(why, sizeof(why),
		       "slurmd could not hand over the invitation: %s",
		       o->rc ? slurm_strerror(o->rc) : "");
	for (size_t i = 0; i < o->n; i++)
		cfg->sent(cfg->arg, o->to[i].node,
			  o->to[i].failed ? why : NULL);
	outbound_free(o);
}

static struct outbound *outbound_new(wireup_t *w, const uint32_t *nodes,
				     size_t n)
{
	struct outbound *o = calloc(1, sizeof(*o) + n * sizeof(o->to[0]));

	if (!o)
		return NULL;
	o->job.work = outbound_work;
	o->job.done = outbound_done;
	o->job.drop = outbound_drop;
	o->wireup = w;
	o->own = w->own;
	o->n = n;
	o->path = strdup(w->cfg.paths ? w->cfg.paths[nodes[0]] : w->cfg.path);
	if (!o->path)
		goto fail;
	for (size_t i = 0; i < n; i++) {
		o->to[i].node = nodes[i];
		o->to[i].name = strdup(w->cfg.node_names[nodes[i]]);
		if (!o->to[i].name)
			goto fail;
	}
	return o;
fail:
	outbound_free(o);
	return NULL;
}

int wireup_invite(wireup_t *w, const uint32_t *nodes, size_t n)
{
	struct outbound *o = outbound_new(w, nodes, n);

	if (!o)
		return -1;
	if (jobs_post(w->cfg.jobs, &o->job)) {
		outbound_free(o);
		return -1;
	}
	return 0;
}

/* -- receiving ---------------------------------------------------------- */

/* All has come.  Says why it is refused, or NULL. */
static const char *take_invitation(void *arg, const uint8_t *buf, size_t len)
{
	const wireup_t *w = arg;
	const wireup_config_t *cfg = &w->cfg;
	const char *why = NULL;
	invitation_t inv;

	if (invitation_decode(&inv, buf, len, &why))
		return why;
	if (inv.job_id != cfg->job_id || inv.step_id != cfg->step_id)
		return "it is for another step";
	if (inv.node >= cfg->nnodes || inv.node == cfg->node)
		return "its sender is no other node of this step";
	cfg->received(cfg->arg, &inv);
	return NULL;
}

/* ----------------------------------------------------------------------- */

wireup_t *wireup_create(const wireup_config_t *cfg)
{
	wireup_t *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->cfg = *cfg;
	w->own.job_id = cfg->job_id;
	w->own.step_id = cfg->step_id;
	w->own.node = cfg->node;
	w->own.port = cfg->port;
	w->inbox = inbox_create(cfg->base, cfg->lock, cfg->fd, cfg->uid,
				take_invitation, w);
	if (!w->inbox || resolve_start(w)) {
		wireup_destroy(w);
		return NULL;
	}
	return w;
}

void wireup_destroy(wireup_t *w)
{
	if (!w)
		return;
	inbox_destroy(w->inbox);
	if (w->resolve_timer)
		event_free(w->resolve_timer);
	free(w);
}
