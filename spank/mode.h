/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mode.h - what a task is told about security mechanisms: PMIX_SECURITY_MODE,
 * and PMIX_MCA_psec where libpmix would make an order of it.
 */
#ifndef PSEC_MODE_H
#define PSEC_MODE_H

#include <slurm/spank.h>

#include "step.h"

/* In slurmstepd, before there are tasks.  0, or -1: no memory. */
int mode_init(void);

/*
 * In the task's process, as the user and in the task's namespaces: drop from
 * LIST, which the site and the user allow, what does not work here, and set
 * the variables.  0, or -1: the task must not start, and it has been said
 * why.
 */
int mode_set(spank_t sp, const psec_step_t *step, char *list);

/*
 * In slurmstepd, when a task has ended: the step is killed where only some of
 * this node's tasks were not started, since the others would wait for them.
 */
void mode_task_exited(const psec_step_t *step);

#endif
