/* SPDX-License-Identifier: BSD-3-Clause */
/* fence.h - PMIx_Fence over any set of the step's processes. */
#ifndef PMIXD_FENCE_H
#define PMIXD_FENCE_H

#include <pmix_server.h>

/* Host upcall fence_nb, PMIx standard "Server-host: fence". */
pmix_status_t fence_upcall(const pmix_proc_t procs[], size_t nprocs,
			   const pmix_info_t info[], size_t ninfo, char *data,
			   size_t ndata, pmix_modex_cbfunc_t cbfunc,
			   void *cbdata);

#endif
