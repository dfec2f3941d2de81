/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job_control.h - PMIx_Job_control: signals for processes of the step, on all
 * nodes.
 */
#ifndef PMIXD_JOB_CONTROL_H
#define PMIXD_JOB_CONTROL_H

#include <pmix_server.h>

/* With pmixd.lock held, when the links exist. */
void job_control_init(void);

/* Host upcall job_control. */
pmix_status_t job_control_upcall(const pmix_proc_t *requestor,
				 const pmix_proc_t targets[], size_t ntargets,
				 const pmix_info_t directives[], size_t ndirs,
				 pmix_info_cbfunc_t cbfunc, void *cbdata);

#endif
