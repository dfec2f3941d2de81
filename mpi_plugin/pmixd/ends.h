/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ends.h - what the step's processes are told of those that end.
 *
 * Each end is PMIX_EVENT_PROC_TERMINATED; one that is a failure also what it
 * is: PMIX_ERR_PROC_ABORTED_BY_SIG, PMIX_ERR_EXIT_NONZERO_TERM,
 * PMIX_ERR_PROC_TERM_WO_SYNC where the rank had called PMIx_Init and not
 * PMIx_Finalize.  A signal and the last are PMIX_ERR_PROC_ABORTED, too, as the
 * standard called them before version 4.  Only those hear of it who have
 * registered for the code.
 */
#ifndef PMIXD_ENDS_H
#define PMIXD_ENDS_H

#include <stdint.h>

#include <pmix_common.h>

/* The local task LOCAL has ended, and tasklist.h knows how.  Main thread. */
void ends_task_ended(uint32_t local);

/*
 * PROC, a rank of this node, is in PMIx_Finalize: where PMIx_Connect has joined
 * it with other steps and it has not disconnected, that is the last of these,
 * here and there.  libpmix's thread.
 */
void ends_finalized(const pmix_proc_t *proc);

/*
 * The step STEP, which a rank of this node has spawned, has ended, and its srun
 * with EXIT_CODE: PMIX_EVENT_JOB_END.  Any thread, without the lock.
 */
void ends_job(uint32_t step, int exit_code);

/*
 * Likewise a STEP that processes of this node are connected with has failed, as
 * far as can be seen from here: PMIX_ERR_JOB_TERM_WO_SYNC, for this node.  With
 * the lock held.
 */
void ends_connected_lost(uint32_t step);

/* PROC, a rank of this node, has called PMIx_Abort.  libpmix's thread. */
void ends_abort(const pmix_proc_t *proc, int status);

#endif
