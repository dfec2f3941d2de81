/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pmixd_apps.c - the components of a heterogeneous step: how srun's
 * words are read, and what is refused of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "apps.h"
#include "check.h"

typedef struct {
	char env[256];
	uint32_t ranks[2];
	stepconf_t conf;
	apps_t apps;
	psec_error_t err;
} case_t;

/* A node with two ranks, the second of its component's two nodes. */
static int open_case(void **state)
{
	case_t *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->ranks[0] = 1;
	c->ranks[1] = 2;
	c->conf = (stepconf_t){ .job_id = 8,
				.step_id = 3,
				.nnodes = 2,
				.node = 1,
				.ntasks = 3,
				.nlocal = 2,
				.ranks = c->ranks,
				.env = c->env };
	*state = c;
	return 0;
}

static int close_case(void **state)
{
	case_t *c = *state;

	free(c->apps.list);
	free(c);
	return 0;
}

static int read_words(case_t *c, const char *words)
{
	int n = snprintf(c->env, sizeof(c->env), "SLURM_PSEC_STEP=%s", words);

	c->conf.env_len = (size_t)n + 1;
	return apps_read(&c->apps, &c->conf, &c->err);
}

static void expect_refusal(case_t *c, const char *words, const char *sentence)
{
	assert_int_equal(read_words(c, words), -1);
	if (!strstr(c->err.text, sentence))
		FAIL_MSG("'%s': got '%s', should be '...%s...'", words,
			 c->err.text, sentence);
}

static void a_usual_step_is_one_application(void **state)
{
	case_t *c = *state;

	assert_int_equal(read_words(c, "dist=2"), 0);
	assert_int_equal(c->apps.n, 1);
	assert_int_equal(c->apps.leader, 8);
	assert_int_equal(c->apps.list[0].size, 3);
	assert_int_equal(c->apps.list[0].task_dist, 2);
	assert_int_equal(c->conf.node, 1);
	assert_int_equal(c->ranks[1], 2);
}

static void without_words_the_distribution_is_unknown(void **state)
{
	case_t *c = *state;

	c->conf.env_len = 0;
	assert_int_equal(apps_read(&c->apps, &c->conf, &c->err), 0);
	assert_int_equal(c->apps.n, 1);
	assert_int_equal(c->apps.list[0].task_dist, 0);
}

static void nodes_and_ranks_are_counted_through_components(void **state)
{
	case_t *c = *state;

	assert_int_equal(
		read_words(c, "dist=2 leader=7 own=1 het=7:4:3:1,8:3:2:2"), 0);
	assert_int_equal(c->apps.n, 2);
	assert_int_equal(c->apps.leader, 7);
	assert_int_equal(c->conf.node, 4);
	assert_int_equal(c->conf.nnodes, 5);
	assert_int_equal(c->conf.ntasks, 7);
	assert_int_equal(c->ranks[0], 5);
	assert_int_equal(c->ranks[1], 6);
	/* What Slurm vouches for stays. */
	assert_int_equal(c->conf.job_id, 8);
	assert_int_equal(apps_of_rank(&c->apps, 3), 0);
	assert_int_equal(apps_of_rank(&c->apps, 4), 1);
	assert_int_equal(apps_of_node(&c->apps, 2), 0);
	assert_int_equal(apps_of_node(&c->apps, 3), 1);
	assert_int_equal(c->apps.list[0].task_dist, 1);
	assert_int_equal(c->apps.list[1].task_dist, 2);
}

static void the_only_component_of_a_step_keeps_its_leader(void **state)
{
	case_t *c = *state;

	assert_int_equal(read_words(c, "dist=2 leader=7 own=0 het=8:3:2:2"), 0);
	assert_int_equal(c->apps.leader, 7);
	assert_int_equal(c->conf.node, 1);
	assert_int_equal(c->ranks[0], 1);
}

