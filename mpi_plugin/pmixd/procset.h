/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * procset.h - a set of the step's processes as collectives want it: the
 * nodes that it is on, and a name that all of them derive alike.
 */
#ifndef PMIXD_PROCSET_H
#define PMIXD_PROCSET_H

#include <stdbool.h>
#include <stdint.h>

#include <pmix_common.h>

typedef struct {
	bool all;
	uint8_t *member; /* by rank, unless all */
	uint32_t *nodes; /* with members, ascending */
	uint32_t nnodes;
} procset_t;

/*
 * Read PROCS, in whatever order, perhaps with PMIX_RANK_WILDCARD.  Release it
 * with procset_free(), after a failure too.  PMIX_ERR_NOT_SUPPORTED: there is
 * one of another namespace; PMIX_ERR_BAD_PARAM: a rank that does not exist.
 */
pmix_status_t procset_make(procset_t *set, const pmix_proc_t procs[],
			   size_t nprocs);
void procset_free(procset_t *set);

/* LEN bytes that are the same for the same set, however it was written. */
void procset_digest(const procset_t *set, uint8_t *digest, size_t len);

/* PMIX_TIMEOUT among directives, in seconds; 0: none. */
pmix_status_t directive_timeout(const pmix_info_t info[], size_t ninfo,
				int *timeout_s);

/*
 * Have all ranks of this node joined?  libpmix tells (in a directive) where
 * one has ended before it did.
 */
bool directive_all_joined(const pmix_info_t info[], size_t ninfo);

#endif
