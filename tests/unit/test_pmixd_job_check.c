/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurmctld's word about jobs: asked once, kept for a while, and not waited
 * for.  slurmctld_ask() is a double, which answers from a table when it is
 * let; the real one is tested in tests/bats/jobcheck.bats.
 */
#include "check.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "job_check.h"
#include "pmixd.h"
#include "slurmctld.h"

#define OWN_JOB	  7
#define OTHER_UID 4242
#define CACHE_MS  1000

pmixd_t pmixd = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* -- the double --------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopped; /* questions wait */
	bool down;
	unsigned asked, waiting;
	job_state_t states[4096]; /* by job */
} ctld = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .changed = PTHREAD_COND_INITIALIZER };

void slurmctld_ask(uint32_t job_id, job_answer_t *answer)
{
	memset(answer, 0, sizeof(*answer));
	pthread_mutex_lock(&ctld.lock);
	ctld.asked++;
	ctld.waiting++;
	pthread_cond_broadcast(&ctld.changed);
	while (ctld.stopped)
		pthread_cond_wait(&ctld.changed, &ctld.lock);
	ctld.waiting--;
	answer->state = ctld.states[job_id];
	answer->uid = OTHER_UID;
	if (ctld.down) {
		answer->state = JOB_NO_ANSWER;
		(void)snprintf(answer->why, sizeof(answer->why), "no route");
	}
	pthread_cond_broadcast(&ctld.changed);
	pthread_mutex_unlock(&ctld.lock);
}

static void ctld_stop(bool stopped)
{
	pthread_mutex_lock(&ctld.lock);
	ctld.stopped = stopped;
	pthread_cond_broadcast(&ctld.changed);
	pthread_mutex_unlock(&ctld.lock);
}

static unsigned ctld_asked(void)
{
	unsigned n;

	pthread_mutex_lock(&ctld.lock);
	n = ctld.asked;
	pthread_mutex_unlock(&ctld.lock);
	return n;
}

/* -- asking ------------------------------------------------------------- */

typedef struct {
	job_query_t query;
	bool done, at_once;
	unsigned times;
} asker_t;

static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

static void on_done(job_query_t *q)
{
	asker_t *a = (asker_t *)q;

	a->done = true;
	a->times++;
	pthread_cond_broadcast(&answered);
}

static void begin(asker_t *a, uint32_t job, uid_t uid, int64_t limit_ms)
{
	memset(a, 0, sizeof(*a));
	a->query.job_id = job;
	a->query.uid = uid;
	pthread_mutex_lock(&pmixd.lock);
	a->at_once = job_check(&a->query, limit_ms, on_done);
	pthread_mutex_unlock(&pmixd.lock);
}

static void end(asker_t *a)
{
	pthread_mutex_lock(&pmixd.lock);
	while (!a->at_once && !a->done)
		pthread_cond_wait(&answered, &pmixd.lock);
	pthread_mutex_unlock(&pmixd.lock);
	assert_int_equal(a->times, a->at_once ? 0 : 1);
}

static void expect_limit(uint32_t job, uid_t uid, int64_t limit_ms,
			 job_word_t word, const char *words)
{
	asker_t a;

	begin(&a, job, uid, limit_ms);
	end(&a);
	if (a.query.word != word || !strstr(a.query.why, words))
		FAIL_MSG("job %u: word %d, '%s'; should be %d, '...%s...'", job,
			 (int)a.query.word, a.query.why, (int)word, words);
}

static void expect(uint32_t job, uid_t uid, job_word_t word, const char *words)
{
	expect_limit(job, uid, 5000, word, words);
}

/* A job that no other test has asked about. */
static uint32_t new_job(job_state_t state)
{
	static uint32_t last = 100;

	pthread_mutex_lock(&ctld.lock);
	ctld.states[++last] = state;
	pthread_mutex_unlock(&ctld.lock);
	return last;
}

static void set_job(uint32_t job, job_state_t state)
{
	pthread_mutex_lock(&ctld.lock);
	ctld.states[job] = state;
	pthread_mutex_unlock(&ctld.lock);
}

static void cache_runs_out(void)
{
	(void)usleep((CACHE_MS + 50) * 1000);
}

/* -- words -------------------------------------------------------------- */

