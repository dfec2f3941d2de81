/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-info - what the server registered about namespace, nodes and processes is
 * what Slurm told the tasks in their environment.
 *
 * Every rank compares everything it can get, about itself and all others, and
 * names each wrong value; --dump prints all values as lines, --json prints
 * more.  The truth comes from SLURM_* variables, which Slurm itself sets in
 * each task; what they say of other tasks is exchanged with put and a fence
 * with data.
 */
#include "client.h"
#include "info-json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool dump, json;
static const char *app_sizes; /* "4,3" */

static const option_t options[] = {
	{ "--dump", OPT_FLAG, &dump, "print all values" },
	{ "--json", OPT_FLAG, &json, "print all values as JSON, a line each" },
	{ "--apps", OPT_TEXT, &app_sizes,
	  "the sizes of a heterogeneous step's components, such as 4,3" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static const place_t *places;
static uint32_t nodes;
static uint32_t own_node;

/* -- applications ------------------------------------------------------- */

typedef struct {
	uint32_t number, first, size;
} app_t;

/* That of RANK, as the command line says. */
static app_t app_of(pmix_rank_t rank)
{
	app_t app = { 0, 0, client_size() };
	const char *at = app_sizes;
	char *end;

	if (!at)
		return app;
	for (app.size = (uint32_t)strtoul(at, &end, 10);
	     rank >= app.first + app.size && *end == ',';
	     app.size = (uint32_t)strtoul(end + 1, &end, 10)) {
		app.number++;
		app.first += app.size;
	}
	if (rank >= app.first + app.size)
		client_fail("rank %u is of none of the components %s", rank,
			    app_sizes);
	return app;
}

/* -- what Slurm says ---------------------------------------------------- */

static uint32_t tasks_on(uint32_t node)
{
	uint32_t rank, count = 0;

	for (rank = 0; rank < client_size(); rank++)
		count += places[rank].node_id == node;
	return count;
}

static uint32_t lowest_on(uint32_t node)
{
	uint32_t rank;

	for (rank = 0; rank < client_size(); rank++)
		if (places[rank].node_id == node)
			return rank;
	client_fail("no task on node %u", node);
}

/* "0,1,5" - malloc()ed. */
static char *peers_on(uint32_t node)
{
	char *text = calloc(client_size() + 1, 12);
	size_t len = 0;
	uint32_t rank;

	if (!text)
		client_fail("out of memory");
	for (rank = 0; rank < client_size(); rank++)
		if (places[rank].node_id == node)
			len += (size_t)sprintf(text + len, "%s%u",
					       len ? "," : "", rank);
	return text;
}

/* "n0,n1" in the order of node ids - malloc()ed. */
static char *all_nodes(void)
{
	size_t max = (size_t)(nodes + 1) * (PLACE_NAME_MAX + 1), len = 0;
	char *text = calloc(1, max);
	uint32_t node;

	if (!text)
		client_fail("out of memory");
	for (node = 0; node < nodes; node++)
		len += (size_t)snprintf(text + len, max - len, "%s%s",
					node ? "," : "",
					places[lowest_on(node)].node);
	return text;
}

/* The COUNTth number of "5,1(x3)": SLURM_STEP_TASKS_PER_NODE. */
static long tasks_per_node(const char *text, uint32_t count)
{
	char *end;
	long tasks, times;

	while (*text) {
		tasks = strtol(text, &end, 10);
		times = 1;
		if (strncmp(end, "(x", 2) == 0) {
			times = strtol(end + 2, &end, 10);
			end += *end == ')';
		}
		if ((long)count < times)
			return tasks;
		count -= (uint32_t)times;
		text = end + (*end == ',');
	}
	return -1;
}

typedef char host_t[PLACE_NAME_MAX];

/* Expand the ranges of "n[0-1,07]"; returns what follows the bracket. */
static const char *expand_ranges(const char *entry, int head, host_t *hosts,
				 uint32_t max, uint32_t *count)
{
	const char *at = entry + head + 1;
	long low, high;
	char *end;
	int width;

	while (*at && *at != ']') {
		low = strtol(at, &end, 10);
		width = (int)(end - at);
		high = *end == '-' ? strtol(end + 1, &end, 10) : low;
		for (; low <= high && *count < max; low++)
			(void)snprintf(hosts[(*count)++], PLACE_NAME_MAX,
				       "%.*s%0*ld", head, entry, width, low);
		if (*end != ',' && *end != ']')
			client_fail("'%s' is no host list", entry);
		at = end + (*end == ',');
	}
	return at + (*at == ']');
}

/* The names of a host list such as "n[0-2],m7"; at most MAX of them. */
static uint32_t expand_hosts(const char *list, host_t *hosts, uint32_t max)
{
	uint32_t count = 0;
	int head;

	while (*list && count < max) {
		head = (int)strcspn(list, "[,");
		if (list[head] == '[') {
			list = expand_ranges(list, head, hosts, max, &count);
		} else {
			(void)snprintf(hosts[count++], PLACE_NAME_MAX, "%.*s",
				       head, list);
			list += head;
		}
		list += *list == ',';
	}
	return count;
}

/* Where the node of RANK is in the list, or at the end. */
static uint32_t place_in(host_t *hosts, uint32_t rank)
{
	uint32_t at = 0;

	while (at < nodes && strcmp(hosts[at], places[rank].node) != 0)
		at++;
	return at;
}

/* Slurm's variables agree with each other, or no comparison is worth it. */
static void check_slurm(void)
{
	const char *list = slurm_text("SLURM_STEP_NODELIST");
	const char *tasks = slurm_text("SLURM_STEP_TASKS_PER_NODE");
	host_t *hosts = calloc(nodes + 1, sizeof(*hosts));
	uint32_t node, at;

	if (!hosts || expand_hosts(list, hosts, nodes + 1) != nodes)
		client_fail("SLURM_STEP_NODELIST=%s, but there are %u nodes",
			    list, nodes);
	if (slurm_number("SLURM_STEP_NUM_NODES") != (long)nodes)
		client_wrong("SLURM_STEP_NUM_NODES is %ld, but there are %u",
			     slurm_number("SLURM_STEP_NUM_NODES"), nodes);
	for (node = 0; node < nodes; node++) {
		/* Of several components Slurm sorts the list, not the ids. */
		at = app_sizes ? place_in(hosts, lowest_on(node)) : node;
		if (at == nodes ||
		    strcmp(hosts[at], places[lowest_on(node)].node) != 0)
			client_wrong("SLURM_STEP_NODELIST=%s, but node %u is "
				     "'%s'",
				     list, node, places[lowest_on(node)].node);
		else if (tasks_per_node(tasks, at) != (long)tasks_on(node))
			client_wrong("SLURM_STEP_TASKS_PER_NODE=%s, but node "
				     "%u has %u tasks",
				     tasks, at, tasks_on(node));
	}
	free(hosts);
}

/* -- getting ------------------------------------------------------------ */

/* Whom a value is about: "of rank 3", "on n1", or nothing for the job. */
static const char *about(pmix_rank_t rank, const char *node)
{
	static char text[PLACE_NAME_MAX + 8];

	text[0] = '\0';
	if (rank != PMIX_RANK_WILDCARD)
		(void)snprintf(text, sizeof(text), " of rank %u", rank);
	else if (node)
		(void)snprintf(text, sizeof(text), " on %s", node);
	return text;
}

static void show(const char *key, pmix_rank_t rank, const char *node,
		 const char *value)
{
	if (dump)
		(void)printf("rank %u: %s%s = %s\n", client_rank(), key,
			     about(rank, node), value);
}

/* NULL: not registered. */
static pmix_value_t *get_with(const char *key, const char *name,
			      pmix_rank_t rank, const char *node,
			      const pmix_info_t *info, size_t ninfo)
{
	pmix_proc_t proc = client_proc(rank);
	pmix_value_t *value = NULL;
	pmix_status_t rc;

	client_doing("getting %s%s", name, about(rank, node));
	rc = PMIx_Get(&proc, key, info, ninfo, &value);
	if (rc == PMIX_SUCCESS && value)
		return value;
	show(name, rank, node, status_text(rc));
	return NULL;
}

/* Of the node NODE, or where that is NULL of the job or RANK. */
static pmix_value_t *get(const char *key, const char *name, pmix_rank_t rank,
			 const char *node)
{
	pmix_value_t *value;
	pmix_info_t info[3];
	bool yes = true;

	if (!node)
		return get_with(key, name, rank, NULL, NULL, 0);
	PMIX_INFO_LOAD(&info[0], PMIX_NODE_INFO, &yes, PMIX_BOOL);
	PMIX_INFO_LOAD(&info[1], PMIX_HOSTNAME, node, PMIX_STRING);
	/* Registered with the job or not at all: ask no server. */
	PMIX_INFO_LOAD(&info[2], PMIX_OPTIONAL, &yes, PMIX_BOOL);
	value = get_with(key, name, rank, node, info, 3);
	PMIX_INFO_DESTRUCT(&info[1]); /* the only string */
	return value;
}

typedef enum { EQUAL, AT_LEAST } compare_t;
typedef enum { REQUIRED, OPTIONAL } need_t;

static void check_number(const char *key, const char *name, pmix_rank_t rank,
			 const char *node, compare_t how, need_t need,
			 uint64_t want)
{
	pmix_value_t *value = get(key, name, rank, node);
	char text[32];
	uint64_t have;

	if (!value) {
		if (need == REQUIRED)
			client_wrong("%s%s is not registered", name,
				     about(rank, node));
		return;
	}
	if (!value_number(value, &have)) {
		client_wrong("%s%s is no number", name, about(rank, node));
	} else {
		(void)snprintf(text, sizeof(text), "%" PRIu64, have);
		show(name, rank, node, text);
		if (how == EQUAL ? have != want : have < want)
			client_wrong("%s%s%s%s is %" PRIu64
				     " instead of %s%" PRIu64,
				     name, about(rank, node),
				     node ? " on " : "", node ? node : "", have,
				     how == EQUAL ? "" : "at least ", want);
	}
	PMIX_VALUE_RELEASE(value);
}

/* A malloc()ed copy, or NULL where it is missing or no string. */
static char *get_text(const char *key, const char *name, pmix_rank_t rank,
		      const char *node, need_t need)
{
	pmix_value_t *value = get(key, name, rank, node);
	char *text = NULL;

	if (!value) {
		if (need == REQUIRED)
			client_wrong("%s%s is not registered", name,
				     about(rank, node));
		return NULL;
	}
	if (value->type == PMIX_STRING && value->data.string)
		text = strdup(value->data.string);
	if (text)
		show(name, rank, node, text);
	else
		client_wrong("%s%s is no string", name, about(rank, node));
	PMIX_VALUE_RELEASE(value);
	return text;
}

static void check_text(const char *key, const char *name, pmix_rank_t rank,
		       const char *node, need_t need, const char *want)
{
	char *have = get_text(key, name, rank, node, need);

	if (have && strcmp(have, want) != 0)
		client_wrong("%s%s is '%s' instead of '%s'", name,
			     about(rank, node), have, want);
	free(have);
}

/* Names as the Standard writes them in front of their strings. */
#define NUMBER(key, rank, how, need, want)                                     \
	check_number(key, #key, rank, NULL, how, need, want)
#define TEXT(key, rank, need, want)                                            \
	check_text(key, #key, rank, NULL, need, want)

/* -- checks ------------------------------------------------------------- */

static void check_job(void)
{
	const pmix_rank_t job = PMIX_RANK_WILDCARD;
	uint32_t mine = tasks_on(own_node), n = client_size();
	app_t app = app_of(client_rank()), last = app_of(n - 1);

	NUMBER(PMIX_JOB_SIZE, job, EQUAL, REQUIRED,
	       (uint64_t)slurm_number("SLURM_STEP_NUM_TASKS"));
	NUMBER(PMIX_UNIV_SIZE, job, AT_LEAST, REQUIRED, n);
	NUMBER(PMIX_MAX_PROCS, job, AT_LEAST, REQUIRED, n);
	NUMBER(PMIX_APP_SIZE, job, EQUAL, REQUIRED, app.size);
	NUMBER(PMIX_NUM_NODES, job, EQUAL, REQUIRED, nodes);
	NUMBER(PMIX_LOCAL_SIZE, job, EQUAL, REQUIRED, mine);
	NUMBER(PMIX_NODE_SIZE, job, EQUAL, REQUIRED, mine);
	NUMBER(PMIX_LOCALLDR, job, EQUAL, REQUIRED, lowest_on(own_node));
	NUMBER(PMIX_APPLDR, job, EQUAL, REQUIRED, app.first);
	NUMBER(PMIX_JOB_NUM_APPS, job, EQUAL, app_sizes ? REQUIRED : OPTIONAL,
	       last.number + 1);
	NUMBER(PMIX_USERID, job, EQUAL, OPTIONAL, geteuid());
	NUMBER(PMIX_GRPID, job, EQUAL, OPTIONAL, getegid());
}

static void check_names(void)
{
	const pmix_rank_t job = PMIX_RANK_WILDCARD;
	char *peers = peers_on(own_node), *list = all_nodes();
	char want[PMIX_MAX_NSLEN + 1];

	(void)snprintf(want, sizeof(want), "slurm.pmix.%s.%s",
		       slurm_text("SLURM_JOB_ID"), slurm_text("SLURM_STEP_ID"));
	if (strcmp(client_proc(0).nspace, want) != 0)
		client_wrong("the namespace is '%s' instead of '%s'",
			     client_proc(0).nspace, want);
	if ((long)client_rank() != slurm_number("SLURM_PROCID"))
		client_wrong("PMIx_Init gave this rank to SLURM_PROCID %ld",
			     slurm_number("SLURM_PROCID"));
	/* As all of Slurm's plugins write it: JOB.STEP. */
	TEXT(PMIX_JOBID, job, REQUIRED, want + strlen("slurm.pmix."));
	TEXT(PMIX_LOCAL_PEERS, job, REQUIRED, peers);
	TEXT(PMIX_NODE_LIST, job, OPTIONAL, list);
	free(peers);
	free(list);
}

/*
 * By default libpmix 4.2.2 looks for this key among the nodes' data, where it
 * does not keep it, and finds it for ranks of its own node only.  So what
 * comes that way must be right, and what was registered for the rank itself
 * must be there.
 */
static void check_node_id(pmix_rank_t rank)
{
	bool yes = true;
	pmix_value_t *value;
	pmix_info_t info;
	uint64_t have = UINT64_MAX;

	NUMBER(PMIX_NODEID, rank, EQUAL, OPTIONAL, places[rank].node_id);
	PMIX_INFO_LOAD(&info, PMIX_JOB_INFO, &yes, PMIX_BOOL);
	value = get_with(PMIX_NODEID, "PMIX_NODEID", rank, NULL, &info, 1);
	if (!value) {
		client_wrong("PMIX_NODEID of rank %u is not registered", rank);
		return;
	}
	if (!value_number(value, &have) || have != places[rank].node_id)
		client_wrong("PMIX_NODEID of rank %u is %" PRIu64
			     " instead of %u",
			     rank, have, places[rank].node_id);
	PMIX_VALUE_RELEASE(value);
}

static void check_rank(pmix_rank_t rank)
{
	const place_t *place = &places[rank];
	app_t app = app_of(rank);
	char *host;

	NUMBER(PMIX_RANK, rank, EQUAL, OPTIONAL, rank);
	NUMBER(PMIX_GLOBAL_RANK, rank, EQUAL, REQUIRED, rank);
	NUMBER(PMIX_APP_RANK, rank, EQUAL, REQUIRED, rank - app.first);
	NUMBER(PMIX_APPNUM, rank, EQUAL, REQUIRED, app.number);
	NUMBER(PMIX_LOCAL_RANK, rank, EQUAL, REQUIRED, place->local_id);
	NUMBER(PMIX_NODE_RANK, rank, EQUAL, REQUIRED, place->local_id);
	check_node_id(rank);
	host = get_text(PMIX_HOSTNAME, "PMIX_HOSTNAME", rank, NULL, REQUIRED);
	/* Where Slurm's name differs from the system's either will do. */
	if (host && strcmp(host, place->node) != 0 &&
	    strcmp(host, place->host) != 0)
		client_wrong("PMIX_HOSTNAME of rank %u is '%s' instead of "
			     "'%s'",
			     rank, host, place->node);
	free(host);
}

/* What is told about a node must be true; not all has to be told. */
static void check_node(uint32_t node)
{
	const char *name = places[lowest_on(node)].node;
	const pmix_rank_t job = PMIX_RANK_WILDCARD;
	char *peers = peers_on(node);

	check_number(PMIX_LOCAL_SIZE, "PMIX_LOCAL_SIZE", job, name, EQUAL,
		     OPTIONAL, tasks_on(node));
	check_number(PMIX_NODE_SIZE, "PMIX_NODE_SIZE", job, name, EQUAL,
		     OPTIONAL, tasks_on(node));
	check_number(PMIX_LOCALLDR, "PMIX_LOCALLDR", job, name, EQUAL, OPTIONAL,
		     lowest_on(node));
	check_text(PMIX_LOCAL_PEERS, "PMIX_LOCAL_PEERS", job, name, OPTIONAL,
		   peers);
	free(peers);
}

static void check_resolve_nodes(void)
{
	pmix_proc_t me = client_proc(0);
	char *have = NULL, *want = all_nodes();

	client_check(PMIx_Resolve_nodes(me.nspace, &have),
		     "PMIx_Resolve_nodes");
	show("PMIx_Resolve_nodes", PMIX_RANK_WILDCARD, NULL,
	     have ? have : "NULL");
	if (!have || strcmp(have, want) != 0)
		client_wrong("PMIx_Resolve_nodes says '%s' instead of '%s'",
			     have ? have : "", want);
	free(have);
	free(want);
}

static void check_resolve_peers(uint32_t node)
{
	const char *name = places[lowest_on(node)].node;
	char *want = peers_on(node), *have = calloc(client_size() + 1, 12);
	pmix_proc_t me = client_proc(0), *procs = NULL;
	size_t i, nprocs = 0, len = 0;
	pmix_status_t rc;

	if (!have)
		client_fail("out of memory");
	rc = PMIx_Resolve_peers(name, me.nspace, &procs, &nprocs);
	for (i = 0; i < nprocs && i < client_size(); i++)
		len += (size_t)sprintf(have + len, "%s%u", i ? "," : "",
				       procs[i].rank);
	show("PMIx_Resolve_peers", PMIX_RANK_WILDCARD, name, have);
	if (rc != PMIX_SUCCESS)
		client_wrong("PMIx_Resolve_peers for '%s' failed: %s", name,
			     status_text(rc));
	else if (strcmp(have, want) != 0)
		client_wrong("PMIx_Resolve_peers for '%s' says '%s' instead "
			     "of '%s'",
			     name, have, want);
	if (procs)
		PMIX_PROC_FREE(procs, nprocs);
	free(have);
	free(want);
}

/* A directory of ours in which nobody else can write. */
static void check_dir(const char *key, const char *name)
{
	char *path = get_text(key, name, PMIX_RANK_WILDCARD, NULL, REQUIRED);
	struct stat st;

	if (!path)
		return;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		client_wrong("%s '%s' is no directory", name, path);
	else if (st.st_uid != geteuid())
		client_wrong("%s '%s' belongs to uid %u", name, path,
			     st.st_uid);
	else if ((st.st_mode & 022) != 0)
		client_wrong("others may write in %s '%s' (mode %03o)", name,
			     path, st.st_mode & 07777);
	else if (access(path, W_OK | X_OK) != 0)
		client_wrong("%s '%s' cannot be used", name, path);
	free(path);
}

/* Whatever the server says of these two, they must be booleans. */
static void check_flag(const char *key, const char *name, need_t need)
{
	pmix_value_t *value = get(key, name, PMIX_RANK_WILDCARD, NULL);

	if (!value) {
		if (need == REQUIRED)
			client_wrong("%s is not registered", name);
		return;
	}
	if (value->type != PMIX_BOOL)
		client_wrong("%s is no boolean", name);
	else
		show(name, PMIX_RANK_WILDCARD, NULL,
		     value->data.flag ? "true" : "false");
	PMIX_VALUE_RELEASE(value);
}

int main(int argc, char **argv)
{
	uint32_t i;

	client_options(argc, argv, options);
	client_init();
	places = places_exchange();
	nodes = places_nodes(places);
	own_node = places[client_rank()].node_id;
	check_slurm();
	check_job();
	check_names();
	for (i = 0; i < client_size(); i++)
		check_rank(i);
	check_resolve_nodes();
	for (i = 0; i < nodes; i++) {
		check_node(i);
		check_resolve_peers(i);
	}
	check_dir(PMIX_TMPDIR, "PMIX_TMPDIR");
	check_dir(PMIX_NSDIR, "PMIX_NSDIR");
	check_flag(PMIX_SPAWNED, "PMIX_SPAWNED", REQUIRED);
	check_flag(PMIX_TDIR_RMCLEAN, "PMIX_TDIR_RMCLEAN", OPTIONAL);
	if (json)
		info_json(places);
	fence_all(false);
	return client_end();
}
