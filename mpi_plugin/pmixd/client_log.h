/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_log.h - PMIx_Log: to the caller's own output, and to syslog, as the
 * user.
 */
#ifndef PMIXD_CLIENT_LOG_H
#define PMIXD_CLIENT_LOG_H

#include <pmix_server.h>

/* Host upcall log; CBFUNC is called later, on the progress thread. */
void client_log_upcall(const pmix_proc_t *client, const pmix_info_t data[],
		       size_t ndata, const pmix_info_t directives[],
		       size_t ndirs, pmix_op_cbfunc_t cbfunc, void *cbdata);

#endif