static void a_running_job_of_that_uid_is_confirmed(void **state)
{
	expect(new_job(JOB_IS_RUNNING), OTHER_UID, JOB_CONFIRMED, "");
}

static void anything_else_is_refused(void **state)
{
	expect(new_job(JOB_IS_RUNNING), OTHER_UID + 1, JOB_REFUSED,
	       "is not of uid 4243");
	expect(new_job(JOB_HAS_ENDED), OTHER_UID, JOB_REFUSED, "has ended");
	expect(new_job(JOB_IS_PENDING), OTHER_UID, JOB_REFUSED,
	       "is not running");
	expect(new_job(JOB_NOT_SHOWN), OTHER_UID, JOB_REFUSED,
	       "there is no job");
	/* Whose job it is counts before whether it runs. */
	expect(new_job(JOB_HAS_ENDED), OTHER_UID + 1, JOB_REFUSED,
	       "is not of uid");
}

static void a_hidden_job_is_not_confirmed(void **state)
{
	pmixd.conf.private_jobs = true;
	expect(new_job(JOB_NOT_SHOWN), OTHER_UID, JOB_UNCONFIRMED,
	       "(PrivateData=jobs)");
	/* One's own are always shown. */
	expect(new_job(JOB_NOT_SHOWN), geteuid(), JOB_REFUSED,
	       "there is no job");
	pmixd.conf.private_jobs = false;
}

static void this_steps_own_job_is_not_asked_about(void **state)
{
	unsigned before = ctld_asked();

	expect(OWN_JOB, geteuid(), JOB_CONFIRMED, "");
	expect(OWN_JOB, OTHER_UID, JOB_REFUSED, "job 7 is not of uid 4242");
	assert_int_equal(ctld_asked(), before);
}

/* -- the cache ---------------------------------------------------------- */

static void an_answer_is_kept_for_its_time(void **state)
{
	uint32_t job = new_job(JOB_IS_RUNNING);
	unsigned before = ctld_asked();

	for (int i = 0; i < 100; i++)
		expect(job, OTHER_UID, JOB_CONFIRMED, "");
	expect(job, OTHER_UID + 1, JOB_REFUSED, "is not of uid");
	assert_int_equal(ctld_asked(), before + 1);
	set_job(job, JOB_HAS_ENDED);
	expect(job, OTHER_UID, JOB_CONFIRMED, "");
	cache_runs_out();
	expect(job, OTHER_UID, JOB_REFUSED, "has ended");
	assert_int_equal(ctld_asked(), before + 2);
}

static void who_wants_to_know_meanwhile_waits_for_the_same_answer(void **state)
{
	uint32_t job = new_job(JOB_IS_RUNNING);
	unsigned before = ctld_asked();
	asker_t askers[50];

	ctld_stop(true);
	for (int i = 0; i < 50; i++)
		begin(&askers[i], job, OTHER_UID, 5000);
	ctld_stop(false);
	for (int i = 0; i < 50; i++) {
		end(&askers[i]);
		assert_int_equal(askers[i].query.word, JOB_CONFIRMED);
	}
	assert_int_equal(ctld_asked(), before + 1);
}

static void more_jobs_than_are_remembered(void **state)
{
	uint32_t jobs[600];

	for (int i = 0; i < 600; i++) {
		jobs[i] = new_job(i % 2 ? JOB_IS_RUNNING : JOB_HAS_ENDED);
		expect(jobs[i], OTHER_UID, i % 2 ? JOB_CONFIRMED : JOB_REFUSED,
		       "");
	}
	for (int i = 0; i < 600; i++)
		expect(jobs[i], OTHER_UID, i % 2 ? JOB_CONFIRMED : JOB_REFUSED,
		       "");
}

/* -- a silent slurmctld ------------------------------------------------- */

