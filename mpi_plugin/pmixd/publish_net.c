/* SPDX-License-Identifier: BSD-3-Clause */
/* publish_net.c - see publish_net.h. */
#include "publish_net.h"

#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "log.h"
#include "pmixd.h"

/* A server that is asked for ASK. */
typedef struct publish_sub {
	LIST_ENTRY(publish_sub) next;
	uint32_t node;
} sub_t;

/* A search for another server. */
typedef struct guest {
	publish_ask_t ask;
	LIST_ENTRY(guest) next;
	uint32_t node, id; /* who, and its number */
	char key[PUBLISH_KEY_MAX + 1];
} guest_t;

/* Guarded by pmixd.lock. */
static struct {
	publish_store_t *store;
	LIST_HEAD(, publish_ask) asks;
	LIST_HEAD(, guest) guests;
	uint32_t last_id;
	bool mortal; /* a rank here published what is to end with it */
} self;

static bool is_home(void)
{
	return pmixd.conf.node == PUBLISH_HOME || !pmixd.links;
}

/* Data of these ranges stay on the publisher's node. */
static bool is_near(uint8_t range)
{
	return range == PMIX_RANGE_LOCAL || range == PMIX_RANGE_PROC_LOCAL;
}

static int send_bytes(uint32_t node, const uint8_t *msg, size_t len)
{
	const struct iovec iov = { (void *)(uintptr_t)msg, len };

	return msg ? links_send(pmixd.links, node, LINK_PUBLISH, &iov, 1) : -1;
}

static int send_head(uint32_t node, const publish_msg_t *m)
{
	size_t len;
	uint8_t *msg = publish_msg_encode(m, &len);
	int rc = send_bytes(node, msg, len);

	free(msg);
	return rc;
}

/* -- questions ------------------------------------------------------------ */

static void open_ask(publish_ask_t *ask)
{
	ask->open = true;
	ask->did_here = false;
	ask->id = ++self.last_id;
	LIST_INIT(&ask->subs);
	LIST_INSERT_HEAD(&self.asks, ask, next);
}

static void drop_sub(sub_t *sub)
{
	LIST_REMOVE(sub, next);
	free(sub);
}

/* Those who still look for us need not. */
static void close_ask(publish_ask_t *ask)
{
	const publish_msg_t forget = { .kind = PUBLISH_FORGET, .id = ask->id };

	sub_t *sub = LIST_FIRST(&ask->subs), *next;

	for (; sub; sub = next) {
		next = LIST_NEXT(sub, next);
		if (ask->key)
			(void)send_head(sub->node, &forget);
		drop_sub(sub);
	}
	LIST_REMOVE(ask, next);
	ask->open = false;
}

static void finish(publish_ask_t *ask, pmix_status_t status,
		   const publish_found_t *found)
{
	close_ask(ask);
	ask->done(ask, status, found);
}

void publish_net_cancel(publish_ask_t *ask)
{
	if (ask->open)
		close_ask(ask);
}

static sub_t *sub_of(publish_ask_t *ask, uint32_t node)
{
	sub_t *sub;

	LIST_FOREACH(sub, &ask->subs, next)
	{
		if (sub->node == node)
			return sub;
	}
	return NULL;
}

/* 0, or -1: NODE cannot be asked. */
static int ask_node(publish_ask_t *ask, uint32_t node, const uint8_t *msg,
		    size_t len)
{
	sub_t *sub = calloc(1, sizeof(*sub));

	if (!sub || send_bytes(node, msg, len) != 0) {
		free(sub);
		return -1;
	}
	sub->node = node;
	LIST_INSERT_HEAD(&ask->subs, sub, next);
	return 0;
}

/* -- searching ------------------------------------------------------------ */

/* Is it here?  Then ASK is finished. */
static bool try_here(publish_ask_t *ask)
{
	publish_found_t found;

	if (!publish_store_find(self.store, ask->key, &ask->asker, &found))
		return false;
	finish(ask, PMIX_SUCCESS, &found);
	if (found.once)
		publish_store_drop(self.store, &found);
	return true;
}

/* Something new is here.  Whose search ends may end others. */
static void try_all(void)
{
	publish_ask_t *ask = LIST_FIRST(&self.asks);

	while (ask)
		ask = ask->key && try_here(ask) ? LIST_FIRST(&self.asks)
						: LIST_NEXT(ask, next);
}

