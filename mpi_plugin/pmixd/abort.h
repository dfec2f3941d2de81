/* SPDX-License-Identifier: BSD-3-Clause */
/* abort.h - PMIx_Abort: end the whole step with the caller's status. */
#ifndef PMIXD_ABORT_H
#define PMIXD_ABORT_H

#include <stdbool.h>

#include <pmix_server.h>

#include "psec.h"

/*
 * Host upcall abort.  Under Slurm a step is killed whole, so PROCS does not
 * narrow it: MPI_Abort on any communicator ends the step, as with mpirun.  A
 * tool that names none of the step's processes would end its own:
 * PMIX_ERR_NOT_SUPPORTED.
 */
pmix_status_t abort_upcall(const pmix_proc_t *proc, void *object, int status,
			   const char msg[], pmix_proc_t procs[], size_t nprocs,
			   pmix_op_cbfunc_t cbfunc, void *cbdata);

/*
 * Connect to the step's srun, prove that we are its user and send INTRO.
 * Returns the connection; the key that was agreed on goes to KEY (PSEC_KEY_LEN
 * bytes, or NULL).  -1: a sentence.  Blocks.  Without the lock.
 */
int abort_call_srun(const void *intro, size_t intro_len, uint8_t *key,
		    psec_error_t *err);

/* libslurm reads slurm.conf; once, and before its first other call. */
void slurm_ready(void);

/*
 * Kill the step as its user, by SIG (perhaps PSEC_SIG_TERM_KILL) and FLAGS of
 * slurm_kill_job_step(); a sentence is logged where Slurm refuses.
 */
void abort_kill_step(int sig, uint16_t flags);

/* Has a rank of this node called PMIx_Abort?  With pmixd.lock held. */
bool abort_called(void);

#endif
