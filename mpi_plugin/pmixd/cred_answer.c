/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_answer.c - see cred_answer.h. */
#include <stdio.h>
#include <string.h>

#include "cred_answer.h"
#include "infolist.h"

#define KEYS_MAX 512	    /* bytes of the keys of one answer */
#define NOBODY	 (1u << 31) /* in no cred_facts_t's `proven` */

typedef struct {
	infolist_t info;
	unsigned proven; /* cred_proof_t */
	char proven_keys[KEYS_MAX], stated_keys[KEYS_MAX];
} answer_t;

static void append_key(char *keys, const char *key)
{
	size_t used = strlen(keys);

	(void)snprintf(keys + used, KEYS_MAX - used, "%s%s", used ? "," : "",
		       key);
}

/* NEEDS: what must be proven for this value to be; 0: we know it ourselves. */
static void add(answer_t *a, const char *key, const void *value,
		pmix_data_type_t type, unsigned needs)
{
	infolist_add(&a->info, key, value, type);
	append_key((a->proven & needs) == needs ? a->proven_keys
						: a->stated_keys,
		   key);
}

static void add_issuer(answer_t *a, const char *type, const claims_t *c)
{
	char issuer[CLAIMS_TEXT_MAX * 3];

	(void)snprintf(issuer, sizeof(issuer), "%s/%s/%s", c->cluster, c->node,
		       type);
	add(a, PSEC_KEY_ISSUER, issuer, PMIX_STRING, CRED_PROVES_ISSUER);
	add(a, PSEC_KEY_CLUSTER, c->cluster, PMIX_STRING, CRED_PROVES_ISSUER);
	add(a, PMIX_HOSTNAME, c->node, PMIX_STRING, CRED_PROVES_ISSUER);
	add(a, PSEC_KEY_ID, c->id, PMIX_STRING, NOBODY);
}

static void add_audience(answer_t *a, const claims_t *c)
{
	if (c->has_for_uid)
		add(a, PSEC_KEY_FOR_UID, &c->for_uid, PMIX_UINT32, NOBODY);
	if (c->has_for_gid)
		add(a, PSEC_KEY_FOR_GID, &c->for_gid, PMIX_UINT32, NOBODY);
}

static void add_origin(answer_t *a, const claims_t *c)
{
	const bool confirmed = (a->proven & CRED_PROVES_JOB) != 0;
	char jobid[32];

	(void)snprintf(jobid, sizeof(jobid), "%u.%u", c->job_id, c->step_id);
	add(a, PMIX_JOBID, jobid, PMIX_STRING,
	    CRED_PROVES_JOB | CRED_PROVES_STEP);
	add(a, PSEC_KEY_JOB, &c->job_id, PMIX_UINT32, CRED_PROVES_JOB);
	add(a, PSEC_KEY_JOB_OK, &confirmed, PMIX_BOOL, 0);
	add(a, PSEC_KEY_STEP, &c->step_id, PMIX_UINT32, CRED_PROVES_STEP);
	add(a, PMIX_NSPACE, c->nspace, PMIX_STRING, NOBODY);
	add(a, PMIX_RANK, &c->rank, PMIX_PROC_RANK, NOBODY);
}

pmix_status_t cred_answer_made(const char *type, const claims_t *claims,
			       uint32_t lifetime_s, pmix_data_array_t *out)
{
	answer_t a = { .info = infolist_new() };

	add(&a, PMIX_CRED_TYPE, type, PMIX_STRING, 0);
	add_issuer(&a, type, claims);
	add_audience(&a, claims);
	/* 0: it does not expire by time. */
	if (lifetime_s)
		add(&a, PSEC_KEY_LIFETIME, &lifetime_s, PMIX_UINT32, 0);
	return infolist_take(&a.info, out);
}

pmix_status_t cred_answer_valid(const cred_facts_t *facts,
				pmix_data_array_t *out)
{
	const claims_t *c = &facts->claims;
	answer_t a = { .info = infolist_new(), .proven = facts->proven };
	uint32_t uid = facts->uid, gid = facts->gid;

	add(&a, PMIX_USERID, &uid, PMIX_UINT32, CRED_PROVES_UID);
	add(&a, PMIX_GRPID, &gid, PMIX_UINT32, CRED_PROVES_GID);
	add(&a, PMIX_CRED_TYPE, facts->type, PMIX_STRING, 0);
	add(&a, PSEC_KEY_ISSUED, &facts->issued_s, PMIX_INT64,
	    CRED_PROVES_TIMES);
	add(&a, PSEC_KEY_EXPIRES, &facts->expires_s, PMIX_INT64,
	    CRED_PROVES_TIMES);
	add_origin(&a, c);
	add_issuer(&a, facts->type, c);
	add_audience(&a, c);
	infolist_string(&a.info, PSEC_KEY_PROVEN, a.proven_keys);
	infolist_string(&a.info, PSEC_KEY_STATED, a.stated_keys);
	return infolist_take(&a.info, out);
}
