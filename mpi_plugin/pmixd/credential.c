/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential.c - see credential.h.
 *
 * An upcall checks what is asked for and starts the request; a worker makes
 * the blocking call.  Credentials carry the uid and gid of this process,
 * which are the step's user's: nothing here could make one of another.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "claims.h"
#include "cred_answer.h"
#include "cred_cause.h"
#include "cred_directives.h"
#include "cred_facts.h"
#include "cred_job.h"
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

/* -- get ----------------------------------------------------------------- */

static void put_text(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text ? text : "");
}

static void add_type(cred_request_t *r, const cred_type_t *type)
{
	if (type && r->ntypes < CRED_TYPES_MAX)
		r->types[r->ntypes++] = type;
}

/*
 * Those of the wished types that can be had here; without a wish our first.
 * Whether a type's service answers turns out when it is asked.
 */
static cred_cause_t choose_types(cred_request_t *r, cred_error_t *err)
{
	char list[PSEC_LIST_MAX], ours[PSEC_LIST_MAX];
	char *save = NULL;

	cred_type_list(ours, sizeof(ours));
	put_text(list, sizeof(list), r->wish.has_types ? r->wish.types : ours);
	for (char *name = strtok_r(list, ",", &save); name;
	     name = strtok_r(NULL, ",", &save))
		add_type(r, cred_type_named(name));
	if (!r->wish.has_types && r->ntypes > 1)
		r->ntypes = 1;
	if (r->ntypes)
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
	c->job_id = pmixd.layout.apps.leader;
	c->step_id = pmixd.conf.step_id;
	c->rank = r->proc.rank;
	c->issued_s = (int64_t)time(NULL);
	c->has_for_uid = r->wish.has_uid;
	c->for_uid = r->wish.uid;
	c->has_for_gid = r->wish.has_gid;
	c->for_gid = r->wish.gid;
	randombytes_buf(id, sizeof(id));
	sodium_bin2hex(c->id, sizeof(c->id), id, sizeof(id));
	put_text(c->cluster, sizeof(c->cluster), pmixd.conf.cluster);
	put_text(c->nspace, sizeof(c->nspace), r->proc.nspace);
	put_text(c->node, sizeof(c->node), pmixd_node_name(pmixd.conf.node));
}

/* One of TYPE. */
static cred_cause_t make(const cred_request_t *r, const cred_type_t *type,
			 const char *payload, cred_result_t *result)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_error_t err;
	void *cred = NULL;

	req.payload = payload;
	req.payload_len = strlen(payload);
	req.ttl_s = (int)cred_lifetime_s();
	if (r->wish.has_uid)
		req.for_uid = r->wish.uid;
	if (r->wish.has_gid)
		req.for_gid = r->wish.gid;
	if (psec_cred_create(pmixd.psec, type->name, &req, &cred,
			     &result->cred.size, &err) != PSEC_OK)
		return cred_fail_psec(&result->err, &err);
	result->cred.bytes = cred;
	return cred_fail(&result->err, CRED_OK, "%s", "");
}

/* A type whose service does not answer is passed over for the next wish. */
static const cred_type_t *make_first(const cred_request_t *r,
				     const char *payload, cred_result_t *result)
{
	for (size_t i = 0; i < r->ntypes; i++) {
		cred_cause_t rc = make(r, r->types[i], payload, result);

		if (rc == CRED_OK)
			return r->types[i];
		if (rc != CRED_UNAVAILABLE)
			break;
	}
	return NULL;
}

/* For the records: whose it is, as we have made it. */
static void keep_facts(const cred_type_t *type, const claims_t *claims,
		       cred_result_t *result)
{
	result->type = type->name;
	result->facts.type = type->name;
	result->facts.uid = geteuid();
	result->facts.gid = getegid();
	result->facts.issued_s = claims->issued_s;
	result->facts.claims = *claims;
	result->has_facts = true;
}

static bool get_work(cred_request_t *r)
{
	cred_result_t *result = &r->result;
	const cred_type_t *type;
	claims_t claims;
	char *payload;

	make_claims(r, &claims);
	payload = claims_encode(&claims);
	if (!payload) {
		cred_fail(&result->err, CRED_FAILED,
			  "its claims cannot be written; is one of "
			  "slurm.conf's ClusterName and the node's name not "
			  "UTF-8?");
		return true;
	}
	result->type = r->types[0]->name; /* who is to blame, if none is made */
	type = make_first(r, payload, result);
	if (type)
		keep_facts(type, &claims, result);
	if (type && cred_answer_made(type->name, &claims, cred_lifetime_s(),
				     &result->info) != PMIX_SUCCESS)
		cred_fail(&result->err, CRED_NOMEM,
			  "no memory for what goes with it");
	free(payload);
	return true;
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
	    choose_types(r, &err) != CRED_OK)
		return cred_request_refuse(r, &err);
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

