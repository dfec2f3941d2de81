/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * query_step.h - what PMIx_Query_info tells of the step: the keys of the PMIx
 * standard that doc/pmix-support.md lists.
 */
#ifndef PMIXD_QUERY_STEP_H
#define PMIXD_QUERY_STEP_H

#include <stdbool.h>

#include "infolist.h"

/* Answer KEY of QUERY into L.  False: it has no answer.  Without the lock. */
bool query_step(infolist_t *l, const char *key, const pmix_query_t *query);

#endif
