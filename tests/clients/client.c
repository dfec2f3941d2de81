/* SPDX-License-Identifier: BSD-3-Clause */
/* client.c - see client.h. */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY_PLACE "client.place"

/* The one process context. */
static struct {
	const char *program;
	pmix_proc_t me;
	uint32_t size;
	long limit_s;
	bool initialised;
	bool wrong;
	char doing[256]; /* read by the alarm's handler */
	place_t *places;
} self = { .limit_s = 60, .doing = "starting" };

/* -- verdicts ----------------------------------------------------------- */

/* One write, so that the lines of several ranks do not mix. */
PRINTF(1, 0)
static void say(const char *fmt, va_list ap)
{
	char line[1024];
	int head = 0;
	size_t len;

	if (self.initialised)
		head = snprintf(line, sizeof(line), "rank %u: ", self.me.rank);
	(void)vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	len = strlen(line);
	line[len++] = '\n';
	(void)fflush(stdout);
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nobody is left to be told */
}

void client_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	/* _exit: libpmix's destructors may wait for a server that hangs. */
	_exit(CLIENT_FAILED);
}

void client_wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	self.wrong = true;
}

void client_check(pmix_status_t rc, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	if (rc == PMIX_SUCCESS)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	client_fail("%s failed: %s", what, status_text(rc));
}

void client_doing(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(self.doing, sizeof(self.doing), fmt, ap);
	va_end(ap);
}

const char *status_name(pmix_status_t rc)
{
	static const struct {
		pmix_status_t rc;
		const char *name;
	} names[] = {
		{ PMIX_SUCCESS, "SUCCESS" },
		{ PMIX_ERR_INVALID_CRED, "INVALID-CREDENTIAL" },
		{ PMIX_ERR_NO_PERMISSIONS, "NO-PERMISSIONS" },
		{ PMIX_ERR_TIMEOUT, "TIMEOUT" },
		{ PMIX_ERR_UNREACH, "UNREACHABLE" },
		{ PMIX_ERR_BAD_PARAM, "BAD-PARAM" },
		{ PMIX_ERR_RESOURCE_BUSY, "RESOURCE-BUSY" },
		{ PMIX_ERR_OUT_OF_RESOURCE, "OUT-OF-RESOURCE" },
		{ PMIX_ERR_INIT, "INIT" },
		{ PMIX_ERR_NOMEM, "NO-MEM" },
		{ PMIX_ERR_NOT_FOUND, "NOT-FOUND" },
		{ PMIX_ERR_NOT_SUPPORTED, "NOT-SUPPORTED" },
		{ PMIX_ERR_LOST_CONNECTION, "LOST_CONNECTION" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].rc == rc)
			return names[i].name;
	return PMIx_Error_string(rc);
}

const char *status_text(pmix_status_t rc)
{
	static char text[4][96];
	static unsigned turn;
	char *buf = text[turn++ % 4];

	(void)snprintf(buf, sizeof(text[0]), "%s (%d)", status_name(rc), rc);
	return buf;
}

/* -- options ------------------------------------------------------------ */

static void usage(const option_t *table, int status)
{
	FILE *out = status == 0 ? stdout : stderr;
	static const char *const args[] = { "", "N", "N N", "TEXT" };

	(void)fprintf(out, "usage: %s [OPTION]...\n", self.program);
	for (; table->name; table++)
		(void)fprintf(out, "  %-16s %-5s %s\n", table->name,
			      args[table->type], table->help);
	(void)fprintf(out, "  %-16s %-5s give up after N seconds\n", "--limit",
		      "N");
	exit(status);
}

static long parse_number(const option_t *table, const char *name,
			 const char *text)
{
	char *end;
	long number;

	errno = 0;
	number = text ? strtol(text, &end, 10) : -1;
	if (!text || errno || end == text || *end || number < 0) {
		(void)fprintf(stderr, "%s: %s wants a number, not '%s'\n",
			      self.program, name, text ? text : "");
		usage(table, CLIENT_USAGE);
	}
	return number;
}

/* Returns how many arguments ROW's option took. */
static int take_option(const option_t *table, const option_t *row, char **argv)
{
	switch (row->type) {
	case OPT_FLAG:
		*(bool *)row->value = true;
		return 0;
	case OPT_NUMBER:
		*(long *)row->value = parse_number(table, row->name, argv[1]);
		return 1;
	case OPT_PAIR:
		((long *)row->value)[0] =
			parse_number(table, row->name, argv[1]);
		((long *)row->value)[1] =
			parse_number(table, row->name, argv[2]);
		return 2;
	case OPT_TEXT:
		if (!argv[1])
			usage(table, CLIENT_USAGE);
		*(const char **)row->value = argv[1];
		return 1;
	}
	return 0;
}

