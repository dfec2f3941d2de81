/* SPDX-License-Identifier: BSD-3-Clause */
/* ends.c - see ends.h. */
#include "ends.h"

#include <stdbool.h>
#include <sys/wait.h>

#include "event.h"
#include "infolist.h"
#include "pmixd.h"

#define EVENTS_MAX 64 /* that a node tells: the end of a step is no storm */

static unsigned told; /* so far; main thread */

static bool by_signal(const task_t *task)
{
	return WIFSIGNALED(task->status);
}

size_t ends_codes(const task_t *task, pmix_status_t codes[ENDS_CODES_MAX])
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

static pmix_status_t describe(const pmix_proc_t *proc, int exit_code,
			      pmix_status_t how, pmix_data_array_t *out)
{
	infolist_t l = infolist_new();

	infolist_add(&l, PMIX_EVENT_AFFECTED_PROC, proc, PMIX_PROC);
	infolist_add(&l, PMIX_EXIT_CODE, &exit_code, PMIX_INT);
	infolist_add(&l, PMIX_PROC_TERM_STATUS, &how, PMIX_STATUS);
	/* Libraries' default handlers take any event for an error. */
	infolist_bool(&l, PMIX_EVENT_NON_DEFAULT, true);
	return infolist_take(&l, out);
}

/* Is somebody left here who could want to know, or is it no ordinary end? */
static bool is_news(const task_t *task)
{
	bool all;

	pthread_mutex_lock(&pmixd.lock);
	all = pmixd.finalized >= pmixd.conf.nlocal;
	pthread_mutex_unlock(&pmixd.lock);
	return (!all || task->status != 0) && told < EVENTS_MAX;
}

void ends_task_ended(uint32_t local)
{
	pmix_status_t codes[ENDS_CODES_MAX];
	pmix_data_array_t info;
	pmix_proc_t proc;
	task_t task;
	size_t n;

	pthread_mutex_lock(&pmixd.lock);
	task = tasklist_get(local);
	pthread_mutex_unlock(&pmixd.lock);
	if (!is_news(&task))
		return;
	n = ends_codes(&task, codes);
	PMIX_LOAD_PROCID(&proc, pmixd.nspace, pmixd.conf.ranks[local]);
	if (describe(&proc, tasklist_exit_code(task.status),
		     n > 1 ? codes[1] : PMIX_SUCCESS, &info) != PMIX_SUCCESS)
		return;
	for (size_t i = 0; i < n; i++, told++)
		event_raise(codes[i], &proc, PMIX_RANGE_NAMESPACE, &info);
	PMIX_DATA_ARRAY_DESTRUCT(&info);
}

void ends_abort(const pmix_proc_t *proc, int status)
{
	pmix_data_array_t info;

	if (describe(proc, status, PMIX_ERR_PROC_REQUESTED_ABORT, &info) !=
	    PMIX_SUCCESS)
		return;
	event_raise(PMIX_ERR_PROC_REQUESTED_ABORT, proc, PMIX_RANGE_NAMESPACE,
		    &info);
	PMIX_DATA_ARRAY_DESTRUCT(&info);
}
