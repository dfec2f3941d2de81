/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tasklist.h - the processes of this node's tasks, and how they have ended.
 *
 * All functions are called with pmixd.lock held.
 */
#ifndef PMIXD_TASKLIST_H
#define PMIXD_TASKLIST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
	pid_t pid;    /* 0: it is not forked yet */
	bool ended;   /* its process id may be another's by now */
	int status;   /* then: as waitpid() has it */
	bool in_pmix; /* it has called PMIx_Init, and not PMIx_Finalize */
	bool done;    /* it has called PMIx_Finalize, and not PMIx_Init since */
	bool known;   /* to libpmix: it has called PMIx_Init once */
} task_t;

void tasklist_forked(uint32_t local, pid_t pid);
void tasklist_exited(uint32_t local, int status);
void tasklist_in_pmix(uint32_t local, bool in_pmix);
void tasklist_known(uint32_t local);

/* Have all tasks called PMIx_Finalize?  They may call PMIx_Init once more. */
bool tasklist_all_done(void);

/* Has a task died of a signal, or without PMIx_Finalize after PMIx_Init? */
bool tasklist_any_failed(void);

/* LOCAL is below pmixd.conf.nlocal. */
task_t tasklist_get(uint32_t local);

/*
 * SIGKILL for the tasks that have not ended, when slurmstepd cannot do it any
 * more: at once after its end, lest a process id be another's by then (of this
 * user's, as the kernel sees to).
 */
void tasklist_kill(void);

/* An exit status as a shell has it: 128 and its number for a signal. */
int tasklist_exit_code(int status);

#endif
