/* SPDX-License-Identifier: BSD-3-Clause */
/* event.c - see event.h. */
#include "event.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "event_msg.h"
#include "link.h"
#include "log.h"
#include "nspaces.h"
#include "packed.h"
#include "peers.h"
#include "pmixd.h"
#include "progress.h"

/* An event for the processes of this node. */
typedef struct {
	progress_call_t call;
	pmix_status_t code;
	pmix_proc_t source;
	pmix_data_range_t range;
	pmix_info_t *infos;
	size_t ninfos;
	uint8_t *packed; /* INFOS are made of it */
	size_t len;
} event_t;

/* -- to this node's processes --------------------------------------------- */

static void told(pmix_status_t status, void *arg)
{
	event_t *e = arg;

	if (e->infos)
		PMIX_INFO_FREE(e->infos, e->ninfos);
	free(e->packed);
	free(e);
}

static pmix_status_t unpack(event_t *e)
{
	if (e->ninfos == 0)
		return PMIX_SUCCESS;
	PMIX_INFO_CREATE(e->infos, e->ninfos);
	if (!e->infos)
		return PMIX_ERR_NOMEM;
	return packed_read(e->packed, e->len, e->infos, (int32_t)e->ninfos,
			   PMIX_INFO);
}

/* On the progress thread. */
static void tell(progress_call_t *call)
{
	event_t *e = (event_t *)call;
	pmix_status_t rc = unpack(e);

	if (rc == PMIX_SUCCESS)
		rc = PMIx_Notify_event(e->code, &e->source, e->range, e->infos,
				       e->ninfos, told, e);
	if (rc == PMIX_SUCCESS)
		return;
	if (rc != PMIX_OPERATION_SUCCEEDED)
		plog_info("an event (%s) cannot be told to the processes of "
			  "this node: %s",
			  PMIx_Error_string(e->code), PMIx_Error_string(rc));
	told(rc, e);
}

/* With the lock held. */
static void tell_here(const event_msg_t *m)
{
	event_t *e = calloc(1, sizeof(*e));

	if (!e)
		return;
	e->code = m->code;
	e->range = m->range;
	PMIX_LOAD_PROCID(&e->source, m->nspace, m->rank);
	e->ninfos = m->ninfos;
	e->len = m->len;
	e->packed = malloc(m->len + 1);
	if (!e->packed) {
		free(e);
		return;
	}
	if (m->len)
		memcpy(e->packed, m->infos, m->len);
	progress_post(&e->call, tell);
}

/* -- between nodes; with the lock held ------------------------------------ */

static void pass_on(const event_msg_t *m)
{
	uint8_t head[EVENT_HEAD_MAX];
	const struct iovec iov[2] = {
		{ head, event_msg_head(m, head) },
		{ (void *)(uintptr_t)m->infos, m->len },
	};
	uint32_t children[32];
	size_t n;

	if (!pmixd.links)
		return;
	n = event_msg_children(m->root, pmixd.conf.node, pmixd.conf.nnodes,
			       children, sizeof(children) / sizeof(*children));
	for (size_t i = 0; i < n; i++)
		(void)links_send(pmixd.links, children[i], LINK_EVENT, iov,
				 m->len ? 2 : 1);
}

static void handle(void *arg, uint32_t from, const void *msg, size_t len)
{
	const char *why;
	event_msg_t m;

	if (event_msg_decode(&m, msg, len, &why) != 0 ||
	    m.root >= pmixd.conf.nnodes || m.root == pmixd.conf.node) {
		links_drop(pmixd.links, from, "an event is malformed");
		return;
	}
	pass_on(&m);
	tell_here(&m);
}

/* Of another step; this is the head. */
static void handle_far(void *arg, peers_addr_t from, const void *msg,
		       size_t len)
{
	const char *why;
	event_msg_t m;
	uint32_t step;

	if (event_msg_decode(&m, msg, len, &why) != 0 ||
	    !nspaces_step(m.nspace, &step) || step != from.step) {
		plog_info("an event of step %u is malformed", from.step);
		return;
	}
	m.root = pmixd.conf.node;
	pass_on(&m);
	tell_here(&m);
}

void event_init_far(void)
{
	peers_register(PEERS_EVENT, handle_far, NULL);
}

void event_init(void)
{
	links_register(pmixd.links, LINK_EVENT, handle, NULL);
}

/* -- from this node ------------------------------------------------------- */

/*
 * The event with its infos packed, to be sent with the lock held.  Release
 * BYTES, also after an error.
 */
