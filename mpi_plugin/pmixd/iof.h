/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iof.h - the output of the step's tasks for tools: PMIx_IOF_pull.
 *
 * The streams are slurmstepd's.  The public way to them is sattach(1), which
 * is run as the user, once, when the first tool asks; what it writes, line by
 * line with the task's number, goes to libpmix, which knows who wants what.
 */
#ifndef PMIXD_IOF_H
#define PMIXD_IOF_H

#include <pmix_server.h>

/* Host upcall iof_pull, PMIx standard "Server-host: iof_pull". */
pmix_status_t iof_pull_upcall(const pmix_proc_t procs[], size_t nprocs,
			      const pmix_info_t directives[], size_t ndirs,
			      pmix_iof_channel_t channels,
			      pmix_op_cbfunc_t cbfunc, void *cbdata);

/* End sattach, if it runs.  With pmixd.lock held. */
void iof_end(void);

#endif
