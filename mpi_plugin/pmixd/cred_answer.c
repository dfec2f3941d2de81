/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_answer.c - see cred_answer.h. */
#include <stdio.h>

#include "cred_answer.h"
#include "infolist.h"

static void add_issuer(infolist_t *info, const claims_t *c, const char *type)
{
	char issuer[CLAIMS_TEXT_MAX * 3];

	(void)snprintf(issuer, sizeof(issuer), "%s/%s/%s", c->cluster, c->node,
		       type);
	infolist_string(info, PSEC_KEY_ISSUER, issuer);
}

pmix_status_t cred_answer_made(const char *type, const claims_t *claims,
			       pmix_data_array_t *out)
{
	infolist_t info = infolist_new();

	infolist_string(&info, PMIX_CRED_TYPE, type);
	add_issuer(&info, claims, type);
	return infolist_take(&info, out);
}

pmix_status_t cred_answer_valid(const cred_facts_t *facts,
				pmix_data_array_t *out)
{
	const claims_t *c = &facts->claims;
	infolist_t info = infolist_new();
	char jobid[64];

	(void)snprintf(jobid, sizeof(jobid), "%u.%u", c->job_id, c->step_id);
	infolist_u32(&info, PMIX_USERID, facts->uid);
	infolist_u32(&info, PMIX_GRPID, facts->gid);
	infolist_string(&info, PMIX_CRED_TYPE, facts->type);
	infolist_string(&info, PMIX_NSPACE, c->nspace);
	infolist_rank(&info, PMIX_RANK, c->rank);
	infolist_string(&info, PMIX_JOBID, jobid);
	infolist_string(&info, PMIX_HOSTNAME, c->node);
	add_issuer(&info, c, facts->type);
	infolist_string(&info, PSEC_KEY_CLUSTER, c->cluster);
	infolist_string(&info, PSEC_KEY_ID, c->id);
	infolist_add(&info, PSEC_KEY_ISSUED, &facts->issued_s, PMIX_INT64);
	infolist_add(&info, PSEC_KEY_EXPIRES, &facts->expires_s, PMIX_INT64);
	return infolist_take(&info, out);
}
