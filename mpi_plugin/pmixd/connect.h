/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * connect.h - collectives of processes of several namespaces of one job:
 * PMIx_Connect, PMIx_Disconnect, and fences across namespaces.
 *
 * Nodes tell their step's head, heads the head of the lowest step, and the
 * answer takes the same way back.  Processes of other jobs cannot take part.
 * Messages: doc/link-format.md.
 */
#ifndef PMIXD_CONNECT_H
#define PMIXD_CONNECT_H

#include <pmix_server.h>

/* Register with the peers, after peers_init().  With the lock held. */
void connect_init(void);

/* Host upcall connect: when it is answered, the servers of all participants
 * know all namespaces.  PMIx standard "Server-host: connect". */
pmix_status_t connect_upcall(const pmix_proc_t procs[], size_t nprocs,
			     const pmix_info_t info[], size_t ninfo,
			     pmix_op_cbfunc_t cbfunc, void *cbdata);

/* Host upcall disconnect: a barrier; what is known stays known. */
pmix_status_t connect_disconnect_upcall(const pmix_proc_t procs[],
					size_t nprocs, const pmix_info_t info[],
					size_t ninfo, pmix_op_cbfunc_t cbfunc,
					void *cbdata);

/* Host upcall fence_nb: fence.h's, where it is of this step only. */
pmix_status_t connect_fence_upcall(const pmix_proc_t procs[], size_t nprocs,
				   const pmix_info_t info[], size_t ninfo,
				   char *data, size_t ndata,
				   pmix_modex_cbfunc_t cbfunc, void *cbdata);

#endif
