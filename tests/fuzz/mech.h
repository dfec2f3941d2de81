/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mech.h - a context with mechanisms of the fuzz targets' own, which need no
 * service, and two people with different uids who use them.
 *
 *   token  like munge: nobody can forge, read or reuse a proof; agrees on a
 *          key
 *   clear  like none: a proof is its payload, and who says it is believed
 *   empty  fails in both directions, or makes proofs that are none
 */
#ifndef FUZZ_MECH_H
#define FUZZ_MECH_H

#include "psec_private.h"

#define FUZZ_MECHS "token,clear,empty"

typedef enum { FUZZ_CLIENT = 0, FUZZ_SERVER = 1 } fuzz_who_t;

/* The uid of each; the gid is the same number. */
uid_t fuzz_uid(fuzz_who_t who);

/* Whose process calls from now on, also for random.h. */
void fuzz_become(fuzz_who_t who);

/* What "empty" does: 0 fails, 1 makes nothing, 2 too much. */
void fuzz_empty_does(unsigned what);

/*
 * The one context, ready for use.  Forgets all proofs made so far, and
 * begins the random numbers anew.
 */
psec_t *fuzz_psec(void);

/* Release what the context holds. */
void fuzz_psec_clear(void);

#endif
