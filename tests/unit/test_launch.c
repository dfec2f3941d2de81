/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_launch.c - how root ends a program that it has started as a user.  It
 * is root itself, or there is nothing to test.
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "launch.h"

#define NOBODY 65534
#define HANG_S 30 /* then SIGALRM fails the test */

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Start SCRIPT as nobody, and end it after 0.1 s; *TOOK_S says how long. */
static int run(const char *script, double *took_s)
{
	const psec_step_t step = { .uid = NOBODY, .gid = NOBODY };
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script,
			       NULL };
	launch_t launch = LAUNCH_INIT;
	int dirfd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	double begun_s = now_s();
	int rc;

	assert_true(dirfd >= 0);
	alarm(HANG_S);
	assert_int_equal(launch_start(&step, dirfd, argv, &launch), 0);
	rc = launch_end(&launch, 100);
	alarm(0);
	close(dirfd);
	*took_s = now_s() - begun_s;
	assert_int_equal(launch.pid, -1);
	assert_int_equal(launch.log_fd, -1);
	assert_int_equal(launch.ctl_fd, -1);
	return rc;
}

static void a_program_that_hangs_is_killed(void **state)
{
	double took_s;

	if (geteuid() != 0)
		skip();
	assert_int_equal(run("exec sleep 60", &took_s), -1);
	assert_true(took_s < 5);
}

/* What it has started lives on, and nobody knows it. */
static void who_keeps_its_log_is_not_waited_for(void **state)
{
	double took_s;

	if (geteuid() != 0)
		skip();
	assert_int_equal(run("sleep 5 & exit 0", &took_s), -1);
	assert_true(took_s < 4);
}

static void a_log_that_never_ends_does_not_hold_root_up(void **state)
{
	double took_s;

	if (geteuid() != 0)
		skip();
	assert_int_equal(run("yes >&2 & exit 0", &took_s), -1);
	assert_true(took_s < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_hangs_is_killed),
		cmocka_unit_test(who_keeps_its_log_is_not_waited_for),
		cmocka_unit_test(a_log_that_never_ends_does_not_hold_root_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
