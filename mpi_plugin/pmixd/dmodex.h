/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dmodex.h - direct modex: fetch what a rank of another node has put.
 * Messages: doc/link-format.md.
 */
#ifndef PMIXD_DMODEX_H
#define PMIXD_DMODEX_H

#include <pmix_server.h>

/* Register with the links.  Call it with the lock held, before they start. */
void dmodex_init(void);

/* Register with the peers, for data of other steps of the job.  After
 * peers_init(), with the lock held. */
void dmodex_init_far(void);

/* Host upcall direct_modex, PMIx standard "Server-host: direct modex". */
pmix_status_t dmodex_upcall(const pmix_proc_t *proc, const pmix_info_t info[],
			    size_t ninfo, pmix_modex_cbfunc_t cbfunc,
			    void *cbdata);

#endif
