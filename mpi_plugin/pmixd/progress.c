/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * progress.c - see progress.h.
 *
 * The way there is PMIx_Get_nb() for the server's own id: libpmix has it at
 * hand and promises to deliver it on its progress thread.  One such request
 * serves all calls that are posted until it arrives.
 */
#include <stdbool.h>
#include <stddef.h>

#include <pmix.h>

#include "log.h"
#include "pmixd.h"
#include "progress.h"

/* Guarded by pmixd.lock. */
static progress_call_t *first, **last = &first;
static bool asked; /* PMIx_Get_nb() has not called back yet */

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

static void arrived(pmix_status_t status, pmix_value_t *value, void *arg)
{
	progress_call_t *call = take_all();

	while (call) {
		progress_call_t *next = call->next; /* FN may free CALL */

		call->fn(call);
		call = next;
	}
}

void progress_post(progress_call_t *call, void (*fn)(progress_call_t *call))
{
	pmix_status_t rc;

	call->fn = fn;
	call->next = NULL;
	*last = call;
	last = &call->next;
	if (asked)
		return;
	asked = true;
	rc = PMIx_Get_nb(NULL, PMIX_PROCID, NULL, 0, arrived, NULL);
	if (rc == PMIX_SUCCESS)
		return;
	/* It stays in the list; the next post tries again. */
	asked = false;
	plog_error("libpmix cannot deliver an answer: %s (%d)",
		   PMIx_Error_string(rc), rc);
}
