/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-pmix.c - see psec-cmd-pmix.h.
 *
 * libpmix's blocking calls drop what comes with a credential, hence the
 * others.  A process that has not connected to its server gets credentials of
 * libpmix's own making (RFC0024's prototype): so nothing is asked for unless
 * PMIx_Init() has connected.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pmix.h>

#include "psec-cmd-pmix.h"
#include "psec_mech.h"

#define DIRECTIVES_MAX 4

/* Where PMIx has no key: doc/credential-format.md. */
#define KEY_ISSUED  "psec.issued"
#define KEY_EXPIRES "psec.expires"
#define KEY_CLUSTER "psec.cluster"
#define KEY_ID	    "psec.id"
#define KEY_JOB	    "psec.job"
#define KEY_STEP    "psec.step"
#define KEY_PROVEN  "psec.proven" /* names of keys, separated by commas */

#define KEY_COUNTERS "psec.counters" /* doc/developer-guide.md */

/* A request, and its answer: written by libpmix's thread, under the lock. */
typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done;
	pmix_status_t status;
	char *blob;
	size_t len;
	cmd_facts_t *facts;
} call_t;

#define CALL_INIT(FACTS)                                                       \
	{                                                                      \
		.lock = PTHREAD_MUTEX_INITIALIZER,                             \
		.done_cond = PTHREAD_COND_INITIALIZER, .facts = (FACTS)        \
	}

/* -- what the server tells ------------------------------------------------ */

static void take_text(const pmix_info_t *info, const char *key, char *out,
		      size_t size)
{
	if (PMIX_CHECK_KEY(info, key) && info->value.type == PMIX_STRING &&
	    info->value.data.string)
		(void)snprintf(out, size, "%s", info->value.data.string);
}

static bool take_number(const pmix_info_t *info, const char *key, int64_t max,
			int64_t *out)
{
	pmix_status_t rc = PMIX_SUCCESS;
	int64_t v = -1;

	if (!PMIX_CHECK_KEY(info, key))
		return false;
	if (info->value.type == PMIX_PROC_RANK)
		v = (int64_t)info->value.data.rank;
	else
		PMIX_VALUE_GET_NUMBER(rc, &info->value, v, int64_t);
	if (rc != PMIX_SUCCESS || v < 0 || v > max)
		return false;
	*out = v;
	return true;
}

/* "12.0", as psec-pmixd writes it; other servers may have other forms. */
static void take_job(const pmix_info_t *info, claims_t *claims)
{
	char text[64] = "", rest;
	unsigned job, step;

	take_text(info, PMIX_JOBID, text, sizeof(text));
	if (sscanf(text, "%10u.%10u%c", &job, &step, &rest) != 2)
		return;
	claims->job_id = job;
	claims->step_id = step;
}

/* A server may prove more than the mechanism does, and says so. */
static void take_proven(const pmix_info_t *info, cmd_facts_t *f)
{
	static const struct {
		const char *key;
		unsigned bit;
	} keys[] = {
		{ PMIX_USERID, CMD_PROVEN_UID },
		{ PMIX_GRPID, CMD_PROVEN_GID },
		{ KEY_ISSUED, CMD_PROVEN_TIMES },
		{ PMIX_HOSTNAME, CMD_PROVEN_ISSUER },
		{ KEY_JOB, CMD_PROVEN_JOB },
		{ KEY_STEP, CMD_PROVEN_STEP },
	};
	char list[PSEC_LIST_MAX + 1] = "";
	size_t i;

	if (!PMIX_CHECK_KEY(info, KEY_PROVEN))
		return;
	take_text(info, KEY_PROVEN, list, sizeof(list));
	f->proven = 0;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (psec_list_has(list, keys[i].key))
			f->proven |= keys[i].bit;
	}
}

