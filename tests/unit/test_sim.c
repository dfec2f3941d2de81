/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_sim.c - the simulator of fences: that its clock is right where the
 * time can be told by hand, and that the algorithms take the rounds and bytes
 * that theory gives them.
 */
#include "check.h"

#include <math.h>

#include "fence.h"
#include "net.h"

static double handled_us[8];
static int handled;

static void note(void *arg, uint32_t node, uint32_t from, void *body)
{
	net_t **net = arg;

	assert_true(handled < 8);
	handled_us[handled++] = net_now(*net);
}

static void assert_us(double us, double expected)
{
	if (fabs(us - expected) > 1e-6)
		fail_msg("%f us, not %f us", us, expected);
}

static const net_model_t plain = {
	.latency_us = 100,
	.us_per_byte = 0.5,
	.send_us = 10,
	.recv_us = 20,
	.cpu_us_per_byte = 0.25,
};

/* 10 + 40/4 to send; 100 of latency; 40/2 until it is in; 20 + 40/4. */
static void a_message_takes_what_its_parts_take(void **state)
{
	net_t *net = net_open(2, &plain, note, &net);

	handled = 0;
	net_send(net, 0, 1, 40, NULL);
	assert_us(net_run(net), 170);
	assert_int_equal(handled, 1);
	assert_us(handled_us[0], 170);
	assert_int_equal(net_count(net).messages, 1);
	assert_us(net_count(net).bytes, 40);
	net_close(net);
}

/* A second message waits for the sender's processor, then for its wire. */
static void a_node_does_one_thing_at_a_time(void **state)
{
	net_t *net = net_open(3, &plain, note, &net);

	handled = 0;
	net_send(net, 0, 1, 400, NULL); /* sent at 110, out at 310 */
	net_send(net, 0, 2, 0, NULL);	/* sent at 120, out at 310 */
	(void)net_run(net);
	assert_int_equal(handled, 2);
	assert_us(handled_us[0], 310 + 100 + 20);
	assert_us(handled_us[1], 110 + 100 + 200 + 120);
	net_close(net);
}

static void shared_cores_make_nodes_wait(void **state)
{
	net_model_t model = plain;
	net_t *net;

	model.cores = 1;
	net = net_open(2, &model, note, &net);
	handled = 0;
	net_wake(net, 0, 50, NULL);
	net_wake(net, 1, 50, NULL);
	(void)net_run(net);
	assert_us(handled_us[0], 50);
	assert_us(handled_us[1], 100);
	net_close(net);
}

static uint32_t log2_up(uint32_t n)
{
	uint32_t rounds = 0;

	while ((1u << rounds) < n)
		rounds++;
	return rounds;
}

static void
ours_takes_log2_rounds_and_moves_each_block_once_per_node(void **state)
{
	fence_model_t model = { .net = plain, .bytes = 1e6, .width = 50 };
	fence_result_t r;

	for (uint32_t n = 1; n <= 130; n++) {
		r = fence_ours(n, &model);
		assert_int_equal(r.rounds, log2_up(n));
		assert_int_equal(r.messages, (uint64_t)n * log2_up(n));
		/* Headers are small beside a megabyte. */
		assert_true(r.bytes >= 1e6 * n * (n - 1));
		assert_true(r.bytes < 1.001e6 * n * (n - 1) + 1);
	}
}

static void a_ring_takes_a_round_per_node(void **state)
{
	fence_model_t model = { .net = plain, .bytes = 7, .width = 50 };
	fence_result_t r = fence_stock_ring(9, &model);

	assert_int_equal(r.rounds, 8);
	assert_int_equal(r.messages, 72);
	assert_us(r.bytes, 7 * 72);
}

/* 1 + 3 + 9 + 1 nodes of width 3: three levels up, three down. */
static void a_tree_goes_up_and_down(void **state)
{
	fence_model_t model = { .net = plain, .bytes = 10, .width = 3 };
	fence_result_t r = fence_stock_tree(14, &model);

	assert_int_equal(r.rounds, 6);
	assert_int_equal(r.messages, 26);
	/* Up: each node's 10 bytes once per level; down: all 140 to each. */
	assert_us(r.bytes, 10 * (3 + 2 * 9 + 3) + 13 * 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_takes_what_its_parts_take),
		cmocka_unit_test(a_node_does_one_thing_at_a_time),
		cmocka_unit_test(shared_cores_make_nodes_wait),
		cmocka_unit_test(
			ours_takes_log2_rounds_and_moves_each_block_once_per_node),
		cmocka_unit_test(a_ring_takes_a_round_per_node),
		cmocka_unit_test(a_tree_goes_up_and_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