static pmix_status_t make_msg(event_msg_t *m, pmix_status_t code,
			      const pmix_proc_t *source,
			      pmix_data_range_t range, const pmix_info_t *info,
			      size_t ninfo, pmix_byte_object_t *bytes)
{
	pmix_status_t rc = PMIX_SUCCESS;

	*m = (event_msg_t){ .root = pmixd.conf.node,
			    .code = code,
			    .range = range,
			    .rank = source->rank,
			    .ninfos = (uint32_t)ninfo };
	PMIX_BYTE_OBJECT_CONSTRUCT(bytes);
	if (ninfo > EVENT_INFOS_MAX)
		return PMIX_ERR_BAD_PARAM;
	if (ninfo)
		rc = packed_make(info, (int32_t)ninfo, PMIX_INFO, bytes);
	memcpy(m->nspace, source->nspace,
	       strnlen(source->nspace, EVENT_NSPACE_MAX));
	m->infos = (const uint8_t *)bytes->bytes;
	m->len = bytes->size;
	return rc;
}

/* To all other nodes, and where HERE to this one.  Without the lock. */
static pmix_status_t spread(pmix_status_t code, const pmix_proc_t *source,
			    pmix_data_range_t range, const pmix_info_t *info,
			    size_t ninfo, bool here)
{
	pmix_byte_object_t bytes;
	event_msg_t m;
	pmix_status_t rc =
		make_msg(&m, code, source, range, info, ninfo, &bytes);

	pthread_mutex_lock(&pmixd.lock);
	if (rc == PMIX_SUCCESS)
		pass_on(&m);
	if (rc == PMIX_SUCCESS && here)
		tell_here(&m);
	pthread_mutex_unlock(&pmixd.lock);
	PMIX_BYTE_OBJECT_DESTRUCT(&bytes);
	return rc;
}

void event_raise(pmix_status_t code, const pmix_proc_t *source,
		 pmix_data_range_t range, const pmix_data_array_t *info)
{
	pmix_status_t rc =
		spread(code, source, range, info->array, info->size, true);

	if (rc != PMIX_SUCCESS)
		plog_info("an event (%s) cannot be told: %s",
			  PMIx_Error_string(code), PMIx_Error_string(rc));
}

void event_raise_here(pmix_status_t code, const pmix_proc_t *source,
		      const pmix_data_array_t *info)
{
	pmix_byte_object_t bytes;
	event_msg_t m;

	if (make_msg(&m, code, source, PMIX_RANGE_SESSION, info->array,
		     info->size, &bytes) == PMIX_SUCCESS)
		tell_here(&m);
	PMIX_BYTE_OBJECT_DESTRUCT(&bytes);
}

void event_raise_far(uint32_t step, pmix_status_t code,
		     const pmix_proc_t *source, const pmix_data_array_t *info)
{
	uint8_t head[EVENT_HEAD_MAX];
	struct iovec iov[2] = { { head, 0 } };
	pmix_byte_object_t bytes;
	event_msg_t m;
	pmix_status_t rc = make_msg(&m, code, source, PMIX_RANGE_SESSION,
				    info->array, info->size, &bytes);

	if (rc == PMIX_SUCCESS) {
		iov[0].iov_len = event_msg_head(&m, head);
		iov[1] = (struct iovec){ (void *)(uintptr_t)m.infos, m.len };
		pthread_mutex_lock(&pmixd.lock);
		(void)peers_send((peers_addr_t){ step, 0 }, PEERS_EVENT, iov,
				 2);
		pthread_mutex_unlock(&pmixd.lock);
	}
	PMIX_BYTE_OBJECT_DESTRUCT(&bytes);
}

/* On the progress thread; libpmix has told this node's processes. */
pmix_status_t event_notify_upcall(pmix_status_t code, const pmix_proc_t *source,
				  pmix_data_range_t range, pmix_info_t info[],
				  size_t ninfo, pmix_op_cbfunc_t cbfunc,
				  void *cbdata)
{
	pmix_status_t rc = PMIX_SUCCESS;

	/* What is for us is not for others, and we have no use for it. */
	if (pmixd.links && range != PMIX_RANGE_RM &&
	    range != PMIX_RANGE_LOCAL && range != PMIX_RANGE_PROC_LOCAL)
		rc = spread(code, source, range, info, ninfo, false);
	return rc == PMIX_SUCCESS ? PMIX_OPERATION_SUCCEEDED : rc;
}
