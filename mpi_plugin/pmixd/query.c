/* SPDX-License-Identifier: BSD-3-Clause */
/* query.c - see query.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cred_cause.h"
#include "cred_note.h"
#include "door.h"
#include "infolist.h"
#include "pmixd.h"
#include "progress.h"
#include "query.h"
#include "query_step.h"

typedef struct {
	progress_call_t call;
	pmix_info_cbfunc_t cbfunc;
	void *cbdata;
	pmix_status_t status;
	pmix_data_array_t info;
} reply_t;

static void put_u64(infolist_t *l, const char *key, uint64_t value)
{
	infolist_add(l, key, &value, PMIX_UINT64);
}

/* "psec.refused.not-for-you" for CRED_NOT_FOR_YOU. */
static void put_refused(infolist_t *l, cred_cause_t cause, uint64_t value)
{
	char key[PMIX_MAX_KEYLEN], word[CRED_CAUSE_KEY_MAX];

	(void)snprintf(key, sizeof(key), "psec.refused.%s",
		       cred_cause_key(cause, word));
	put_u64(l, key, value);
}

/* Causes that have not occurred are left out. */
static void put_counters(infolist_t *l)
{
	const cred_counters_t c = cred_counters();
	infolist_t inner = infolist_new();

	infolist_string(&inner, PMIX_HOSTNAME,
			pmixd_node_name(pmixd.conf.node));
	infolist_u32(&inner, "psec.job", pmixd.conf.job_id);
	infolist_u32(&inner, "psec.step", pmixd.conf.step_id);
	put_u64(&inner, "psec.made", c.made);
	put_u64(&inner, "psec.accepted", c.accepted);
	put_u64(&inner, "psec.refused", cred_counters_refused(&c));
	for (int i = CRED_OK + 1; i < CRED_CAUSES; i++)
		if (c.refused[i])
			put_refused(&inner, (cred_cause_t)i, c.refused[i]);
	put_u64(&inner, "psec.late", c.late);
	put_u64(&inner, "psec.longest_us", (uint64_t)c.longest_us);
	put_u64(&inner, "psec.strangers", door_refused());
	infolist_array(l, PSEC_KEY_COUNTERS, &inner);
}

/* How many keys there are; those that we know are answered into L. */
static size_t answer_keys(const pmix_query_t *query, infolist_t *l,
			  size_t *known)
{
	size_t n = 0;

	for (char **key = query->keys; key && *key; key++, n++)
		if (!strcmp(*key, PSEC_KEY_COUNTERS)) {
			put_counters(l);
			++*known;
		} else if (query_step(l, *key, query)) {
			++*known;
		}
	return n;
}

static void release(void *arg)
{
	reply_t *reply = arg;

	if (reply->info.array)
		PMIX_DATA_ARRAY_DESTRUCT(&reply->info);
	free(reply);
}

/* On the progress thread; libpmix calls release() when it has sent it. */
static void deliver(progress_call_t *call)
{
	reply_t *reply = (reply_t *)call;

	reply->cbfunc(reply->status, reply->info.array, reply->info.size,
		      reply->cbdata, release, reply);
}

pmix_status_t query_upcall(pmix_proc_t *proc, pmix_query_t *queries,
			   size_t nqueries, pmix_info_cbfunc_t cbfunc,
			   void *cbdata)
{
	infolist_t l = infolist_new();
	size_t asked = 0, known = 0;
	reply_t *reply = calloc(1, sizeof(*reply));
	pmix_data_array_t info = { 0 };
	pmix_status_t rc;

	for (size_t i = 0; i < nqueries; i++)
		asked += answer_keys(&queries[i], &l, &known);
	rc = infolist_take(&l, &info);
	if (!known)
		rc = PMIX_ERR_NOT_FOUND;
	else if (!reply)
		rc = PMIX_ERR_NOMEM;
	if (rc != PMIX_SUCCESS) {
		if (info.array)
			PMIX_DATA_ARRAY_DESTRUCT(&info);
		free(reply);
		return rc;
	}
	reply->cbfunc = cbfunc;
	reply->cbdata = cbdata;
	reply->info = info;
	reply->status = known < asked ? PMIX_ERR_PARTIAL_SUCCESS : PMIX_SUCCESS;
	pthread_mutex_lock(&pmixd.lock);
	progress_post(&reply->call, deliver);
	pthread_mutex_unlock(&pmixd.lock);
	return PMIX_SUCCESS;
}
