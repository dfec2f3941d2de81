/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_claims.c - the JSON in a credential, which its issuer may have written
 * as he liked.  Input: the text.
 */
#include "claims.h"
#include "fuzz.h"

static void must_be_same(const claims_t *a, const claims_t *b)
{
	MUST(strcmp(a->cluster, b->cluster) == 0);
	MUST(strcmp(a->nspace, b->nspace) == 0);
	MUST(strcmp(a->node, b->node) == 0);
	MUST(strcmp(a->id, b->id) == 0);
	MUST(a->job_id == b->job_id && a->step_id == b->step_id);
	MUST(a->rank == b->rank && a->issued_s == b->issued_s);
	MUST(a->has_for_uid == b->has_for_uid);
	MUST(a->has_for_gid == b->has_for_gid);
	MUST(!a->has_for_uid || a->for_uid == b->for_uid);
	MUST(!a->has_for_gid || a->for_gid == b->for_gid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_copy(data, size), *again;
	claims_t claims, back;
	psec_error_t err;
	psec_code_t rc;

	memset(&claims, 0xff, sizeof(claims));
	rc = claims_decode(text, size, &claims, &err);
	free(text);
	if (rc) {
		must_be_told(rc, &err);
		return 0;
	}
	again = claims_encode(&claims);
	MUST(again);
	MUST(claims_decode(again, strlen(again), &back, &err) == PSEC_OK);
	must_be_same(&claims, &back);
	free(again);
	return 0;
}
