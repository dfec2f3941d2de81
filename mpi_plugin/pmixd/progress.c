/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * progress.c - see progress.h.
 *
 * The way there is to deregister a client that does not exist: in every
 * version libpmix looks for it on its progress thread, finds nothing to do and
 * calls back from there.  (PMIx_Get_nb() of something that is at hand would do
 * too, but crashes in 5.0.)  One such request serves all calls that are posted
 * until it arrives.
 */
#include <stdbool.h>
#include <stddef.h>

#include <pmix.h>
#include <pmix_server.h>

#include "log.h"
#include "pmixd.h"
#include "progress.h"

/* Guarded by pmixd.lock. */
static progress_call_t *first, **last = &first;
static bool asked; /* libpmix has not called back yet */
static bool ended;

static progress_call_t *take_all(void)
{
	progress_call_t *calls;

	pthread_mutex_lock(&pmixd.lock);
	calls = first;
	first = NULL;
	last = &first;
	asked = false;
	pthread_mutex_unlock(&pmixd.lock);
	return calls;
}

static void arrived(pmix_status_t status, void *arg)
{
	progress_call_t *call;

	/* Refused, on the thread that asked and has the lock. */
	if (status != PMIX_SUCCESS) {
		asked = false;
		plog_error("libpmix cannot deliver an answer: %s (%d)",
			   PMIx_Error_string(status), status);
		return;
	}
	call = take_all();
	while (call) {
		progress_call_t *next = call->next; /* FN may free CALL */

		call->fn(call);
		call = next;
	}
}

void progress_post(progress_call_t *call, void (*fn)(progress_call_t *call))
{
	pmix_proc_t nobody;

	call->fn = fn;
	call->next = NULL;
	*last = call;
	last = &call->next;
	if (asked || ended)
		return;
	asked = true;
	PMIX_LOAD_PROCID(&nobody, "psec-pmixd nobody", 0);
	PMIx_server_deregister_client(&nobody, arrived, NULL);
}

void progress_end(void)
{
	ended = true;
}
