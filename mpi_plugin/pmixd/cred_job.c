/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_job.c - see cred_job.h. */
#include <stdio.h>
#include <string.h>

#include "cred_job.h"
#include "pmixd.h"

#define LIMIT_MS 3000 /* slurmctld has for its answer */

/* Without a name it is ours. */
static bool is_ours(const claims_t *c)
{
	return !c->cluster[0] || !pmixd.conf.cluster ||
	       !strcmp(c->cluster, pmixd.conf.cluster);
}

bool cred_job_ask(cred_request_t *r, void (*done)(job_query_t *q))
{
	const cred_facts_t *facts = &r->result.facts;
	job_query_t *q = &r->query;
	int64_t limit_ms;
	bool known;

	q->job_id = facts->claims.job_id;
	q->uid = facts->uid;
	if (facts->proven & CRED_PROVES_JOB) {
		q->word = JOB_CONFIRMED;
		return true;
	}
	q->word = JOB_UNCONFIRMED;
	if (pmixd.conf.job_check == JOB_CHECK_OFF)
		return true;
	/* psec(1) makes such ones outside of jobs. */
	if (!q->job_id) {
		(void)snprintf(q->why, sizeof(q->why), "it names no job");
		return true;
	}
	if (!is_ours(&facts->claims)) {
		(void)snprintf(q->why, sizeof(q->why),
			       "job %u is of the cluster '%.64s', not of this "
			       "one",
			       q->job_id, facts->claims.cluster);
		return true;
	}
	pthread_mutex_lock(&pmixd.lock);
	/* Half of the time that is left: an answer is better than none. */
	limit_ms = cred_request_left_ms(r) / 2;
	known = job_check(q, limit_ms < LIMIT_MS ? limit_ms : LIMIT_MS, done);
	pthread_mutex_unlock(&pmixd.lock);
	return known;
}

cred_cause_t cred_job_judge(const job_query_t *q, cred_facts_t *facts,
			    cred_error_t *err)
{
	switch (q->word) {
	case JOB_CONFIRMED:
		/* The job is that uid's; is the credential? */
		if (facts->proven & CRED_PROVES_UID)
			facts->proven |= CRED_PROVES_JOB;
		break;
	case JOB_REFUSED:
		return cred_fail(err, CRED_JOB_GONE, "%s", q->why);
	case JOB_UNCONFIRMED:
		if (pmixd.conf.job_check == JOB_CHECK_REQUIRE)
			return cred_fail(err, CRED_JOB_UNCONFIRMED, "%s",
					 q->why);
		break;
	}
	return CRED_OK;
}
