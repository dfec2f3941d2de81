/* SPDX-License-Identifier: BSD-3-Clause */
/* host.c - see host.h.  Upcalls run on libpmix's progress thread. */
#include <stddef.h>
#include <stdlib.h>

#include "abort.h"
#include "client_log.h"
#include "clock.h"
#include "connect.h"
#include "cred_note.h"
#include "credential.h"
#include "deadline.h"
#include "dmodex.h"
#include "ends.h"
#include "event.h"
#include "group.h"
#include "host.h"
#include "iof.h"
#include "job_control.h"
#include "log.h"
#include "peers.h"
#include "pmixd.h"
#include "progress.h"
#include "publish.h"
#include "publish_net.h"
#include "query.h"
#include "spawn.h"
#include "stand_in.h"
#include "tasklist.h"
#include "tool.h"

#define DRAIN_MS      1500 /* libpmix's client waits for 2 s */
#define DRAIN_LOOK_MS 2

static pmix_status_t client_connected2(const pmix_proc_t *proc, void *object,
				       pmix_info_t info[], size_t ninfo,
				       pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	plog_debug2("rank %u connected", proc->rank);
	pthread_mutex_lock(&pmixd.lock);
	tasklist_in_pmix(pmixd_local_of(proc), true);
	stand_in_look();
	pthread_mutex_unlock(&pmixd.lock);
	spawn_client_connected();
	/* 4.2 passes no callback; later versions wait for it. */
	if (cbfunc)
		cbfunc(PMIX_SUCCESS, cbdata);
	return PMIX_SUCCESS;
}

/* A rank whose PMIx_Finalize is not answered yet. */
typedef struct {
	progress_call_t call;
	deadline_t look;
	int64_t until_ms;
	pmix_op_cbfunc_t cbfunc;
	void *cbdata;
} finalize_t;

static void finalize_answer(progress_call_t *call)
{
	finalize_t *f = (finalize_t *)call;

	f->cbfunc(PMIX_SUCCESS, f->cbdata);
	free(f);
}

/*
 * Would others miss something if this process ended now?  The key that is
 * still to come may be for others, too; and whoever sends it would wait for a
 * link with a node that is gone.
 */
static bool pending(void)
{
	if (peers_pending() || (pmixd.key && !step_key_settled(pmixd.key)))
		return true;
	return pmixd.links && links_pending(pmixd.links);
}

static void goodbye(void)
{
	/* To other steps an aborted one has failed, also if its ranks finalise
	 * while it is killed. */
	if (!abort_called())
		peers_goodbye();
	if (pmixd.links)
		links_goodbye(pmixd.links);
}

/*
 * The last rank of this node may end as soon as it is answered, and this
 * process with it.  What other nodes wait for (the last round of a fence,
 * over a link that is just coming up) must have left before.
 */
static void finalize_look(deadline_t *d)
{
	finalize_t *f = deadline_owner(d, finalize_t, look);

	if (pending() && clock_ms() < f->until_ms) {
		deadline_set(&f->look, DRAIN_LOOK_MS, finalize_look);
		return;
	}
	goodbye();
	progress_post(&f->call, finalize_answer);
}

static bool finalize_last(pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	finalize_t *f = calloc(1, sizeof(*f));

	if (!f)
		return false;
	f->cbfunc = cbfunc;
	f->cbdata = cbdata;
	f->until_ms = clock_ms() + DRAIN_MS;
	finalize_look(&f->look);
	return true;
}

static pmix_status_t client_finalized(const pmix_proc_t *proc, void *object,
				      pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	bool later = false, over;

	plog_debug2("rank %u finalised", proc->rank);
	if (!PMIX_CHECK_NSPACE(proc->nspace, pmixd.nspace)) {
		if (cbfunc) /* a tool */
			cbfunc(PMIX_SUCCESS, cbdata);
		return PMIX_SUCCESS;
	}
	ends_finalized(proc);
	pthread_mutex_lock(&pmixd.lock);
	publish_net_ended(proc->rank);
	tasklist_in_pmix(pmixd_local_of(proc), false);
	/* From then on this node may end at any time, in good order. */
	over = tasklist_all_done();
	if (over) {
		later = (pmixd.links || pending()) && cbfunc &&
			finalize_last(cbfunc, cbdata);
		if (!later)
			goodbye();
	}
	pthread_mutex_unlock(&pmixd.lock);
	if (over)
		cred_note_end();
	if (cbfunc && !later)
		cbfunc(PMIX_SUCCESS, cbdata);
	return PMIX_SUCCESS;
}

pmix_server_module_t host_module = {
	.client_connected2 = client_connected2,
	.client_finalized = client_finalized,
	.abort = abort_upcall,
	.fence_nb = connect_fence_upcall,
	.direct_modex = dmodex_upcall,
	.get_credential = credential_get_upcall,
	.validate_credential = credential_validate_upcall,
	.publish = publish_upcall,
	.lookup = lookup_upcall,
	.unpublish = unpublish_upcall,
	.notify_event = event_notify_upcall,
	.log = client_log_upcall,
	.iof_pull = iof_pull_upcall,
	.job_control = job_control_upcall,
	.query = query_upcall,
	.group = group_upcall,
	.tool_connected = tool_upcall,
	.spawn = spawn_upcall,
	.connect = connect_upcall,
	.disconnect = connect_disconnect_upcall,
};
