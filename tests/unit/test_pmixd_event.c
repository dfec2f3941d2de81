/* SPDX-License-Identifier: BSD-3-Clause */
/* Events between nodes: the message, and who passes it on to whom. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "event_msg.h"

static void a_message_comes_back(void **state)
{
	const event_msg_t m = { .root = 3,
				.code = -201,
				.range = 4,
				.nspace = "slurm.pmix.1.0",
				.rank = 7,
				.ninfos = 1 };
	uint8_t msg[EVENT_HEAD_MAX + 4];
	size_t len = event_msg_head(&m, msg);
	const char *why;
	event_msg_t out;

	memcpy(msg + len, "info", 4);
	assert_int_equal(event_msg_decode(&out, msg, len + 4, &why), 0);
	assert_int_equal(out.root, 3);
	assert_int_equal(out.code, -201);
	assert_int_equal(out.range, 4);
	assert_int_equal(out.rank, 7);
	assert_string_equal(out.nspace, "slurm.pmix.1.0");
	assert_int_equal(out.len, 4);
	assert_memory_equal(out.infos, "info", 4);
	for (size_t n = 0; n <= len; n++)
		assert_int_equal(event_msg_decode(&out, msg, n, &why), -1);
}

/* Everybody gets it once, from somebody who has it. */
static void a_tree_reaches_each_node_once(void **state)
{
	for (uint32_t n = 1; n <= 70; n++)
		for (uint32_t root = 0; root < n; root++) {
			uint32_t queue[70] = { root }, children[32];
			uint8_t seen[70] = { 0 };
			uint32_t head = 0, tail = 1;

			seen[root] = 1;
			while (head < tail) {
				size_t k = event_msg_children(
					root, queue[head++], n, children, 32);

				for (size_t i = 0; i < k; i++) {
					assert_true(children[i] < n);
					assert_false(seen[children[i]]);
					seen[children[i]] = 1;
					queue[tail++] = children[i];
				}
			}
			assert_int_equal(tail, n);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_back),
		cmocka_unit_test(a_tree_reaches_each_node_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
