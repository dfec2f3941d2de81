/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_request.c - see cred_request.h.
 *
 * Whoever comes first, worker or timer, takes the reply out of the request,
 * with the lock held; the other one finds none.  The timer takes a request
 * that still waits out of the queue; one that is being worked on stays the
 * worker's, however long its service hangs.
 *
 * What comes back at once is done, and answered, in the upcall itself.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "cred_note.h"
#include "cred_request.h"
#include "pmixd.h"
#include "progress.h"

#define MAX_PATIENT 256 /* requests of one rank that wait for the key */

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

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A credential is as good as the right that it gives. */
static void free_parts(pmix_byte_object_t *cred, pmix_data_array_t *info)
{
	if (cred->bytes)
		explicit_bzero(cred->bytes, cred->size);
	free(cred->bytes);
	*cred = (pmix_byte_object_t){ NULL, 0 };
	if (info->array)
		PMIX_DATA_ARRAY_DESTRUCT(info);
	memset(info, 0, sizeof(*info));
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
	r->begun_us = now_us();
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

static void request_free(cred_request_t *r)
{
	reply_free(r->reply);
	free_parts(&r->result.cred, &r->result.info);
	if (r->blob)
		explicit_bzero(r->blob, r->blob_len);
	free(r->blob);
	free(r);
}

static void note(const cred_request_t *r, const cred_result_t *result)
{
	const cred_note_t n = {
		.proc = &r->proc,
		.get = r->get,
		.cause = result->err.cause,
		.text = result->err.text,
		.type = result->type,
		.us = now_us() - r->begun_us,
		.facts = result->has_facts ? &result->facts : NULL,
	};

	cred_note(&n);
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

/* RESULT's parts are taken over.  Only what was done has any. */
static void fill_reply(cred_reply_t *reply, cred_result_t *result)
{
	if (result->err.cause != CRED_OK)
		free_parts(&result->cred, &result->info);
	reply->status = cred_cause_status(result->err.cause);
	reply->cred = result->cred;
	reply->info = result->info;
	result->cred = (pmix_byte_object_t){ NULL, 0 };
	memset(&result->info, 0, sizeof(result->info));
}

/*
 * Answer with RESULT, unless that has happened.  False: it had.  With the
 * lock held.
 */
static bool answer(cred_request_t *r, cred_result_t *result)
{
	cred_reply_t *reply = r->reply;

	r->reply = NULL;
	if (!reply)
		return false;
	fill_reply(reply, result);
	progress_post(&reply->call, deliver);
	return true;
}

static void say_why_late(const cred_request_t *r, bool waited,
			 cred_error_t *err)
{
	const char *node = pmixd_node_name(pmixd.conf.node);

	if (waited)
		cred_fail(err, CRED_TIMEOUT,
			  "it took longer than %u s: too many requests were "
			  "before it on node %s",
			  r->wish.timeout_s, node);
	else
		cred_fail(err, CRED_TIMEOUT,
			  "it took longer than %u s; does %s answer on node "
			  "%s?",
			  r->wish.timeout_s, r->types[0]->service, node);
}

static void timed_out(deadline_t *d)
{
	cred_request_t *r = deadline_owner(d, cred_request_t, timeout);
	bool waited = workers_withdraw(r->workers, &r->call);
	cred_result_t result = { .type = r->types[0]->name };

	say_why_late(r, waited, &result.err);
	answer(r, &result);
	note(r, &result);
	if (waited)
		request_free(r);
}

int64_t cred_request_left_ms(const cred_request_t *r)
{
	int64_t left =
		r->timeout.fn ? r->timeout.at_ms - clock_ms() : INT64_MAX;

	return left > 0 ? left : 0;
}

void cred_request_end(cred_request_t *r)
{
	deadline_clear(&r->timeout);
	if (answer(r, &r->result))
		note(r, &r->result);
	else
		cred_note_late();
	request_free(r);
}

/* On a worker. */
static void run(void *arg)
{
	cred_request_t *r = arg;

	if (!r->work(r))
		return;
	pthread_mutex_lock(&pmixd.lock);
	cred_request_end(r);
	pthread_mutex_unlock(&pmixd.lock);
}

/* -- upcalls -------------------------------------------------------------- */

pmix_status_t cred_request_refuse(cred_request_t *r, const cred_error_t *err)
{
	cred_result_t result = { .err = *err };

	if (r->ntypes)
		result.type = r->types[0]->name;
	note(r, &result);
	request_free(r);
	return cred_cause_status(err->cause);
}

/* The slowest of the types that R may come to. */
static cred_pace_t pace_of(const cred_request_t *r)
{
	cred_pace_t slowest = CRED_AT_ONCE;

	for (size_t i = 0; i < r->ntypes; i++)
		if (r->types[i]->pace() > slowest)
			slowest = r->types[i]->pace();
	return slowest;
}

/*
 * For what must wait: one thread, so that those who need not wait have all
 * the others.  NULL without memory.
 */
static workers_t *patient_worker(void)
{
	static workers_t *patient; /* guarded by pmixd.lock */

	if (!patient)
		patient = workers_create_lanes(1, pmixd.conf.nlocal + 1,
					       MAX_PATIENT);
	return patient;
}

/* With the lock held, which keeps the worker from freeing R too early. */
static bool post(cred_request_t *r, cred_pace_t pace)
{
	r->workers =
		pace == CRED_MUST_WAIT ? patient_worker() : pmixd.cred_workers;
	/* Each local rank has a lane; if there is anybody else, the last. */
	if (!r->workers ||
	    workers_post_call(r->workers, &r->call, pmixd_local_of(&r->proc),
			      run, r) != 0)
		return false;
	if (r->wish.timeout_s)
		deadline_set(&r->timeout, r->wish.timeout_s * 1000LL,
			     timed_out);
	return true;
}

/* An upcall's error is its answer; there may be no other. */
static pmix_status_t run_here(cred_request_t *r)
{
	pmix_status_t status;
	cred_reply_t *reply;

	if (!r->work(r))
		return PMIX_SUCCESS;
	note(r, &r->result);
	status = cred_cause_status(r->result.err.cause);
	if (status == PMIX_SUCCESS) {
		reply = r->reply;
		r->reply = NULL;
		fill_reply(reply, &r->result);
		deliver(&reply->call);
	}
	request_free(r);
	return status;
}

pmix_status_t cred_request_start(cred_request_t *r, cred_work_fn work)
{
	cred_error_t err;
	cred_pace_t pace;
	bool posted;

	r->work = work;
	pthread_mutex_lock(&pmixd.lock);
	pace = pace_of(r);
	posted = pace != CRED_AT_ONCE && post(r, pace);
	pthread_mutex_unlock(&pmixd.lock);
	if (posted)
		return PMIX_SUCCESS;
	if (pace == CRED_AT_ONCE)
		return run_here(r);
	cred_fail(&err, CRED_BUSY,
		  "this rank has too many requests waiting on node %s; ask "
		  "again when some are answered",
		  pmixd_node_name(pmixd.conf.node));
	return cred_request_refuse(r, &err);
}
