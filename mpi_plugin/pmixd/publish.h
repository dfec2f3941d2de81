/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * publish.h - PMIx_Publish, PMIx_Lookup, PMIx_Unpublish: host upcalls.
 *
 * doc/pmix-support.md, "Published data", says what each directive does.
 */
#ifndef PMIXD_PUBLISH_H
#define PMIXD_PUBLISH_H

#include <pmix_server.h>

pmix_status_t publish_upcall(const pmix_proc_t *proc, const pmix_info_t info[],
			     size_t ninfo, pmix_op_cbfunc_t cbfunc,
			     void *cbdata);
pmix_status_t lookup_upcall(const pmix_proc_t *proc, char **keys,
			    const pmix_info_t info[], size_t ninfo,
			    pmix_lookup_cbfunc_t cbfunc, void *cbdata);
pmix_status_t unpublish_upcall(const pmix_proc_t *proc, char **keys,
			       const pmix_info_t info[], size_t ninfo,
			       pmix_op_cbfunc_t cbfunc, void *cbdata);

#endif
