/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_request.h - the life of one request about a credential: it is made in
 * an upcall, worked on by a worker, and answered exactly once, by the worker
 * or, when its time is up, by the timer.
 */
#ifndef PMIXD_CRED_REQUEST_H
#define PMIXD_CRED_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <pmix_server.h>

#include "cred_cause.h"
#include "cred_directives.h"
#include "cred_facts.h"
#include "cred_type.h"
#include "deadline.h"
#include "job_check.h"
#include "workers.h"

typedef struct cred_reply cred_reply_t;
typedef struct cred_request cred_request_t;

/* What the work's outcome is; all zero at first. */
typedef struct {
	cred_error_t err;	 /* err.cause CRED_OK: it was done */
	pmix_byte_object_t cred; /* malloc()ed */
	pmix_data_array_t info;
	const char *type;   /* of the credential; NULL: not known */
	cred_facts_t facts; /* what it says, if known */
	bool has_facts;
} cred_result_t;

/*
 * True: R->result is complete.  False: it is not yet, R is out of the
 * worker's hands, and cred_request_end() will be called, or has been.
 */
typedef bool (*cred_work_fn)(cred_request_t *r);

struct cred_request {
	pmix_proc_t proc; /* who asks */
	cred_wish_t wish;
	bool get; /* or validate */
	/* get: types to be tried, in this order; validate: what it is of. */
	const cred_type_t *types[CRED_TYPES_MAX];
	size_t ntypes;
	uint8_t *blob; /* to be validated; malloc()ed */
	size_t blob_len;
	cred_result_t result; /* the work's */
	job_query_t query;    /* likewise */

	/* cred_request.c's own. */
	int64_t begun_us;
	cred_work_fn work;
	workers_t *workers;
	workers_call_t call;
	deadline_t timeout;
	cred_reply_t *reply; /* NULL: answered.  Guarded by pmixd.lock */
};

/* One of GET_CB and VALIDATE_CB is NULL.  NULL without memory. */
cred_request_t *cred_request_new(const pmix_proc_t *proc,
				 pmix_credential_cbfunc_t get_cb,
				 pmix_validation_cbfunc_t validate_cb,
				 void *cbdata);

/*
 * Refuse R in its upcall: it is noted and freed, and the status is the
 * upcall's result.  Its callback is not called.
 */
pmix_status_t cred_request_refuse(cred_request_t *r, const cred_error_t *err);

/*
 * Have WORK called with R, and answer with its result, unless R's time is up
 * by then.  If R's types come back at once, WORK is called here; otherwise on
 * a worker, in turn with the requests of other ranks.  On an error R is freed
 * and will not be answered.  In an upcall, without the lock.
 */
pmix_status_t cred_request_start(cred_request_t *r, cred_work_fn work);

/* The milliseconds that are left of R's time.  With the lock held. */
int64_t cred_request_left_ms(const cred_request_t *r);

/* Answer with R->result, which is complete now.  With the lock held. */
void cred_request_end(cred_request_t *r);

#endif
