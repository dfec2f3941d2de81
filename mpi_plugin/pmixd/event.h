/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event.h - events between the step's nodes: PMIx_Notify_event, and what
 * psec-pmixd itself tells (see ends.h).
 *
 * libpmix itself keeps who has registered for what, and tells the processes
 * of its own node.
 */
#ifndef PMIXD_EVENT_H
#define PMIXD_EVENT_H

#include <pmix_server.h>

/* With pmixd.lock held, when the links exist; and after peers_init(). */
void event_init(void);
void event_init_far(void);

/* Host upcall notify_event: an event of this node, for the others. */
pmix_status_t event_notify_upcall(pmix_status_t code, const pmix_proc_t *source,
				  pmix_data_range_t range, pmix_info_t info[],
				  size_t ninfo, pmix_op_cbfunc_t cbfunc,
				  void *cbdata);

/*
 * An event of psec-pmixd's own, for all processes of the step that RANGE means
 * and that have registered for it.  INFO stays the caller's.  A failure is
 * logged.  Any thread, without the lock.
 */
void event_raise(pmix_status_t code, const pmix_proc_t *source,
		 pmix_data_range_t range, const pmix_data_array_t *info);

/* Likewise for those of this node only, and with the lock held. */
void event_raise_here(pmix_status_t code, const pmix_proc_t *source,
		      const pmix_data_array_t *info);

/*
 * Likewise for the processes of another STEP of the job; SOURCE is of this
 * step.  Where that step cannot be reached, nobody is told.  Without the lock.
 */
void event_raise_far(uint32_t step, pmix_status_t code,
		     const pmix_proc_t *source, const pmix_data_array_t *info);

#endif
