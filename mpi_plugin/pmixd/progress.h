/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * progress.h - calls on libpmix's progress thread.
 *
 * libpmix up to 5.0 queues the replies of some answer callbacks (credentials,
 * abort) on the caller's thread, without a lock, while its progress thread
 * sends from the same queue: called from another thread, answers get lost.
 * So those callbacks are only called on the progress thread: in an upcall, or
 * through here.
 */
#ifndef PMIXD_PROGRESS_H
#define PMIXD_PROGRESS_H

typedef struct progress_call progress_call_t;

/* Part of the object that FN wants; the caller's until FN is called. */
struct progress_call {
	progress_call_t *next;
	void (*fn)(progress_call_t *call);
};

/*
 * Have CALL->fn(CALL) called, without pmixd.lock, after those posted before.
 * With pmixd.lock held.
 */
void progress_post(progress_call_t *call, void (*fn)(progress_call_t *call));

/*
 * No more is posted, and no FN called: before PMIx_server_finalize(), which
 * waits for the progress thread while it keeps libpmix's other functions out.
 * With pmixd.lock held.
 */
void progress_end(void);

#endif