static void take_fact(const pmix_info_t *info, cmd_facts_t *f)
{
	claims_t *c = &f->claims;
	int64_t v;

	if (take_number(info, PMIX_USERID, UINT32_MAX - 1, &v))
		f->uid = (uid_t)v;
	if (take_number(info, PMIX_GRPID, UINT32_MAX - 1, &v))
		f->gid = (gid_t)v;
	if (take_number(info, PMIX_RANK, UINT32_MAX, &v))
		c->rank = (uint32_t)v;
	(void)take_number(info, KEY_ISSUED, INT64_MAX, &f->issued_s);
	(void)take_number(info, KEY_EXPIRES, INT64_MAX, &f->expires_s);
	take_text(info, PMIX_CRED_TYPE, f->type, sizeof(f->type));
	take_text(info, PMIX_NSPACE, c->nspace, sizeof(c->nspace));
	take_text(info, PMIX_HOSTNAME, c->node, sizeof(c->node));
	take_text(info, KEY_CLUSTER, c->cluster, sizeof(c->cluster));
	take_text(info, KEY_ID, c->id, sizeof(c->id));
	take_job(info, c);
	take_proven(info, f);
}

/* -- a request ------------------------------------------------------------ */

static void on_answer(call_t *call, pmix_status_t status,
		      const pmix_byte_object_t *blob, const pmix_info_t *info,
		      size_t ninfo)
{
	size_t i;

	(void)pthread_mutex_lock(&call->lock);
	call->status = status;
	if (blob && blob->bytes && blob->size > 0) {
		call->blob = malloc(blob->size + 1);
		if (call->blob) {
			memcpy(call->blob, blob->bytes, blob->size);
			call->blob[blob->size] = '\0';
			call->len = blob->size;
		}
	}
	for (i = 0; info && i < ninfo; i++)
		take_fact(&info[i], call->facts);
	call->done = true;
	(void)pthread_cond_signal(&call->done_cond);
	(void)pthread_mutex_unlock(&call->lock);
}

static void on_credential(pmix_status_t status, pmix_byte_object_t *blob,
			  pmix_info_t info[], size_t ninfo, void *cbdata)
{
	on_answer(cbdata, status, blob, info, ninfo);
}

static void on_validation(pmix_status_t status, pmix_info_t info[],
			  size_t ninfo, void *cbdata)
{
	on_answer(cbdata, status, NULL, info, ninfo);
}

/* How long this may take is the business of psec-cmd-deadline.c. */
static pmix_status_t wait_for(call_t *call, pmix_status_t started)
{
	if (started != PMIX_SUCCESS)
		return started;
	(void)pthread_mutex_lock(&call->lock);
	while (!call->done)
		(void)pthread_cond_wait(&call->done_cond, &call->lock);
	(void)pthread_mutex_unlock(&call->lock);
	return call->status;
}

static size_t load_directives(const cmd_wish_t *wish, pmix_info_t *dirs)
{
	uint32_t uid = wish->uid, gid = wish->gid;
	size_t n = 0;

	if (wish->types)
		PMIX_INFO_LOAD(&dirs[n++], PMIX_CRED_TYPE, wish->types,
			       PMIX_STRING);
	PMIX_INFO_LOAD(&dirs[n++], PMIX_TIMEOUT, &wish->timeout_s, PMIX_INT);
	if (wish->uid != (uid_t)-1)
		PMIX_INFO_LOAD(&dirs[n++], PMIX_USERID, &uid, PMIX_UINT32);
	if (wish->gid != (gid_t)-1)
		PMIX_INFO_LOAD(&dirs[n++], PMIX_GRPID, &gid, PMIX_UINT32);
	/* A server that cannot fulfil one must say so, not ignore it. */
	for (size_t i = 0; i < n; i++) {
		if (!PMIX_CHECK_KEY(&dirs[i], PMIX_TIMEOUT))
			PMIX_INFO_REQUIRED(&dirs[i]);
	}
	return n;
}

static void free_directives(pmix_info_t *dirs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		PMIX_INFO_DESTRUCT(&dirs[i]);
}

/* Ask for a credential, or with BLOB for its validation. */
static pmix_status_t ask(const cmd_wish_t *wish, const void *blob, size_t len,
			 call_t *call)
{
	/* libpmix only reads it; its type has no const. */
	pmix_byte_object_t bo = { (char *)(uintptr_t)blob, len };
	pmix_info_t dirs[DIRECTIVES_MAX];
	size_t n = load_directives(wish, dirs);
	pmix_status_t rc;

	if (blob)
		rc = PMIx_Validate_credential_nb(&bo, dirs, n, on_validation,
						 call);
	else
		rc = PMIx_Get_credential_nb(dirs, n, on_credential, call);
	rc = wait_for(call, rc);
	free_directives(dirs, n);
	return rc;
}