static void nobody_waits_longer_than_his_limit(void **state)
{
	uint32_t known = new_job(JOB_IS_RUNNING), job = new_job(JOB_IS_RUNNING);
	int64_t start;

	expect(known, OTHER_UID, JOB_CONFIRMED, "");
	ctld_stop(true);
	start = clock_ms();
	expect_limit(job, OTHER_UID, 200, JOB_UNCONFIRMED,
		     "slurmctld does not answer");
	assert_in_range(clock_ms() - start, 190, 600);
	/* The next ones do not wait at all, and what is known counts. */
	start = clock_ms();
	for (int i = 0; i < 20; i++) {
		expect(job, OTHER_UID, JOB_UNCONFIRMED, "does not answer");
		expect(new_job(JOB_IS_RUNNING), OTHER_UID, JOB_UNCONFIRMED,
		       "does not answer");
		expect(known, OTHER_UID, JOB_CONFIRMED, "");
	}
	assert_in_range(clock_ms() - start, 0, 100);
	ctld_stop(false);
	cache_runs_out();
	expect(job, OTHER_UID, JOB_CONFIRMED, "");
	expect(new_job(JOB_IS_RUNNING), OTHER_UID, JOB_CONFIRMED, "");
}

/* Its limit was over nearly before slurmctld could be asked. */
static void who_is_late_himself_does_not_make_slurmctld_silent(void **state)
{
	uint32_t job = new_job(JOB_IS_RUNNING);
	asker_t other;

	ctld_stop(true);
	expect_limit(job, OTHER_UID, 5, JOB_UNCONFIRMED,
		     "slurmctld does not answer");
	begin(&other, new_job(JOB_HAS_ENDED), OTHER_UID, 5000);
	assert_false(other.at_once);
	ctld_stop(false);
	end(&other);
	assert_int_equal(other.query.word, JOB_REFUSED);
	expect(job, OTHER_UID, JOB_CONFIRMED, "");
}

static void the_reason_of_a_failure_is_told(void **state)
{
	uint32_t job = new_job(JOB_IS_RUNNING);
	unsigned before = ctld_asked();

	ctld.down = true;
	for (int i = 0; i < 10; i++)
		expect(job, OTHER_UID, JOB_UNCONFIRMED,
		       "slurmctld does not answer: no route");
	assert_int_equal(ctld_asked(), before + 1);
	ctld.down = false;
	cache_runs_out();
	expect(job, OTHER_UID, JOB_CONFIRMED, "");
}

/* More questions than there is room for, none of them answered. */
static void too_many_open_questions_are_not_kept(void **state)
{
	static asker_t askers[400];
	unsigned unconfirmed = 0;

	ctld_stop(true);
	for (int i = 0; i < 400; i++)
		begin(&askers[i], new_job(JOB_IS_RUNNING), OTHER_UID, 10000);
	for (int i = 0; i < 400; i++)
		unconfirmed += askers[i].at_once &&
			       askers[i].query.word == JOB_UNCONFIRMED &&
			       strstr(askers[i].query.why, "too many jobs");
	assert_in_range(unconfirmed, 400 - 256 - 4, 400 - 256);
	ctld_stop(false);
	for (int i = 0; i < 400; i++) {
		end(&askers[i]);
		assert_int_equal(askers[i].query.word, askers[i].at_once
							       ? JOB_UNCONFIRMED
							       : JOB_CONFIRMED);
	}
}

/* -- main --------------------------------------------------------------- */

static void *loop_main(void *arg)
{
	event_base_loop(pmixd.base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static int setup(void **state)
{
	pthread_t loop;

	pmixd.conf.job_id = OWN_JOB;
	pmixd.conf.job_cache_s = CACHE_MS / 1000;
	if (evthread_use_pthreads() != 0 || !(pmixd.base = event_base_new()) ||
	    !deadline_init() ||
	    pthread_create(&loop, NULL, loop_main, NULL) != 0)
		return -1;
	pthread_detach(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_running_job_of_that_uid_is_confirmed),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(a_hidden_job_is_not_confirmed),
		cmocka_unit_test(this_steps_own_job_is_not_asked_about),
		cmocka_unit_test(an_answer_is_kept_for_its_time),
		cmocka_unit_test(
			who_wants_to_know_meanwhile_waits_for_the_same_answer),
		cmocka_unit_test(more_jobs_than_are_remembered),
		cmocka_unit_test(nobody_waits_longer_than_his_limit),
		cmocka_unit_test(
			who_is_late_himself_does_not_make_slurmctld_silent),
		cmocka_unit_test(the_reason_of_a_failure_is_told),
		cmocka_unit_test(too_many_open_questions_are_not_kept),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
