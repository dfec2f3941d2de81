/* SPDX-License-Identifier: BSD-3-Clause */
/* step_key.c - see step_key.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "error.h"
#include "log.h"
#include "step_key.h"

/* Wire numbers, never reused. */
typedef enum {
	MSG_KEY = 1,  /* with the key behind it */
	MSG_ASK = 2,  /* send me the key when you have it */
	MSG_NONE = 3, /* I shall never have it */
} msg_kind_t;

#define HEAD_LEN 4 /* kind, 0, 0, 0 */

typedef enum { UNSTARTED, AWAITED, HERE, NOWHERE } state_t;

struct step_key {
	pthread_mutex_t *lock;
	pthread_cond_t settled;
	state_t state;
	links_t *links;
	uint32_t node, nnodes;
	uint32_t source; /* AWAITED: who is to send it */
	bool *asked;	 /* by each node: it waits for our word */
	uint8_t *key;	 /* in locked memory, which no core dump has */
	char why[128];	 /* NOWHERE */
};

/* -- the tree ------------------------------------------------------------ */

/* NODE without its highest bit; NODE is not 0. */
static uint32_t parent_of(uint32_t node)
{
	return node & ~(UINT32_C(1) << (31 - __builtin_clz(node)));
}

/* The lowest bit that a child of NODE may have more than NODE. */
static uint32_t first_bit(uint32_t node)
{
	return node ? UINT32_C(1) << (32 - __builtin_clz(node)) : 1;
}

/* -- messages ------------------------------------------------------------ */

static int tell(step_key_t *k, uint32_t node, msg_kind_t kind)
{
	uint8_t head[HEAD_LEN] = { (uint8_t)kind };
	const struct iovec iov[] = { { head, sizeof(head) },
				     { k->key, PSEC_KEY_LEN } };

	return links_send(k->links, node, LINK_KEY, iov,
			  kind == MSG_KEY ? 2 : 1);
}

/* To the children, who wait without asking, and to all who have asked. */
static void tell_all(step_key_t *k)
{
	msg_kind_t kind = k->state == HERE ? MSG_KEY : MSG_NONE;

	if (!k->links)
		return;
	for (uint64_t bit = first_bit(k->node); k->node + bit < k->nnodes;
	     bit <<= 1) {
		k->asked[k->node + bit] = false;
		(void)tell(k, (uint32_t)(k->node + bit), kind);
	}
	for (uint32_t i = 0; i < k->nnodes; i++) {
		if (k->asked[i])
			(void)tell(k, i, kind);
		k->asked[i] = false;
	}
}

static void settle(step_key_t *k, state_t state)
{
	k->state = state;
	tell_all(k);
	pthread_cond_broadcast(&k->settled);
}

static void give_up(step_key_t *k, const char *why)
{
	(void)snprintf(k->why, sizeof(k->why), "%s", why);
	plog_info("native credentials cannot be had on this node: %s", k->why);
	settle(k, NOWHERE);
}

/* The source will not send it: ask the next one on the way to node 0. */
static void next_source(step_key_t *k)
{
	while (k->source != 0) {
		k->source = parent_of(k->source);
		if (tell(k, k->source, MSG_ASK) == 0)
			return;
	}
	give_up(k, "the step's node 0, which has their key, is gone");
}

static void answer(step_key_t *k, uint32_t node)
{
	if (k->state == AWAITED)
		k->asked[node] = true;
	else
		(void)tell(k, node, k->state == HERE ? MSG_KEY : MSG_NONE);
}

static void take(step_key_t *k, const uint8_t *bytes)
{
	if (k->state != AWAITED)
		return; /* two have sent it */
	memcpy(k->key, bytes, PSEC_KEY_LEN);
	settle(k, HERE);
}

static void on_message(void *arg, uint32_t from, const void *msg, size_t len)
{
	step_key_t *k = arg;
	const uint8_t *p = msg;
	msg_kind_t kind = len >= HEAD_LEN ? p[0] : 0;

	if (kind == MSG_KEY && len == HEAD_LEN + PSEC_KEY_LEN)
		take(k, p + HEAD_LEN);
	else if (kind == MSG_ASK && len == HEAD_LEN)
		answer(k, from);
	else if (kind == MSG_NONE && len == HEAD_LEN) {
		if (k->state == AWAITED && from == k->source)
			next_source(k);
	} else
		links_drop(k->links, from,
			   "it sent a message about the step's key that "
			   "is none");
}

static void on_lost(void *arg, uint32_t node, int orderly, const char *why)
{
	step_key_t *k = arg;

	k->asked[node] = false;
	if (k->state == AWAITED && node == k->source)
		next_source(k);
}

/* -- life ---------------------------------------------------------------- */

step_key_t *step_key_create(pthread_mutex_t *lock)
{
	step_key_t *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->lock = lock;
	pthread_cond_init(&k->settled, NULL);
	k->key = sodium_malloc(PSEC_KEY_LEN);
	if (k->key)
		return k;
	step_key_destroy(k);
	return NULL;
}

void step_key_start(step_key_t *k, links_t *links, uint32_t node,
		    uint32_t nnodes)
{
	k->node = node;
	k->nnodes = nnodes;
	k->links = links;
	k->asked = calloc(nnodes, sizeof(*k->asked));
	if (!k->asked) {
		k->links = NULL;
		give_up(k, "psec-pmixd is out of memory");
		return;
	}
	if (links) {
		links_register(links, LINK_KEY, on_message, k);
		links_on_lost(links, on_lost, k);
	}
	if (node == 0) {
		randombytes_buf(k->key, PSEC_KEY_LEN);
		settle(k, HERE);
	} else {
		k->source = parent_of(node);
		k->state = AWAITED;
	}
}

bool step_key_settled(const step_key_t *k)
{
	return k->state == HERE || k->state == NOWHERE;
}

psec_code_t step_key_give(void *arg, uint8_t key[PSEC_KEY_LEN],
			  psec_error_t *err)
{
	step_key_t *k = arg;
	psec_code_t rc = PSEC_OK;

	pthread_mutex_lock(k->lock);
	while (!step_key_settled(k))
		pthread_cond_wait(&k->settled, k->lock);
	if (k->state == HERE) {
		memcpy(key, k->key, PSEC_KEY_LEN);
	} else {
		rc = PSEC_ERR_UNAVAILABLE;
		error_set(err, rc, "there is no key for native credentials: %s",
			  k->why);
	}
	pthread_mutex_unlock(k->lock);
	return rc;
}

void step_key_wipe(step_key_t *k)
{
	if (!k)
		return;
	sodium_memzero(k->key, PSEC_KEY_LEN);
	(void)snprintf(k->why, sizeof(k->why), "the step is ending");
	k->state = NOWHERE;
	pthread_cond_broadcast(&k->settled);
}

void step_key_destroy(step_key_t *k)
{
	int saved = errno;

	if (!k)
		return;
	sodium_free(k->key); /* wipes it */
	pthread_cond_destroy(&k->settled);
	free(k->asked);
	free(k);
	errno = saved;
}
