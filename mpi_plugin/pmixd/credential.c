/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential.c - see credential.h.
 *
 * An upcall checks what is asked for and starts the request; a worker makes
 * the blocking call.  Credentials carry the uid and gid of this process,
 * which are the step's user's: nothing here could make one of another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "claims.h"
#include "cred_answer.h"
#include "cred_cause.h"
#include "cred_directives.h"
#include "cred_facts.h"
#include "cred_log.h"
#include "cred_request.h"
#include "cred_type.h"
#include "credential.h"
#include "door.h"
#include "pmixd.h"

/* -- both ----------------------------------------------------------------- */

/* Whoever asks has connected; was he looked at? */
static cred_cause_t check_door(cred_error_t *err)
{
	if (door_in_use())
		return CRED_OK;
	return cred_fail(err, CRED_NO_DOOR,
			 "this libpmix accepts connections past psec-pmixd, "
			 "so no credential is made or validated");
}

/* What is refused in an upcall is never answered through the callback. */
static pmix_status_t refuse(cred_request_t *r, const cred_error_t *err)
{
	cred_complain(&r->proc, "a credential was not %s (%s): %s",
		      r->get ? "made" : "accepted", cred_cause_name(err->cause),
		      err->text);
	cred_request_free(r);
	return cred_cause_status(err->cause);
}

/* -- get ----------------------------------------------------------------- */

static void put_text(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text ? text : "");
}

/* The first wished type that can be had here; without a wish our first. */
static cred_cause_t choose_type(cred_request_t *r, cred_error_t *err)
{
	char list[PSEC_LIST_MAX], ours[PSEC_LIST_MAX];
	char *save = NULL;

	cred_type_list(ours, sizeof(ours));
	put_text(list, sizeof(list), r->wish.types[0] ? r->wish.types : ours);
	for (char *name = strtok_r(list, ",", &save); name && !r->type;
	     name = strtok_r(NULL, ",", &save))
		r->type = cred_type_named(name);
	if (r->type)
		return CRED_OK;
	return cred_fail(err, CRED_NO_TYPE,
			 "no credential of type '%s' can be made; this step "
			 "has '%s'",
			 r->wish.types, ours);
}

static void make_claims(const cred_request_t *r, claims_t *c)
{
	uint8_t id[16];

	memset(c, 0, sizeof(*c));
	c->job_id = pmixd.conf.job_id;
	c->step_id = pmixd.conf.step_id;
	c->rank = r->proc.rank;
	c->issued_s = (int64_t)time(NULL);
	randombytes_buf(id, sizeof(id));
	sodium_bin2hex(c->id, sizeof(c->id), id, sizeof(id));
	put_text(c->cluster, sizeof(c->cluster),
		 stepconf_env(&pmixd.conf, "SLURM_CLUSTER_NAME"));
	put_text(c->nspace, sizeof(c->nspace), r->proc.nspace);
	put_text(c->node, sizeof(c->node), pmixd_node_name(pmixd.conf.node));
}

static cred_cause_t make(const cred_request_t *r, const char *payload,
			 cred_result_t *result)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_error_t err;
	void *cred = NULL;

	req.payload = payload;
	req.payload_len = strlen(payload);
	if (r->wish.has_uid)
		req.for_uid = r->wish.uid;
	if (r->wish.has_gid)
		req.for_gid = r->wish.gid;
	if (r->type->create(&req, &cred, &result->cred.size, &err) != PSEC_OK)
		return cred_fail_psec(&result->err, &err);
	result->cred.bytes = cred;
	return CRED_OK;
}

static void get_work(cred_request_t *r, cred_result_t *result)
{
	claims_t claims;
	char *payload;

	make_claims(r, &claims);
	payload = claims_encode(&claims);
	if (!payload)
		cred_fail(&result->err, CRED_NOMEM,
			  "its claims cannot be written; is one of "
			  "SLURM_CLUSTER_NAME and the node's name not UTF-8?");
	else if (make(r, payload, result) == CRED_OK &&
		 cred_answer_made(r->type->name, &claims, &result->info) !=
			 PMIX_SUCCESS)
		cred_fail(&result->err, CRED_NOMEM,
			  "no memory for what goes with it");
	free(payload);
}

pmix_status_t credential_get_upcall(const pmix_proc_t *proc,
				    const pmix_info_t directives[],
				    size_t ndirs,
				    pmix_credential_cbfunc_t cbfunc,
				    void *cbdata)
{
	cred_request_t *r = cred_request_new(proc, cbfunc, NULL, cbdata);
	cred_error_t err;

	if (!r)
		return PMIX_ERR_NOMEM;
	if (check_door(&err) != CRED_OK ||
	    cred_directives_read(directives, ndirs, &r->wish, &err) !=
		    CRED_OK ||
	    choose_type(r, &err) != CRED_OK)
		return refuse(r, &err);
	return cred_request_start(r, get_work);
}