static void words_that_are_none_are_refused(void **state)
{
	static const char *const words[] = {
		"leader=7 own=1 het=",
		"leader=7 own=1 het=7",
		"leader=7 own=1 het=7:4:3,8:3:2:2",
		"leader=7 own=1 het=7:4:3:1,8:3:2:",
		"leader=7 own=1 het=7:4:3:1,8:3:2:2,",
		"leader=7 own=1 het=7:4:3:1 8:3:2:2",
		"leader=7 own=1 het=7:4:3:1,8:3:2:2x",
		"leader=7 own=1 het=7:-4:3:1,8:3:2:2",
		"leader=7 own=1 het=7:0:3:1,8:3:2:2",
		"leader=7 own=1 het=7:4:0:1,8:3:2:2",
		"leader=7 own=1 het=7:4294967295:3:1,8:3:2:2",
		"leader=7 own=1 het=7:4294967292:3:1,8:3:2:2",
		"leader=7 own=1 het=7:4:4294967294:1,8:3:2:2",
		"leader=7 own=1 het=7:99999999999:3:1,8:3:2:2",
		"leader=7 own=2 het=7:4:3:1,8:3:2:2",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		expect_refusal(*state, words[i],
			       "does not describe the components");
		free(((case_t *)*state)->apps.list);
		((case_t *)*state)->apps.list = NULL;
	}
}

static void what_slurm_does_not_say_of_this_component_is_refused(void **state)
{
	static const char *const words[] = {
		"leader=7 own=0 het=7:4:3:1,8:3:2:2", /* another's place */
		"leader=7 own=1 het=7:4:3:1,9:3:2:2", /* another job */
		"leader=7 own=1 het=7:4:3:1,8:4:2:2", /* more tasks */
		"leader=7 own=1 het=7:4:3:1,8:3:1:2", /* fewer nodes */
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		expect_refusal(*state, words[i],
			       "Slurm says 3 tasks on 2 of job 8");
		free(((case_t *)*state)->apps.list);
		((case_t *)*state)->apps.list = NULL;
	}
}

static int read_programs(case_t *c, const char *value, apps_t *programs)
{
	int n = snprintf(c->env, sizeof(c->env), "SLURM_PSEC_PROGRAMS=%s",
			 value);

	free(c->apps.list);
	c->conf.env_len = (size_t)n + 1;
	assert_int_equal(apps_read(&c->apps, &c->conf, &c->err), 0);
	return apps_programs(programs, &c->apps, &c->conf, &c->err);
}

static void programs_are_counted_by_their_tasks(void **state)
{
	case_t *c = *state;
	apps_t programs;

	assert_int_equal(read_programs(c, "1,2", &programs), 0);
	assert_int_equal(programs.n, 2);
	assert_int_equal(programs.list[1].first, 1);
	assert_int_equal(programs.list[1].size, 2);
	assert_int_equal(apps_of_rank(&programs, 0), 0);
	assert_int_equal(apps_of_rank(&programs, 2), 1);
	/* Slurm has launched one. */
	assert_int_equal(c->apps.n, 1);
	free(programs.list);
}

static void programs_of_other_tasks_are_refused(void **state)
{
	static const char *const values[] = {
		"",	"1", "1,3",  "1,1",	     "0,3",	     "1,2,",
		"1,2 ", "x", "3,-1", "1,4294967298", "4294967295,4",
	};
	case_t *c = *state;
	apps_t programs;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(read_programs(c, values[i], &programs), -1);
		assert_non_null(strstr(c->err.text,
				       "does not describe the programs of 3"));
		free(programs.list);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_usual_step_is_one_application),
		TEST(without_words_the_distribution_is_unknown),
		TEST(nodes_and_ranks_are_counted_through_components),
		TEST(the_only_component_of_a_step_keeps_its_leader),
		TEST(words_that_are_none_are_refused),
		TEST(what_slurm_does_not_say_of_this_component_is_refused),
		TEST(programs_are_counted_by_their_tasks),
		TEST(programs_of_other_tasks_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
