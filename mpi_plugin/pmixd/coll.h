/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * coll.h - allgather over any set of the step's nodes, on top of links.
 *
 * Knows neither PMIx nor what the data mean.  The algorithm is Bruck's
 * (dissemination): ceil(log2 n) rounds for n nodes, each node's bytes are
 * sent n-1 times in all, as in a ring; without data it is the dissemination
 * barrier.  Every node gets the contributions of all, its own included, each
 * once, in the order of the node list.
 *
 * All functions are called with the server's lock held; completions too.
 */
#ifndef PMIXD_COLL_H
#define PMIXD_COLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"

#define COLL_ID_LEN 16

typedef struct coll coll_t;

/*
 * Registers itself for LINK_COLL and for lost nodes, so LINKS must not run
 * any more events once COLL is destroyed.  NULL: no memory.
 */
coll_t *coll_create(links_t *links, uint32_t self, uint32_t nnodes);
/* Running collectives complete as if cancelled.  NULL is allowed. */
void coll_destroy(coll_t *coll);

/*
 * The early links that collectives over all nodes want (see links_connect):
 * writes at most MAX of them (COLL_PARTNERS_MAX is enough for any number of
 * nodes) and returns how many.
 */
#define COLL_PARTNERS_MAX 64
size_t coll_partners(uint32_t self, uint32_t nnodes, uint32_t *nodes,
		     size_t max);

typedef enum {
	COLL_OK = 0,
	COLL_LOST = 1, /* a node of the set is lost, or gave up */
	COLL_NOMEM = 2 /* no memory here, or a message over LINK_MSG_MAX */
} coll_status_t;

/* Is the link with NODE lost?  Otherwise a node that is told with COLL_LOST
 * gave up for a reason of its own. */
bool coll_is_lost(const coll_t *coll, uint32_t node);

/*
 * Completion, called exactly once, possibly before coll_allgather() returns.
 * LOST_NODE says which node with COLL_LOST, and is UINT32_MAX otherwise.
 * COLL_OK also says that what this node had to send has left the process, so
 * that it may end at once without harm to the others.
 * DATA is malloc()ed and becomes the callee's (free()); NULL where LEN is 0.
 * It may start, and cancel, other collectives.
 *
 * Where one node cannot complete, all that joined learn it: a node that gives
 * up, for whatever reason, tells those that it exchanges messages with.  Some
 * may have completed by then: they had everything.
 */
typedef void (*coll_done_fn)(void *arg, coll_status_t status,
			     uint32_t lost_node, char *data, size_t len);

/*
 * Join the allgather ID (the same bytes on every participant; the caller
 * makes it unique per set, the engine numbers repetitions of one ID itself)
 * over NODES (ascending, without repetition, SELF among them) with LEN bytes
 * of DATA (copied).
 */
void coll_allgather(coll_t *coll, const uint8_t id[COLL_ID_LEN],
		    const uint32_t *nodes, uint32_t nnodes, const void *data,
		    size_t len, coll_done_fn done, void *arg);

/*
 * Join it only to give up: its participants here cannot take part.  For the
 * other nodes this node is the one that is lost, and none completes.  DONE is
 * called with COLL_LOST and UINT32_MAX.
 */
void coll_refuse(coll_t *coll, const uint8_t id[COLL_ID_LEN],
		 const uint32_t *nodes, uint32_t nnodes, coll_done_fn done,
		 void *arg);

/*
 * Give up on the running allgather that was joined with ARG; DONE is called
 * with COLL_LOST and UINT32_MAX.  For the other nodes this node is the one
 * that is lost.  One that has everything and only waits for its own messages
 * to leave completes instead.  No-op where there is none.
 */
void coll_cancel(coll_t *coll, void *arg);

#endif
