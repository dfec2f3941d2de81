/* SPDX-License-Identifier: BSD-3-Clause */
/* procset.c - see procset.h. */
#include <stdlib.h>
#include <string.h>

#include <pmix.h>
#include <sodium.h>

#include "pmixd.h"
#include "procset.h"

void procset_free(procset_t *set)
{
	free(set->member);
	free(set->nodes);
}

static pmix_status_t read_members(procset_t *set, const pmix_proc_t procs[],
				  size_t nprocs)
{
	uint32_t ntasks = pmixd.layout.ntasks;

	set->member = calloc(ntasks, 1);
	if (!set->member)
		return PMIX_ERR_NOMEM;
	for (size_t i = 0; i < nprocs; i++) {
		if (!PMIX_CHECK_NSPACE(procs[i].nspace, pmixd.nspace))
			return PMIX_ERR_NOT_SUPPORTED;
		if (procs[i].rank == PMIX_RANK_WILDCARD)
			set->all = true;
		else if (procs[i].rank < ntasks)
			set->member[procs[i].rank] = 1;
		else
			return PMIX_ERR_BAD_PARAM;
	}
	if (!set->all)
		set->all = !memchr(set->member, 0, ntasks);
	return PMIX_SUCCESS;
}

static pmix_status_t find_nodes(procset_t *set)
{
	const layout_t *l = &pmixd.layout;

	set->nodes = calloc((size_t)l->nnodes + 1, sizeof(*set->nodes));
	if (!set->nodes)
		return PMIX_ERR_NOMEM;
	for (uint32_t n = 0; n < l->nnodes; n++) {
		bool has = set->all && l->node_tasks[n];

		for (uint32_t i = 0; !has && i < l->node_tasks[n]; i++)
			has = set->member[l->node_ranks[n][i]];
		if (has)
			set->nodes[set->nnodes++] = n;
	}
	return PMIX_SUCCESS;
}

pmix_status_t procset_make(procset_t *set, const pmix_proc_t procs[],
			   size_t nprocs)
{
	pmix_status_t rc;

	memset(set, 0, sizeof(*set));
	rc = read_members(set, procs, nprocs);
	return rc == PMIX_SUCCESS ? find_nodes(set) : rc;
}

void procset_digest(const procset_t *set, uint8_t *digest, size_t len)
{
	memset(digest, 0, len);
	if (!set->all)
		crypto_generichash(digest, len, set->member,
				   pmixd.layout.ntasks, NULL, 0);
}

pmix_status_t directive_timeout(const pmix_info_t info[], size_t ninfo,
				int *timeout_s)
{
	pmix_status_t rc = PMIX_SUCCESS;

	*timeout_s = 0;
	for (size_t i = 0; i < ninfo; i++)
		if (PMIX_CHECK_KEY(&info[i], PMIX_TIMEOUT))
			PMIX_VALUE_GET_NUMBER(rc, &info[i].value, *timeout_s,
					      int);
	return rc == PMIX_SUCCESS ? rc : PMIX_ERR_BAD_PARAM;
}

bool directive_all_joined(const pmix_info_t info[], size_t ninfo)
{
	for (size_t i = 0; i < ninfo; i++)
		if (PMIX_CHECK_KEY(&info[i], PMIX_LOCAL_COLLECTIVE_STATUS) &&
		    info[i].value.type == PMIX_STATUS)
			return info[i].value.data.status == PMIX_SUCCESS;
	return true;
}