/* -- errors --------------------------------------------------------------- */

static psec_code_t to_code(pmix_status_t status)
{
	switch (status) {
	case PMIX_ERR_INVALID_CRED:
	case PMIX_ERR_NO_PERMISSIONS:
		return CMD_REFUSED;
	case PMIX_ERR_NOT_SUPPORTED:
		return PSEC_ERR_NO_MECH;
	case PMIX_ERR_TIMEOUT:
		return PSEC_ERR_TIMEOUT;
	case PMIX_ERR_UNREACH:
	case PMIX_ERR_OUT_OF_RESOURCE:
		return PSEC_ERR_UNAVAILABLE;
	case PMIX_ERR_BAD_PARAM:
		return PSEC_ERR_ARG;
	case PMIX_ERR_NOMEM:
		return PSEC_ERR_NOMEM;
	default:
		return PSEC_ERR_IO;
	}
}

/* libpmix hands on no text with an error. */
static psec_code_t refused(const char *what, pmix_status_t status,
			   psec_error_t *err)
{
	return psec_fail(err, to_code(status),
			 "the PMIx server of this step has not %s: %s (%d); "
			 "why is in srun's output and in slurmd's log",
			 what, PMIx_Error_string(status), status);
}

/*
 * NOT-SUPPORTED means that this server has no credentials at all, as Slurm's
 * own, or that it has none of that type.  Only the first is a reason to ask
 * somebody else.
 */
static bool has_credentials(int timeout_s)
{
	const cmd_wish_t any = { NULL, timeout_s, (uid_t)-1, (gid_t)-1 };
	cmd_facts_t facts;
	call_t call = CALL_INIT(&facts);
	pmix_status_t rc;

	cmd_facts_init(&facts);
	rc = ask(&any, NULL, 0, &call);
	free(call.blob);
	return rc != PMIX_ERR_NOT_SUPPORTED;
}

static psec_code_t failed(const char *what, pmix_status_t rc, int timeout_s,
			  psec_error_t *err)
{
	if (rc == PMIX_ERR_NOT_SUPPORTED && !has_credentials(timeout_s))
		return psec_fail(err, CMD_ABSENT,
				 "the PMIx server of this step has no "
				 "credentials (%s), like that of Slurm's own "
				 "plugin",
				 PMIx_Error_string(rc));
	return refused(what, rc, err);
}

/* -- the two calls -------------------------------------------------------- */

static psec_code_t connect_server(psec_error_t *err)
{
	pmix_proc_t me;
	pmix_status_t rc = PMIx_Init(&me, NULL, 0);

	if (rc == PMIX_SUCCESS)
		return PSEC_OK;
	return psec_fail(err, CMD_ABSENT,
			 "the PMIx server that the environment names cannot be "
			 "reached: %s (%d)",
			 PMIx_Error_string(rc), rc);
}

static psec_code_t get(const cmd_wish_t *wish, void **cred, size_t *len,
		       cmd_facts_t *facts, psec_error_t *err)
{
	call_t call = CALL_INIT(facts);
	psec_code_t rc = connect_server(err);
	pmix_status_t status;

	if (rc)
		return rc;
	status = ask(wish, NULL, 0, &call);
	if (status != PMIX_SUCCESS)
		rc = failed("made a credential", status, wish->timeout_s, err);
	else if (!call.blob)
		rc = psec_fail(err, PSEC_ERR_MALFORMED,
			       "the PMIx server of this step has answered "
			       "with an empty credential");
	(void)PMIx_Finalize(NULL, 0);
	if (rc) {
		free(call.blob);
		return rc;
	}
	*cred = call.blob;
	*len = call.len;
	return PSEC_OK;
}