void client_options(int argc, char **argv, const option_t *table)
{
	static const option_t limit = { "--limit", OPT_NUMBER, &self.limit_s,
					NULL };
	const option_t *row;
	int i;

	self.program = argv[0];
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			usage(table, 0);
		for (row = table; row->name; row++)
			if (strcmp(argv[i], row->name) == 0)
				break;
		if (!row->name && strcmp(argv[i], limit.name) == 0)
			row = &limit;
		if (!row->name) {
			(void)fprintf(stderr, "%s: unknown option '%s'\n",
				      self.program, argv[i]);
			usage(table, CLIENT_USAGE);
		}
		i += take_option(table, row, argv + i);
	}
}

/* -- life --------------------------------------------------------------- */

/* Async-signal-safe: no stdio. */
static void on_alarm(int sig)
{
	static const char text[] = ": no end in sight while ";
	char line[400] = "rank ";
	char digits[12];
	unsigned rank = self.me.rank;
	size_t len = strlen(line), n = 0, doing = strlen(self.doing);

	do
		digits[n++] = (char)('0' + rank % 10);
	while ((rank /= 10) != 0);
	while (n)
		line[len++] = digits[--n];
	memcpy(line + len, text, sizeof(text) - 1);
	len += sizeof(text) - 1;
	memcpy(line + len, self.doing, doing);
	len += doing;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		_exit(CLIENT_STUCK);
	_exit(CLIENT_STUCK);
}

/* The job's size as the server registered it. */
static uint32_t job_size(void)
{
	pmix_proc_t wildcard = client_proc(PMIX_RANK_WILDCARD);
	pmix_value_t *value = NULL;
	uint64_t size = 0;

	client_check(PMIx_Get(&wildcard, PMIX_JOB_SIZE, NULL, 0, &value),
		     "PMIx_Get of PMIX_JOB_SIZE");
	if (!value_number(value, &size) || size == 0 || size > INT32_MAX)
		client_fail("PMIX_JOB_SIZE is no number");
	PMIX_VALUE_RELEASE(value);
	return (uint32_t)size;
}

void client_init(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	(void)sigaction(SIGALRM, &sa, NULL);
	(void)alarm((unsigned)self.limit_s);
	client_doing("in PMIx_Init");
	client_check(PMIx_Init(&self.me, NULL, 0), "PMIx_Init");
	self.initialised = true;
	self.size = job_size();
	client_doing("working");
}

int client_end(void)
{
	client_doing("in PMIx_Finalize");
	client_check(PMIx_Finalize(NULL, 0), "PMIx_Finalize");
	free(self.places);
	self.places = NULL;
	if (fflush(stdout) != 0)
		client_fail("stdout: %s", strerror(errno));
	return self.wrong ? CLIENT_FAILED : 0;
}

pmix_rank_t client_rank(void)
{
	return self.me.rank;
}

uint32_t client_size(void)
{
	return self.size;
}

pmix_proc_t client_proc(pmix_rank_t rank)
{
	pmix_proc_t proc;

	memset(&proc, 0, sizeof(proc));
	memcpy(proc.nspace, self.me.nspace, sizeof(proc.nspace));
	proc.rank = rank;
	return proc;
}

/* -- time, environment -------------------------------------------------- */

int64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		continue;
}

const char *slurm_text(const char *name)
{
	const char *text = getenv(name);

	if (!text)
		client_fail("%s is not set: not a task of a Slurm step", name);
	return text;
}

long slurm_number(const char *name)
{
	const char *text = slurm_text(name);
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text || *end)
		client_fail("%s is no number: '%s'", name, text);
	return number;
}

/* -- data --------------------------------------------------------------- */

static uint8_t pattern_byte(size_t at, uint32_t who, uint32_t which)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + who * 101 + which * 13 + 5);
}

void pattern_fill(void *buf, size_t len, uint32_t who, uint32_t which)
{
	uint8_t *byte = buf;
	size_t i;

	for (i = 0; i < len; i++)
		byte[i] = pattern_byte(i, who, which);
}

bool pattern_holds(const void *buf, size_t len, uint32_t who, uint32_t which)
{
	const uint8_t *byte = buf;
	size_t i;

	for (i = 0; i < len; i++)
		if (byte[i] != pattern_byte(i, who, which))
			return false;
	return true;
}

void put_bytes(pmix_scope_t scope, const char *key, const void *buf, size_t len)
{
	pmix_value_t value;

	memset(&value, 0, sizeof(value));
	value.type = PMIX_BYTE_OBJECT;
	/* PMIx_Put copies and does not write; its type has no const. */
	value.data.bo.bytes = (char *)(uintptr_t)buf;
	value.data.bo.size = len;
	client_check(PMIx_Put(scope, key, &value), "PMIx_Put of '%s'", key);
}

void put_commit(void)
{
	client_check(PMIx_Commit(), "PMIx_Commit");
}

