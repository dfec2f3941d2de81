/* SPDX-License-Identifier: BSD-3-Clause */
/* stand_in.c - see stand_in.h. */
#include "stand_in.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pmix.h>

#include "ctl.h"
#include "log.h"
#include "nspace.h"
#include "pmixd.h"
#include "tasklist.h"

#define LIMIT_S 10 /* of the other process */

/* In the new process: nothing but system calls before the other program. */
__attribute__((noreturn)) static void exec_self(char **env)
{
	static char name[] = "psec-pmixd", arg[] = STAND_IN_ARG;
	char *const argv[] = { name, arg, NULL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/*
	 * slurmstepd must see its end when we end, and that of our log.  This
	 * process, unlike ours, may be traced by all of the user's.
	 */
	close(CTL_FD);
	if (dup2(STDOUT_FILENO, CTL_LOG_FD) < 0)
		_exit(127);
	execve("/proc/self/exe", argv, env);
	_exit(127);
}

static void wait_for(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* A thread: libpmix is not to be called with the lock held. */
static void *run(void *arg)
{
	uint32_t local = (uint32_t)(uintptr_t)arg;
	char **env = NULL;
	pid_t pid = -1;

	if (nspace_task_env(&pmixd, local, &env) == PMIX_SUCCESS)
		pid = fork();
	if (pid == 0)
		exec_self(env);
	if (pid > 0)
		wait_for(pid);
	else
		plog_error("no process can stand in for rank %u, which has "
			   "died; others may wait for it",
			   pmixd.conf.ranks[local]);
	nspace_free_env(env);
	return NULL;
}

static void begin(uint32_t local)
{
	void *arg = (void *)(uintptr_t)local;
	pthread_t thread;

	plog_info("rank %u has died before it called PMIx_Init: libpmix is "
		  "told by a process in its place",
		  pmixd.conf.ranks[local]);
	if (pthread_create(&thread, NULL, run, arg) == 0)
		(void)pthread_detach(thread);
	else
		plog_error("no thread can stand in for rank %u, which has "
			   "died; others may wait for it",
			   pmixd.conf.ranks[local]);
}

static bool somebody_waits(void)
{
	for (uint32_t i = 0; i < pmixd.conf.nlocal; i++) {
		const task_t task = tasklist_get(i);

		if (task.in_pmix && !task.ended)
			return true;
	}
	return false;
}

void stand_in_look(void)
{
	if (!somebody_waits())
		return;
	for (uint32_t i = 0; i < pmixd.conf.nlocal; i++) {
		const task_t task = tasklist_get(i);

		if (!task.ended || task.status == 0 || task.known)
			continue;
		tasklist_known(i);
		begin(i);
	}
}

int stand_in_main(void)
{
	pmix_proc_t self;

	(void)alarm(LIMIT_S);
	/* No PMIx_Finalize: that would be an end in good order. */
	_exit(PMIx_Init(&self, NULL, 0) != PMIX_SUCCESS);
}
