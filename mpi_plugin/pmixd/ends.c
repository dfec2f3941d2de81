/* SPDX-License-Identifier: BSD-3-Clause */
/* ends.c - see ends.h. */
#include "ends.h"

#include <stdbool.h>
#include <sys/wait.h>

#include "assembly.h"
#include "event.h"
#include "infolist.h"
#include "nspaces.h"
#include "pmixd.h"
#include "tasklist.h"

#define CODES_MAX  4  /* for one end */
#define EVENTS_MAX 64 /* that a node tells: the end of a step is no storm */

static unsigned told; /* so far; guarded by pmixd.lock */

static bool by_signal(const task_t *task)
{
	return WIFSIGNALED(task->status);
}

/* The codes for the end of a task: that of any, the cause, ...; how many. */
static size_t codes_of(const task_t *task, pmix_status_t codes[CODES_MAX])
{
	size_t n = 0;

	codes[n++] = PMIX_EVENT_PROC_TERMINATED;
	if (by_signal(task))
		codes[n++] = PMIX_ERR_PROC_ABORTED_BY_SIG;
	else if (task->status)
		codes[n++] = PMIX_ERR_EXIT_NONZERO_TERM;
	if (task->in_pmix)
		codes[n++] = PMIX_ERR_PROC_TERM_WO_SYNC;
	if (by_signal(task) || task->in_pmix)
		codes[n++] = PMIX_ERR_PROC_ABORTED;
	return n;
}

/* KEY is that of the status: a process' or a job's. */
static pmix_status_t describe_as(const char *key, const pmix_proc_t *proc,
				 int exit_code, pmix_status_t how,
				 pmix_data_array_t *out)
{
	infolist_t l = infolist_new();

	infolist_add(&l, PMIX_EVENT_AFFECTED_PROC, proc, PMIX_PROC);
	infolist_add(&l, PMIX_EXIT_CODE, &exit_code, PMIX_INT);
	infolist_add(&l, key, &how, PMIX_STATUS);
	/* Libraries' default handlers take any event for an error. */
	infolist_bool(&l, PMIX_EVENT_NON_DEFAULT, true);
	return infolist_take(&l, out);
}

static pmix_status_t describe(const pmix_proc_t *proc, int exit_code,
			      pmix_status_t how, pmix_data_array_t *out)
{
	return describe_as(PMIX_PROC_TERM_STATUS, proc, exit_code, how, out);
}

/* May this node tell N events more? */
static bool take_turn(size_t n)
{
	bool may;

	pthread_mutex_lock(&pmixd.lock);
	may = told < EVENTS_MAX;
	told += may ? n : 0;
	pthread_mutex_unlock(&pmixd.lock);
	return may;
}

/* Is somebody left here who could want to know, or is it no ordinary end? */
static bool is_news(const task_t *task)
{
	bool all;

	pthread_mutex_lock(&pmixd.lock);
	all = tasklist_all_done();
	pthread_mutex_unlock(&pmixd.lock);
	return !all || task->status != 0;
}

/* To the steps that it was connected with. */
static void tell_connected(pmix_status_t code, const pmix_proc_t *proc,
			   const uint32_t *steps, size_t nsteps,
			   const pmix_data_array_t *info)
{
	for (size_t i = 0; i < nsteps; i++)
		event_raise_far(steps[i], code, proc, info);
}

void ends_task_ended(uint32_t local)
{
	pmix_status_t codes[CODES_MAX];
	uint32_t steps[ASSEMBLY_STEPS_MAX];
	pmix_data_array_t info;
	pmix_proc_t proc;
	size_t n, nsteps;
	task_t task;

	pthread_mutex_lock(&pmixd.lock);
	task = tasklist_get(local);
	nsteps = assembly_leave(local, steps);
	pthread_mutex_unlock(&pmixd.lock);
	n = codes_of(&task, codes);
	if (!is_news(&task) || !take_turn(n))
		return;
	PMIX_LOAD_PROCID(&proc, pmixd.nspace, pmixd.conf.ranks[local]);
	if (describe(&proc, tasklist_exit_code(task.status),
		     n > 1 ? codes[1] : PMIX_SUCCESS, &info) != PMIX_SUCCESS)
		return;
	tell_connected(PMIX_ERR_PROC_TERM_WO_SYNC, &proc, steps, nsteps, &info);
	for (size_t i = 0; i < n; i++)
		event_raise(codes[i], &proc, PMIX_RANGE_NAMESPACE, &info);
	PMIX_DATA_ARRAY_DESTRUCT(&info);
}

