/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pmixd_workers.c - the thread pool, and jobs that come back to the
 * event loop.
 */
#include "check.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "jobs.h"
#include "workers.h"

/* A gate that calls on workers wait at, so that the queue fills up. */
typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int open;
	int waiting;
	int passed;
	char order[64];
} gate_t;

#define GATE_INIT                                                              \
	{                                                                      \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0,  \
			""                                                     \
	}

static void gate_wait(void *arg)
{
	gate_t *g = arg;

	pthread_mutex_lock(&g->lock);
	g->waiting++;
	pthread_cond_broadcast(&g->changed);
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	g->passed++;
	pthread_mutex_unlock(&g->lock);
}

static void gate_await(gate_t *g, int waiting)
{
	pthread_mutex_lock(&g->lock);
	while (g->waiting < waiting)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void gate_open(gate_t *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = 1;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static void a_full_queue_refuses(void **state)
{
	gate_t g = GATE_INIT;
	workers_t *w = workers_create(2, 3);

	assert_non_null(w);
	assert_int_equal(workers_post(w, gate_wait, &g), 0);
	assert_int_equal(workers_post(w, gate_wait, &g), 0);
	gate_await(&g, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(workers_post(w, gate_wait, &g), 0);
	assert_int_equal(workers_post(w, gate_wait, &g), -1);
	gate_open(&g);
	workers_destroy(w);
	assert_int_equal(g.passed, 5);
}

struct letter {
	gate_t *g;
	char c;
};

static void append(void *arg)
{
	struct letter *l = arg;

	l->g->order[strlen(l->g->order)] = l->c;
}

static void calls_run_in_the_order_of_posting(void **state)
{
	struct letter letters[26];
	gate_t g = GATE_INIT;
	workers_t *w = workers_create(1, 32);

	assert_non_null(w);
	for (int i = 0; i < 26; i++) {
		letters[i] = (struct letter){ &g, (char)('a' + i) };
		assert_int_equal(workers_post(w, append, &letters[i]), 0);
	}
	workers_destroy(w);
	assert_string_equal(g.order, "abcdefghijklmnopqrstuvwxyz");
}

/* -- lanes --------------------------------------------------------------- */

/* A worker waits at the gate, so that what is posted meanwhile queues up. */
static workers_t *lanes_behind_gate(gate_t *g, uint32_t nlanes, size_t max)
{
	workers_t *w = workers_create_lanes(1, nlanes, max);

	assert_non_null(w);
	assert_int_equal(workers_post(w, gate_wait, g), 0);
	gate_await(g, 1);
	return w;
}

typedef struct {
	workers_call_t call;
	struct letter letter;
} letter_call_t;

static int post_letter(workers_t *w, letter_call_t *l, uint32_t lane, gate_t *g,
		       char c)
{
	*l = (letter_call_t){ .letter = { g, c } };
	return workers_post_call(w, &l->call, lane, append, &l->letter);
}

static void lanes_are_served_in_turns(void **state)
{
	letter_call_t a[6], b[2], c;
	gate_t g = GATE_INIT;
	workers_t *w = lanes_behind_gate(&g, 3, 8);

	for (int i = 0; i < 6; i++)
		assert_int_equal(post_letter(w, &a[i], 0, &g, 'a'), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(post_letter(w, &b[i], 1, &g, 'b'), 0);
	assert_int_equal(post_letter(w, &c, 2, &g, 'c'), 0);
	gate_open(&g);
	workers_destroy(w);
	/* Whoever has much waits for the others, not they for him. */
	assert_string_equal(g.order, "abcabaaaa");
}

static void a_full_lane_leaves_the_others_room(void **state)
{
	letter_call_t a[4], b;
	gate_t g = GATE_INIT;
	workers_t *w = lanes_behind_gate(&g, 2, 3);

	for (int i = 0; i < 3; i++)
		assert_int_equal(post_letter(w, &a[i], 0, &g, 'a'), 0);
	assert_int_equal(post_letter(w, &a[3], 0, &g, 'x'), -1);
	assert_int_equal(post_letter(w, &b, 1, &g, 'b'), 0);
	gate_open(&g);
	workers_destroy(w);
	assert_string_equal(g.order, "abaa");
}

static void a_lane_that_does_not_exist_is_the_last_one(void **state)
{
	letter_call_t a, b;
	gate_t g = GATE_INIT;
	workers_t *w = lanes_behind_gate(&g, 2, 1);

	assert_int_equal(post_letter(w, &a, 77, &g, 'a'), 0);
	assert_int_equal(post_letter(w, &b, 1, &g, 'b'), -1);
	gate_open(&g);
	workers_destroy(w);
	assert_string_equal(g.order, "a");
}

static void a_withdrawn_call_is_not_made(void **state)
{
	letter_call_t a[3], b;
	gate_t g = GATE_INIT;
	workers_t *w = lanes_behind_gate(&g, 2, 3);

	for (int i = 0; i < 3; i++)
		assert_int_equal(post_letter(w, &a[i], 0, &g, (char)('1' + i)),
				 0);
	assert_int_equal(post_letter(w, &b, 1, &g, 'b'), 0);
	assert_true(workers_withdraw(w, &a[1].call));
	assert_false(workers_withdraw(w, &a[1].call));
	assert_true(workers_withdraw(w, &b.call));
	/* There is room again, also in a lane that had become empty. */
	assert_int_equal(post_letter(w, &a[1], 0, &g, '4'), 0);
	assert_int_equal(post_letter(w, &b, 1, &g, 'c'), 0);
	gate_open(&g);
	workers_destroy(w);
	assert_string_equal(g.order, "1c34");
}

static void every_call_of_a_lane_can_be_withdrawn(void **state)
{
	letter_call_t a[3];
	gate_t g = GATE_INIT;
	workers_t *w = lanes_behind_gate(&g, 1, 3);

	for (int i = 0; i < 3; i++)
		assert_int_equal(post_letter(w, &a[i], 0, &g, 'a'), 0);
	assert_true(workers_withdraw(w, &a[2].call));
	assert_true(workers_withdraw(w, &a[0].call));
	assert_true(workers_withdraw(w, &a[1].call));
	gate_open(&g);
	workers_destroy(w);
	assert_string_equal(g.order, "");
}

static void a_call_that_runs_cannot_be_withdrawn(void **state)
{
	workers_call_t call = { 0 };
	gate_t g = GATE_INIT;
	workers_t *w = workers_create_lanes(1, 1, 1);

	assert_non_null(w);
	assert_int_equal(workers_post_call(w, &call, 0, gate_wait, &g), 0);
	gate_await(&g, 1);
	assert_false(workers_withdraw(w, &call));
	gate_open(&g);
	workers_destroy(w);
	assert_int_equal(g.passed, 1);
}

static void look_at_mask(void *arg)
{
	sigset_t mask;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
	*(int *)arg = sigismember(&mask, SIGTERM);
}

static void workers_block_signals_and_leave_the_caller_as_it_was(void **state)
{
	workers_t *w = workers_create(1, 1);
	int blocked = -1, own = -1;

	assert_non_null(w);
	look_at_mask(&own);
	assert_int_equal(own, 0);
	assert_int_equal(workers_post(w, look_at_mask, &blocked), 0);
	workers_destroy(w);
	assert_int_equal(blocked, 1);
}

/* -- jobs --------------------------------------------------------------- */

typedef struct {
	struct event_base *base;
	pthread_mutex_t lock;
	workers_t *workers;
	jobs_t *jobs;
	gate_t gate;
	pthread_t loop_thread;
	int done;
	atomic_int dropped;
} office_t;

struct errand {
	job_t job;
	office_t *office;
};

static void errand_work(job_t *job)
{
	gate_wait(&((struct errand *)job)->office->gate);
}

static void errand_done(job_t *job)
{
	office_t *o = ((struct errand *)job)->office;

	assert_true(pthread_equal(pthread_self(), o->loop_thread));
	assert_int_not_equal(pthread_mutex_trylock(&o->lock), 0);
	o->done++;
	free(job);
}

static void errand_drop(job_t *job)
{
	atomic_fetch_add(&((struct errand *)job)->office->dropped, 1);
	free(job);
}

static void office_open(office_t *o)
{
	static const gate_t gate = GATE_INIT;

	memset(o, 0, sizeof(*o));
	o->gate = gate;
	pthread_mutex_init(&o->lock, NULL);
	o->base = event_base_new();
	o->workers = workers_create(2, 8);
	o->jobs = jobs_create(o->base, &o->lock, o->workers);
	o->loop_thread = pthread_self();
	assert_non_null(o->jobs);
}

static int office_post(office_t *o)
{
	struct errand *e = calloc(1, sizeof(*e));
	int rc;

	assert_non_null(e);
	e->job.work = errand_work;
	e->job.done = errand_done;
	e->job.drop = errand_drop;
	e->office = o;
	rc = jobs_post(o->jobs, &e->job);
	if (rc)
		free(e);
	return rc;
}

static void office_close(office_t *o)
{
	jobs_destroy(o->jobs);
	gate_open(&o->gate);
	workers_destroy(o->workers);
	event_base_free(o->base);
}

static void a_job_comes_back_to_the_loop_with_the_lock(void **state)
{
	office_t o;

	office_open(&o);
	gate_open(&o.gate);
	for (int i = 0; i < 5; i++)
		assert_int_equal(office_post(&o), 0);
	while (o.done < 5)
		assert_true(event_base_loop(o.base,
					    EVLOOP_ONCE |
						    EVLOOP_NO_EXIT_ON_EMPTY) >=
			    0);
	office_close(&o);
	assert_int_equal(o.done, 5);
	assert_int_equal(o.dropped, 0);
}

static void a_job_that_nobody_awaits_any_more_is_dropped(void **state)
{
	office_t o;

	office_open(&o);
	for (int i = 0; i < 5; i++)
		assert_int_equal(office_post(&o), 0);
	gate_await(&o.gate, 2);
	office_close(&o);
	assert_int_equal(o.done, 0);
	assert_int_equal(o.dropped, 5);
}

static void a_job_too_many_stays_the_callers(void **state)
{
	office_t o;
	int posted = 0;

	office_open(&o);
	while (office_post(&o) == 0)
		posted++;
	assert_in_range(posted, 8, 10);
	office_close(&o);
	assert_int_equal(o.dropped, posted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_queue_refuses),
		cmocka_unit_test(calls_run_in_the_order_of_posting),
		cmocka_unit_test(lanes_are_served_in_turns),
		cmocka_unit_test(a_full_lane_leaves_the_others_room),
		cmocka_unit_test(a_lane_that_does_not_exist_is_the_last_one),
		cmocka_unit_test(a_withdrawn_call_is_not_made),
		cmocka_unit_test(every_call_of_a_lane_can_be_withdrawn),
		cmocka_unit_test(a_call_that_runs_cannot_be_withdrawn),
		cmocka_unit_test(
			workers_block_signals_and_leave_the_caller_as_it_was),
		cmocka_unit_test(a_job_comes_back_to_the_loop_with_the_lock),
		cmocka_unit_test(a_job_that_nobody_awaits_any_more_is_dropped),
		cmocka_unit_test(a_job_too_many_stays_the_callers),
	};

	if (evthread_use_pthreads())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
