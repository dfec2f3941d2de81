/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.h - authenticated connections between the psec-pmixd processes of one
 * step, one per pair of nodes.  Links know no service: a service registers a
 * handler for its message type and sends messages.
 *
 * Who connects: a node that wants a link *invites* the other one by telling
 * it, through slurmd (slurm_forward_data), where it listens; the invited one
 * connects.  If both invite, the higher node connects.  Both then run
 * libpsec's handshake, bound to the step and both node ids, over TCP; after
 * it, each frame is authenticated with the key agreed there.
 * Written specification: doc/link-format.md.
 *
 * Threads: one lock guards the server's state.  Every function here is
 * called with that lock held, and handlers are called with it held, from the
 * event loop's thread.  Nothing blocks, except on worker threads that do not
 * hold it.
 */
#ifndef PMIXD_LINK_H
#define PMIXD_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "psec.h"
#include "workers.h"

struct event_base;

typedef struct links links_t;

/* The only mechanism whose proofs hold between nodes. */
#define LINK_MECH "munge"

/* A message's type: which service it is for.  Wire numbers, never reused. */
typedef enum {
	LINK_COLL = 1,	       /* coll.c: rounds of a collective */
	LINK_DMODEX = 2,       /* dmodex.c: direct modex */
	LINK_NOTICE = 3,       /* notice.c: this step is ending, and why */
	LINK_KEY = 4,	       /* step_key.c: the key of native credentials */
	LINK_PUBLISH = 8,      /* publish_net.c: published data */
	LINK_EVENT = 9,	       /* event.c: events for all nodes */
	LINK_PEERS = 10,       /* peers.c: to servers of the other steps */
	LINK_JOB_CONTROL = 11, /* job_control.c: signals for tasks */
	LINK_TYPE_MAX = 15
} link_type_t;

#define LINK_MSG_MAX (256u * 1024 * 1024) /* bytes in one message */

typedef struct {
	struct event_base *base; /* made thread-safe by the caller */
	pthread_mutex_t *lock;	 /* the server's lock */
	workers_t *workers;
	psec_t *psec;
	const char *mechs; /* list for the handshake, e.g. "munge" */
	uid_t uid;	   /* the step's user */
	uint32_t job_id;
	uint32_t step_id;
	uint32_t node; /* own node id in the step, 0 <= node < nnodes */
	uint32_t nnodes;
	const char *const *node_names; /* Slurm's NodeName of each node; those
					  of nodes that nothing is sent to may
					  be NULL */
	int wire_fd; /* listening unix socket for invitations, non-blocking;
			stays the caller's.  It must listen before links are
			made, with a backlog that takes all nodes at once */
	const char *wire_path; /* its path on every node; slurmd expands %n
				  and %h in it to its node's name */
	const char *const *wire_paths; /* by node, where they differ; equal
					  ones are the same pointer.  NULL:
					  all are wire_path */
	uint16_t port_min;	       /* TCP ports to listen on; 0: any */
	uint16_t port_max;
	int timeout_ms; /* for one link to come up, retries included */
	int silence_ms; /* then a node that acknowledges nothing is lost */
	bool apart; /* the nodes are no group: one that cannot be reached and
		       that nothing was sent to is not lost, and one that is
		       lost comes back when it invites, or by links_try() */
} link_config_t;

/*
 * Set up; listens on TCP when nnodes > 1.  CFG's strings and arrays must
 * live as long as the links.  NULL: a sentence has been logged.
 */
links_t *links_create(const link_config_t *cfg);
/*
 * Say good-bye on every link, give what is queued a second to get out, close
 * all.  NULL is allowed.  Call it from the event loop's thread, but from no
 * handler, or when the loop has ended: libevent would wait, with the lock
 * held, for a callback that waits for the lock.
 * Calls that still run on worker threads do not use the links any more, but
 * PSEC: end the workers before it.
 */
void links_destroy(links_t *links);

/*
 * A message of LEN bytes came from node FROM.  MSG is only valid during the
 * call and suitably aligned for any type.
 */
typedef void (*link_handler_fn)(void *arg, uint32_t from, const void *msg,
				size_t len);
void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg);

/*
 * From a handler, with what it was called with: have the message for longer.
 * Returns its LEN bytes in memory that is the caller's (free()); MSG must not
 * be used any more.  A long message is not copied.  NULL: no memory.
 */
void *links_keep(links_t *links, uint32_t from, const void *msg, size_t len);

/*
 * Node NODE will send and receive nothing any more.  ORDERLY: it said
 * good-bye; otherwise its link broke or could not be set up in time, and WHY
 * is a sentence for the log.  Called at most once per node and handler (where
 * nodes are APART: each time that it is lost); all registered handlers are
 * called.
 */
typedef void (*link_lost_fn)(void *arg, uint32_t node, int orderly,
			     const char *why);
void links_on_lost(links_t *links, link_lost_fn fn, void *arg);

/*
 * Why NODE, which is lost, was lost: the end of a sentence that names the node.
 * Never NULL; valid until it is lost again, or links_destroy().
 */
const char *links_why_lost(const links_t *links, uint32_t node);

/*
 * Send one message made of the IOVCNT pieces of IOV (copied where it cannot
 * be written at once).  Messages to one node arrive once, in order.  Sets
 * the link up if need be.
 * 0: sent or queued; if it turns out that NODE cannot be reached the lost
 * handlers tell.  -1: NODE is lost already, or is this node or none, or the
 * message is over LINK_MSG_MAX.
 */
int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt);

/*
 * Set up links to these nodes now, without waiting for a message.  Meant for
 * links that both ends are going to want: the lower node invites, the higher
 * one does so only if it has heard nothing for LINK_GRACE_MS.  Own node and
 * lost nodes are skipped.
 */
void links_connect(links_t *links, const uint32_t *nodes, size_t n);
#define LINK_GRACE_MS 200

/*
 * See whether NODE can be reached, with one invitation; for nodes that are
 * APART.  If it is not taken, or nothing comes of it, and nothing has been sent
 * to NODE meanwhile, it is as if nobody had tried.  True: the settled handler
 * or the lost ones will tell; false: there is a link already, or none can be.
 */
bool links_try(links_t *links, uint32_t node);

/*
 * There is a link with NODE now (UP); or an attempt to make one has ended, with
 * nothing sent to NODE, and it is not lost.  There is one handler.
 */
typedef void (*link_settled_fn)(void *arg, uint32_t node, bool up);
void links_on_settled(links_t *links, link_settled_fn fn, void *arg);

/* Is there a link with NODE, or one coming up, or was there one? */
bool links_is_set_up(const links_t *links, uint32_t node);

/*
 * Node NODE broke a service's rules: drop its link.  The lost handlers are
 * called with WHY (copied) soon, not before this returns.
 */
void links_drop(links_t *links, uint32_t node, const char *why);

/*
 * Is a message queued that has not left this process yet (for NODE, or for
 * anybody)?  Where this process ends now, nobody will get that.  Nothing is
 * pending for a node that is lost.
 */
bool links_pending_to(const links_t *links, uint32_t node);
bool links_pending(const links_t *links);

/*
 * What was pending for NODE has left: links_pending_to() has just become
 * false, and not because the node is lost.  Called from the event loop's
 * thread, never from within a function of this header.  There is one handler.
 */
typedef void (*link_drained_fn)(void *arg, uint32_t node);
void links_on_drained(links_t *links, link_drained_fn fn, void *arg);

/*
 * Tell all peers that this node is done (its tasks have finalised or ended):
 * when its connections end from now on, that is no failure.  Idempotent.
 */
void links_goodbye(links_t *links);

#endif
