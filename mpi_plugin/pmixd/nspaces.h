/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nspaces.h - namespaces of this job's other steps: what this server's clients
 * may know of them.
 *
 * A step's head tells its layout (which ranks are on which nodes) to servers
 * of other steps that ask; they register the namespace with libpmix, as one
 * without local ranks.  It is the word of another process of the same user.
 *
 * All functions are called with pmixd.lock held, unless they say otherwise.
 */
#ifndef PMIXD_NSPACES_H
#define PMIXD_NSPACES_H

#include <stdbool.h>
#include <stdint.h>

#include <pmix_common.h>

/* Register with the peers.  After peers_init(). */
void nspaces_init(void);

/*
 * The step of a namespace of this job, this one's included.  False: it is no
 * such name.  Any thread, without the lock.
 */
bool nspaces_step(const char *nspace, uint32_t *step);
void nspaces_name(uint32_t step, pmix_nspace_t nspace);

/*
 * Have libpmix know the namespace of STEP.  FN is called once, with the lock
 * held, perhaps before nspaces_need() returns; OK false: its head cannot be
 * asked, or told nonsense.
 */
typedef void (*nspaces_ready_fn)(void *arg, bool ok);
void nspaces_need(uint32_t step, nspaces_ready_fn fn, void *arg);

/*
 * The same up to where libpmix would be told: nspaces_need() then does that at
 * once.
 */
void nspaces_prepare(uint32_t step, nspaces_ready_fn fn, void *arg);

/* Has STEP's head answered?  Then those that need it are called soon. */
bool nspaces_is_told(uint32_t step);

/* The node of a rank of a step that is ready; false: there is none. */
bool nspaces_node_of(uint32_t step, uint32_t rank, uint32_t *node);

#endif
