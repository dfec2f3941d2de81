/* SPDX-License-Identifier: BSD-3-Clause */
/* host.c - see host.h.  Upcalls run on libpmix's progress thread. */
#include "abort.h"
#include "credential.h"
#include "dmodex.h"
#include "fence.h"
#include "host.h"
#include "log.h"
#include "pmixd.h"

static pmix_status_t client_connected2(const pmix_proc_t *proc, void *object,
				       pmix_info_t info[], size_t ninfo,
				       pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	plog_debug2("rank %u connected", proc->rank);
	/* 4.2 passes no callback; later versions wait for it. */
	if (cbfunc)
		cbfunc(PMIX_SUCCESS, cbdata);
	return PMIX_SUCCESS;
}

static pmix_status_t client_finalized(const pmix_proc_t *proc, void *object,
				      pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	plog_debug2("rank %u finalised", proc->rank);
	pthread_mutex_lock(&pmixd.lock);
	/* From here on this node may end at any time, in good order. */
	if (++pmixd.finalized == pmixd.conf.nlocal && pmixd.links)
		links_goodbye(pmixd.links);
	pthread_mutex_unlock(&pmixd.lock);
	if (cbfunc)
		cbfunc(PMIX_SUCCESS, cbdata);
	return PMIX_SUCCESS;
}

pmix_server_module_t host_module = {
	.client_connected2 = client_connected2,
	.client_finalized = client_finalized,
	.abort = abort_upcall,
	.fence_nb = fence_upcall,
	.direct_modex = dmodex_upcall,
	.get_credential = credential_get_upcall,
	.validate_credential = credential_validate_upcall,
};