void ends_finalized(const pmix_proc_t *proc)
{
	uint32_t steps[ASSEMBLY_STEPS_MAX];
	pmix_data_array_t info;
	size_t nsteps;

	pthread_mutex_lock(&pmixd.lock);
	nsteps = assembly_leave(pmixd_local_of(proc), steps);
	pthread_mutex_unlock(&pmixd.lock);
	if (!nsteps || !take_turn(1) ||
	    describe(proc, 0, PMIX_ERR_PROC_TERM_WO_SYNC, &info) !=
		    PMIX_SUCCESS)
		return;
	tell_connected(PMIX_ERR_PROC_TERM_WO_SYNC, proc, steps, nsteps, &info);
	event_raise(PMIX_ERR_PROC_TERM_WO_SYNC, proc, PMIX_RANGE_NAMESPACE,
		    &info);
	PMIX_DATA_ARRAY_DESTRUCT(&info);
}

/* srun exits with 128 and the signal's number where a task died of one. */
static pmix_status_t job_status(int exit_code)
{
	if (exit_code > 128)
		return PMIX_ERR_JOB_ABORTED_BY_SIG;
	return exit_code ? PMIX_ERR_JOB_NON_ZERO_TERM : PMIX_SUCCESS;
}

void ends_job(uint32_t step, int exit_code)
{
	pmix_data_array_t info;
	pmix_proc_t job;

	nspaces_name(step, job.nspace);
	job.rank = PMIX_RANK_WILDCARD;
	if (describe_as(PMIX_JOB_TERM_STATUS, &job, exit_code,
			job_status(exit_code), &info) != PMIX_SUCCESS)
		return;
	event_raise(PMIX_EVENT_JOB_END, &job, PMIX_RANGE_SESSION, &info);
	PMIX_DATA_ARRAY_DESTRUCT(&info);
}

void ends_connected_lost(uint32_t step)
{
	pmix_status_t how = PMIX_ERR_JOB_TERM_WO_SYNC;
	infolist_t l = infolist_new();
	pmix_data_array_t info;
	pmix_proc_t job;

	if (!assembly_lost(step))
		return;
	nspaces_name(step, job.nspace);
	job.rank = PMIX_RANK_WILDCARD;
	infolist_add(&l, PMIX_EVENT_AFFECTED_PROC, &job, PMIX_PROC);
	infolist_add(&l, PMIX_JOB_TERM_STATUS, &how, PMIX_STATUS);
	infolist_bool(&l, PMIX_EVENT_NON_DEFAULT, true);
	if (infolist_take(&l, &info) != PMIX_SUCCESS)
		return;
	event_raise_here(how, &job, &info);
	PMIX_DATA_ARRAY_DESTRUCT(&info);
}

void ends_abort(const pmix_proc_t *proc, int status)
{
	uint32_t steps[ASSEMBLY_STEPS_MAX];
	pmix_data_array_t info;
	size_t nsteps;

	if (describe(proc, status, PMIX_ERR_PROC_REQUESTED_ABORT, &info) !=
	    PMIX_SUCCESS)
		return;
	pthread_mutex_lock(&pmixd.lock);
	nsteps = assembly_steps(pmixd_local_of(proc), steps);
	pthread_mutex_unlock(&pmixd.lock);
	tell_connected(PMIX_ERR_PROC_REQUESTED_ABORT, proc, steps, nsteps,
		       &info);
	event_raise(PMIX_ERR_PROC_REQUESTED_ABORT, proc, PMIX_RANGE_NAMESPACE,
		    &info);
	PMIX_DATA_ARRAY_DESTRUCT(&info);
}
