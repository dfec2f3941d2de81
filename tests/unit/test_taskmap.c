/* SPDX-License-Identifier: BSD-3-Clause */
/* The task map: any distribution survives the trip; bad text is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "taskmap.h"

#define MAX_TASKS 4096

static void expect_text(const uint32_t *nodes, uint32_t ntasks,
			const char *text)
{
	char *got = taskmap_encode(nodes, ntasks);

	assert_non_null(got);
	assert_string_equal(got, text);
	free(got);
}

static void known_distributions_have_the_documented_text(void **state)
{
	const uint32_t block[] = { 0, 0, 1, 1, 2, 2, 3, 3 };
	const uint32_t cyclic[] = { 0, 1, 2, 3, 0, 1, 2, 3 };
	const uint32_t plane[] = { 0, 0, 1, 1, 0, 0, 1, 1, 0 };
	const uint32_t uneven[] = { 0, 0, 0, 1, 2 };
	const uint32_t backwards[] = { 3, 2, 1, 0 };

	expect_text(block, 8, "0-3:2");
	expect_text(cyclic, 8, "0-3:1*2");
	expect_text(plane, 9, "0-1:2*2,0:1");
	expect_text(uneven, 5, "0:3,1-2:1");
	expect_text(backwards, 4, "3:1,2:1,1:1,0:1");
}

static void expect_anl(const uint32_t *nodes, uint32_t ntasks, const char *text)
{
	char *got = taskmap_anl(nodes, ntasks);

	assert_non_null(got);
	assert_string_equal(got, text);
	free(got);
}

/* As Slurm's own plugins write it (PMI_process_mapping). */
static void the_same_in_anl_notation(void **state)
{
	const uint32_t block[] = { 0, 0, 1, 1, 2, 2, 3, 3 };
	const uint32_t cyclic[] = { 0, 1, 2, 3, 0, 1, 2, 3 };
	const uint32_t uneven[] = { 0, 0, 0, 1, 2 };
	const uint32_t backwards[] = { 1, 0 };

	expect_anl(block, 8, "(vector,(0,4,2))");
	expect_anl(cyclic, 8, "(vector,(0,4,1),(0,4,1))");
	expect_anl(uneven, 5, "(vector,(0,1,3),(1,2,1))");
	expect_anl(backwards, 2, "(vector,(1,1,1),(0,1,1))");
}

static void a_hundred_thousand_cyclic_ranks_fit_into_a_line(void **state)
{
	static uint32_t nodes[100000];
	char *text;

	for (uint32_t r = 0; r < 100000; r++)
		nodes[r] = r % 1000;
	text = taskmap_encode(nodes, 100000);
	assert_string_equal(text, "0-999:1*100");
	free(text);
}

/* A small generator, so that a failure can be repeated from its seed. */
static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void any_map_survives_the_round_trip(void **state)
{
	static uint32_t nodes[MAX_TASKS], back[MAX_TASKS];
	uint32_t seed = 1;

	for (int round = 0; round < 2000; round++) {
		uint32_t nnodes = 1 + next_random(&seed) % 9;
		uint32_t ntasks = 1 + next_random(&seed) % 200;
		uint32_t stick = next_random(&seed) % 4;
		char *text;

		for (uint32_t r = 0; r < ntasks; r++)
			nodes[r] = r && next_random(&seed) % 4 < stick
					   ? nodes[r - 1]
					   : next_random(&seed) % nnodes;
		text = taskmap_encode(nodes, ntasks);
		assert_non_null(text);
		assert_int_equal(taskmap_decode(text, nnodes, back, ntasks), 0);
		assert_memory_equal(nodes, back, ntasks * sizeof(*nodes));
		free(text);
	}
}

static void malformed_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		",",
		"0",
		"0:",
		":4",
		"0:4,",
		"0:4,,",
		"x:4",
		"0:4x",
		"0-:4",
		"1-0:2",
		"0:0,0:4",
		"0:4*0",
		"0:4*",
		"0:2*3",
		"0:3",
		"0:5",
		"2:4",
		"0-2:1,0:1",
		"-1:4",
		"0:4 ",
		" 0:4",
		"0:+4",
		"0:4*1*1",
		"0--1:2",
		"0:99999999999999999999",
		"0:4294967295*4294967295",
		"4294967295:4",
		"0-4294967295:1",
	};
	uint32_t nodes[4];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (taskmap_decode(bad[i], 2, nodes, 4) == 0)
			fail_msg("'%s' was accepted", bad[i]);
	assert_int_equal(taskmap_decode("0-1:2", 2, nodes, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_distributions_have_the_documented_text),
		cmocka_unit_test(the_same_in_anl_notation),
		cmocka_unit_test(
			a_hundred_thousand_cyclic_ranks_fit_into_a_line),
		cmocka_unit_test(any_map_survives_the_round_trip),
		cmocka_unit_test(malformed_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
