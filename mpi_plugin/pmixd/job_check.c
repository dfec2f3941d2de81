/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job_check.c - see job_check.h.
 *
 * While slurmctld is silent, each question would wait for its limit.  So
 * after one has waited in vain nobody waits, until the time for which answers
 * are kept is over.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "job_check.h"
#include "log.h"
#include "pmixd.h"
#include "slurmctld.h"
#include "workers.h"

#define JOBS_MAX 256 /* that are remembered */
#define THREADS	 4
#define FAIR_MS	 100 /* less says nothing about slurmctld */

/* What is known about a job. */
typedef struct known {
	TAILQ_ENTRY(known) next;
	uint32_t job_id;
	bool asking;	  /* a thread has it, or will */
	int64_t asked_ms; /* since then */
	int64_t until_ms; /* the answer counts; 0: there is none */
	job_answer_t answer;
	LIST_HEAD(, job_query) waiting;
} known_t;

/* Guarded by pmixd.lock. */
static struct {
	TAILQ_HEAD(, known) jobs; /* asked least recently first */
	unsigned njobs;
	workers_t *threads;
	int64_t silent_until_ms;
	char silent_why[160];
} self = { .jobs = TAILQ_HEAD_INITIALIZER(self.jobs) };

static known_t *find(uint32_t job_id)
{
	known_t *job;

	TAILQ_FOREACH(job, &self.jobs, next)
	if (job->job_id == job_id)
		return job;
	return NULL;
}

/* -- words --------------------------------------------------------------- */

