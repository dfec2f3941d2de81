/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_publish.c - messages about published data, which other servers of the
 * user send, and the store that they lead to.
 *
 * Input: messages, each behind its length in two bytes.  What is decoded
 * encodes to the same bytes; what was put is found; the store ends empty when
 * all its owners have removed theirs.
 */
#include "fuzz.h"
#include "publish_msg.h"
#include "publish_store.h"

#define RANKS 4

static publish_proc_t owner_of(uint32_t rank)
{
	return (publish_proc_t){ "slurm.pmix.1.0", rank % RANKS,
				 rank % RANKS / 2 };
}

static void same_bytes(const publish_msg_t *m, const uint8_t *msg, size_t len)
{
	publish_item_t item;
	size_t at = 0, out_len;
	uint8_t *out = publish_msg_encode(m, &out_len);

	MUST(out);
	while (publish_msg_next(m, &at, &item))
		MUST(publish_msg_add(&out, &out_len, item.key, item.value,
				     item.len) == 0);
	MUST(out_len == len && memcmp(out, msg, len) == 0);
	free(out);
}

static void put(publish_store_t *s, const publish_msg_t *m)
{
	publish_proc_t owner = owner_of(m->rank);
	publish_found_t found;
	publish_item_t item;
	size_t at = 0;

	while (publish_msg_next(m, &at, &item)) {
		if (publish_store_taken(s, item.key, &owner, m->range))
			continue;
		MUST(publish_store_put(s, item.key, &owner, m->range,
				       m->persist, item.value, item.len) == 0);
		MUST(publish_store_find(s, item.key, &owner, &found));
	}
}

static void use(publish_store_t *s, const publish_msg_t *m)
{
	publish_proc_t owner = owner_of(m->rank);
	publish_found_t found;
	publish_item_t item;
	size_t at = 0;

	if (m->kind == PUBLISH_PUT)
		put(s, m);
	else if (m->kind == PUBLISH_ENDED)
		publish_store_ended(s, &owner);
	while (m->kind == PUBLISH_FIND && publish_msg_next(m, &at, &item))
		if (publish_store_find(s, item.key, &owner, &found)) {
			free(fuzz_copy(found.value, found.len));
			if (found.once)
				publish_store_drop(s, &found);
		}
	while (m->kind == PUBLISH_REMOVE && publish_msg_next(m, &at, &item))
		(void)publish_store_remove(s, item.key, &owner, m->range);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	publish_store_t *s = publish_store_create();
	feed_t feed = { data, size };

	MUST(s);
	while (feed.left > 0) {
		size_t len;
		const uint8_t *msg = feed_bytes(&feed, feed_u16(&feed), &len);
		uint8_t *copy = fuzz_copy(msg, len);
		const char *why = NULL;
		publish_msg_t m;

		if (publish_msg_decode(&m, copy, len, &why) == 0) {
			same_bytes(&m, copy, len);
			use(s, &m);
		} else {
			MUST(why && *why);
		}
		free(copy);
	}
	for (uint32_t rank = 0; rank < RANKS; rank++) {
		publish_proc_t owner = owner_of(rank);

		(void)publish_store_remove(s, NULL, &owner, 0);
		MUST(publish_store_remove(s, NULL, &owner, 0) == 0);
	}
	publish_store_destroy(s);
	return 0;
}
