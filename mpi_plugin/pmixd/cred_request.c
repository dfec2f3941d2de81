/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_request.c - see cred_request.h.
 *
 * Whoever comes first, worker or timer, takes the reply out of the request,
 * with the lock held; the other one finds none.  The request itself stays the
 * worker's, however long its service hangs.
 */
#include <stdlib.h>
#include <string.h>

#include "cred_log.h"
#include "cred_request.h"
#include "pmixd.h"
#include "progress.h"

/* The one answer to a request; see progress.h for where it is given. */
struct cred_reply {
	progress_call_t call;
	/* One of the two; the other one is NULL. */
	pmix_credential_cbfunc_t get_cb;
	pmix_validation_cbfunc_t validate_cb;
	void *cbdata;
	pmix_status_t status;
	pmix_byte_object_t cred; /* {NULL, 0} where there is none */
	pmix_data_array_t info;	 /* likewise */
};

/* What a worker is posted. */
typedef struct {
	cred_request_t *request;
	cred_work_fn work;
} job_t;

static void free_parts(pmix_byte_object_t *cred, pmix_data_array_t *info)
{
	free(cred->bytes);
	if (info->array)
		PMIX_DATA_ARRAY_DESTRUCT(info);
}

static void reply_free(cred_reply_t *reply)
{
	if (!reply)
		return;
	free_parts(&reply->cred, &reply->info);
	free(reply);
}

cred_request_t *cred_request_new(const pmix_proc_t *proc,
				 pmix_credential_cbfunc_t get_cb,
				 pmix_validation_cbfunc_t validate_cb,
				 void *cbdata)
{
	cred_request_t *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->proc = *proc;
	r->get = get_cb != NULL;
	r->reply = calloc(1, sizeof(*r->reply));
	if (!r->reply) {
		free(r);
		return NULL;
	}
	r->reply->get_cb = get_cb;
	r->reply->validate_cb = validate_cb;
	r->reply->cbdata = cbdata;
	return r;
}

void cred_request_free(cred_request_t *r)
{
	reply_free(r->reply);
	free(r->blob);
	free(r);
}

/* -- the one answer ------------------------------------------------------ */

static void forget(progress_call_t *call)
{
	reply_free((cred_reply_t *)call);
}

/*
 * On the progress thread.  Errors carry an empty blob rather than none:
 * libpmix 6.1 never delivers a NULL.  6.1 also reads the arrays a little
 * later, on this thread, and has no way to say when it is done: they are
 * released a turn later.
 */
static void deliver(progress_call_t *call)
{
	cred_reply_t *reply = (cred_reply_t *)call;

	if (reply->get_cb)
		reply->get_cb(reply->status, &reply->cred, reply->info.array,
			      reply->info.size, reply->cbdata);
	else
		reply->validate_cb(reply->status, reply->info.array,
				   reply->info.size, reply->cbdata);
#if PMIX_VERSION_MAJOR >= 6
	pthread_mutex_lock(&pmixd.lock);
	progress_post(call, forget);
	pthread_mutex_unlock(&pmixd.lock);
#else
	forget(call);
#endif
}

/*
 * Answer with RESULT, whose parts are taken over, unless that has happened.
 * False: it had.  With the lock held.
 */
static bool answer(cred_request_t *r, cred_result_t *result)
{
	cred_reply_t *reply = r->reply;

	r->reply = NULL;
	if (!reply)
		return false;
	reply->status = cred_cause_status(result->err.cause);
	reply->cred = result->cred;
	reply->info = result->info;
	progress_post(&reply->call, deliver);
	return true;
}

static void timed_out(deadline_t *d)
{
	cred_request_t *r = deadline_owner(d, cred_request_t, timeout);
	cred_result_t result = { .err.cause = CRED_TIMEOUT };

	answer(r, &result);
	cred_complain_locked(&r->proc,
			     "%s a credential took longer than %u s; does "
			     "munged answer on node %s?",
			     r->get ? "making" : "validating",
			     r->wish.timeout_s,
			     pmixd_node_name(pmixd.conf.node));
}

/* The worker's last act on R. */
static void finish(cred_request_t *r, cred_result_t *result)
{
	bool late;

	pthread_mutex_lock(&pmixd.lock);
	deadline_clear(&r->timeout);
	late = !answer(r, result);
	pthread_mutex_unlock(&pmixd.lock);
	if (late)
		free_parts(&result->cred, &result->info);
	cred_request_free(r);
}

static void run(void *arg)
{
	job_t job = *(job_t *)arg;
	cred_result_t result = { 0 };

	free(arg);
	job.work(job.request, &result);
	if (result.err.cause != CRED_OK) {
		free_parts(&result.cred, &result.info);
		result.cred = (pmix_byte_object_t){ NULL, 0 };
		memset(&result.info, 0, sizeof(result.info));
		cred_complain(
			&job.request->proc, "a credential was not %s (%s): %s",
			job.request->get ? "made" : "accepted",
			cred_cause_name(result.err.cause), result.err.text);
	}
	finish(job.request, &result);
}

pmix_status_t cred_request_start(cred_request_t *r, cred_work_fn work)
{
	cred_cause_t cause = CRED_OK;
	job_t *job = malloc(sizeof(*job));

	if (!job) {
		cred_request_free(r);
		return PMIX_ERR_NOMEM;
	}
	*job = (job_t){ r, work };
	pthread_mutex_lock(&pmixd.lock);
	deadline_set(&r->timeout, r->wish.timeout_s * 1000LL, timed_out);
	if (workers_post(pmixd.cred_workers, run, job) != 0) {
		deadline_clear(&r->timeout);
		cause = CRED_BUSY;
	}
	pthread_mutex_unlock(&pmixd.lock);
	if (cause != CRED_OK) {
		cred_complain(&r->proc,
			      "too many credential requests are waiting");
		free(job);
		cred_request_free(r);
	}
	return cred_cause_status(cause);
}
