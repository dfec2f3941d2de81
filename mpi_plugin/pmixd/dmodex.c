/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dmodex.c - see dmodex.h.
 *
 * The asking side keeps its requests in a list until the answer comes, the
 * node is lost, or PMIX_TIMEOUT passes.  The answering side asks its own
 * libpmix, which answers when the rank has committed; where the asker needs a
 * certain key that is not there yet, it looks again, ever more slowly.
 *
 * Servers of one step talk over their links; those of other steps of the job
 * through peers.h, after the namespace has been made known here.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "dmodex.h"
#include "link.h"
#include "log.h"
#include "nspaces.h"
#include "peers.h"
#include "pmixd.h"
#include "procset.h"

#define LOOK_AGAIN_MIN_MS 5
#define LOOK_AGAIN_MAX_MS 500

/* Message kinds on LINK_DMODEX. */
enum { ASK = 1, ANSWER = 2, FORGET = 3 };

/* Big-endian on the wire.  An ASK is followed by the key, an ANSWER by data. */
typedef struct {
	uint32_t kind;
	uint32_t id;	 /* the asker's number */
	uint32_t rank;	 /* ASK: whose data */
	uint32_t status; /* ANSWER: a pmix_status_t */
} head_t;

/* The asking side. */
typedef struct ask {
	struct ask *next;
	uint32_t id;
	peers_addr_t at;	    /* whose answer it waits for */
	pmix_modex_cbfunc_t cbfunc; /* NULL: it has been answered */
	void *cbdata;
	deadline_t timeout; /* set where there is a PMIX_TIMEOUT */
	uint32_t rank;	    /* of another step */
	pmix_key_t key;
} ask_t;

/* The answering side. */
typedef struct serve {
	struct serve *next;
	peers_addr_t to;
	uint32_t id;
	pmix_proc_t proc;
	pmix_key_t key; /* "": whatever has been committed */
	int wait_ms;	/* until the next look */
	deadline_t look;
	bool forgotten; /* the asker is gone or has given up */
} serve_t;

/* Guarded by pmixd.lock. */
static ask_t *asks;
static serve_t *serves;
static ask_t *abroad; /* wait until the namespace is known */
static uint32_t last_id;

static bool is_same(peers_addr_t a, peers_addr_t b)
{
	return a.step == b.step && a.node == b.node;
}

static int send_message(peers_addr_t to, const head_t *h, const void *data,
			size_t len)
{
	head_t wire = { htonl(h->kind), htonl(h->id), htonl(h->rank),
			htonl(h->status) };
	const struct iovec iov[2] = {
		{ &wire, sizeof(wire) },
		{ (void *)(uintptr_t)data, len },
	};

	if (to.step != pmixd.conf.step_id)
		return peers_send(to, PEERS_DMODEX, iov, len ? 2 : 1);
	return links_send(pmixd.links, to.node, LINK_DMODEX, iov, len ? 2 : 1);
}

/* -- asking -------------------------------------------------------------- */

static ask_t *ask_take(uint32_t id, peers_addr_t from)
{
	for (ask_t **p = &asks; *p; p = &(*p)->next) {
		ask_t *a = *p;

		if (a->id == id && is_same(a->at, from)) {
			*p = a->next;
			return a;
		}
	}
	return NULL;
}

static void ask_finish(ask_t *a, pmix_status_t status, char *data, size_t len)
{
	a->cbfunc(status, data, len, a->cbdata, free, data);
	deadline_clear(&a->timeout);
	free(a);
}

static bool is_abroad(const ask_t *ask)
{
	for (const ask_t *a = abroad; a; a = a->next)
		if (a == ask)
			return true;
	return false;
}

static void ask_timed_out(deadline_t *d)
{
	ask_t *a = deadline_owner(d, ask_t, timeout);
	head_t forget = { FORGET, a->id, 0, 0 };

	if (is_abroad(a) && nspaces_is_told(a->at.step)) {
		/* Any moment now; and libpmix may just be repeating it. */
		deadline_set(d, LOOK_AGAIN_MIN_MS, ask_timed_out);
		return;
	}
	if (is_abroad(a)) {
		/* abroad_known() will still be called with it. */
		a->cbfunc(PMIX_ERR_TIMEOUT, NULL, 0, a->cbdata, NULL, NULL);
		a->cbfunc = NULL;
		return;
	}
	(void)send_message(a->at, &forget, NULL, 0);
	ask_take(a->id, a->at);
	ask_finish(a, PMIX_ERR_TIMEOUT, NULL, 0);
}

