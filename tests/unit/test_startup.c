/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_startup.c - what root takes from psec-pmixd before tasks may start.
 * The test plays psec-pmixd, which is a process of the user's and may say
 * anything.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "ctl.h"
#include "startup.h"

#define TASKS 2

typedef struct {
	startup_t startup;
	psec_step_t step;
	char text[512];
	int fds[2]; /* root's end, psec-pmixd's */
} start_t;

static int open_start(void **state)
{
	static uint32_t ranks[TASKS] = { 2, 3 };
	start_t *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->step = (psec_step_t){
		.job_id = 7,
		.nnodes = 2,
		.node_id = 1,
		.ntasks = 4,
		.nlocal = TASKS,
		.ranks = ranks,
		.site = { .mechanisms = (char *)"munge",
			  .audit = (char *)"off",
			  .stepdir = (char *)"/run/psec",
			  .pmixd = (char *)"/sbin/psec-pmixd",
			  .start_timeout_s = 1 },
	};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s->fds), 0);
	assert_int_equal(fcntl(s->fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(
		startup_init(&s->startup, &s->step, s->text, sizeof(s->text)),
		0);
	*state = s;
	return 0;
}

static int close_start(void **state)
{
	start_t *s = *state;

	startup_clear(&s->startup);
	close(s->fds[0]);
	if (s->fds[1] >= 0)
		close(s->fds[1]);
	free(s);
	return 0;
}

static void say(start_t *s, uint32_t type, uint32_t len, const void *body,
		size_t body_len)
{
	const ctl_head_t head = { type, len };

	assert_int_equal(write(s->fds[1], &head, sizeof(head)), sizeof(head));
	if (body_len > 0)
		assert_int_equal(write(s->fds[1], body, body_len), body_len);
}

/* The block of a task: its number and TEXT with its NUL. */
static void say_block(start_t *s, uint32_t local, const char *text)
{
	char body[64];
	size_t len = strlen(text) + 1;

	memcpy(body, &local, sizeof(local));
	memcpy(body + sizeof(local), text, len);
	len += sizeof(local);
	say(s, CTL_BLOCK, (uint32_t)len, body, len);
}

static void leave(start_t *s)
{
	close(s->fds[1]);
	s->fds[1] = -1;
}

static int run(start_t *s)
{
	char *const env[] = { NULL };

	return startup_run(&s->startup, s->fds[0], "7.0", env);
}

static void expect_refusal(start_t *s, const char *sentence)
{
	assert_int_equal(run(s), -1);
	if (!strstr(s->text, sentence))
		FAIL_MSG("got '%s', should be '...%s...'", s->text, sentence);
}

static void each_task_gets_its_block(void **state)
{
	start_t *s = *state;
	const char *block;
	size_t len;

	say_block(s, 1, "B=1");
	say_block(s, 0, "A=0");
	say(s, CTL_READY, 0, NULL, 0);
	assert_int_equal(run(s), 0);
	block = startup_block(&s->startup, 0, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(block, "A=0", 4);
	block = startup_block(&s->startup, 1, &len);
	assert_memory_equal(block, "B=1", 4);
	assert_null(startup_block(&s->startup, 2, &len));
}

static void a_block_for_no_task_is_refused(void **state)
{
	say_block(*state, TASKS, "A=0");
	expect_refusal(*state, "a block for local task 2");
}

static void a_second_block_for_a_task_is_refused(void **state)
{
	say_block(*state, 0, "A=0");
	say_block(*state, 0, "A=1");
	expect_refusal(*state, "a block for local task 0");
}

static void a_block_of_an_impossible_size_is_refused(void **state)
{
	say(*state, CTL_BLOCK, CTL_BLOCK_MAX + 1, NULL, 0);
	expect_refusal(*state, "sent a block of 262145 bytes");
}

static void a_block_without_content_is_refused(void **state)
{
	say(*state, CTL_BLOCK, 4, "\0\0\0", 4);
	expect_refusal(*state, "sent a block of 4 bytes");
}

static void a_block_that_does_not_end_is_refused(void **state)
{
	say(*state, CTL_BLOCK, 7, "\0\0\0\0A=0", 7);
	expect_refusal(*state, "a block that does not end");
}

static void a_missing_block_is_told(void **state)
{
	say_block(*state, 0, "A=0");
	say(*state, CTL_READY, 0, NULL, 0);
	expect_refusal(*state, "no block for local task 1");
}

static void an_unknown_message_is_refused(void **state)
{
	say(*state, 99, 0, NULL, 0);
	expect_refusal(*state, "an unknown message (99)");
}

static void its_own_sentence_is_cleaned(void **state)
{
	start_t *s = *state;

	say(s, CTL_FAIL, 10, "no \033[1mway\n", 10);
	expect_refusal(s, "no ?[1mway");
	assert_null(strchr(s->text, '\033'));
}

/* Found by fuzz_startup: nobody was told why. */
static void a_failure_without_a_sentence_gets_one(void **state)
{
	say(*state, CTL_FAIL, 0, NULL, 0);
	expect_refusal(*state, "psec-pmixd failed");
}

static void an_overlong_sentence_is_refused(void **state)
{
	say(*state, CTL_FAIL, CTL_SENTENCE_MAX + 1, NULL, 0);
	expect_refusal(*state, "a sentence of 1001 bytes");
}

static void its_end_is_told(void **state)
{
	say_block(*state, 0, "A=0");
	leave(*state);
	expect_refusal(*state, "/sbin/psec-pmixd) ended while it was starting");
}

static void silence_is_told_in_time(void **state)
{
	say(*state, CTL_BLOCK, 100, "\0\0\0\0", 4);
	expect_refusal(*state, "was not ready after 1 seconds");
}

static void the_tasks_are_told_and_it_may_answer(void **state)
{
	pid_t pids[TASKS] = { 4711, 4712 };
	struct {
		ctl_head_t head;
		uint32_t pids[TASKS];
		char cwd[5];
	} got;
	start_t *s = *state;

	s->step.pids = pids;
	s->step.cwd = (char *)"/home";
	s->startup.fd = s->fds[0];
	say(s, CTL_GO, 0, NULL, 0);
	assert_int_equal(startup_tasks_forked(&s->startup), 0);
	assert_int_equal(read(s->fds[1], &got, sizeof(got)),
			 sizeof(got.head) + 13);
	assert_int_equal(got.head.type, CTL_TASKS);
	assert_int_equal(got.head.len, 13);
	assert_int_equal(got.pids[1], 4712);
	assert_memory_equal(got.cwd, "/home", 5);
}

static void another_answer_to_the_tasks_is_none(void **state)
{
	pid_t pids[TASKS] = { 4711, 4712 };
	start_t *s = *state;

	s->step.pids = pids;
	s->startup.fd = s->fds[0];
	say(s, CTL_READY, 0, NULL, 0);
	assert_int_equal(startup_tasks_forked(&s->startup), -1);
}

static void without_psec_pmixd_the_tasks_are_not_told(void **state)
{
	pid_t pids[TASKS] = { 4711, 4712 };
	start_t *s = *state;

	s->step.pids = pids;
	s->startup.fd = s->fds[0];
	leave(s);
	assert_int_equal(startup_tasks_forked(&s->startup), -1);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, open_start, close_start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_task_gets_its_block),
		TEST(a_block_for_no_task_is_refused),
		TEST(a_second_block_for_a_task_is_refused),
		TEST(a_block_of_an_impossible_size_is_refused),
		TEST(a_block_without_content_is_refused),
		TEST(a_block_that_does_not_end_is_refused),
		TEST(a_missing_block_is_told),
		TEST(an_unknown_message_is_refused),
		TEST(its_own_sentence_is_cleaned),
		TEST(a_failure_without_a_sentence_gets_one),
		TEST(an_overlong_sentence_is_refused),
		TEST(its_end_is_told),
		TEST(silence_is_told_in_time),
		TEST(the_tasks_are_told_and_it_may_answer),
		TEST(another_answer_to_the_tasks_is_none),
		TEST(without_psec_pmixd_the_tasks_are_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
