/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential.c - see credential.h.
 *
 * An upcall checks the directives and posts the request to the workers; a
 * worker makes the blocking call; whoever comes first, worker or timer,
 * answers, and the other one finds the request answered.  Credentials carry
 * the uid and gid of this process, which are the step's user's: nothing here
 * could make one of another.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "claims.h"
#include "credential.h"
#include "deadline.h"
#include "door.h"
#include "error.h"
#include "infolist.h"
#include "lograte.h"
#include "pmixd.h"
#include "progress.h"

#define DEFAULT_TIMEOUT_S 60 /* where the caller sets no PMIX_TIMEOUT */
#define TIMEOUT_MAX_S	  86400

/* What the caller asks for. */
typedef struct {
	char types[PSEC_LIST_MAX]; /* PMIX_CRED_TYPE; "": any */
	uint32_t timeout_s;
	bool has_uid, has_gid;
	uint32_t uid, gid; /* get: who may validate; validate: expected */
} wish_t;

/* The one answer to a request; see progress.h for where it is given. */
typedef struct {
	progress_call_t call;
	/* One of the two; the other one is NULL. */
	pmix_credential_cbfunc_t get_cb;
	pmix_validation_cbfunc_t validate_cb;
	void *cbdata;
	pmix_status_t status;
	pmix_byte_object_t cred; /* {NULL, 0} where there is none */
	pmix_data_array_t info;	 /* likewise */
} reply_t;

typedef struct {
	pmix_proc_t proc;
	wish_t wish;
	bool get;      /* or validate */
	uint8_t *blob; /* to be validated */
	size_t blob_len;
	char mech[PSEC_NAME_MAX + 1];
	deadline_t timeout;
	reply_t *reply; /* NULL: answered.  Guarded by pmixd.lock */
} request_t;

static request_t *request_new(const pmix_proc_t *proc)
{
	request_t *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->proc = *proc;
	r->reply = calloc(1, sizeof(*r->reply));
	if (!r->reply) {
		free(r);
		return NULL;
	}
	return r;
}

static void reply_free(reply_t *reply)
{
	if (!reply)
		return;
	free(reply->cred.bytes);
	if (reply->info.array)
		PMIX_DATA_ARRAY_DESTRUCT(&reply->info);
	free(reply);
}

static void request_free(request_t *r)
{
	reply_free(r->reply);
	free(r->blob);
	free(r);
}

/* -- complaints ----------------------------------------------------------- */

/* Guarded by pmixd.lock; one for each local task. */
static lograte_t *rates;

static bool may_complain(const pmix_proc_t *proc)
{
	uint32_t local;
	bool ok = true;

	if (proc->rank >= pmixd.layout.ntasks)
		return true;
	local = pmixd.layout.local_of[proc->rank];
	pthread_mutex_lock(&pmixd.lock);
	if (!rates)
		rates = calloc((size_t)pmixd.conf.nlocal + 1, sizeof(*rates));
	if (rates && local < pmixd.conf.nlocal)
		ok = lograte_ok(&rates[local], "credentials were refused");
	pthread_mutex_unlock(&pmixd.lock);
	return ok;
}

/*
 * A sentence about RANK's request, for the log and srun's output.  A rank
 * that asks in a loop must fill neither.  Without the lock.
 */