/* 0: as long as it takes. */
static void ask_within(ask_t *a, int timeout_s)
{
	if (timeout_s > 0)
		deadline_set(&a->timeout, timeout_s * 1000LL, ask_timed_out);
}

static const pmix_info_t *find(const pmix_info_t info[], size_t ninfo,
			       const char *key)
{
	for (size_t i = 0; i < ninfo; i++)
		if (PMIX_CHECK_KEY(&info[i], key))
			return &info[i];
	return NULL;
}

static pmix_status_t ask_send(ask_t *a, uint32_t rank, const char *key)
{
	head_t h = { ASK, a->id, rank, 0 };

	if (send_message(a->at, &h, key, strlen(key)) != 0)
		return PMIX_ERR_UNREACH;
	a->next = asks;
	asks = a;
	return PMIX_SUCCESS;
}

/* The answer of our own libpmix to a question about ranks of this node. */
static void local_answer(pmix_status_t status, char *data, size_t len,
			 void *arg)
{
	ask_t *a = arg;
	char *copy = len ? malloc(len) : NULL;

	/* DATA is libpmix's own, for the time of the call. */
	if (copy)
		memcpy(copy, data, len);
	else if (len)
		status = PMIX_ERR_NOMEM;
	ask_finish(a, status, copy, copy ? len : 0);
}

/* The namespace is known now, or will not be. */
static void abroad_known(void *arg, bool ok)
{
	ask_t *a = arg, **p = &abroad;
	pmix_status_t rc = PMIX_ERR_NOT_FOUND;

	while (*p != a)
		p = &(*p)->next;
	*p = a->next;
	if (!a->cbfunc) {
		free(a);
		return;
	}
	/* What libpmix wanted to know it has. */
	if (ok && a->rank == PMIX_RANK_WILDCARD)
		rc = PMIX_SUCCESS;
	else if (ok && nspaces_node_of(a->at.step, a->rank, &a->at.node)) {
		rc = ask_send(a, a->rank, a->key);
		if (rc == PMIX_SUCCESS)
			return;
	}
	ask_finish(a, rc, NULL, 0);
}

/* While it registers a namespace libpmix repeats the requests that wait for
 * it; they are answered once. */
static bool is_repeated(const void *cbdata)
{
	for (const ask_t *a = abroad; a; a = a->next)
		if (a->cbfunc && a->cbdata == cbdata)
			return true;
	return false;
}

/* A question for what belongs to KEY; not sent. */
static pmix_status_t ask_new(const char *key, pmix_modex_cbfunc_t cbfunc,
			     void *cbdata, ask_t **ask)
{
	if (strlen(key) > PMIX_MAX_KEYLEN)
		return PMIX_ERR_BAD_PARAM;
	*ask = calloc(1, sizeof(**ask));
	if (!*ask)
		return PMIX_ERR_NOMEM;
	(*ask)->cbfunc = cbfunc;
	(*ask)->cbdata = cbdata;
	return PMIX_SUCCESS;
}

static pmix_status_t ask_abroad(const pmix_proc_t *proc,
				const pmix_info_t info[], size_t ninfo,
				const char *key, pmix_modex_cbfunc_t cbfunc,
				void *cbdata)
{
	int timeout_s = 0;
	uint32_t step;
	pmix_status_t rc;
	ask_t *a;

	if (!nspaces_step(proc->nspace, &step))
		return PMIX_ERR_NOT_FOUND;
	rc = ask_new(key, cbfunc, cbdata, &a);
	if (rc != PMIX_SUCCESS)
		return rc;
	a->at.step = step;
	a->rank = proc->rank;
	memcpy(a->key, key, strlen(key) + 1);
	pthread_mutex_lock(&pmixd.lock);
	a->id = ++last_id;
	rc = directive_timeout(info, ninfo, &timeout_s);
	if (rc != PMIX_SUCCESS || is_repeated(cbdata)) {
		free(a);
	} else {
		a->next = abroad;
		abroad = a;
		ask_within(a, timeout_s);
		nspaces_need(step, abroad_known, a);
	}
	pthread_mutex_unlock(&pmixd.lock);
	return rc;
}

