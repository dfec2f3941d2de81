/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job_check.h - does the job that a credential names run, and is it that
 * uid's?  slurmctld's word is kept for some seconds (job_cache=), and while it
 * is being asked about a job, everybody who wants to know waits for that one
 * answer.
 *
 * All functions are called with pmixd.lock held.  Nothing blocks but threads
 * of this part's own, which are there from the first question on.
 */
#ifndef PMIXD_JOB_CHECK_H
#define PMIXD_JOB_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "deadline.h"

typedef enum {
	JOB_CONFIRMED,	 /* it runs and is that uid's */
	JOB_REFUSED,	 /* it does not, or is another's */
	JOB_UNCONFIRMED, /* slurmctld does not answer, or may not say */
} job_word_t;

typedef struct job_query job_query_t;

/* Part of the object that wants to know; all zero at first. */
struct job_query {
	uint32_t job_id; /* asked */
	uid_t uid;
	job_word_t word; /* answered */
	char why[200];	 /* a clause, "job 12 has ended"; "" if CONFIRMED */

	/* job_check.c's own. */
	void (*done)(job_query_t *q);
	deadline_t limit;
	LIST_ENTRY(job_query) next;
};

/*
 * Answer Q.  True: it is.  False: DONE(Q) will be called, once, when it is,
 * with the lock held, in LIMIT_MS at the latest.
 */
bool job_check(job_query_t *q, int64_t limit_ms, void (*done)(job_query_t *q));

#endif
