/* SPDX-License-Identifier: BSD-3-Clause */
/* posted.c - see posted.h. */
#include "posted.h"

#include <stddef.h>

static progress_call_t *first, **last = &first;

void progress_post(progress_call_t *call, void (*fn)(progress_call_t *call))
{
	call->fn = fn;
	call->next = NULL;
	*last = call;
	last = &call->next;
}

void posted_run(void)
{
	progress_call_t *call;

	while ((call = first)) {
		first = call->next; /* FN may free CALL */
		if (!first)
			last = &first;
		call->fn(call);
	}
}