pmix_status_t dmodex_upcall(const pmix_proc_t *proc, const pmix_info_t info[],
			    size_t ninfo, pmix_modex_cbfunc_t cbfunc,
			    void *cbdata)
{
	const pmix_info_t *key = find(info, ninfo, PMIX_REQUIRED_KEY);
	const char *name =
		key && key->value.type == PMIX_STRING && key->value.data.string
			? key->value.data.string
			: "";
	int timeout_s = 0;
	pmix_status_t rc;
	ask_t *a;

	if (!PMIX_CHECK_NSPACE(proc->nspace, pmixd.nspace))
		return ask_abroad(proc, info, ninfo, name, cbfunc, cbdata);
	if ((proc->rank != PMIX_RANK_WILDCARD &&
	     proc->rank >= pmixd.layout.ntasks))
		return PMIX_ERR_NOT_FOUND;
	rc = ask_new(name, cbfunc, cbdata, &a);
	if (rc != PMIX_SUCCESS)
		return rc;
	if (proc->rank == PMIX_RANK_WILDCARD || !pmixd.links ||
	    pmixd.layout.node_of[proc->rank] == pmixd.conf.node) {
		rc = PMIx_server_dmodex_request(proc, local_answer, a);
		if (rc != PMIX_SUCCESS)
			free(a);
		return rc;
	}
	a->at.step = pmixd.conf.step_id;
	a->at.node = pmixd.layout.node_of[proc->rank];
	pthread_mutex_lock(&pmixd.lock);
	a->id = ++last_id;
	rc = directive_timeout(info, ninfo, &timeout_s);
	if (rc == PMIX_SUCCESS)
		rc = ask_send(a, proc->rank, name);
	if (rc == PMIX_SUCCESS)
		ask_within(a, timeout_s);
	else
		free(a);
	pthread_mutex_unlock(&pmixd.lock);
	return rc;
}

static void take_answer(peers_addr_t from, const head_t *h, const void *data,
			size_t len)
{
	ask_t *a = ask_take(h->id, from);
	char *copy;

	if (!a)
		return; /* it timed out */
	copy = len ? malloc(len) : NULL;
	if (len && !copy) {
		ask_finish(a, PMIX_ERR_NOMEM, NULL, 0);
		return;
	}
	if (copy)
		memcpy(copy, data, len);
	ask_finish(a, (pmix_status_t)h->status, copy, len);
}

/* -- answering; all with the lock held --------------------------------- */

static void serve_start(serve_t *s);

