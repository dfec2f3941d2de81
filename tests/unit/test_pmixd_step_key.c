/* SPDX-License-Identifier: BSD-3-Clause */
/* The step's key on its way over the links of up to eight nodes. */
#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <sodium.h>

#include "coll.h"
#include "mesh.h"
#include "munged.h"
#include "step_key.h"

static munged_t *munged;

typedef struct {
	mesh_t *mesh;
	uint32_t n;
	step_key_t *keys[MESH_MAX];
} step_t;

/* As start_links() in main.c. */
static void on_start(void *arg, uint32_t i, links_t *links)
{
	step_t *s = arg;
	uint32_t nodes[COLL_PARTNERS_MAX];
	size_t n = coll_partners(i, s->n, nodes, COLL_PARTNERS_MAX);

	step_key_start(s->keys[i], links, i, s->n);
	links_connect(links, nodes, n);
}

static step_t *step_open(uint32_t n, int timeout_ms)
{
	step_t *s = calloc(1, sizeof(*s));
	mesh_options_t opt = { .timeout_ms = timeout_ms,
			       .munge_sockets = { munged_socket(munged) },
			       .on_start = on_start };

	assert_non_null(s);
	opt.arg = s;
	s->n = n;
	s->mesh = mesh_open(n, &opt);
	for (uint32_t i = 0; i < n; i++) {
		s->keys[i] = step_key_create(mesh_mutex(s->mesh, i));
		assert_non_null(s->keys[i]);
	}
	return s;
}

static void step_close(step_t *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		mesh_stop(s->mesh, i);
	for (uint32_t i = 0; i < s->n; i++)
		step_key_destroy(s->keys[i]);
	mesh_close(s->mesh);
	free(s);
}

static void assert_has(const step_t *s, uint32_t i, uint8_t key[PSEC_KEY_LEN])
{
	psec_error_t err;

	assert_ok(step_key_give(s->keys[i], key, &err), &err);
	assert_false(sodium_is_zero(key, PSEC_KEY_LEN));
}

static void assert_same(const step_t *s, uint32_t a, uint32_t b)
{
	uint8_t one[PSEC_KEY_LEN], other[PSEC_KEY_LEN];

	assert_has(s, a, one);
	assert_has(s, b, other);
	assert_memory_equal(one, other, PSEC_KEY_LEN);
}

static void assert_has_none(const step_t *s, uint32_t i, const char *words)
{
	uint8_t key[PSEC_KEY_LEN];
	psec_error_t err;

	assert_refused(step_key_give(s->keys[i], key, &err), &err,
		       PSEC_ERR_UNAVAILABLE, words);
}

/* -- it comes ----------------------------------------------------------- */

static void one_node_has_it_at_once(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	step_key_t *k = step_key_create(&lock);
	uint8_t key[PSEC_KEY_LEN];
	psec_error_t err;

	assert_non_null(k);
	assert_false(step_key_settled(k));
	step_key_start(k, NULL, 0, 1);
	assert_true(step_key_settled(k));
	assert_ok(step_key_give(k, key, &err), &err);
	assert_false(sodium_is_zero(key, sizeof(key)));
	step_key_destroy(k);
}

static void all_nodes_have_the_same(void **state)
{
	for (uint32_t n = 2; n <= MESH_MAX; n += 3) {
		step_t *s = step_open(n, 0);

		mesh_start_all(s->mesh);
		for (uint32_t i = 1; i < n; i++)
			assert_same(s, 0, i);
		step_close(s);
	}
}

static void each_step_has_another(void **state)
{
	step_t *a = step_open(2, 0), *b = step_open(2, 0);
	uint8_t one[PSEC_KEY_LEN], other[PSEC_KEY_LEN];

	mesh_start(a->mesh, 0);
	mesh_start(b->mesh, 0);
	assert_has(a, 0, one);
	assert_has(b, 0, other);
	assert_memory_not_equal(one, other, PSEC_KEY_LEN);
	step_close(a);
	step_close(b);
}

typedef struct {
	step_key_t *k;
	uint8_t key[PSEC_KEY_LEN];
	psec_code_t rc;
} waiter_t;

static void *wait_for_it(void *arg)
{
	waiter_t *w = arg;

	w->rc = step_key_give(w->k, w->key, NULL);
	return NULL;
}

static void who_needs_it_early_waits(void **state)
{
	step_t *s = step_open(4, 0);
	waiter_t w[3];
	pthread_t threads[3];
	uint8_t key[PSEC_KEY_LEN];

	for (uint32_t i = 1; i < 4; i++) {
		mesh_start(s->mesh, i);
		w[i - 1] = (waiter_t){ .k = s->keys[i], .rc = PSEC_ERR_IO };
		assert_int_equal(pthread_create(&threads[i - 1], NULL,
						wait_for_it, &w[i - 1]),
				 0);
	}
	(void)usleep(50000);
	for (uint32_t i = 1; i < 4; i++) {
		mesh_lock(s->mesh, i);
		assert_false(step_key_settled(s->keys[i]));
		mesh_unlock(s->mesh, i);
	}
	mesh_start(s->mesh, 0);
	assert_has(s, 0, key);
	for (uint32_t i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(w[i].rc, PSEC_OK);
		assert_memory_equal(w[i].key, key, PSEC_KEY_LEN);
	}
	step_close(s);
}

/* -- nodes that are lost ------------------------------------------------ */

