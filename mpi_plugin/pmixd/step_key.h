/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * step_key.h - the key of the step's native credentials, in memory of the
 * step's psec-pmixd processes and nowhere else.
 *
 * Node 0 makes it.  It goes down a tree of links that collectives use as
 * well: node i has it from i without its highest bit.  A node that is lost
 * before it has passed the key on is gone round: its children ask the next
 * one on the way to node 0.  There is never a second key: a node that cannot
 * have this one says so.
 *
 * Messages: doc/link-format.md, type KEY.
 *
 * Threads: the functions below say whether LOCK, the server's lock, is held.
 */
#ifndef PMIXD_STEP_KEY_H
#define PMIXD_STEP_KEY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "link.h"
#include "psec.h"

typedef struct step_key step_key_t;

/* Libsodium must be ready.  Without the lock.  NULL: no memory. */
step_key_t *step_key_create(pthread_mutex_t *lock);

/*
 * Make the key, or begin to wait for it, as node NODE of NNODES.  LINKS may
 * be NULL for one node; they must live as long as K.  With the lock held.
 */
void step_key_start(step_key_t *k, links_t *links, uint32_t node,
		    uint32_t nnodes);

/*
 * A psec_key_fn; ARG is the step_key_t.  Waits while the key is on its way,
 * that is at most until the links' time is over.  Without the lock.
 */
psec_code_t step_key_give(void *arg, uint8_t key[PSEC_KEY_LEN],
			  psec_error_t *err);

/*
 * Does step_key_give() return at once?  Then this node has also done its part
 * for the others; what was sent may still be queued (links_pending()).  With
 * the lock held.
 */
bool step_key_settled(const step_key_t *k);

/*
 * Wipe the key; from now on there is none.  NULL is allowed.  With the lock
 * held.
 */
void step_key_wipe(step_key_t *k);

/* Nobody uses it or waits for it any more.  NULL is allowed.  Keeps errno. */
void step_key_destroy(step_key_t *k);

#endif
