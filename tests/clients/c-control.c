/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-control - PMIx_Job_control: rank 0 has a signal sent to the others, and the
 * last paused and resumed, then what is wrong must be refused; --kill and
 * --terminate end the last rank.
 */
#include "client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LIMIT_MS 10000
#define NAP_MS	 300

static bool kill_last, terminate;
static volatile sig_atomic_t usr1, usr2;
static volatile int64_t usr1_us, cont_us; /* when they came */

static const option_t options[] = {
	{ "--kill", OPT_FLAG, &kill_last, "then kill the last rank" },
	{ "--terminate", OPT_FLAG, &terminate, "or terminate it" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static void on_signal(int sig)
{
	struct timespec now;
	int64_t us;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	us = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
	if (sig == SIGUSR1) {
		usr1_us = us;
		usr1++;
	} else if (sig == SIGUSR2) {
		usr2++;
	} else {
		cont_us = us;
	}
}

static pmix_status_t control(const pmix_proc_t *targets, size_t n,
			     const char *key, int sig)
{
	pmix_info_t info, *results = NULL;
	size_t nresults = 0;
	bool yes = true;

	if (sig)
		PMIX_INFO_LOAD(&info, key, &sig, PMIX_INT);
	else
		PMIX_INFO_LOAD(&info, key, &yes, PMIX_BOOL);
	PMIX_INFO_REQUIRED(&info);
	client_doing("controlling with '%s'", key);
	return PMIx_Job_control(targets, n, &info, 1, &results, &nresults);
}

static void must_be(pmix_status_t rc, pmix_status_t expected, const char *what)
{
	if (rc != expected)
		client_wrong("%s: %s instead of %s", what, status_text(rc),
			     status_text(expected));
}

static void await_signals(int ones, int twos)
{
	int64_t until = now_us() + LIMIT_MS * 1000LL;

	client_doing("waiting for %d signals", ones + twos);
	while ((usr1 < ones || usr2 < twos) && now_us() < until)
		sleep_ms(5);
	if (usr1 != ones || usr2 != twos)
		client_wrong("%d and %d signals came instead of %d and %d",
			     (int)usr1, (int)usr2, ones, twos);
}

/* All, then one. */
static void signalling(void)
{
	pmix_proc_t last = client_proc(client_size() - 1);
	int twos = client_rank() == last.rank;

	if (client_rank() == 0) {
		client_check(control(NULL, 0, PMIX_JOB_CTRL_SIGNAL, SIGUSR1),
			     "a signal for all");
		client_check(control(&last, 1, PMIX_JOB_CTRL_SIGNAL, SIGUSR2),
			     "a signal for the last");
	}
	await_signals(1, twos);
	fence_all(false);
	await_signals(1, twos);
}

/* A signal for the last rank, which is paused, comes when it goes on. */
static void pausing(void)
{
	pmix_proc_t last = client_proc(client_size() - 1);
	int64_t until = now_us() + LIMIT_MS * 1000LL;

	if (client_rank() == 0) {
		client_check(control(&last, 1, PMIX_JOB_CTRL_PAUSE, 0),
			     "pausing the last");
		client_check(control(&last, 1, PMIX_JOB_CTRL_SIGNAL, SIGUSR1),
			     "a signal for the paused one");
		sleep_ms(NAP_MS);
		client_check(control(&last, 1, PMIX_JOB_CTRL_RESUME, 0),
			     "resuming it");
	}
	if (client_rank() != last.rank)
		return;
	client_doing("waiting to be paused and resumed");
	while ((!usr1_us || !cont_us) && now_us() < until)
		sleep_ms(5);
	if (!cont_us)
		client_wrong("it was not resumed");
	else if (usr1 != 2 || cont_us - usr1_us > NAP_MS * 1000LL / 2)
		client_wrong("it was not paused");
}

static void refusals(void)
{
	pmix_proc_t beyond = client_proc(client_size()), other = client_proc(0);

	(void)snprintf(other.nspace, sizeof(other.nspace), "no.such.one");
	must_be(control(&beyond, 1, PMIX_JOB_CTRL_SIGNAL, SIGUSR1),
		PMIX_ERR_NOT_FOUND, "a rank beyond the last");
	must_be(control(&other, 1, PMIX_JOB_CTRL_SIGNAL, SIGUSR1),
		PMIX_ERR_NOT_FOUND, "another namespace");
	must_be(control(NULL, 0, PMIX_JOB_CTRL_SIGNAL, 4711),
		PMIX_ERR_BAD_PARAM, "a signal that there is not");
	must_be(control(NULL, 0, PMIX_JOB_CTRL_PREEMPTIBLE, 0),
		PMIX_ERR_NOT_SUPPORTED, "preemption");
}

/* Others of its node stay until rank 0 has noticed the end, and says so. */
static void ending(const char *key)
{
	pmix_proc_t last = client_proc(client_size() - 1);
	int64_t until = now_us() + LIMIT_MS * 1000LL;
	pmix_status_t rc = PMIX_SUCCESS;

	if (client_rank() == last.rank) {
		sleep_ms(2L * LIMIT_MS);
		client_fail("nobody ended this rank");
	}
	if (client_rank() != 0) {
		await_signals(1, 1);
		return;
	}
	client_check(control(&last, 1, key, 0), "ending the last rank");
	while (rc == PMIX_SUCCESS && now_us() < until) {
		sleep_ms(10);
		rc = control(&last, 1, PMIX_JOB_CTRL_SIGNAL, SIGURG);
	}
	must_be(rc, PMIX_ERR_NOT_FOUND, "a signal for a rank that has ended");
	for (uint32_t i = 1; i < last.rank; i++) {
		pmix_proc_t other = client_proc(i);

		client_check(control(&other, 1, PMIX_JOB_CTRL_SIGNAL, SIGUSR2),
			     "a signal for rank %u", i);
	}
}

int main(int argc, char **argv)
{
	client_options(argc, argv, options);
	(void)signal(SIGUSR1, on_signal);
	(void)signal(SIGUSR2, on_signal);
	(void)signal(SIGCONT, on_signal);
	client_init();
	fence_all(false);
	signalling();
	fence_all(false);
	usr1_us = 0;
	fence_all(false);
	pausing();
	if (client_rank() == 0)
		refusals();
	fence_all(false);
	if (kill_last)
		ending(PMIX_JOB_CTRL_KILL);
	else if (terminate)
		ending(PMIX_JOB_CTRL_TERMINATE);
	return client_end();
}