static psec_code_t validate(const cmd_wish_t *wish, const void *cred,
			    size_t len, cmd_facts_t *facts, psec_error_t *err)
{
	call_t call = CALL_INIT(facts);
	psec_code_t rc = connect_server(err);
	pmix_status_t status;

	if (rc)
		return rc;
	status = ask(wish, cred, len, &call);
	if (status != PMIX_SUCCESS)
		rc = failed("accepted the credential", status, wish->timeout_s,
			    err);
	(void)PMIx_Finalize(NULL, 0);
	return rc;
}

/* -- counters ------------------------------------------------------------- */

static uint64_t u64_of(const pmix_value_t *value)
{
	pmix_status_t rc = PMIX_SUCCESS;
	uint64_t v = 0;

	PMIX_VALUE_GET_NUMBER(rc, value, v, uint64_t);
	return rc == PMIX_SUCCESS ? v : 0;
}

/* The causes begin as the key of all of them does. */
static void take_counter(const pmix_info_t *info, cmd_status_t *s)
{
	static const char causes[] = "psec.refused.";
	const struct {
		const char *key;
		uint64_t *to;
	} numbers[] = {
		{ KEY_JOB, &s->job },
		{ KEY_STEP, &s->step },
		{ "psec.made", &s->made },
		{ "psec.accepted", &s->accepted },
		{ "psec.refused", &s->refused },
		{ "psec.late", &s->late },
		{ "psec.longest_us", &s->longest_us },
		{ "psec.strangers", &s->strangers },
	};

	take_text(info, PMIX_HOSTNAME, s->node, sizeof(s->node));
	if (strncmp(info->key, causes, sizeof(causes) - 1) == 0)
		cmd_status_cause(s, info->key + sizeof(causes) - 1,
				 u64_of(&info->value));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (PMIX_CHECK_KEY(info, numbers[i].key))
			*numbers[i].to = u64_of(&info->value);
	}
}

static bool take_counters(const pmix_info_t *info, size_t ninfo,
			  cmd_status_t *status)
{
	const pmix_data_array_t *array;
	const pmix_info_t *counters;

	for (size_t i = 0; i < ninfo; i++) {
		if (!PMIX_CHECK_KEY(&info[i], KEY_COUNTERS) ||
		    info[i].value.type != PMIX_DATA_ARRAY)
			continue;
		array = info[i].value.data.darray;
		if (!array || array->type != PMIX_INFO)
			continue;
		counters = array->array;
		for (size_t k = 0; k < array->size; k++)
			take_counter(&counters[k], status);
		return true;
	}
	return false;
}

/* What libpmix has kept of an earlier answer is of no use. */
static pmix_status_t query_counters(pmix_info_t **info, size_t *ninfo)
{
	pmix_query_t query;
	pmix_status_t rc;
	bool yes = true;

	PMIX_QUERY_CONSTRUCT(&query);
	PMIX_ARGV_APPEND(rc, query.keys, KEY_COUNTERS);
	if (rc == PMIX_SUCCESS) {
		PMIX_INFO_CREATE(query.qualifiers, 1);
		query.nqual = 1;
		PMIX_INFO_LOAD(&query.qualifiers[0], PMIX_QUERY_REFRESH_CACHE,
			       &yes, PMIX_BOOL);
		rc = PMIx_Query_info(&query, 1, info, ninfo);
	}
	PMIX_QUERY_DESTRUCT(&query);
	return rc;
}

static psec_code_t status(cmd_status_t *status, psec_error_t *err)
{
	psec_code_t code = connect_server(err);
	pmix_info_t *info = NULL;
	size_t ninfo = 0;
	pmix_status_t rc;

	if (code)
		return code;
	rc = query_counters(&info, &ninfo);
	if (rc != PMIX_SUCCESS || !take_counters(info, ninfo, status))
		code = psec_fail(err, CMD_ABSENT,
				 "the PMIx server of this step does not count "
				 "credentials (%s): it is another plugin's",
				 PMIx_Error_string(rc));
	if (info)
		PMIX_INFO_FREE(info, ninfo);
	(void)PMIx_Finalize(NULL, 0);
	return code;
}

extern const cmd_pmix_t psec_cmd_pmix;
__attribute__((visibility("default"))) const cmd_pmix_t psec_cmd_pmix = {
	.interface = CMD_PMIX_INTERFACE,
	.get = get,
	.validate = validate,
	.status = status,
};
