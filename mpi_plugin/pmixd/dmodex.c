/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dmodex.c - see dmodex.h.
 *
 * The asking side keeps its requests in a list until the answer comes, the
 * node is lost, or PMIX_TIMEOUT passes.  The answering side asks its own
 * libpmix, which answers when the rank has committed; where the asker needs a
 * certain key that is not there yet, it looks again, ever more slowly.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "dmodex.h"
#include "link.h"
#include "log.h"
#include "pmixd.h"

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
	uint32_t node;
	pmix_modex_cbfunc_t cbfunc;
	void *cbdata;
	deadline_t timeout; /* set where there is a PMIX_TIMEOUT */
} ask_t;

/* The answering side. */
typedef struct serve {
	struct serve *next;
	uint32_t node, id;
	pmix_proc_t proc;
	pmix_key_t key; /* "": whatever has been committed */
	int wait_ms;	/* until the next look */
	deadline_t look;
	bool forgotten; /* the asker is gone or has given up */
} serve_t;

/* Guarded by pmixd.lock. */
static ask_t *asks;
static serve_t *serves;
static uint32_t last_id;

static int send_message(uint32_t node, const head_t *h, const void *data,
			size_t len)
{
	head_t wire = { htonl(h->kind), htonl(h->id), htonl(h->rank),
			htonl(h->status) };
	const struct iovec iov[2] = {
		{ &wire, sizeof(wire) },
		{ (void *)(uintptr_t)data, len },
	};

	return links_send(pmixd.links, node, LINK_DMODEX, iov, len ? 2 : 1);
}

/* -- asking -------------------------------------------------------------- */

static ask_t *ask_take(uint32_t id, uint32_t node)
{
	for (ask_t **p = &asks; *p; p = &(*p)->next) {
		ask_t *a = *p;

		if (a->id == id && a->node == node) {
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

static void ask_timed_out(deadline_t *d)
{
	ask_t *a = deadline_owner(d, ask_t, timeout);
	head_t forget = { FORGET, a->id, 0, 0 };

	(void)send_message(a->node, &forget, NULL, 0);
	ask_take(a->id, a->node);
	ask_finish(a, PMIX_ERR_TIMEOUT, NULL, 0);
}

/* INFO: the caller's PMIX_TIMEOUT, or NULL. */
static pmix_status_t ask_timeout(ask_t *a, const pmix_info_t *info)
{
	pmix_status_t rc = PMIX_SUCCESS;
	int timeout_s = 0;

	if (info)
		PMIX_VALUE_GET_NUMBER(rc, &info->value, timeout_s, int);
	if (rc != PMIX_SUCCESS)
		return PMIX_ERR_BAD_PARAM;
	if (timeout_s > 0)
		deadline_set(&a->timeout, timeout_s * 1000LL, ask_timed_out);
	return PMIX_SUCCESS;
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

	if (send_message(a->node, &h, key, strlen(key)) != 0)
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

pmix_status_t dmodex_upcall(const pmix_proc_t *proc, const pmix_info_t info[],
			    size_t ninfo, pmix_modex_cbfunc_t cbfunc,
			    void *cbdata)
{
	const pmix_info_t *key = find(info, ninfo, PMIX_REQUIRED_KEY);
	const char *name =
		key && key->value.type == PMIX_STRING && key->value.data.string
			? key->value.data.string
			: "";
	pmix_status_t rc;
	ask_t *a;

	if (!PMIX_CHECK_NSPACE(proc->nspace, pmixd.nspace) ||
	    (proc->rank != PMIX_RANK_WILDCARD &&
	     proc->rank >= pmixd.layout.ntasks))
		return PMIX_ERR_NOT_FOUND;
	if (strlen(name) > PMIX_MAX_KEYLEN)
		return PMIX_ERR_BAD_PARAM;
	a = calloc(1, sizeof(*a));
	if (!a)
		return PMIX_ERR_NOMEM;
	a->cbfunc = cbfunc;
	a->cbdata = cbdata;
	if (proc->rank == PMIX_RANK_WILDCARD || !pmixd.links ||
	    pmixd.layout.node_of[proc->rank] == pmixd.conf.node) {
		rc = PMIx_server_dmodex_request(proc, local_answer, a);
		if (rc != PMIX_SUCCESS)
			free(a);
		return rc;
	}
	a->node = pmixd.layout.node_of[proc->rank];
	pthread_mutex_lock(&pmixd.lock);
	a->id = ++last_id;
	rc = ask_timeout(a, find(info, ninfo, PMIX_TIMEOUT));
	if (rc == PMIX_SUCCESS)
		rc = ask_send(a, proc->rank, name);
	if (rc != PMIX_SUCCESS) {
		deadline_clear(&a->timeout);
		free(a);
	}
	pthread_mutex_unlock(&pmixd.lock);
	return rc;
}

static void take_answer(uint32_t from, const head_t *h, const void *data,
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
		(void)send_message(s->node, &h, data, len);
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

static void take_question(uint32_t from, const head_t *h, const char *key,
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
	s->node = from;
	s->id = h->id;
	PMIX_LOAD_NSPACE(s->proc.nspace, pmixd.nspace);
	s->proc.rank = h->rank;
	memcpy(s->key, key, len);
	s->next = serves;
	serves = s;
	serve_start(s);
}

static void forget(uint32_t node, bool all, uint32_t id)
{
	for (serve_t *s = serves; s; s = s->next)
		if (s->node == node && (all || s->id == id))
			s->forgotten = true;
}

/* -- links --------------------------------------------------------------- */

static void handle(void *arg, uint32_t from, const void *msg, size_t len)
{
	const char *rest = (const char *)msg + sizeof(head_t);
	head_t h;

	if (len < sizeof(h)) {
		plog_error("node %s sent a direct modex message of %zu bytes",
			   pmixd_node_name(from), len);
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
		forget(from, false, h.id);
}

static void lost(void *arg, uint32_t node, int orderly, const char *why)
{
	ask_t *gone = NULL;

	for (ask_t **p = &asks; *p;) {
		ask_t *a = *p;

		if (a->node != node) {
			p = &a->next;
			continue;
		}
		*p = a->next;
		a->next = gone;
		gone = a;
	}
	while (gone) {
		ask_t *a = gone;

		gone = a->next;
		ask_finish(a, PMIX_ERR_UNREACH, NULL, 0);
	}
	forget(node, true, 0);
}

void dmodex_init(void)
{
	links_register(pmixd.links, LINK_DMODEX, handle, NULL);
	links_on_lost(pmixd.links, lost, NULL);
}