static int ask_home(publish_ask_t *ask)
{
	const publish_msg_t m = {
		.kind = PUBLISH_FIND,
		.range = ask->range,
		.flags = ask->wait ? PUBLISH_WAIT : 0,
		.id = ask->id,
		.rank = ask->asker.rank,
	};
	size_t len;
	uint8_t *msg = publish_msg_encode(&m, &len);
	int rc = publish_msg_add(&msg, &len, ask->key, NULL, 0);

	if (rc == 0)
		rc = ask_node(ask, PUBLISH_HOME, msg, len);
	free(msg);
	return rc;
}

/* Nobody is left to ask. */
static void give_up(publish_ask_t *ask, pmix_status_t status)
{
	if (LIST_EMPTY(&ask->subs) &&
	    (!ask->wait || status != PMIX_ERR_NOT_FOUND))
		finish(ask, status, NULL);
}

void publish_net_find(publish_ask_t *ask)
{
	pmix_status_t status = PMIX_ERR_NOT_FOUND;

	open_ask(ask);
	if (try_here(ask))
		return;
	if (!is_home() && !is_near(ask->range) && ask_home(ask) != 0)
		status = PMIX_ERR_UNREACH;
	give_up(ask, status);
}

/* -- publishing ----------------------------------------------------------- */

static pmix_status_t put_all(const publish_msg_t *m,
			     const publish_proc_t *owner)
{
	publish_item_t item;
	size_t at = 0;

	while (publish_msg_next(m, &at, &item))
		if (publish_store_taken(self.store, item.key, owner, m->range))
			return PMIX_ERR_DUPLICATE_KEY;
	at = 0;
	while (publish_msg_next(m, &at, &item))
		if (publish_store_put(self.store, item.key, owner, m->range,
				      m->persist, item.value, item.len) != 0)
			return PMIX_ERR_NOMEM;
	try_all();
	return PMIX_SUCCESS;
}

static unsigned remove_all(const publish_msg_t *m, const publish_proc_t *owner)
{
	publish_item_t item;
	unsigned n = 0;
	size_t at = 0;

	if (m->nitems == 0)
		return publish_store_remove(self.store, NULL, owner, m->range);
	while (publish_msg_next(m, &at, &item))
		n += publish_store_remove(self.store, item.key, owner,
					  m->range);
	return n;
}

/* PUT and REMOVE of RANK of NODE, here. */
static pmix_status_t do_here(const publish_msg_t *m, uint32_t node)
{
	const publish_proc_t owner = { pmixd.nspace, m->rank, node };

	if (m->kind == PUBLISH_PUT)
		return put_all(m, &owner);
	return remove_all(m, &owner) || m->nitems == 0 ? PMIX_SUCCESS
						       : PMIX_ERR_NOT_FOUND;
}

void publish_net_do(publish_ask_t *ask, uint8_t *msg, size_t len)
{
	pmix_status_t here = PMIX_ERR_NOT_FOUND;
	const char *why;
	publish_msg_t m;

	open_ask(ask);
	publish_msg_number(msg, ask->id);
	if (publish_msg_decode(&m, msg, len, &why) != 0) {
		finish(ask, PMIX_ERR_BAD_PARAM, NULL);
		return;
	}
	if (m.kind == PUBLISH_PUT && m.persist == PMIX_PERSIST_PROC)
		self.mortal = true;
	/* What is removed may be in both places. */
	if (is_home() || is_near(m.range) || m.kind == PUBLISH_REMOVE)
		here = do_here(&m, pmixd.conf.node);
	ask->did_here = here == PMIX_SUCCESS;
	if (is_home() || is_near(m.range))
		finish(ask, here, NULL);
	else if (ask_node(ask, PUBLISH_HOME, msg, len) != 0)
		finish(ask, PMIX_ERR_UNREACH, NULL);
}

void publish_net_ended(uint32_t rank)
{
	const publish_msg_t m = { .kind = PUBLISH_ENDED, .rank = rank };
	const publish_proc_t owner = { pmixd.nspace, rank, pmixd.conf.node };

	if (!self.mortal)
		return;
	publish_store_ended(self.store, &owner);
	if (!is_home())
		(void)send_head(PUBLISH_HOME, &m);
}

/* -- other servers -------------------------------------------------------- */

/* A guest's search is over. */
static void guest_done(publish_ask_t *ask, pmix_status_t status,
		       const publish_found_t *found)
{
	guest_t *g = (guest_t *)ask;
	publish_msg_t m = { .kind = PUBLISH_ANSWER,
			    .id = g->id,
			    .status = status };
	size_t len;
	uint8_t *msg;

	if (found) {
		m.rank = found->rank;
		memcpy(m.nspace, found->nspace, strlen(found->nspace) + 1);
	}
	msg = publish_msg_encode(&m, &len);
	if (found)
		(void)publish_msg_add(&msg, &len, g->key, found->value,
				      found->len);
	(void)send_bytes(g->node, msg, len);
	free(msg);
	LIST_REMOVE(g, next);
	free(g);
}