static void a_missing_node_is_gone_round(void **state)
{
	step_t *s = step_open(8, 1500);

	/* Node 1 is between 0 and 3, 5, 7; node 2 between 0 and 6. */
	for (uint32_t i = 0; i < 8; i++)
		if (i != 1 && i != 2)
			assert_non_null(mesh_start(s->mesh, i));
	for (uint32_t i = 3; i < 8; i++)
		assert_same(s, 0, i);
	step_close(s);
}

static void without_node_0_there_is_none(void **state)
{
	step_t *s = step_open(5, 800);

	for (uint32_t i = 1; i < 5; i++)
		assert_non_null(mesh_start(s->mesh, i));
	for (uint32_t i = 1; i < 5; i++)
		assert_has_none(s, i, "node 0, which has their key, is gone");
	step_close(s);
}

static void a_node_that_left_early_is_gone_round(void **state)
{
	step_t *s = step_open(4, 0);
	uint8_t key[PSEC_KEY_LEN];

	/* Node 3 waits for node 1, which waits for node 0, and leaves. */
	assert_non_null(mesh_start(s->mesh, 1));
	assert_non_null(mesh_start(s->mesh, 3));
	assert_int_equal(mesh_send(s->mesh, 1, 3, "up", 2), 0);
	(void)mesh_await(s->mesh, 3, 0);
	mesh_stop(s->mesh, 1);
	(void)mesh_await_lost(s->mesh, 3, 1);
	assert_non_null(mesh_start(s->mesh, 0));
	assert_has(s, 3, key);
	assert_same(s, 0, 3);
	step_close(s);
}

/* -- messages that are none --------------------------------------------- */

static void send_raw(step_t *s, uint32_t from, uint32_t to, const void *msg,
		     size_t len)
{
	const struct iovec iov = { (void *)(uintptr_t)msg, len };

	mesh_lock(s->mesh, from);
	assert_int_equal(
		links_send(mesh_links(s->mesh, from), to, LINK_KEY, &iov, 1),
		0);
	mesh_unlock(s->mesh, from);
}

static void a_malformed_message_drops_the_link(void **state)
{
	static const struct {
		size_t len;
		uint8_t bytes[40];
	} bad[] = { { 0, { 0 } },  { 1, { 1 } },  { 4, { 0 } },
		    { 4, { 4 } },  { 4, { 1 } },  { 35, { 1 } },
		    { 37, { 1 } }, { 36, { 2 } }, { 5, { 3 } } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		step_t *s = step_open(2, 0);
		uint8_t key[PSEC_KEY_LEN];

		mesh_start_all(s->mesh);
		assert_has(s, 1, key);
		send_raw(s, 1, 0, bad[i].bytes, bad[i].len);
		assert_non_null(strstr(mesh_await_lost(s->mesh, 0, 1).why,
				       "about the step's key that is none"));
		step_close(s);
	}
}

static void a_second_key_is_not_taken(void **state)
{
	step_t *s = step_open(3, 0);
	uint8_t key[PSEC_KEY_LEN], still[PSEC_KEY_LEN],
		other[36] = { 1, 0, 0, 0, 9 };

	mesh_start_all(s->mesh);
	assert_has(s, 0, key);
	assert_same(s, 0, 2);
	for (uint32_t to = 0; to < 3; to += 2) {
		send_raw(s, 1, to, other, sizeof(other));
		assert_int_equal(mesh_send(s->mesh, 1, to, "behind it", 9), 0);
		(void)mesh_await(s->mesh, to, 0);
		assert_has(s, to, still);
		assert_memory_equal(key, still, PSEC_KEY_LEN);
	}
	step_close(s);
}

/* -- the end ------------------------------------------------------------ */

static void after_the_end_there_is_none(void **state)
{
	step_t *s = step_open(2, 0);
	waiter_t w = { .k = s->keys[1], .rc = PSEC_OK };
	pthread_t thread;
	uint8_t key[PSEC_KEY_LEN];

	assert_non_null(mesh_start(s->mesh, 0));
	assert_has(s, 0, key);
	mesh_lock(s->mesh, 0);
	step_key_wipe(s->keys[0]);
	mesh_unlock(s->mesh, 0);
	assert_has_none(s, 0, "the step is ending");
	/* Who waits is told. */
	assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &w), 0);
	(void)usleep(20000);
	mesh_lock(s->mesh, 1);
	step_key_wipe(s->keys[1]);
	mesh_unlock(s->mesh, 1);
	pthread_join(thread, NULL);
	assert_int_equal(w.rc, PSEC_ERR_UNAVAILABLE);
	step_close(s);
}

static int start_munged(void **state)
{
	munged = munged_start(NULL);
	return munged && sodium_init() >= 0 ? 0 : -1;
}

static int stop_munged(void **state)
{
	munged_stop(munged);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_node_has_it_at_once),
		cmocka_unit_test(all_nodes_have_the_same),
		cmocka_unit_test(each_step_has_another),
		cmocka_unit_test(who_needs_it_early_waits),
		cmocka_unit_test(a_missing_node_is_gone_round),
		cmocka_unit_test(without_node_0_there_is_none),
		cmocka_unit_test(a_node_that_left_early_is_gone_round),
		cmocka_unit_test(a_malformed_message_drops_the_link),
		cmocka_unit_test(a_second_key_is_not_taken),
		cmocka_unit_test(after_the_end_there_is_none),
	};

	return cmocka_run_group_tests(tests, start_munged, stop_munged);
}