/*
 * What proves nothing is accepted only by who has asked for it, or where
 * there is nothing else.
 */
static bool is_wanted(const cred_request_t *r, const cred_type_t *type,
		      const char *ours)
{
	if (r->wish.has_types)
		return psec_list_has(r->wish.types, type->name);
	return type->proves || !strcmp(ours, type->name);
}

static cred_cause_t recognise_type(cred_request_t *r, cred_error_t *err)
{
	const cred_type_t *type = cred_type_of(r->blob, r->blob_len);
	char ours[PSEC_LIST_MAX];

	if (!type)
		return cred_fail(err, CRED_MALFORMED,
				 "its %zu bytes are of no type that is known "
				 "here",
				 r->blob_len);
	add_type(r, type);
	cred_type_list(ours, sizeof(ours));
	if (cred_type_allowed(type) && is_wanted(r, type, ours))
		return CRED_OK;
	return cred_fail(err, CRED_WRONG_TYPE,
			 "it is of type '%s'; this step has '%s', accepted "
			 "are '%s'",
			 type->name, ours,
			 r->wish.has_types ? r->wish.types : ours);
}

static bool is_member(gid_t gid)
{
	gid_t gids[NGROUPS_MAX + 1];
	int n = getgroups(NGROUPS_MAX, gids);

	if (gid == getegid())
		return true;
	for (int i = 0; i < n; i++)
		if (gids[i] == gid)
			return true;
	return false;
}

/* Who may validate it, as its claims say; MUNGE sees to it by itself. */
static cred_cause_t check_audience(const claims_t *c, cred_error_t *err)
{
	if (c->has_for_uid && c->for_uid != geteuid())
		return cred_fail(err, CRED_NOT_FOR_YOU,
				 "it is for uid %u, not for uid %u", c->for_uid,
				 (unsigned)geteuid());
	if (c->has_for_gid && !is_member(c->for_gid))
		return cred_fail(err, CRED_NOT_FOR_YOU,
				 "it is for gid %u, which is none of this "
				 "step's groups",
				 c->for_gid);
	return CRED_OK;
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
	const cred_type_t *type = r->types[0];
	psec_cred_info_t *cred = NULL;
	psec_error_t why;
	cred_cause_t rc = CRED_OK;

	if (psec_cred_validate(pmixd.psec, type->name, r->blob, r->blob_len,
			       &cred, &why) != PSEC_OK)
		return cred_fail_psec(err, &why);
	facts->type = type->name;
	facts->proven = type->proves;
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

/* Native ones are valid in their own step only: whatever else they say. */
static cred_cause_t check_step(cred_facts_t *facts, cred_error_t *err)
{
	const claims_t *c = &facts->claims;

	if (!(facts->proven & CRED_PROVES_STEP))
		return CRED_OK;
	/* Which job leads ours only the user's environment tells. */
	if (c->job_id != pmixd.conf.job_id)
		facts->proven &= ~CRED_PROVES_JOB;
	if (c->job_id == pmixd.layout.apps.leader &&
	    c->step_id == pmixd.conf.step_id)
		return CRED_OK;
	return cred_fail(err, CRED_TAMPERED,
			 "it says that it is of step %u.%u, but it was made "
			 "in this one",
			 c->job_id, c->step_id);
}

static bool describe(cred_request_t *r)
{
	if (cred_answer_valid(&r->result.facts, &r->result.info) !=
	    PMIX_SUCCESS)
		cred_fail(&r->result.err, CRED_NOMEM,
			  "no memory for what it says");
	return true;
}

/* With the lock held, some time after validate_work(). */
static void job_known(job_query_t *q)
{
	cred_request_t *r = deadline_owner(q, cred_request_t, query);

	if (cred_job_judge(q, &r->result.facts, &r->result.err) == CRED_OK)
		(void)describe(r);
	cred_request_end(r);
}

static bool validate_work(cred_request_t *r)
{
	cred_facts_t *facts = &r->result.facts;
	cred_error_t *err = &r->result.err;

	r->result.type = r->types[0]->name;
	if (read_facts(r, facts, err) != CRED_OK)
		return true;
	r->result.has_facts = true;
	if (check_step(facts, err) != CRED_OK ||
	    check_audience(&facts->claims, err) != CRED_OK ||
	    check_expected(&r->wish, facts, err) != CRED_OK)
		return true;
	if (!cred_job_ask(r, job_known))
		return false;
	if (cred_job_judge(&r->query, facts, err) != CRED_OK)
		return true;
	return describe(r);
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
		return cred_request_refuse(r, &err);
	return cred_request_start(r, validate_work);
}
