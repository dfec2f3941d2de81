/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-tool - a PMIx tool: connects to a step's server, as pquery does, and
 * prints what it got, one line each:
 *
 *   name NAMESPACE RANK    the tool's own
 *   server NAMESPACE RANK  whom it is connected with
 *   counters N             values in the answer to the query psec.counters
 *   size N                 tasks of the namespace --nspace
 *   credential of NAMESPACE RANK, uid U
 *                          with --credential: what the server says of one that
 *                          it has made for the tool
 *   abort STATUS           with --abort: how PMIx_Abort was answered
 *   out of rank R: TEXT    with --streams: a line of a task's output, or of its
 *   err of rank R: TEXT    error output
 *
 * Without --uri libpmix looks for a server: in the environment of a task, or
 * in the directory that PMIX_SYSTEM_TMPDIR names.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pmix_tool.h>

static const char *uri, *nspace;
static long hold_ms, limit_s = 30;
static bool streams, credential, aborts, die;
static const option_t options[] = {
	{ "--uri", OPT_TEXT, &uri, "connect with it; file:PATH reads it" },
	{ "--nspace", OPT_TEXT, &nspace, "ask for its number of tasks" },
	{ "--streams", OPT_FLAG, &streams, "ask for the tasks' output" },
	{ "--credential", OPT_FLAG, &credential,
	  "get a credential, and have it validated" },
	{ "--abort", OPT_FLAG, &aborts, "call PMIx_Abort" },
	{ "--hold-ms", OPT_NUMBER, &hold_ms, "stay connected for that long" },
	{ "--limit-s", OPT_NUMBER, &limit_s, "be killed after that long" },
	{ "--die", OPT_FLAG, &die, "end without PMIx_tool_finalize" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static void check(pmix_status_t rc, const char *what)
{
	if (rc == PMIX_SUCCESS)
		return;
	fprintf(stderr, "%s failed: %s\n", what, status_text(rc));
	_exit(CLIENT_FAILED);
}

static void connect_to_server(void)
{
	pmix_proc_t self;
	pmix_value_t *name = NULL, *rank = NULL;
	pmix_info_t info;

	if (uri)
		PMIX_INFO_LOAD(&info, PMIX_SERVER_URI, uri, PMIX_STRING);
	check(PMIx_tool_init(&self, uri ? &info : NULL, uri ? 1 : 0),
	      "PMIx_tool_init");
	printf("name %s %u\n", self.nspace, self.rank);
	if (PMIx_Get(&self, PMIX_SERVER_NSPACE, NULL, 0, &name) ==
		    PMIX_SUCCESS &&
	    PMIx_Get(&self, PMIX_SERVER_RANK, NULL, 0, &rank) == PMIX_SUCCESS)
		printf("server %s %u\n", name->data.string, rank->data.rank);
}

static void ask_counters(void)
{
	pmix_info_t *results = NULL;
	pmix_query_t *query;
	size_t n = 0;

	PMIX_QUERY_CREATE(query, 1);
	PMIX_ARGV_APPEND(n, query->keys, "psec.counters");
	n = 0;
	check(PMIx_Query_info(query, 1, &results, &n), "PMIx_Query_info");
	if (n == 1 && results[0].value.type == PMIX_DATA_ARRAY)
		printf("counters %zu\n", results[0].value.data.darray->size);
	PMIX_INFO_FREE(results, n);
	PMIX_QUERY_FREE(query, 1);
}

static void ask_size(void)
{
	pmix_value_t *value;
	pmix_proc_t all;
	uint64_t size;

	PMIX_LOAD_PROCID(&all, nspace, PMIX_RANK_WILDCARD);
	check(PMIx_Get(&all, PMIX_JOB_SIZE, NULL, 0, &value), "PMIx_Get");
	if (value_number(value, &size))
		printf("size %llu\n", (unsigned long long)size);
	PMIX_VALUE_RELEASE(value);
}

static void output(size_t id, pmix_iof_channel_t channel, pmix_proc_t *source,
		   pmix_byte_object_t *payload, pmix_info_t info[],
		   size_t ninfo)
{
	size_t len = payload->size;

	while (len > 0 && payload->bytes[len - 1] == '\n')
		len--;
	printf("%s of rank %u: %.*s\n",
	       channel == PMIX_FWD_STDERR_CHANNEL ? "err" : "out", source->rank,
	       (int)len, payload->bytes);
}

static void ask_streams(void)
{
	pmix_status_t rc;
	pmix_proc_t all;

	PMIX_LOAD_PROCID(&all, nspace, PMIX_RANK_WILDCARD);
	rc = PMIx_IOF_pull(&all, 1, NULL, 0,
			   PMIX_FWD_STDOUT_CHANNEL | PMIX_FWD_STDERR_CHANNEL,
			   output, NULL, NULL);
	/* It returns the number of the registration. */
	check(rc < 0 ? rc : PMIX_SUCCESS, "PMIx_IOF_pull");
}

/* The value of KEY in the answer about a credential. */
static const pmix_value_t *told(const pmix_info_t *info, size_t n,
				const char *key)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (PMIX_CHECK_KEY(&info[i], key))
			return &info[i].value;
	check(PMIX_ERR_NOT_FOUND, key);
	return NULL;
}

static void ask_credential(void)
{
	pmix_byte_object_t cred = { NULL, 0 };
	pmix_info_t *info = NULL;
	size_t n = 0;

	check(PMIx_Get_credential(NULL, 0, &cred), "PMIx_Get_credential");
	check(PMIx_Validate_credential(&cred, NULL, 0, &info, &n),
	      "PMIx_Validate_credential");
	printf("credential of %s %u, uid %u\n",
	       told(info, n, PMIX_NSPACE)->data.string,
	       told(info, n, PMIX_RANK)->data.rank,
	       told(info, n, PMIX_USERID)->data.uint32);
	PMIX_INFO_FREE(info, n);
	PMIX_BYTE_OBJECT_DESTRUCT(&cred);
}

static void call_abort(void)
{
	pmix_status_t rc = PMIx_Abort(7, "c-tool: abort", NULL, 0);

	printf("abort %s\n", status_text(rc));
}

int main(int argc, char **argv)
{
	client_options(argc, argv, options);
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm((unsigned)limit_s);
	connect_to_server();
	ask_counters();
	if (nspace)
		ask_size();
	if (streams)
		ask_streams();
	if (credential)
		ask_credential();
	if (aborts)
		call_abort();
	fflush(stdout);
	sleep_ms(hold_ms);
	if (die)
		_exit(0);
	check(PMIx_tool_finalize(), "PMIx_tool_finalize");
	return 0;
}