static bool say(job_query_t *q, job_word_t word, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool say(job_query_t *q, job_word_t word, const char *fmt, ...)
{
	va_list ap;

	q->word = word;
	va_start(ap, fmt);
	(void)vsnprintf(q->why, sizeof(q->why), fmt, ap);
	va_end(ap);
	return true;
}

static void say_silent(job_query_t *q, const char *why)
{
	say(q, JOB_UNCONFIRMED, "slurmctld does not answer%s%s",
	    why[0] ? ": " : "", why);
}

/* With PrivateData=jobs slurmctld hides what it would say is not there. */
static void say_not_shown(job_query_t *q, const job_answer_t *a)
{
	if ((pmixd.conf.private_jobs || a->hides) && q->uid != geteuid())
		say(q, JOB_UNCONFIRMED,
		    "slurmctld does not tell uid %u about job %u "
		    "(PrivateData=jobs)",
		    (unsigned)geteuid(), q->job_id);
	else
		say(q, JOB_REFUSED, "there is no job %u", q->job_id);
}

static void judge(job_query_t *q, const job_answer_t *a)
{
	bool shown = a->state != JOB_NO_ANSWER && a->state != JOB_NOT_SHOWN;

	if (a->state == JOB_NO_ANSWER)
		say_silent(q, a->why);
	else if (a->state == JOB_NOT_SHOWN)
		say_not_shown(q, a);
	else if (shown && a->uid != q->uid)
		say(q, JOB_REFUSED, "job %u is not of uid %u", q->job_id,
		    (unsigned)q->uid);
	else if (a->state == JOB_HAS_ENDED)
		say(q, JOB_REFUSED, "job %u has ended", q->job_id);
	else if (a->state == JOB_IS_PENDING)
		say(q, JOB_REFUSED, "job %u is not running", q->job_id);
	else
		say(q, JOB_CONFIRMED, "%s", "");
}

/* -- asking -------------------------------------------------------------- */

static void finish(job_query_t *q)
{
	LIST_REMOVE(q, next);
	deadline_clear(&q->limit);
	q->done(q);
}

static int64_t cache_end_ms(void)
{
	return clock_ms() + pmixd.conf.job_cache_s * 1000LL;
}

/* From now on nobody waits for a while; one line tells. */
static void note_silence(const char *why)
{
	if (self.silent_until_ms <= clock_ms())
		plog_info("slurmctld does not answer%s%s; for %d s credentials "
			  "are judged without its word about their jobs",
			  why[0] ? ": " : "", why, pmixd.conf.job_cache_s);
	self.silent_until_ms = cache_end_ms();
	(void)snprintf(self.silent_why, sizeof(self.silent_why), "%s", why);
}

static void remember(known_t *job, const job_answer_t *answer)
{
	job->asking = false;
	job->answer = *answer;
	if (answer->state == JOB_NO_ANSWER) {
		note_silence(answer->why);
		job->until_ms = 0;
	} else {
		job->until_ms = cache_end_ms();
		self.silent_until_ms = 0;
	}
}

/* On one of our threads. */
static void ask(void *arg)
{
	known_t *job = arg;
	job_answer_t answer;

	slurmctld_ask(job->job_id, &answer);
	pthread_mutex_lock(&pmixd.lock);
	remember(job, &answer);
	while (!LIST_EMPTY(&job->waiting)) {
		job_query_t *q = LIST_FIRST(&job->waiting);

		judge(q, &answer);
		finish(q);
	}
	pthread_mutex_unlock(&pmixd.lock);
}

static void too_late(deadline_t *d)
{
	job_query_t *q = deadline_owner(d, job_query_t, limit);
	const known_t *job = find(q->job_id);

	/*
	 * A request that was itself late does not make slurmctld silent: others
	 * would be judged without its word.
	 */
	if (job && clock_ms() - job->asked_ms >= FAIR_MS)
		note_silence("");
	say_silent(q, "");
	finish(q);
}

static bool begin(known_t *job)
{
	if (!self.threads)
		self.threads = workers_create(THREADS, JOBS_MAX);
	if (!self.threads || workers_post(self.threads, ask, job) != 0)
		return false;
	job->asking = true;
	job->asked_ms = clock_ms();
	return true;
}

/* -- jobs ---------------------------------------------------------------- */

/* Room for one more; false: slurmctld is being asked about all of them. */
static bool make_room(void)
{
	known_t *job;

	if (self.njobs < JOBS_MAX)
		return true;
	TAILQ_FOREACH(job, &self.jobs, next)
	if (!job->asking)
		break;
	if (!job)
		return false;
	TAILQ_REMOVE(&self.jobs, job, next);
	self.njobs--;
	free(job);
	return true;
}

static known_t *add(uint32_t job_id)
{
	known_t *job = make_room() ? calloc(1, sizeof(*job)) : NULL;

	if (!job)
		return NULL;
	job->job_id = job_id;
	LIST_INIT(&job->waiting);
	TAILQ_INSERT_TAIL(&self.jobs, job, next);
	self.njobs++;
	return job;
}

/* -- the question -------------------------------------------------------- */

/* This very job runs, or we would not; whose it is Slurm has told us. */
static bool is_own_job(job_query_t *q)
{
	if (q->job_id != pmixd.conf.job_id)
		return false;
	return q->uid == geteuid()
		       ? say(q, JOB_CONFIRMED, "%s", "")
		       : say(q, JOB_REFUSED, "job %u is not of uid %u",
			     q->job_id, (unsigned)q->uid);
}

static bool is_known(job_query_t *q, const known_t *job)
{
	int64_t now = clock_ms();

	if (job && job->until_ms > now)
		judge(q, &job->answer);
	else if (self.silent_until_ms > now)
		say_silent(q, self.silent_why);
	else
		return false;
	return true;
}

bool job_check(job_query_t *q, int64_t limit_ms, void (*done)(job_query_t *q))
{
	known_t *job = find(q->job_id);

	if (is_own_job(q) || is_known(q, job))
		return true;
	if (!job)
		job = add(q->job_id);
	if (!job || (!job->asking && !begin(job)))
		return say(q, JOB_UNCONFIRMED,
			   "slurmctld is being asked about too many jobs");
	q->done = done;
	LIST_INSERT_HEAD(&job->waiting, q, next);
	deadline_set(&q->limit, limit_ms, too_late);
	return false;
}
