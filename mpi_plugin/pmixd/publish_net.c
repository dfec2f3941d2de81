/* SPDX-License-Identifier: BSD-3-Clause */
/* publish_net.c - see publish_net.h. */
#include "publish_net.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "link.h"
#include "peers.h"
#include "pmixd.h"

#define SEARCH_AGAIN_MS	    1000 /* for steps that begin; doubles */
#define SEARCH_AGAIN_MAX_MS 8000

/* A server that is asked for ASK: of a node of this step, or another home. */
typedef struct publish_sub {
	LIST_ENTRY(publish_sub) next;
	peers_addr_t peer;
} sub_t;

/* A search for another server. */
typedef struct guest {
	publish_ask_t ask;
	LIST_ENTRY(guest) next;
	peers_addr_t peer;
	uint32_t id; /* its number */
	char key[PUBLISH_KEY_MAX + 1];
} guest_t;

/* Guarded by pmixd.lock. */
static struct {
	publish_store_t *store;
	LIST_HEAD(, publish_ask) asks;
	LIST_HEAD(, guest) guests;
	uint32_t last_id;
	bool mortal; /* a rank here published what is to end with it */
	deadline_t again;
	int again_ms;
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

/* Data of these ranges are shown to other steps. */
static bool is_wide(uint8_t range)
{
	return !is_near(range) && range != PMIX_RANGE_NAMESPACE;
}

static bool same(const peers_addr_t *a, const peers_addr_t *b)
{
	return a->step == b->step && a->node == b->node;
}

static peers_addr_t node_peer(uint32_t node)
{
	return (peers_addr_t){ pmixd.conf.step_id, node };
}

static peers_addr_t step_peer(uint32_t step)
{
	return (peers_addr_t){ step, PUBLISH_HOME };
}

static bool is_foreign(const peers_addr_t *peer)
{
	return peer->step != pmixd.conf.step_id;
}

static int send_bytes(const peers_addr_t *to, const uint8_t *msg, size_t len)
{
	const struct iovec iov = { (void *)(uintptr_t)msg, len };

	if (!msg)
		return -1;
	if (is_foreign(to))
		return peers_send(*to, PEERS_PUBLISH, &iov, 1);
	return links_send(pmixd.links, to->node, LINK_PUBLISH, &iov, 1);
}

static int send_head(const peers_addr_t *to, const publish_msg_t *m)
{
	size_t len;
	uint8_t *msg = publish_msg_encode(m, &len);
	int rc = send_bytes(to, msg, len);

	free(msg);
	return rc;
}

/* -- questions ------------------------------------------------------------ */

static void open_ask(publish_ask_t *ask)
{
	ask->open = true;
	ask->did_here = ask->abroad = ask->searching = false;
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
			(void)send_head(&sub->peer, &forget);
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

static sub_t *sub_of(publish_ask_t *ask, const peers_addr_t *peer)
{
	sub_t *sub;

	LIST_FOREACH(sub, &ask->subs, next)
	{
		if (same(&sub->peer, peer))
			return sub;
	}
	return NULL;
}

/* 0, or -1: PEER cannot be asked. */
static int ask_peer(publish_ask_t *ask, peers_addr_t peer, const uint8_t *msg,
		    size_t len)
{
	sub_t *sub = calloc(1, sizeof(*sub));

	if (!sub || send_bytes(&peer, msg, len) != 0) {
		free(sub);
		return -1;
	}
	sub->peer = peer;
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

static int ask_for_key(publish_ask_t *ask, peers_addr_t peer)
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
		rc = ask_peer(ask, peer, msg, len);
	free(msg);
	return rc;
}

/* Nobody is left to ask. */
static void give_up(publish_ask_t *ask, pmix_status_t status)
{
	if (LIST_EMPTY(&ask->subs) && !ask->searching &&
	    (!ask->wait || status != PMIX_ERR_NOT_FOUND))
		finish(ask, status, NULL);
}

static void search_again(deadline_t *d);

/* Somebody waits, and steps may begin. */
static void search_later(void)
{
	publish_ask_t *ask;

	LIST_FOREACH(ask, &self.asks, next)
	{
		if (ask->abroad && ask->wait)
			break;
	}
	if (!ask)
		return;
	deadline_set(&self.again, self.again_ms, search_again);
	if (self.again_ms < SEARCH_AGAIN_MAX_MS)
		self.again_ms *= 2;
}

static void search_again(deadline_t *d)
{
	if (!peers_search())
		search_later();
}

/* In the job's other steps. */
static void ask_abroad(publish_ask_t *ask)
{
	ask->abroad = true;
	for (size_t i = 0; i < peers_reached(); i++)
		(void)ask_for_key(ask, step_peer(peers_reached_step(i)));
	ask->searching = peers_search();
	self.again_ms = SEARCH_AGAIN_MS;
	if (!ask->searching)
		search_later();
}

void publish_net_find(publish_ask_t *ask)
{
	pmix_status_t status = PMIX_ERR_NOT_FOUND;

	open_ask(ask);
	if (try_here(ask))
		return;
	if (is_home() && is_wide(ask->range) && !ask->foreign)
		ask_abroad(ask);
	else if (!is_home() && !is_near(ask->range) &&
		 ask_for_key(ask, node_peer(PUBLISH_HOME)) != 0)
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
	else if (ask_peer(ask, node_peer(PUBLISH_HOME), msg, len) != 0)
		finish(ask, PMIX_ERR_UNREACH, NULL);
}

void publish_net_ended(uint32_t rank)
{
	const publish_msg_t m = { .kind = PUBLISH_ENDED, .rank = rank };
	const publish_proc_t owner = { pmixd.nspace, rank, pmixd.conf.node };

	if (!self.mortal)
		return;
	publish_store_ended(self.store, &owner);
	if (!is_home()) {
		const peers_addr_t home = node_peer(PUBLISH_HOME);

		(void)send_head(&home, &m);
	}
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
	if (found && publish_msg_add(&msg, &len, g->key, found->value,
				     found->len) != 0) {
		/* No memory, or with the publisher's name it is too long. */
		m.status = PMIX_ERR_NOMEM;
		msg = publish_msg_encode(&m, &len);
	}
	(void)send_bytes(&g->peer, msg, len);
	free(msg);
	LIST_REMOVE(g, next);
	free(g);
}

static void take_find(const peers_addr_t *from, const publish_msg_t *m)
{
	guest_t *g = calloc(1, sizeof(*g));
	publish_item_t item;
	size_t at = 0;

	if (!g || !publish_msg_next(m, &at, &item)) {
		free(g);
		return;
	}
	memcpy(g->key, item.key, sizeof(g->key));
	g->peer = *from;
	g->id = m->id;
	g->ask.done = guest_done;
	g->ask.key = g->key;
	g->ask.asker = (publish_proc_t){ pmixd.nspace, m->rank, from->node };
	if (is_foreign(from)) {
		g->ask.asker.nspace = "";
		g->ask.asker.node = UINT32_MAX;
	}
	g->ask.range = m->range;
	g->ask.wait = m->flags & PUBLISH_WAIT;
	g->ask.foreign = is_foreign(from);
	LIST_INSERT_HEAD(&self.guests, g, next);
	publish_net_find(&g->ask);
}

/* ID, or ALL, of a server that does not want its answer any more. */
static void forget(const peers_addr_t *peer, bool all, uint32_t id)
{
	guest_t *g = LIST_FIRST(&self.guests), *next;

	for (; g; g = next) {
		next = LIST_NEXT(g, next);
		if (!same(&g->peer, peer) || (!all && g->id != id))
			continue;
		publish_net_cancel(&g->ask);
		LIST_REMOVE(g, next);
		free(g);
	}
}

static void take_answer(const peers_addr_t *from, const publish_msg_t *m)
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

/* PEER is gone: it answers no more, and wants no answer. */
static void lose(const peers_addr_t *peer, pmix_status_t status)
{
	publish_ask_t *ask;

	/* Its own questions first: they are among ours. */
	forget(peer, true, 0);
	ask = LIST_FIRST(&self.asks);
	while (ask) {
		sub_t *sub = sub_of(ask, peer);

		if (!sub) {
			ask = LIST_NEXT(ask, next);
			continue;
		}
		drop_sub(sub);
		give_up(ask, status);
		ask = LIST_FIRST(&self.asks);
	}
}

/* -- nodes of this step --------------------------------------------------- */

static void take_order(uint32_t from, const publish_msg_t *m)
{
	const publish_msg_t answer = { .kind = PUBLISH_ANSWER,
				       .id = m->id,
				       .status = do_here(m, from) };
	const peers_addr_t peer = node_peer(from);

	(void)send_head(&peer, &answer);
}

/* A rank is only spoken for by its own node. */
static bool is_of(uint32_t node, uint32_t rank)
{
	return rank < pmixd.layout.ntasks && pmixd.layout.node_of[rank] == node;
}

static void handle(void *arg, uint32_t node, const void *msg, size_t len)
{
	const peers_addr_t from = node_peer(node);
	const char *why;
	publish_msg_t m;

	if (publish_msg_decode(&m, msg, len, &why) != 0)
		links_drop(pmixd.links, node, why);
	else if (m.kind == PUBLISH_ANSWER)
		take_answer(&from, &m);
	else if (m.kind == PUBLISH_FORGET)
		forget(&from, false, m.id);
	else if (!is_home() || !is_of(node, m.rank))
		links_drop(pmixd.links, node,
			   "it publishes for a rank that is not its own");
	else if (m.kind == PUBLISH_FIND)
		take_find(&from, &m);
	else if (m.kind == PUBLISH_ENDED)
		publish_store_ended(
			self.store,
			&(publish_proc_t){ pmixd.nspace, m.rank, node });
	else
		take_order(node, &m);
}

static void lost(void *arg, uint32_t node, int orderly, const char *why)
{
	const peers_addr_t peer = node_peer(node);

	lose(&peer, PMIX_ERR_UNREACH);
}

/* -- other steps ---------------------------------------------------------- */

/* They may ask, and answer. */
static void handle_far(void *arg, peers_addr_t from, const void *msg,
		       size_t len)
{
	const char *why = NULL;
	publish_msg_t m;

	if (!is_foreign(&from) || !is_home())
		return;
	if (from.node != PUBLISH_HOME)
		why = "a server that is no home asks for published data";
	else if (publish_msg_decode(&m, msg, len, &why) != 0)
		; /* WHY says it */
	else if (m.kind == PUBLISH_ANSWER)
		take_answer(&from, &m);
	else if (m.kind == PUBLISH_FORGET)
		forget(&from, false, m.id);
	else if (m.kind == PUBLISH_FIND)
		take_find(&from, &m);
	else
		why = "it publishes in another step than its own";
	if (why)
		peers_drop(from.step, why);
}

static void reached(uint32_t step)
{
	publish_ask_t *ask;

	LIST_FOREACH(ask, &self.asks, next)
	{
		if (ask->abroad)
			(void)ask_for_key(ask, step_peer(step));
	}
}

static void lost_far(void *arg, uint32_t step, bool orderly, const char *why)
{
	const peers_addr_t peer = step_peer(step);

	lose(&peer, PMIX_ERR_NOT_FOUND);
}

static void searched(void)
{
	publish_ask_t *ask = LIST_FIRST(&self.asks), *next;

	for (; ask; ask = next) {
		next = LIST_NEXT(ask, next);
		ask->searching = false;
	}
	/* Whose search ends may end others. */
	ask = LIST_FIRST(&self.asks);
	while (ask) {
		bool over = ask->abroad && !ask->wait && LIST_EMPTY(&ask->subs);

		if (over)
			finish(ask, PMIX_ERR_NOT_FOUND, NULL);
		ask = over ? LIST_FIRST(&self.asks) : LIST_NEXT(ask, next);
	}
	search_later();
}

static const peers_search_ops_t search_ops = {
	.reached = reached,
	.searched = searched,
};

bool publish_net_init(void)
{
	self.store = publish_store_create();
	if (pmixd.links) {
		links_register(pmixd.links, LINK_PUBLISH, handle, NULL);
		links_on_lost(pmixd.links, lost, NULL);
	}
	peers_register(PEERS_PUBLISH, handle_far, NULL);
	peers_on_lost(lost_far, NULL);
	peers_on_search(&search_ops);
	return self.store != NULL;
}
