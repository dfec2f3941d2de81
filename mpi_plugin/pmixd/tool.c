/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tool.c - see tool.h.
 *
 * No tool is refused: that the process is the user's, door.c has seen before
 * libpmix heard of it, and what the tool says of its uid here is not proven.
 * (Where a host refuses a tool, libpmix up to 5.0 takes something out of a
 * list in which it is not, and crashes.)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "pmixd.h"
#include "tool.h"

#define FILE_MAX 4096

/*
 * PMIX_SERVER_TOOL_SUPPORT would write such files, too, but makes the step
 * directory readable for everybody on its way.
 */
void tool_options(infolist_t *l, const char *dir)
{
	char path[FILE_MAX];

	snprintf(path, sizeof(path), "%s/" TOOL_URI_FILE, dir);
	infolist_string(l, PMIX_TCP_REPORT_URI, path);
}

void tool_rendezvous(const char *dir)
{
	char path[FILE_MAX], host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	snprintf(path, sizeof(path), "%s/pmix.%s.tool", dir, host);
	if (symlink(TOOL_URI_FILE, path) != 0)
		plog_info("%s cannot be made: %s; tools need --uri", path,
			  strerror(errno));
}

static const pmix_info_t *find(const pmix_info_t info[], size_t n,
			       const char *key, pmix_data_type_t type)
{
	for (size_t i = 0; i < n; i++)
		if (PMIX_CHECK_KEY(&info[i], key) && info[i].value.type == type)
			return &info[i];
	return NULL;
}

/* A name that no other tool of the step has.  Only libpmix's thread. */
static void new_name(pmix_proc_t *proc)
{
	static unsigned long count;
	pmix_nspace_t nspace;

	(void)snprintf(nspace, sizeof(nspace), "%.200s.tool.%u.%lu",
		       pmixd.nspace, pmixd.conf.node, count++);
	PMIX_LOAD_PROCID(proc, nspace, 0);
}

/* A task that calls PMIx_tool_init keeps its name, and so does a debugger. */
static void own_name(pmix_proc_t *proc, const pmix_info_t info[], size_t n)
{
	const pmix_info_t *nspace = find(info, n, PMIX_NSPACE, PMIX_STRING);
	const pmix_info_t *rank = find(info, n, PMIX_RANK, PMIX_PROC_RANK);

	if (nspace && nspace->value.data.string && rank)
		PMIX_LOAD_PROCID(proc, nspace->value.data.string,
				 rank->value.data.rank);
	else
		new_name(proc);
}

void tool_upcall(pmix_info_t *info, size_t ninfo,
		 pmix_tool_connection_cbfunc_t cbfunc, void *cbdata)
{
	const pmix_info_t *pid = find(info, ninfo, PMIX_PROC_PID, PMIX_PID);
	pmix_proc_t proc;

	own_name(&proc, info, ninfo);
	plog_verbose("a tool, process %d, is connecting as %s:%u",
		     pid ? (int)pid->value.data.pid : -1, proc.nspace,
		     proc.rank);
	cbfunc(PMIX_SUCCESS, &proc, cbdata);
}
