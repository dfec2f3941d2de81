/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_job.h - a credential dies with its job: what slurmctld's word about the
 * job means for a credential, by the site's job_check=.
 */
#ifndef PMIXD_CRED_JOB_H
#define PMIXD_CRED_JOB_H

#include <stdbool.h>

#include "cred_cause.h"
#include "cred_facts.h"
#include "cred_request.h"
#include "job_check.h"

/*
 * Find out about the job of R->result.facts, into R->query.  True: it is
 * there.  False: DONE will be called, once, with pmixd.lock held, well before
 * R's time is up; R is not the caller's any more.  Without the lock.
 */
bool cred_job_ask(cred_request_t *r, void (*done)(job_query_t *q));

/* Accept or refuse, and note in FACTS what is proven.  Any thread. */
cred_cause_t cred_job_judge(const job_query_t *q, cred_facts_t *facts,
			    cred_error_t *err);

#endif