static void take_find(uint32_t from, const publish_msg_t *m)
{
	guest_t *g = calloc(1, sizeof(*g));
	publish_item_t item;
	size_t at = 0;

	if (!g || !publish_msg_next(m, &at, &item)) {
		free(g);
		return;
	}
	memcpy(g->key, item.key, sizeof(g->key));
	g->node = from;
	g->id = m->id;
	g->ask.done = guest_done;
	g->ask.key = g->key;
	g->ask.asker = (publish_proc_t){ pmixd.nspace, m->rank, from };
	g->ask.range = m->range;
	g->ask.wait = m->flags & PUBLISH_WAIT;
	LIST_INSERT_HEAD(&self.guests, g, next);
	publish_net_find(&g->ask);
}

/* ID, or ALL, of a server that does not want its answer any more. */
static void forget(uint32_t node, bool all, uint32_t id)
{
	guest_t *g = LIST_FIRST(&self.guests), *next;

	for (; g; g = next) {
		next = LIST_NEXT(g, next);
		if (g->node != node || (!all && g->id != id))
			continue;
		publish_net_cancel(&g->ask);
		LIST_REMOVE(g, next);
		free(g);
	}
}

static void take_answer(uint32_t from, const publish_msg_t *m)
{
	publish_found_t found = { .nspace = m->nspace, .rank = m->rank };
	publish_item_t item;
	publish_ask_t *ask;
	size_t at = 0;
	sub_t *sub;

	LIST_FOREACH(ask, &self.asks, next)
	{
		if (ask->id == m->id)
			break;
	}
	sub = ask ? sub_of(ask, from) : NULL;
	if (!sub)
		return; /* it was forgotten meanwhile */
	drop_sub(sub);
	if (!ask->key) {
		finish(ask,
		       m->status == PMIX_ERR_NOT_FOUND && ask->did_here
			       ? PMIX_SUCCESS
			       : m->status,
		       NULL);
	} else if (publish_msg_next(m, &at, &item)) {
		found.value = item.value;
		found.len = item.len;
		finish(ask, PMIX_SUCCESS, &found);
	} else {
		give_up(ask,
			m->status == PMIX_SUCCESS ? PMIX_ERROR : m->status);
	}
}

static void take_order(uint32_t from, const publish_msg_t *m)
{
	publish_msg_t answer = { .kind = PUBLISH_ANSWER, .id = m->id };

	answer.status = do_here(m, from);
	(void)send_head(from, &answer);
}

/* A rank is only spoken for by its own node. */
static bool is_of(uint32_t node, uint32_t rank)
{
	return rank < pmixd.layout.ntasks && pmixd.layout.node_of[rank] == node;
}

static void handle(void *arg, uint32_t from, const void *msg, size_t len)
{
	const char *why;
	publish_msg_t m;

	if (publish_msg_decode(&m, msg, len, &why) != 0) {
		links_drop(pmixd.links, from, why);
		return;
	}
	switch (m.kind) {
	case PUBLISH_ANSWER:
		take_answer(from, &m);
		return;
	case PUBLISH_FORGET:
		forget(from, false, m.id);
		return;
	default:
		break;
	}
	if (!is_home() || !is_of(from, m.rank)) {
		links_drop(pmixd.links, from,
			   "it publishes for a rank that is not its own");
		return;
	}
	if (m.kind == PUBLISH_FIND) {
		take_find(from, &m);
	} else if (m.kind == PUBLISH_ENDED) {
		publish_store_ended(
			self.store,
			&(publish_proc_t){ pmixd.nspace, m.rank, from });
	} else {
		take_order(from, &m);
	}
}

static void lost(void *arg, uint32_t node, int orderly, const char *why)
{
	publish_ask_t *ask = LIST_FIRST(&self.asks);

	forget(node, true, 0);
	while (ask) {
		sub_t *sub = sub_of(ask, node);

		if (!sub) {
			ask = LIST_NEXT(ask, next);
			continue;
		}
		drop_sub(sub);
		give_up(ask, PMIX_ERR_UNREACH);
		ask = LIST_FIRST(&self.asks);
	}
}

bool publish_net_init(void)
{
	self.store = publish_store_create();
	if (pmixd.links) {
		links_register(pmixd.links, LINK_PUBLISH, handle, NULL);
		links_on_lost(pmixd.links, lost, NULL);
	}
	return self.store != NULL;
}
