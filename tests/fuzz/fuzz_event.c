/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_event.c - events that other nodes of the step pass on.
 *
 * Input: a message.  What is decoded encodes to the same bytes.
 */
#include "event_msg.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	uint8_t head[EVENT_HEAD_MAX];
	const char *why = NULL;
	event_msg_t m;

	if (event_msg_decode(&m, copy, size, &why) == 0) {
		size_t len = event_msg_head(&m, head);

		MUST(len + m.len == size && memcmp(head, copy, len) == 0);
		MUST(m.infos == copy + len);
	} else {
		MUST(why && *why);
	}
	free(copy);
	return 0;
}
