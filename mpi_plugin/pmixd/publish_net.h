/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * publish_net.h - published data, wherever they are kept: those for one node
 * on it, all others on the step's first node, its home.
 *
 * Who looks for a key asks a chain of servers: its own node's, then the home,
 * then the homes of the job's other steps (peers.h).  Each keeps the question
 * where it may wait.
 *
 * All functions are called with pmixd.lock held, and so are completions.
 */
#ifndef PMIXD_PUBLISH_NET_H
#define PMIXD_PUBLISH_NET_H

#include <stdbool.h>
#include <sys/queue.h>

#include <pmix_common.h>

#include "publish_msg.h"
#include "publish_store.h"

#define PUBLISH_HOME 0 /* node */

typedef struct publish_ask publish_ask_t;

/*
 * Called once, perhaps before the function that was given it returns.  FOUND
 * is not NULL where a search succeeded, and valid during the call.
 */
typedef void (*publish_done_fn)(publish_ask_t *ask, pmix_status_t status,
				const publish_found_t *found);

/* Part of the object that waits; the caller's until DONE is called. */
struct publish_ask {
	publish_done_fn done;
	/* What follows is publish_net.c's, but for a search's question. */
	LIST_ENTRY(publish_ask) next;
	LIST_HEAD(, publish_sub) subs; /* servers that are asked */
	uint32_t id;
	bool open;
	bool did_here;	/* a part of what it removes was on this node */
	bool abroad;	/* other steps are asked, too */
	bool searching; /* they are being looked for */
	/* A search's question; the strings live as long as it is open. */
	const char *key; /* NULL: it is no search */
	publish_proc_t asker;
	uint8_t range; /* how far to look */
	bool wait;     /* until there is something */
	bool foreign;  /* the asker is in another step */
};

/*
 * At the start, after peers_init(); the links may be missing.  False: no
 * memory.
 */
bool publish_net_init(void);

/*
 * Have MSG, a PUBLISH_PUT or PUBLISH_REMOVE of a rank of this node, done where
 * it belongs.  MSG gets ASK's number.
 */
void publish_net_do(publish_ask_t *ask, uint8_t *msg, size_t len);

/* Search for ASK's question. */
void publish_net_find(publish_ask_t *ask);

/* DONE is not called any more.  No-op after it. */
void publish_net_cancel(publish_ask_t *ask);

/* A rank of this node has ended. */
void publish_net_ended(uint32_t rank);

#endif
