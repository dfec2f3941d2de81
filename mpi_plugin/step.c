/* SPDX-License-Identifier: BSD-3-Clause */
/* step.c - the one object that the two plugins in slurmstepd share. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "step.h"

#define EXPORT __attribute__((visibility("default")))

/* One per slurmstepd; both plugins map this library once. */
static psec_step_t *current;
static uint32_t forked, exited, killed_tasks; /* local tasks */
static void (*tasks_forked_fn)(void);
static void (*task_exited_fn)(uint32_t local, int status);
static void (*tasks_over_fn)(int all_killed);
static void (*step_over_fn)(void);

static void step_free(psec_step_t *step)
{
	if (!step)
		return;
	free(step->gids);
	free(step->ranks);
	free(step->user_mechs);
	free(step->command);
	free(step->cwd);
	free(step->pids);
	free(step->site.mechanisms);
	free(step->site.priorities);
	free(step->site.pmixd);
	free(step->site.mechdir);
	free(step->site.stepdir);
	free(step->site.munge_socket);
	free(step->site.ports);
	free(step->site.audit);
	free(step->site.job_check);
	free(step->site.server_env);
	free(step->site.cluster);
	free(step);
}

EXPORT const psec_step_t *psec_step_get(int abi)
{
	/* Plugins of two installations must not read each other's layout. */
	return abi == PSEC_STEP_ABI ? current : NULL;
}

EXPORT void psec_step_set(psec_step_t *step)
{
	step_free(current);
	current = step;
}

EXPORT void psec_step_hooks(void (*tasks_forked)(void),
			    void (*task_exited)(uint32_t local, int status),
			    void (*tasks_over)(int all_killed),
			    void (*step_over)(void))
{
	tasks_forked_fn = tasks_forked;
	task_exited_fn = task_exited;
	tasks_over_fn = tasks_over;
	step_over_fn = step_over;
}

EXPORT int psec_step_has_server(void)
{
	return tasks_over_fn != NULL;
}

EXPORT void psec_step_set_cwd(const char *cwd)
{
	if (!current)
		return;
	free(current->cwd);
	current->cwd = strdup(cwd);
}

EXPORT void psec_step_task_forked(uint32_t local, pid_t pid)
{
	if (!current || local >= current->nlocal || !current->pids)
		return;
	current->pids[local] = pid;
	if (++forked == current->nlocal && tasks_forked_fn)
		tasks_forked_fn();
}

EXPORT void psec_step_task_exited(uint32_t local, int status)
{
	if (task_exited_fn)
		task_exited_fn(local, status);
	if (WIFSIGNALED(status))
		killed_tasks++;
	if (current && ++exited >= current->nlocal && tasks_over_fn)
		tasks_over_fn(killed_tasks >= current->nlocal);
}

EXPORT void psec_step_end(void)
{
	if (step_over_fn)
		step_over_fn();
}