/* -- validate ------------------------------------------------------------ */

static cred_cause_t take_blob(cred_request_t *r, const pmix_byte_object_t *cred,
			      cred_error_t *err)
{
	if (!cred || !cred->bytes || !cred->size || cred->size > PSEC_CRED_MAX)
		return cred_fail(err, CRED_MALFORMED,
				 "it has %zu bytes, not 1 to %d",
				 cred ? cred->size : 0, PSEC_CRED_MAX);
	r->blob = malloc(cred->size);
	if (!r->blob)
		return cred_fail(err, CRED_NOMEM, "no memory to keep it");
	memcpy(r->blob, cred->bytes, cred->size);
	r->blob_len = cred->size;
	return CRED_OK;
}

static cred_cause_t recognise_type(cred_request_t *r, cred_error_t *err)
{
	char ours[PSEC_LIST_MAX];

	r->type = cred_type_of(r->blob, r->blob_len);
	if (!r->type)
		return cred_fail(err, CRED_MALFORMED,
				 "its %zu bytes are of no type that is known "
				 "here",
				 r->blob_len);
	if (r->type->allowed() &&
	    (!r->wish.types[0] || psec_list_has(r->wish.types, r->type->name)))
		return CRED_OK;
	cred_type_list(ours, sizeof(ours));
	return cred_fail(err, CRED_WRONG_TYPE,
			 "it is of type '%s', allowed are '%s'", r->type->name,
			 r->wish.types[0] ? r->wish.types : ours);
}

static cred_cause_t check_expected(const cred_wish_t *wish,
				   const cred_facts_t *facts, cred_error_t *err)
{
	if (wish->has_uid && wish->uid != facts->uid)
		return cred_fail(err, CRED_MISMATCH,
				 "it is of uid %u, expected was uid %u",
				 (unsigned)facts->uid, wish->uid);
	if (wish->has_gid && wish->gid != facts->gid)
		return cred_fail(err, CRED_MISMATCH,
				 "it is of gid %u, expected was gid %u",
				 (unsigned)facts->gid, wish->gid);
	return CRED_OK;
}

static cred_cause_t read_facts(const cred_request_t *r, cred_facts_t *facts,
			       cred_error_t *err)
{
	psec_cred_info_t *cred = NULL;
	psec_error_t why;
	cred_cause_t rc = CRED_OK;

	memset(facts, 0, sizeof(*facts));
	if (r->type->validate(r->blob, r->blob_len, &cred, &why) != PSEC_OK)
		return cred_fail_psec(err, &why);
	facts->type = r->type->name;
	facts->proven = r->type->proves;
	facts->uid = cred->uid;
	facts->gid = cred->gid;
	facts->issued_s = cred->issued_s;
	facts->expires_s = cred->expires_s;
	if (claims_decode(cred->payload, cred->payload_len, &facts->claims,
			  &why) != PSEC_OK)
		rc = cred_fail_psec(err, &why);
	psec_cred_info_destroy(cred);
	return rc;
}

static void validate_work(cred_request_t *r, cred_result_t *result)
{
	cred_facts_t facts;

	if (read_facts(r, &facts, &result->err) == CRED_OK &&
	    check_expected(&r->wish, &facts, &result->err) == CRED_OK &&
	    cred_answer_valid(&facts, &result->info) != PMIX_SUCCESS)
		cred_fail(&result->err, CRED_NOMEM,
			  "no memory for what it says");
}

pmix_status_t credential_validate_upcall(const pmix_proc_t *proc,
					 const pmix_byte_object_t *cred,
					 const pmix_info_t directives[],
					 size_t ndirs,
					 pmix_validation_cbfunc_t cbfunc,
					 void *cbdata)
{
	cred_request_t *r = cred_request_new(proc, NULL, cbfunc, cbdata);
	cred_error_t err;

	if (!r)
		return PMIX_ERR_NOMEM;
	if (check_door(&err) != CRED_OK ||
	    cred_directives_read(directives, ndirs, &r->wish, &err) !=
		    CRED_OK ||
	    take_blob(r, cred, &err) != CRED_OK ||
	    recognise_type(r, &err) != CRED_OK)
		return refuse(r, &err);
	return cred_request_start(r, validate_work);
}
