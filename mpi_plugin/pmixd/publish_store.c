/* SPDX-License-Identifier: BSD-3-Clause */
/* publish_store.c - see publish_store.h. */
#include "publish_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <pmix_common.h>

#define BUCKETS 256u

typedef struct item {
	LIST_ENTRY(item) next;
	char *key, *nspace;
	uint32_t rank, node;
	uint8_t range, persist;
	size_t len;
	uint8_t value[];
} item_t;

LIST_HEAD(bucket, item);

struct publish_store {
	struct bucket buckets[BUCKETS];
};

static uint32_t bucket_of(const char *key)
{
	uint32_t h = 5381;

	for (; *key; key++)
		h = h * 33 + (uint8_t)*key;
	return h % BUCKETS;
}

publish_store_t *publish_store_create(void)
{
	return calloc(1, sizeof(publish_store_t));
}

static void item_free(item_t *item)
{
	free(item->key);
	free(item->nspace);
	free(item);
}

static void item_remove(item_t *item)
{
	LIST_REMOVE(item, next);
	item_free(item);
}

void publish_store_destroy(publish_store_t *s)
{
	for (uint32_t b = 0; s && b < BUCKETS; b++) {
		item_t *item = LIST_FIRST(&s->buckets[b]), *next;

		for (; item; item = next) {
			next = LIST_NEXT(item, next);
			item_free(item);
		}
	}
	free(s);
}

static bool is_owner(const item_t *item, const publish_proc_t *proc)
{
	return item->rank == proc->rank && !strcmp(item->nspace, proc->nspace);
}

/* Is PROC within the range of ITEM? */
static bool sees(const publish_proc_t *proc, const item_t *item)
{
	switch (item->range) {
	case PMIX_RANGE_PROC_LOCAL:
		return is_owner(item, proc);
	case PMIX_RANGE_LOCAL:
		return item->node == proc->node &&
		       !strcmp(item->nspace, proc->nspace);
	case PMIX_RANGE_NAMESPACE:
		return !strcmp(item->nspace, proc->nspace);
	default:
		return true;
	}
}

/* The smaller the narrower; PMIx's numbers are in another order. */
static int width(uint8_t range)
{
	switch (range) {
	case PMIX_RANGE_PROC_LOCAL:
		return 0;
	case PMIX_RANGE_LOCAL:
		return 1;
	case PMIX_RANGE_NAMESPACE:
		return 2;
	default:
		return 3;
	}
}

bool publish_store_taken(const publish_store_t *s, const char *key,
			 const publish_proc_t *owner, uint8_t range)
{
	const item_t *item;

	LIST_FOREACH(item, &s->buckets[bucket_of(key)], next)
	{
		if (!strcmp(item->key, key) &&
		    width(item->range) == width(range) && sees(owner, item))
			return true;
	}
	return false;
}

int publish_store_put(publish_store_t *s, const char *key,
		      const publish_proc_t *owner, uint8_t range,
		      uint8_t persist, const void *value, size_t len)
{
	item_t *item = calloc(1, sizeof(*item) + len);

	if (!item)
		return -1;
	item->key = strdup(key);
	item->nspace = strdup(owner->nspace);
	if (!item->key || !item->nspace) {
		item_free(item);
		return -1;
	}
	item->rank = owner->rank;
	item->node = owner->node;
	item->range = range;
	item->persist = persist;
	item->len = len;
	if (len)
		memcpy(item->value, value, len);
	LIST_INSERT_HEAD(&s->buckets[bucket_of(key)], item, next);
	return 0;
}

static item_t *find(const publish_store_t *s, const char *key,
		    const publish_proc_t *asker)
{
	item_t *item, *best = NULL;

	LIST_FOREACH(item, &s->buckets[bucket_of(key)], next)
	{
		if (!strcmp(item->key, key) && sees(asker, item) &&
		    (!best || width(item->range) < width(best->range)))
			best = item;
	}
	return best;
}

bool publish_store_find(const publish_store_t *s, const char *key,
			const publish_proc_t *asker, publish_found_t *found)
{
	const item_t *item = find(s, key, asker);

	if (!item)
		return false;
	found->nspace = item->nspace;
	found->rank = item->rank;
	found->value = item->value;
	found->len = item->len;
	found->once = item->persist == PMIX_PERSIST_FIRST_READ;
	return true;
}

/* Remove what WANTED says yes to; how many. */
static unsigned sweep(publish_store_t *s,
		      bool (*wanted)(const item_t *item, const void *arg),
		      const void *arg)
{
	unsigned n = 0;

	for (uint32_t b = 0; b < BUCKETS; b++) {
		item_t *item = LIST_FIRST(&s->buckets[b]), *next;

		for (; item; item = next) {
			next = LIST_NEXT(item, next);
			if (!wanted(item, arg))
				continue;
			item_remove(item);
			n++;
		}
	}
	return n;
}

static bool is_that(const item_t *item, const void *arg)
{
	const publish_found_t *found = arg;

	return item->value == found->value;
}

void publish_store_drop(publish_store_t *s, const publish_found_t *found)
{
	(void)sweep(s, is_that, found);
}

typedef struct {
	const char *key;
	const publish_proc_t *owner;
	uint8_t range;
} wanted_t;

static bool is_wanted(const item_t *item, const void *arg)
{
	const wanted_t *w = arg;

	return is_owner(item, w->owner) &&
	       (!w->key || !strcmp(item->key, w->key)) &&
	       (w->range == PMIX_RANGE_UNDEF ||
		width(w->range) == width(item->range));
}

unsigned publish_store_remove(publish_store_t *s, const char *key,
			      const publish_proc_t *owner, uint8_t range)
{
	const wanted_t w = { key, owner, range };

	return sweep(s, is_wanted, &w);
}

static bool dies_with(const item_t *item, const void *arg)
{
	return item->persist == PMIX_PERSIST_PROC && is_owner(item, arg);
}

void publish_store_ended(publish_store_t *s, const publish_proc_t *owner)
{
	(void)sweep(s, dies_with, owner);
}
