/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query.h - PMIx_Query_info: keys of ours, and those of query_step.h.
 *
 * PSEC_KEY_COUNTERS: what this node's server of this step has done with
 * credentials, an array of pmix_info_t (see query.c).  libpmix's clients keep
 * answers: ask with the qualifier PMIX_QUERY_REFRESH_CACHE for new ones.
 */
#ifndef PMIXD_QUERY_H
#define PMIXD_QUERY_H

#include <pmix_server.h>

#define PSEC_KEY_COUNTERS "psec.counters" /* (pmix_data_array_t *) */

/* PMIX_ERR_NOT_FOUND where none of the keys is known here. */
pmix_status_t query_upcall(pmix_proc_t *proc, pmix_query_t *queries,
			   size_t nqueries, pmix_info_cbfunc_t cbfunc,
			   void *cbdata);

#endif
