/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tool.h - PMIx tools (pquery, debuggers) that connect to this node's server.
 *
 * They find it by rendezvous files in the step directory, which only the
 * step's user reaches; door.c lets none but his processes in, and libpmix
 * then authenticates them by one of the step's mechanisms.
 */
#ifndef PMIXD_TOOL_H
#define PMIXD_TOOL_H

#include <pmix_server.h>

#include "infolist.h"

/* In the step directory: where libpmix listens, for "--uri file:". */
#define TOOL_URI_FILE "pmix.uri"

/* Have PMIx_server_init() write this file into DIR, the step directory. */
void tool_options(infolist_t *l, const char *dir);

/*
 * The same under the name that tools look for in the directory that
 * PMIX_SYSTEM_TMPDIR names.  A failure is logged.
 */
void tool_rendezvous(const char *dir);

/* Host upcall tool_connected. */
void tool_upcall(pmix_info_t *info, size_t ninfo,
		 pmix_tool_connection_cbfunc_t cbfunc, void *cbdata);

#endif