static void complain(const pmix_proc_t *proc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void complain(const pmix_proc_t *proc, const char *fmt, ...)
{
	char text[PSEC_ERROR_TEXT_MAX + 128];
	va_list ap;

	if (!may_complain(proc))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	plog_error("rank %u: %s", proc->rank, text);
}

/* -- directives ---------------------------------------------------------- */

static pmix_status_t take_number(const pmix_info_t *info, uint32_t max,
				 uint32_t *out)
{
	pmix_status_t rc = PMIX_SUCCESS;
	int64_t v = -1;

	PMIX_VALUE_GET_NUMBER(rc, &info->value, v, int64_t);
	if (rc != PMIX_SUCCESS || v < 0 || v > (int64_t)max)
		return PMIX_ERR_BAD_PARAM;
	*out = (uint32_t)v;
	return PMIX_SUCCESS;
}

static pmix_status_t take_types(const pmix_info_t *info, wish_t *wish)
{
	const char *list = info->value.data.string;

	if (info->value.type != PMIX_STRING || !list ||
	    strlen(list) >= sizeof(wish->types) ||
	    psec_list_filter(list, NULL, wish->types, sizeof(wish->types),
			     NULL) != PSEC_OK)
		return PMIX_ERR_BAD_PARAM;
	/* A list that names nothing is not "any". */
	return wish->types[0] ? PMIX_SUCCESS : PMIX_ERR_BAD_PARAM;
}

static pmix_status_t take_directive(const pmix_info_t *info, wish_t *wish)
{
	if (PMIX_CHECK_KEY(info, PMIX_CRED_TYPE))
		return take_types(info, wish);
	if (PMIX_CHECK_KEY(info, PMIX_TIMEOUT))
		return take_number(info, TIMEOUT_MAX_S, &wish->timeout_s);
	if (PMIX_CHECK_KEY(info, PMIX_USERID)) {
		wish->has_uid = true;
		return take_number(info, UINT32_MAX - 1, &wish->uid);
	}
	if (PMIX_CHECK_KEY(info, PMIX_GRPID)) {
		wish->has_gid = true;
		return take_number(info, UINT32_MAX - 1, &wish->gid);
	}
	return PMIX_INFO_IS_REQUIRED(info) ? PMIX_ERR_NOT_SUPPORTED
					   : PMIX_SUCCESS;
}

static pmix_status_t take_directives(const pmix_proc_t *proc,
				     const pmix_info_t info[], size_t ninfo,
				     wish_t *wish)
{
	/* Whoever asks has connected; was he looked at? */
	if (!door_in_use()) {
		plog_error("this libpmix accepts connections past psec-pmixd, "
			   "so no credential is made or validated");
		return PMIX_ERR_NO_PERMISSIONS;
	}
	for (size_t i = 0; i < ninfo; i++) {
		pmix_status_t rc = take_directive(&info[i], wish);

		if (rc == PMIX_SUCCESS)
			continue;
		complain(proc,
			 "a credential request was refused: the directive "
			 "'%s' %s",
			 info[i].key,
			 rc == PMIX_ERR_NOT_SUPPORTED
				 ? "is required and not known here"
				 : "has a value of a wrong type or range");
		return rc;
	}
	if (!wish->timeout_s)
		wish->timeout_s = DEFAULT_TIMEOUT_S;
	return PMIX_SUCCESS;
}

/* -- the one answer ------------------------------------------------------ */

static void forget(progress_call_t *call)
{
	reply_free((reply_t *)call);
}

/*
 * On the progress thread.  Errors carry an empty blob rather than none:
 * libpmix 6.1 never delivers a NULL.  6.1 also reads the arrays a little
 * later, on this thread, and has no way to say when it is done: they are
 * released a turn later.
 */
static void deliver(progress_call_t *call)
{
	reply_t *reply = (reply_t *)call;

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

/* Answer, unless that has happened.  With the lock held. */
static void answer(request_t *r, pmix_status_t status)
{
	reply_t *reply = r->reply;

	r->reply = NULL;
	if (!reply)
		return;
	reply->status = status;
	progress_post(&reply->call, deliver);
}

/* The request itself stays the worker's, however long munged hangs. */
static void timed_out(deadline_t *d)
{
	request_t *r = deadline_owner(d, request_t, timeout);

	answer(r, PMIX_ERR_TIMEOUT);
	plog_error("rank %u: %s a credential took longer than %u s; does "
		   "munged answer on node %s?",
		   r->proc.rank, r->get ? "making" : "validating",
		   r->wish.timeout_s, pmixd_node_name(pmixd.conf.node));
}

/* The worker's last act on R.  CRED (malloc()ed) and INFO are taken over. */
static void finish(request_t *r, pmix_status_t status, pmix_byte_object_t *cred,
		   pmix_data_array_t *info)
{
	reply_t late = { 0 }; /* where the answers of a late one go */
	reply_t *reply;

	pthread_mutex_lock(&pmixd.lock);
	deadline_clear(&r->timeout);
	reply = r->reply ? r->reply : &late;
	reply->cred = *cred;
	reply->info = *info;
	answer(r, status);
	pthread_mutex_unlock(&pmixd.lock);
	if (reply == &late) {
		free(cred->bytes);
		if (info->array)
			PMIX_DATA_ARRAY_DESTRUCT(info);
	}
	request_free(r);
}

/* From here on R is the worker's, unless this fails. */
static pmix_status_t start(request_t *r, workers_fn work)
{
	pmix_status_t rc = PMIX_SUCCESS;

	pthread_mutex_lock(&pmixd.lock);
	deadline_set(&r->timeout, r->wish.timeout_s * 1000LL, timed_out);
	if (workers_post(pmixd.cred_workers, work, r) != 0) {
		deadline_clear(&r->timeout);
		rc = PMIX_ERR_OUT_OF_RESOURCE;
	}
	pthread_mutex_unlock(&pmixd.lock);
	if (rc != PMIX_SUCCESS) {
		complain(&r->proc, "too many credential requests are waiting");
		request_free(r);
	}
	return rc;
}

/* -- errors -------------------------------------------------------------- */

static pmix_status_t to_pmix(psec_code_t code)
{
	switch (code) {
	case PSEC_OK:
		return PMIX_SUCCESS;
	case PSEC_ERR_NOMEM:
		return PMIX_ERR_NOMEM;
	case PSEC_ERR_NO_MECH:
		return PMIX_ERR_NOT_SUPPORTED;
	case PSEC_ERR_UNAVAILABLE:
		return PMIX_ERR_UNREACH;
	case PSEC_ERR_TIMEOUT:
		return PMIX_ERR_TIMEOUT;
	case PSEC_ERR_NOT_FOR_YOU:
	case PSEC_ERR_MISMATCH:
		return PMIX_ERR_NO_PERMISSIONS;
	case PSEC_ERR_MALFORMED:
	case PSEC_ERR_TAMPERED:
	case PSEC_ERR_EXPIRED:
	case PSEC_ERR_EARLY:
	case PSEC_ERR_REPLAYED:
	case PSEC_ERR_TOO_BIG:
		return PMIX_ERR_INVALID_CRED;
	default:
		return PMIX_ERROR;
	}
}

static pmix_status_t refuse(const request_t *r, const psec_error_t *err)
{
	complain(&r->proc, "a credential was not %s (%s): %s",
		 r->get ? "made" : "accepted", psec_strcode(err->code),
		 err->text);
	return to_pmix(err->code);
}

/* -- get ----------------------------------------------------------------- */

/* Mechanisms that can make credentials, of those that the step allows. */
static bool can_issue(const char *mech)
{
	return psec_list_has(pmixd.conf.mechs, mech) && !strcmp(mech, "munge");
}

/* The first wished type that can be had here; "" without a wish: munge. */
static pmix_status_t choose_type(request_t *r)
{
	char list[PSEC_LIST_MAX];
	char *save = NULL;

	snprintf(list, sizeof(list), "%s",
		 r->wish.types[0] ? r->wish.types : pmixd.conf.mechs);
	for (char *name = strtok_r(list, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		if (!can_issue(name) || strlen(name) > PSEC_NAME_MAX)
			continue;
		memcpy(r->mech, name, strlen(name) + 1);
		return PMIX_SUCCESS;
	}
	complain(&r->proc,
		 "no credential of type '%s' can be made; this step has '%s'",
		 r->wish.types, pmixd.conf.mechs);
	return PMIX_ERR_NOT_SUPPORTED;
}

static void put_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

static char *make_claims(const request_t *r)
{
	claims_t c = { .job_id = pmixd.conf.job_id,
		       .step_id = pmixd.conf.step_id,
		       .rank = r->proc.rank,
		       .issued_s = (int64_t)time(NULL) };
	uint8_t id[16];

	randombytes_buf(id, sizeof(id));
	sodium_bin2hex(c.id, sizeof(c.id), id, sizeof(id));
	put_text(c.cluster, sizeof(c.cluster),
		 stepconf_env(&pmixd.conf, "SLURM_CLUSTER_NAME"));
	put_text(c.nspace, sizeof(c.nspace), r->proc.nspace);
	put_text(c.node, sizeof(c.node), pmixd_node_name(pmixd.conf.node));
	return claims_encode(&c);
}

static void add_issuer(infolist_t *info, const char *cluster, const char *node,
		       const char *mech)
{
	char issuer[CLAIMS_TEXT_MAX * 3];

	snprintf(issuer, sizeof(issuer), "%s/%s/%s", cluster, node, mech);
	infolist_string(info, PSEC_KEY_ISSUER, issuer);
}

static void get_work(void *arg)
{
	request_t *r = arg;
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	const char *cluster = stepconf_env(&pmixd.conf, "SLURM_CLUSTER_NAME");
	char *claims = make_claims(r);
	pmix_byte_object_t bo = { NULL, 0 };
	pmix_data_array_t array = { 0 };
	infolist_t info;
	psec_error_t err;
	pmix_status_t rc;
	void *cred = NULL;

	if (!claims) {
		error_set(&err, PSEC_ERR_NOMEM,
			  "its claims cannot be written; is one of "
			  "SLURM_CLUSTER_NAME and the node's name not UTF-8?");
		rc = refuse(r, &err);
		goto done;
	}
	req.payload = claims;
	req.payload_len = strlen(claims);
	if (r->wish.has_uid)
		req.for_uid = r->wish.uid;
	if (r->wish.has_gid)
		req.for_gid = r->wish.gid;
	if (psec_cred_create(pmixd.psec, r->mech, &req, &cred, &bo.size,
			     &err) != PSEC_OK) {
		rc = refuse(r, &err);
		goto done;
	}
	bo.bytes = cred;
	info = infolist_new();
	infolist_string(&info, PMIX_CRED_TYPE, r->mech);
	add_issuer(&info, cluster ? cluster : "",
		   pmixd_node_name(pmixd.conf.node), r->mech);
	rc = infolist_take(&info, &array);
done:
	if (rc != PMIX_SUCCESS) {
		free(cred);
		bo = (pmix_byte_object_t){ NULL, 0 };
	}
	finish(r, rc, &bo, &array);
	free(claims);
}

pmix_status_t credential_get_upcall(const pmix_proc_t *proc,
				    const pmix_info_t directives[],
				    size_t ndirs,
				    pmix_credential_cbfunc_t cbfunc,
				    void *cbdata)
{
	request_t *r = request_new(proc);
	pmix_status_t rc;

	if (!r)
		return PMIX_ERR_NOMEM;
	r->get = true;
	r->reply->get_cb = cbfunc;
	r->reply->cbdata = cbdata;
	rc = take_directives(proc, directives, ndirs, &r->wish);
	if (rc == PMIX_SUCCESS)
		rc = choose_type(r);
	if (rc != PMIX_SUCCESS) {
		request_free(r);
		return rc;
	}
	return start(r, get_work);
}

/* -- validate ------------------------------------------------------------ */

/* MUNGE's own mark; credentials carry no other type. */
static pmix_status_t recognise_type(request_t *r)
{
	static const char mark[] = "MUNGE:";

	if (r->blob_len < sizeof(mark) - 1 ||
	    memcmp(r->blob, mark, sizeof(mark) - 1) != 0) {
		complain(&r->proc,
			 "a credential was not accepted (malformed): its %zu "
			 "bytes are of no type that is known here",
			 r->blob_len);
		return PMIX_ERR_INVALID_CRED;
	}
	memcpy(r->mech, "munge", sizeof("munge"));
	if (!can_issue(r->mech) ||
	    (r->wish.types[0] && !psec_list_has(r->wish.types, r->mech))) {
		complain(&r->proc,
			 "a credential was not accepted (wrong type): it is of "
			 "type '%s', allowed are '%s'",
			 r->mech,
			 r->wish.types[0] ? r->wish.types : pmixd.conf.mechs);
		return PMIX_ERR_NOT_SUPPORTED;
	}
	return PMIX_SUCCESS;
}

static psec_code_t check_expected(const request_t *r,
				  const psec_cred_info_t *cred,
				  psec_error_t *err)
{
	if (r->wish.has_uid && r->wish.uid != cred->uid)
		error_set(err, PSEC_ERR_MISMATCH,
			  "it is of uid %u, expected was uid %u",
			  (unsigned)cred->uid, r->wish.uid);
	else if (r->wish.has_gid && r->wish.gid != cred->gid)
		error_set(err, PSEC_ERR_MISMATCH,
			  "it is of gid %u, expected was gid %u",
			  (unsigned)cred->gid, r->wish.gid);
	else
		return PSEC_OK;
	return PSEC_ERR_MISMATCH;
}

static pmix_status_t describe(const request_t *r, const psec_cred_info_t *cred,
			      const claims_t *c, pmix_data_array_t *out)
{
	infolist_t info = infolist_new();
	char jobid[64];

	snprintf(jobid, sizeof(jobid), "%u.%u", c->job_id, c->step_id);
	infolist_u32(&info, PMIX_USERID, cred->uid);
	infolist_u32(&info, PMIX_GRPID, cred->gid);
	infolist_string(&info, PMIX_CRED_TYPE, r->mech);
	infolist_string(&info, PMIX_NSPACE, c->nspace);
	infolist_rank(&info, PMIX_RANK, c->rank);
	infolist_string(&info, PMIX_JOBID, jobid);
	infolist_string(&info, PMIX_HOSTNAME, c->node);
	add_issuer(&info, c->cluster, c->node, r->mech);
	infolist_string(&info, PSEC_KEY_CLUSTER, c->cluster);
	infolist_string(&info, PSEC_KEY_ID, c->id);
	infolist_add(&info, PSEC_KEY_ISSUED, &cred->issued_s, PMIX_INT64);
	infolist_add(&info, PSEC_KEY_EXPIRES, &cred->expires_s, PMIX_INT64);
	return infolist_take(&info, out);
}

static void validate_work(void *arg)
{
	request_t *r = arg;
	psec_cred_info_t *cred = NULL;
	pmix_byte_object_t none = { NULL, 0 };
	pmix_data_array_t array = { 0 };
	pmix_status_t rc;
	psec_error_t err;
	claims_t claims;

	if (psec_cred_validate(pmixd.psec, r->mech, r->blob, r->blob_len, &cred,
			       &err) != PSEC_OK ||
	    claims_decode(cred->payload, cred->payload_len, &claims, &err) !=
		    PSEC_OK ||
	    check_expected(r, cred, &err) != PSEC_OK)
		rc = refuse(r, &err);
	else
		rc = describe(r, cred, &claims, &array);
	finish(r, rc, &none, &array);
	psec_cred_info_destroy(cred);
}

static pmix_status_t take_blob(request_t *r, const pmix_byte_object_t *cred)
{
	if (!cred || !cred->bytes || !cred->size ||
	    cred->size > PSEC_CRED_MAX) {
		complain(&r->proc,
			 "a credential was not accepted (malformed): it has "
			 "%zu bytes, not 1 to %d",
			 cred ? cred->size : 0, PSEC_CRED_MAX);
		return PMIX_ERR_INVALID_CRED;
	}
	r->blob = malloc(cred->size);
	if (!r->blob)
		return PMIX_ERR_NOMEM;
	memcpy(r->blob, cred->bytes, cred->size);
	r->blob_len = cred->size;
	return PMIX_SUCCESS;
}

pmix_status_t credential_validate_upcall(const pmix_proc_t *proc,
					 const pmix_byte_object_t *cred,
					 const pmix_info_t directives[],
					 size_t ndirs,
					 pmix_validation_cbfunc_t cbfunc,
					 void *cbdata)
{
	request_t *r = request_new(proc);
	pmix_status_t rc;

	if (!r)
		return PMIX_ERR_NOMEM;
	r->reply->validate_cb = cbfunc;
	r->reply->cbdata = cbdata;
	rc = take_directives(proc, directives, ndirs, &r->wish);
	if (rc == PMIX_SUCCESS)
		rc = take_blob(r, cred);
	if (rc == PMIX_SUCCESS)
		rc = recognise_type(r);
	if (rc != PMIX_SUCCESS) {
		request_free(r);
		return rc;
	}
	return start(r, validate_work);
}
