/* SPDX-License-Identifier: BSD-3-Clause */
/* tasklist.c - see tasklist.h. */
#include "tasklist.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pmixd.h"

/* Guarded by pmixd.lock; made when the first is known. */
static task_t *tasks;

static task_t *task_of(uint32_t local)
{
	if (!tasks)
		tasks = calloc(pmixd.conf.nlocal, sizeof(*tasks));
	return tasks && local < pmixd.conf.nlocal ? &tasks[local] : NULL;
}

void tasklist_forked(uint32_t local, pid_t pid)
{
	task_t *task = task_of(local);

	if (task)
		task->pid = pid;
}

void tasklist_exited(uint32_t local, int status)
{
	task_t *task = task_of(local);

	if (!task)
		return;
	task->ended = true;
	task->status = status;
}

void tasklist_in_pmix(uint32_t local, bool in_pmix)
{
	task_t *task = task_of(local);

	if (!task)
		return;
	task->in_pmix = in_pmix;
	task->done = !in_pmix;
	task->known = true;
}

void tasklist_known(uint32_t local)
{
	task_t *task = task_of(local);

	if (task)
		task->known = true;
}

bool tasklist_all_done(void)
{
	for (uint32_t i = 0; i < pmixd.conf.nlocal; i++)
		if (!tasklist_get(i).done)
			return false;
	return true;
}

bool tasklist_any_failed(void)
{
	for (uint32_t i = 0; i < pmixd.conf.nlocal; i++) {
		const task_t task = tasklist_get(i);

		if (task.ended && (task.in_pmix || WIFSIGNALED(task.status)))
			return true;
	}
	return false;
}

task_t tasklist_get(uint32_t local)
{
	const task_t *task = task_of(local);

	return task ? *task : (task_t){ 0 };
}

int tasklist_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

/*
 * With everything that it has started, as long as that is in its process
 * group; slurmstepd has put the tasks into one of their own, and us into
 * another.
 */
void tasklist_kill(void)
{
	for (uint32_t i = 0; i < pmixd.conf.nlocal; i++) {
		const task_t task = tasklist_get(i);
		pid_t group;

		if (task.pid <= 1 || task.ended)
			continue;
		group = getpgid(task.pid);
		if (group > 1 && group != getpgrp())
			(void)kill(-group, SIGKILL);
		(void)kill(task.pid, SIGKILL);
	}
}