static void serve_free(serve_t *s)
{
	for (serve_t **p = &serves; *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	deadline_clear(&s->look);
	free(s);
}

static void serve_answer(serve_t *s, pmix_status_t status, const void *data,
			 size_t len)
{
	head_t h = { ANSWER, s->id, s->proc.rank, (uint32_t)status };

	if (!s->forgotten)
		(void)send_message(s->to, &h, data, len);
	serve_free(s);
}

static void look_again(deadline_t *d)
{
	serve_t *s = deadline_owner(d, serve_t, look);

	if (s->forgotten)
		serve_free(s);
	else
		serve_start(s);
}

static void serve_later(serve_t *s)
{
	s->wait_ms = s->wait_ms ? s->wait_ms * 2 : LOOK_AGAIN_MIN_MS;
	if (s->wait_ms > LOOK_AGAIN_MAX_MS)
		s->wait_ms = LOOK_AGAIN_MAX_MS;
	deadline_set(&s->look, s->wait_ms, look_again);
}

/*
 * Is KEY among the packed key-values of a libpmix answer?  Keys are packed as
 * strings with their NUL.  A value that happens to contain the key's bytes
 * only makes us answer too early, as if no key had been named.  Reserved keys
 * are never put by a rank: waiting for one would be in vain.
 */
static bool has_key(const char *data, size_t len, const char *key)
{
	return !key[0] || !strncmp(key, "pmix.", 5) ||
	       memmem(data, len, key, strlen(key) + 1);
}

/* On libpmix's thread; DATA is only valid during the call. */
static void served(pmix_status_t status, char *data, size_t len, void *arg)
{
	serve_t *s = arg;

	pthread_mutex_lock(&pmixd.lock);
	if (s->forgotten)
		serve_free(s);
	else if (status == PMIX_SUCCESS && !has_key(data, len, s->key))
		serve_later(s);
	else
		serve_answer(s, status, data, len);
	pthread_mutex_unlock(&pmixd.lock);
}

/* With the lock held: libpmix queues it and answers on its own thread. */
static void serve_start(serve_t *s)
{
	pmix_status_t rc = PMIx_server_dmodex_request(&s->proc, served, s);

	if (rc != PMIX_SUCCESS)
		serve_answer(s, rc, NULL, 0);
}

static void take_question(peers_addr_t from, const head_t *h, const char *key,
			  size_t len)
{
	serve_t *s;

	if (len > PMIX_MAX_KEYLEN || h->rank >= pmixd.layout.ntasks ||
	    pmixd.layout.node_of[h->rank] != pmixd.conf.node) {
		head_t no = { ANSWER, h->id, h->rank,
			      (uint32_t)PMIX_ERR_NOT_FOUND };

		(void)send_message(from, &no, NULL, 0);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		head_t no = { ANSWER, h->id, h->rank,
			      (uint32_t)PMIX_ERR_NOMEM };

		(void)send_message(from, &no, NULL, 0);
		return;
	}
	s->to = from;
	s->id = h->id;
	PMIX_LOAD_NSPACE(s->proc.nspace, pmixd.nspace);
	s->proc.rank = h->rank;
	memcpy(s->key, key, len);
	s->next = serves;
	serves = s;
	serve_start(s);
}

static void forget(peers_addr_t asker, uint32_t id)
{
	for (serve_t *s = serves; s; s = s->next)
		if (is_same(s->to, asker) && s->id == id)
			s->forgotten = true;
}

/* -- links --------------------------------------------------------------- */

static void take(peers_addr_t from, const void *msg, size_t len)
{
	const char *rest = (const char *)msg + sizeof(head_t);
	head_t h;

	if (len < sizeof(h)) {
		plog_error("a direct modex message of %zu bytes came", len);
		return;
	}
	memcpy(&h, msg, sizeof(h));
	h = (head_t){ ntohl(h.kind), ntohl(h.id), ntohl(h.rank),
		      ntohl(h.status) };
	len -= sizeof(h);
	if (h.kind == ASK)
		take_question(from, &h, rest, len);
	else if (h.kind == ANSWER)
		take_answer(from, &h, rest, len);
	else if (h.kind == FORGET)
		forget(from, h.id);
}

static void handle(void *arg, uint32_t from, const void *msg, size_t len)
{
	take((peers_addr_t){ pmixd.conf.step_id, from }, msg, len);
}

static void handle_far(void *arg, peers_addr_t from, const void *msg,
		       size_t len)
{
	/* Nodes of this step have links of their own for it. */
	if (from.step != pmixd.conf.step_id)
		take(from, msg, len);
}

/* Is AT the node LOST, or where that is NULL, of STEP? */
static bool is_gone(peers_addr_t at, const peers_addr_t *lost, uint32_t step)
{
	if (lost)
		return is_same(at, *lost);
	if (step == PEERS_ALL)
		return at.step != pmixd.conf.step_id;
	return at.step == step;
}

static void gone(const peers_addr_t *at, uint32_t step)
{
	ask_t *failed = NULL;

	for (ask_t **p = &asks; *p;) {
		ask_t *a = *p;

		if (!is_gone(a->at, at, step)) {
			p = &a->next;
			continue;
		}
		*p = a->next;
		a->next = failed;
		failed = a;
	}
	while (failed) {
		ask_t *a = failed;

		failed = a->next;
		ask_finish(a, PMIX_ERR_UNREACH, NULL, 0);
	}
	for (serve_t *s = serves; s; s = s->next)
		if (is_gone(s->to, at, step))
			s->forgotten = true;
}

static void lost(void *arg, uint32_t node, int orderly, const char *why)
{
	const peers_addr_t at = { pmixd.conf.step_id, node };

	gone(&at, 0);
}

static void lost_far(void *arg, uint32_t step, bool orderly, const char *why)
{
	gone(NULL, step);
}

void dmodex_init_far(void)
{
	peers_register(PEERS_DMODEX, handle_far, NULL);
	peers_on_lost(lost_far, NULL);
}

void dmodex_init(void)
{
	links_register(pmixd.links, LINK_DMODEX, handle, NULL);
	links_on_lost(pmixd.links, lost, NULL);
}
