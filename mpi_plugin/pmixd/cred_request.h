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
#include "cred_type.h"
#include "deadline.h"

typedef struct cred_reply cred_reply_t;

typedef struct {
	pmix_proc_t proc; /* who asks */
	cred_wish_t wish;
	bool get;      /* or validate */
	uint8_t *blob; /* to be validated; malloc()ed */
	size_t blob_len;
	const cred_type_t *type; /* to be made, or recognised */
	deadline_t timeout;
	cred_reply_t *reply; /* NULL: answered.  Guarded by pmixd.lock */
} cred_request_t;

/* What a worker has to say; all zero at first. */
typedef struct {
	cred_error_t err;	 /* err.cause CRED_OK: it was done */
	pmix_byte_object_t cred; /* malloc()ed */
	pmix_data_array_t info;
} cred_result_t;

typedef void (*cred_work_fn)(cred_request_t *r, cred_result_t *result);

/* One of GET_CB and VALIDATE_CB is NULL.  NULL without memory. */
cred_request_t *cred_request_new(const pmix_proc_t *proc,
				 pmix_credential_cbfunc_t get_cb,
				 pmix_validation_cbfunc_t validate_cb,
				 void *cbdata);

/* For one that was not started: it is never answered. */
void cred_request_free(cred_request_t *r);

/*
 * Have WORK(R) called on a worker, and answer with its result.  WORK gets an
 * empty result and leaves R's memory alone.  On an error R is freed and will
 * not be answered.
 */
pmix_status_t cred_request_start(cred_request_t *r, cred_work_fn work);

#endif
