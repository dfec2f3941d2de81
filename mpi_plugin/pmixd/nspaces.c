/* SPDX-License-Identifier: BSD-3-Clause */
/* nspaces.c - see nspaces.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pmix_server.h>

#include "bytes.h"
#include "infolist.h"
#include "jobinfo.h"
#include "log.h"
#include "nspaces.h"
#include "peers.h"
#include "pmixd.h"

#define TASKS_MAX (16 * 1024 * 1024)
#define NODES_MAX (1024 * 1024)

/*
 * Messages: u32 kind; TELL goes on with u32 tasks, nodes, slots; u32 length and
 * text of the parent's namespace ("": not spawned), u32 its rank; u32 node of
 * rank 0, 1, ...; and the nodes' names, each with its NUL.
 */
enum { KIND_ASK = 1, KIND_TELL = 2 };

typedef struct waiter {
	struct waiter *next;
	nspaces_ready_fn fn;
	void *arg;
	bool early; /* does not wait for libpmix */
} waiter_t;

typedef struct foreign {
	struct foreign *next;
	uint32_t step;
	bool told, registering, ready;
	pmixd_t view; /* as its own server would see it; told, then constant */
	pmix_data_array_t info; /* until libpmix has taken it */
	waiter_t *waiters;
} foreign_t;

/* Guarded by pmixd.lock. */
static foreign_t *foreigns;

bool nspaces_step(const char *nspace, uint32_t *step)
{
	char text[PMIX_MAX_NSLEN + 1];
	const char *dot = strrchr(nspace, '.');
	char *end;
	unsigned long value;

	if (!dot || dot[1] < '0' || dot[1] > '9')
		return false;
	value = strtoul(dot + 1, &end, 10);
	if (*end || value >= PEERS_STEPS_MAX)
		return false;
	*step = (uint32_t)value;
	nspaces_name(*step, text);
	return !strcmp(text, nspace);
}

void nspaces_name(uint32_t step, pmix_nspace_t nspace)
{
	(void)snprintf(nspace, PMIX_MAX_NSLEN, NSPACE_PREFIX "%u.%u",
		       pmixd.layout.apps.leader, step);
}

static foreign_t *find(uint32_t step)
{
	foreign_t *f = foreigns;

	while (f && f->step != step)
		f = f->next;
	return f;
}

