/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peers.h - messages to the psec-pmixd processes of the other steps of this
 * job, for what goes beyond a step: spawn, connect, publish.
 *
 * Each server has an address: step and node, as the step counts its nodes.
 * Only the servers of nodes 0, the heads, have links with each other (link.h,
 * with step ids for node ids); others send through their head.  Who a step's
 * head is says slurmctld; it is invited through slurmd, and both ends prove
 * their uid by MUNGE, bound to the job.  So whoever sends is a process of the
 * same user; which step and node it names itself is its own word.
 *
 * Nothing is opened for it, but for one unix socket in the step directory of
 * a head, before somebody sends or looks for others.  Of a heterogeneous step
 * the components are one: the first one's job is its job.
 *
 * All functions are called with pmixd.lock held; handlers too, in the event
 * loop.  Written specification: doc/link-format.md.
 */
#ifndef PMIXD_PEERS_H
#define PMIXD_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "psec.h"

#define PEERS_STEPS_MAX 65536 /* step ids; more than MaxStepCount allows */

typedef struct {
	uint32_t step, node;
} peers_addr_t;

/* Which service a message is for.  Wire numbers, never reused. */
typedef enum {
	PEERS_SPAWN = 1,
	PEERS_CONNECT = 2,
	PEERS_PUBLISH = 3, /* between heads only */
	PEERS_DMODEX = 4,
	PEERS_NSPACE = 5,
	PEERS_EVENT = 6,
	PEERS_SERVICE_MAX = 15
} peers_service_t;

/* In a head's step directory.  Another name than that of servers that did not
 * know all of these services and would not answer. */
#define PEERS_SOCKET "steps"

/* Does this server need that socket? */
bool peers_listens(void);

/*
 * Once, when the links (if the step has several nodes) are there.  FD listens
 * on the socket, or is -1; PATH, by which slurmd finds it, must live for ever.
 * 0, or -1 and a sentence.
 */
int peers_init(int fd, const char *path, psec_error_t *err);

/* MSG, of LEN bytes, is valid during the call, and not aligned. */
typedef void (*peers_handler_fn)(void *arg, peers_addr_t from, const void *msg,
				 size_t len);
void peers_register(peers_service_t service, peers_handler_fn fn, void *arg);

/*
 * The servers of STEP will send and receive nothing any more, or never did:
 * WHY is a sentence.  PEERS_ALL: this server's way to the others is gone.
 * Told to those that have sent something to another step.
 */
#define PEERS_ALL UINT32_MAX
typedef void (*peers_lost_fn)(void *arg, uint32_t step, bool orderly,
			      const char *why);
void peers_on_lost(peers_lost_fn fn, void *arg);

/*
 * Send one message (copied) to any server of the job, this one included.
 * Messages to one address arrive once, in order.  0: sent or queued; should
 * the step not be reached, the lost handlers tell.  -1: it cannot be.
 */
int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt);

/*
 * Of a head: look for the job's other steps that run, at most PEERS_SEARCH_MAX,
 * and see whether they have a server that can be reached.  One that has none,
 * or not yet, is told apart at once, by slurmd; one that does not connect,
 * after PEERS_SEARCH_MS.  True: the searched handler will be called, once for
 * all who have asked; false: the last search is less than PEERS_FRESH_MS old,
 * or there can be no other steps.
 */
bool peers_search(void);
#define PEERS_SEARCH_MAX 256
#define PEERS_SEARCH_MS	 5000
#define PEERS_FRESH_MS	 500

/*
 * REACHED: there is a link with STEP's head now, whoever wanted it.  SEARCHED:
 * a search is over.  One of each.  Not called from within peers_search().
 */
typedef struct {
	void (*reached)(uint32_t step);
	void (*searched)(void);
} peers_search_ops_t;
void peers_on_search(const peers_search_ops_t *ops);

/* Of a head: how many steps it has a link with, and the Ith of them. */
size_t peers_reached(void);
uint32_t peers_reached_step(size_t i);

/* Of a head: STEP broke a service's rules.  Its link is dropped, soon. */
void peers_drop(uint32_t step, const char *why);

/* Is a message to another step queued that has not left this process yet? */
bool peers_pending(void);

/* This node's tasks are done: when its links end, that is no failure. */
void peers_goodbye(void);

#endif
