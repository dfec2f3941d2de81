/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sibling.h - the servers of the job's other steps.
 *
 * One server of a step, its first node's, speaks for it.  It finds the others
 * when somebody asks: slurmctld says which steps run, and slurmd hands an
 * invitation over to the unix socket in each one's step directory, where only
 * the user can write.  Who is invited connects; both ends authenticate with
 * libpsec's handshake as on links (doc/link-format.md, "Between steps").
 *
 * A step that asks for nothing costs no more than the unix socket.
 *
 * All functions are called with pmixd.lock held, and so are the callbacks, in
 * the event loop.
 */
#ifndef PMIXD_SIBLING_H
#define PMIXD_SIBLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define SIBLING_SOCKET "sibling" /* in the first node's step directory */

typedef struct sibling sibling_t;

typedef struct {
	/* A connection is up; a step may have two. */
	void (*up)(sibling_t *s);
	/* It has ended; S is gone when this returns.  Not before up(). */
	void (*lost)(sibling_t *s);
	/* Says why the connection is to be dropped, or NULL. */
	const char *(*message)(sibling_t *s, const void *msg, size_t len);
	/* A search is over: all that can be reached are up. */
	void (*searched)(void);
} sibling_ops_t;

/*
 * FD is the listening unix socket of this step's directory.  OPS must live
 * for ever.  False: no memory.
 */
bool sibling_init(int fd, const sibling_ops_t *ops);

/*
 * Look for steps that run and have no connection.  True: searched() will be
 * called; false: the last search is less than SIBLING_FRESH_MS old, or there
 * can be none.
 */
bool sibling_search(void);
#define SIBLING_FRESH_MS 500

/* The next one that is up; NULL: the first, and after the last. */
sibling_t *sibling_next(sibling_t *s);

/* To one that is up. */
void sibling_send(sibling_t *s, const void *msg, size_t len);

#endif
