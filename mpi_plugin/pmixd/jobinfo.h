/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * jobinfo.h - what psec-pmixd knows of the step before its tasks are there,
 * as PMIx attributes (PMIx standard, "Reserved keys", job-specific data).
 *
 * Every value is right for every rank, or is not given: what one node does
 * not know of the others (their memory, their tasks' CPUs) only the server
 * there tells.  The table of all attributes and their sources is in
 * doc/pmix-support.md.
 */
#ifndef PMIXD_JOBINFO_H
#define PMIXD_JOBINFO_H

#include "infolist.h"
#include "pmixd.h"

/* Add all of it to INFO, for PMIx_server_register_nspace(). */
void jobinfo_add(infolist_t *info, const pmixd_t *d);

/* The process set of a component: NAMESPACE/APPNUM. */
void jobinfo_pset_name(const pmixd_t *d, uint32_t app, char *name, size_t size);

#endif