/* Done, one way or the other; a failed one is forgotten, to be asked anew. */
static void finish(foreign_t *f, bool ok)
{
	waiter_t *w = f->waiters;

	f->waiters = NULL;
	f->ready = ok;
	for (foreign_t **p = &foreigns; !ok && *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	while (w) {
		waiter_t *next = w->next;

		w->fn(w->arg, ok);
		free(w);
		w = next;
	}
	if (ok)
		return;
	layout_free(&f->view.layout);
	free(f);
}

/* -- telling ------------------------------------------------------------- */

static void put(FILE *out, uint32_t value)
{
	uint8_t p[4];

	put_u32(p, value);
	fwrite(p, sizeof(p), 1, out);
}

static void tell(peers_addr_t to)
{
	const layout_t *l = &pmixd.layout;
	const char *parent = pmixd.parent.nspace;
	struct iovec iov = { NULL, 0 };
	char *text = NULL;
	FILE *out = open_memstream(&text, &iov.iov_len);

	if (!out)
		return;
	put(out, KIND_TELL);
	put(out, l->ntasks);
	put(out, l->nnodes);
	put(out, l->slots);
	put(out, (uint32_t)strlen(parent));
	fputs(parent, out);
	put(out, pmixd.parent.rank);
	for (uint32_t r = 0; r < l->ntasks; r++)
		put(out, l->node_of[r]);
	for (uint32_t n = 0; n < l->nnodes; n++)
		fwrite(l->node_names[n], strlen(l->node_names[n]) + 1, 1, out);
	if (fclose(out) == 0) {
		iov.iov_base = text;
		(void)peers_send(to, PEERS_NSPACE, &iov, 1);
	}
	free(text);
}

/* -- hearing ------------------------------------------------------------- */

typedef struct {
	const uint8_t *p;
	size_t left;
	bool bad;
} input_t;

static uint32_t take(input_t *in)
{
	uint32_t value;

	if (in->left < 4) {
		in->bad = true;
		return 0;
	}
	value = get_u32(in->p);
	in->p += 4;
	in->left -= 4;
	return value;
}

/* A copy of a text that ends with NUL; NULL: there is none. */
static char *take_name(input_t *in)
{
	size_t len = strnlen((const char *)in->p, in->left);
	char *name;

	if (len == in->left || len == 0)
		return NULL;
	name = strdup((const char *)in->p);
	in->p += len + 1;
	in->left -= len + 1;
	return name;
}

static bool take_parent(input_t *in, pmix_proc_t *parent)
{
	uint32_t len = take(in);

	if (in->bad || len > in->left || len > PMIX_MAX_NSLEN)
		return false;
	memset(parent, 0, sizeof(*parent));
	memcpy(parent->nspace, in->p, len);
	in->p += len;
	in->left -= len;
	parent->rank = take(in);
	return !in->bad;
}

/* What comes from a server of the same user is checked all the same. */
static bool take_layout(input_t *in, layout_t *l, pmix_proc_t *parent)
{
	psec_error_t err;

	l->ntasks = take(in);
	l->nnodes = take(in);
	l->slots = take(in);
	if (in->bad || !l->ntasks || l->ntasks > TASKS_MAX || !l->nnodes ||
	    l->nnodes > NODES_MAX || !take_parent(in, parent) ||
	    in->left / 4 < l->ntasks)
		return false;
	l->node_of = calloc((size_t)l->ntasks + 1, sizeof(uint32_t));
	l->node_names = calloc((size_t)l->nnodes + 1, sizeof(char *));
	if (!l->node_of || !l->node_names)
		return false;
	for (uint32_t r = 0; r < l->ntasks; r++) {
		l->node_of[r] = take(in);
		if (l->node_of[r] >= l->nnodes)
			return false;
	}
	for (uint32_t n = 0; n < l->nnodes; n++) {
		l->node_names[n] = take_name(in);
		if (!l->node_names[n])
			return false;
	}
	return in->left == 0 &&
	       layout_make(l, pmixd.layout.apps.leader, &err) == 0;
}

/* On libpmix's thread. */
static void registered(pmix_status_t status, void *arg)
{
	foreign_t *f = arg;

	pthread_mutex_lock(&pmixd.lock);
	PMIX_DATA_ARRAY_DESTRUCT(&f->info);
	if (status != PMIX_SUCCESS)
		plog_error("libpmix could not register the namespace of step "
			   "%u: %s (%d)",
			   f->step, PMIx_Error_string(status), status);
	finish(f, status == PMIX_SUCCESS);
	pthread_mutex_unlock(&pmixd.lock);
}

/* Our own place among its nodes. */
static uint32_t own_node(const layout_t *l)
{
	const char *name = pmixd_node_name(pmixd.conf.node);

	for (uint32_t n = 0; n < l->nnodes; n++)
		if (!strcmp(l->node_names[n], name))
			return n;
	return UINT32_MAX;
}

static pmix_status_t register_it(foreign_t *f)
{
	infolist_t info = infolist_new();
	pmixd_t *view = &f->view;
	pmix_status_t rc;

	nspaces_name(f->step, view->nspace);
	view->conf.dir = pmixd.conf.dir;
	view->conf.cluster = pmixd.conf.cluster;
	view->conf.step_id = f->step;
	view->conf.node = own_node(&view->layout);
	jobinfo_add(&info, view);
	rc = infolist_take(&info, &f->info);
	if (rc != PMIX_SUCCESS)
		return rc;
	rc = PMIx_server_register_nspace(view->nspace, 0, f->info.array,
					 f->info.size, registered, f);
	if (rc != PMIX_SUCCESS)
		PMIX_DATA_ARRAY_DESTRUCT(&f->info);
	return rc;
}

static void start(foreign_t *f)
{
	f->registering = true;
	if (register_it(f) != PMIX_SUCCESS)
		finish(f, false);
}

/* Those that do not wait for libpmix. */
static void tell_early(foreign_t *f)
{
	waiter_t **p = &f->waiters, *w;

	while ((w = *p)) {
		if (!w->early) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->fn(w->arg, true);
		free(w);
	}
}

static void hear(uint32_t step, const uint8_t *msg, size_t len)
{
	foreign_t *f = find(step);
	input_t in = { msg, len, false };

	if (!f || f->told)
		return;
	if (!take_layout(&in, &f->view.layout, &f->view.parent)) {
		plog_error("step %u does not say where its tasks are", step);
		finish(f, false);
		return;
	}
	f->told = true;
	tell_early(f);
	if (f->waiters)
		start(f);
}

static void handle(void *arg, peers_addr_t from, const void *msg, size_t len)
{
	const uint8_t *p = msg;

	if (len < 4)
		return;
	if (get_u32(p) == KIND_ASK)
		tell(from);
	else if (get_u32(p) == KIND_TELL && from.node == 0)
		hear(from.step, p + 4, len - 4);
}

static void lost(void *arg, uint32_t step, bool orderly, const char *why)
{
	foreign_t *f = foreigns;

	while (f) {
		foreign_t *next = f->next;

		/* One of which all is known is there for good. */
		if ((step == f->step || step == PEERS_ALL) && !f->told)
			finish(f, false);
		f = next;
	}
}

static void need(uint32_t step, nspaces_ready_fn fn, void *arg, bool early)
{
	foreign_t *f = find(step);
	waiter_t *w;
	uint8_t msg[4];
	const struct iovec iov = { msg, sizeof(msg) };

	if (step == pmixd.conf.step_id ||
	    (f && (f->ready || (early && f->told)))) {
		fn(arg, true);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (w && !f) {
		f = calloc(1, sizeof(*f));
		put_u32(msg, KIND_ASK);
		if (f && peers_send((peers_addr_t){ step, 0 }, PEERS_NSPACE,
				    &iov, 1) != 0) {
			free(f);
			f = NULL;
		}
		if (f) {
			f->step = step;
			f->next = foreigns;
			foreigns = f;
		}
	}
	if (!w || !f) {
		free(w);
		fn(arg, false);
		return;
	}
	w->fn = fn;
	w->arg = arg;
	w->early = early;
	w->next = f->waiters;
	f->waiters = w;
	if (f->told && !f->registering)
		start(f);
}

void nspaces_need(uint32_t step, nspaces_ready_fn fn, void *arg)
{
	need(step, fn, arg, false);
}

void nspaces_prepare(uint32_t step, nspaces_ready_fn fn, void *arg)
{
	need(step, fn, arg, true);
}

bool nspaces_is_told(uint32_t step)
{
	const foreign_t *f = find(step);

	return f && f->told;
}

bool nspaces_node_of(uint32_t step, uint32_t rank, uint32_t *node)
{
	const foreign_t *f = find(step);
	const layout_t *l = f ? &f->view.layout : &pmixd.layout;

	if (step != pmixd.conf.step_id && (!f || !f->ready))
		return false;
	if (rank >= l->ntasks)
		return false;
	*node = l->node_of[rank];
	return true;
}

void nspaces_init(void)
{
	peers_register(PEERS_NSPACE, handle, NULL);
	peers_on_lost(lost, NULL);
}