pmix_status_t get_bytes(pmix_rank_t rank, const char *key, const char *flag,
			pmix_value_t **value, pmix_byte_object_t *bo)
{
	pmix_proc_t proc = client_proc(rank);
	bool yes = true;
	pmix_info_t info;
	pmix_status_t rc;

	if (flag)
		PMIX_INFO_LOAD(&info, flag, &yes, PMIX_BOOL);
	*value = NULL;
	memset(bo, 0, sizeof(*bo));
	rc = PMIx_Get(&proc, key, flag ? &info : NULL, flag ? 1 : 0, value);
	if (rc != PMIX_SUCCESS)
		return rc;
	if (!*value || (*value)->type != PMIX_BYTE_OBJECT)
		client_fail("'%s' of rank %u is no byte object", key, rank);
	*bo = (*value)->data.bo;
	return PMIX_SUCCESS;
}

void need_bytes(pmix_rank_t rank, const char *key, const char *flag, void *buf,
		size_t len)
{
	pmix_value_t *value;
	pmix_byte_object_t bo;

	client_check(get_bytes(rank, key, flag, &value, &bo),
		     "PMIx_Get of '%s' of rank %u", key, rank);
	if (bo.size != len)
		client_fail("'%s' of rank %u has %zu bytes instead of %zu", key,
			    rank, bo.size, len);
	if (len)
		memcpy(buf, bo.bytes, len);
	PMIX_VALUE_RELEASE(value);
}

pmix_status_t fence_procs(const pmix_proc_t *procs, size_t nprocs, bool collect)
{
	bool yes = true;
	pmix_info_t info;

	PMIX_INFO_LOAD(&info, PMIX_COLLECT_DATA, &yes, PMIX_BOOL);
	/* Without data the directive is left out: servers of the field take
	 * its presence for its value (peers.md). */
	return PMIx_Fence(procs, nprocs, collect ? &info : NULL,
			  collect ? 1 : 0);
}

void fence_all(bool collect)
{
	client_doing("in a fence of all ranks%s", collect ? " with data" : "");
	client_check(fence_procs(NULL, 0, collect), "PMIx_Fence of all%s",
		     collect ? " with data" : "");
	client_doing("working");
}

/* -- where everybody runs ----------------------------------------------- */

static void own_place(place_t *place)
{
	/* Sent whole: no byte may stay undefined. */
	memset(place, 0, sizeof(*place));
	place->rank = (uint32_t)slurm_number("SLURM_PROCID");
	place->node_id = (uint32_t)slurm_number("SLURM_NODEID");
	place->local_id = (uint32_t)slurm_number("SLURM_LOCALID");
	(void)snprintf(place->node, sizeof(place->node), "%s",
		       slurm_text("SLURMD_NODENAME"));
	if (gethostname(place->host, sizeof(place->host) - 1) != 0)
		client_fail("gethostname: %s", strerror(errno));
}

const place_t *places_exchange(void)
{
	place_t own, place;
	uint32_t rank;

	own_place(&own);
	put_bytes(PMIX_GLOBAL, KEY_PLACE, &own, sizeof(own));
	put_commit();
	fence_all(true);
	self.places = calloc(self.size, sizeof(place_t));
	if (!self.places)
		client_fail("out of memory");
	for (rank = 0; rank < self.size; rank++) {
		memset(&place, 0, sizeof(place));
		need_bytes(rank, KEY_PLACE, NULL, &place, sizeof(place));
		if (place.rank != rank)
			client_fail("rank %u has SLURM_PROCID %u", rank,
				    place.rank);
		self.places[rank] = place;
	}
	return self.places;
}

uint32_t places_nodes(const place_t *places)
{
	uint32_t rank, nodes = 0;

	for (rank = 0; rank < self.size; rank++)
		if (places[rank].node_id >= nodes)
			nodes = places[rank].node_id + 1;
	return nodes;
}

/* -- pmix_value_t and pmix_info_t --------------------------------------- */

bool value_number(const pmix_value_t *value, uint64_t *number)
{
	switch (value->type) {
	case PMIX_BOOL:
		*number = value->data.flag;
		return true;
	case PMIX_SIZE:
		*number = value->data.size;
		return true;
	case PMIX_INT:
		*number = (uint64_t)value->data.integer;
		return true;
	case PMIX_UINT:
		*number = value->data.uint;
		return true;
	case PMIX_UINT16:
		*number = value->data.uint16;
		return true;
	case PMIX_INT32:
		*number = (uint64_t)value->data.int32;
		return true;
	case PMIX_UINT32:
		*number = value->data.uint32;
		return true;
	case PMIX_INT64:
		*number = (uint64_t)value->data.int64;
		return true;
	case PMIX_UINT64:
		*number = value->data.uint64;
		return true;
	case PMIX_PROC_RANK:
		*number = value->data.rank;
		return true;
	case PMIX_TIME:
		*number = (uint64_t)value->data.time;
		return true;
	default:
		return false;
	}
}

bool list_has(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *at;

	for (at = list; (at = strstr(at, name)) != NULL; at += len)
		if ((at == list || at[-1] == ',') &&
		    (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

const pmix_info_t *info_find(const pmix_info_t *info, size_t ninfo,
			     const char *key)
{
	size_t i;

	for (i = 0; i < ninfo; i++)
		if (PMIX_CHECK_KEY(&info[i], key))
			return &info[i];
	return NULL;
}
