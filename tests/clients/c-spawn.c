/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-spawn - rank 0 spawns a step, of this same program unless told otherwise;
 * then both connect and get each other's data.
 */
#include "client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY  "c-spawn.global"
#define SIZE 200

static long nprocs = 4, second, exit_status, nap_ms, timeout_s;
static bool child, fails, alone, required, await_end;
static const char *command, *hosts, *wdir, *mapby, *set;

static const option_t options[] = {
	{ "--child", OPT_FLAG, &child, "be the one that was spawned" },
	{ "--procs", OPT_NUMBER, &nprocs, "how many to spawn" },
	{ "--second", OPT_NUMBER, &second, "and of a second program" },
	{ "--command", OPT_TEXT, &command, "spawn this" },
	{ "--host", OPT_TEXT, &hosts, "PMIX_HOST" },
	{ "--wdir", OPT_TEXT, &wdir, "PMIX_WDIR" },
	{ "--mapby", OPT_TEXT, &mapby, "PMIX_MAPBY" },
	{ "--timeout", OPT_NUMBER, &timeout_s, "PMIX_SPAWN_TIMEOUT" },
	{ "--set", OPT_TEXT, &set, "PMIX_SET_ENVAR of C_SPAWN to this" },
	{ "--required", OPT_FLAG, &required,
	  "a directive that nobody knows is required" },
	{ "--fails", OPT_FLAG, &fails, "the spawn must fail" },
	{ "--alone", OPT_FLAG, &alone, "do not connect" },
	{ "--sleep-ms", OPT_NUMBER, &nap_ms, "before the end" },
	{ "--await-end", OPT_FLAG, &await_end,
	  "until all ranks have heard of the step's end with --exit" },
	{ "--exit", OPT_NUMBER, &exit_status, "the child's exit status" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

/* What libpmix's thread has heard of the spawned step. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ended;
	char nspace[PMIX_MAX_NSLEN + 1];
	int exit_code;
	pmix_status_t how;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER,
	    .changed = PTHREAD_COND_INITIALIZER };

static void on_job_end(size_t id, pmix_status_t code, const pmix_proc_t *source,
		       pmix_info_t info[], size_t ninfo, pmix_info_t *results,
		       size_t nresults,
		       pmix_event_notification_cbfunc_fn_t cbfunc, void *cbdata)
{
	const pmix_info_t *status = info_find(info, ninfo, PMIX_EXIT_CODE);
	const pmix_info_t *how = info_find(info, ninfo, PMIX_JOB_TERM_STATUS);

	(void)pthread_mutex_lock(&heard.lock);
	heard.ended = true;
	(void)snprintf(heard.nspace, sizeof(heard.nspace), "%s",
		       source->nspace);
	heard.exit_code = status && status->value.type == PMIX_INT
				  ? status->value.data.integer
				  : -1;
	heard.how = how && how->value.type == PMIX_STATUS
			    ? how->value.data.status
			    : PMIX_ERROR;
	(void)pthread_cond_broadcast(&heard.changed);
	(void)pthread_mutex_unlock(&heard.lock);
	if (cbfunc)
		cbfunc(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, cbdata);
}

static void listen_to_end(void)
{
	pmix_status_t code = PMIX_EVENT_JOB_END;

	if (PMIx_Register_event_handler(&code, 1, NULL, 0, on_job_end, NULL,
					NULL) < 0)
		client_fail("the handler was refused");
}

/* --limit ends a wait that is too long. */
static void hear_of_end(const char *nspace)
{
	client_doing("waiting for the end of %s", nspace);
	(void)pthread_mutex_lock(&heard.lock);
	while (!heard.ended)
		(void)pthread_cond_wait(&heard.changed, &heard.lock);
	if (strcmp(heard.nspace, nspace) != 0 ||
	    heard.exit_code != (int)exit_status ||
	    heard.how !=
		    (exit_status ? PMIX_ERR_JOB_NON_ZERO_TERM : PMIX_SUCCESS))
		client_wrong("%s is said to have ended with %d, %s",
			     heard.nspace, heard.exit_code,
			     status_text(heard.how));
	(void)printf("rank %u heard of the end\n", client_rank());
	(void)pthread_mutex_unlock(&heard.lock);
}

static void put_own(uint32_t which)
{
	char buf[SIZE];

	pattern_fill(buf, SIZE, client_rank(), which);
	put_bytes(PMIX_GLOBAL, KEY, buf, SIZE);
	put_commit();
}

static void check_data(const char *nspace, uint32_t which)
{
	pmix_value_t *value = NULL;
	pmix_proc_t proc;
	uint64_t size = 0;

	PMIX_LOAD_PROCID(&proc, nspace, PMIX_RANK_WILDCARD);
	client_check(PMIx_Get(&proc, PMIX_JOB_SIZE, NULL, 0, &value),
		     "PMIx_Get of PMIX_JOB_SIZE of %s", nspace);
	(void)value_number(value, &size);
	PMIX_VALUE_RELEASE(value);
	for (proc.rank = 0; proc.rank < size; proc.rank++) {
		client_check(PMIx_Get(&proc, KEY, NULL, 0, &value),
			     "PMIx_Get of data of %s rank %u", nspace,
			     proc.rank);
		if (value->type != PMIX_BYTE_OBJECT ||
		    value->data.bo.size != SIZE ||
		    !pattern_holds(value->data.bo.bytes, SIZE, proc.rank,
				   which))
			client_wrong("data of %s rank %u are wrong", nspace,
				     proc.rank);
		PMIX_VALUE_RELEASE(value);
	}
	if (client_rank() == 0)
		(void)printf("%s: data of %u ranks of %s are right\n",
			     child ? "child" : "parent", (unsigned)size,
			     nspace);
}

static void meet(const char *nspace, uint32_t which)
{
	pmix_proc_t procs[2] = { client_proc(PMIX_RANK_WILDCARD) };

	if (alone)
		return;
	PMIX_LOAD_PROCID(&procs[1], nspace, PMIX_RANK_WILDCARD);
	client_doing("connecting to %s", nspace);
	client_check(PMIx_Connect(procs, 2, NULL, 0), "PMIx_Connect");
	check_data(nspace, which);
	client_doing("disconnecting from %s", nspace);
	client_check(PMIx_Disconnect(procs, 2, NULL, 0), "PMIx_Disconnect");
}

static size_t add(pmix_info_t *info, size_t n, const char *key,
		  const char *text)
{
	if (text)
		PMIX_INFO_LOAD(&info[n], key, text, PMIX_STRING);
	return text ? n + 1 : n;
}

static void fill_app(pmix_app_t *app, char *self, long n, char **argv)
{
	static pmix_info_t info[2][2];
	static unsigned n_apps;

	app->cmd = command ? (char *)(uintptr_t)command : self;
	app->argv = argv;
	app->maxprocs = (int)n;
	app->info = info[n_apps++];
	app->ninfo = add(app->info, 0, PMIX_HOST, hosts);
	app->ninfo = add(app->info, app->ninfo, PMIX_WDIR, wdir);
	if (!app->ninfo)
		app->info = NULL; /* libpmix would look for its end */
}

static size_t fill_job(pmix_info_t *info)
{
	size_t n = add(info, 0, PMIX_MAPBY, mapby);
	pmix_envar_t envar = { (char *)(uintptr_t) "C_SPAWN",
			       (char *)(uintptr_t)set, ':' };
	int seconds = (int)timeout_s;

	if (seconds)
		PMIX_INFO_LOAD(&info[n++], PMIX_SPAWN_TIMEOUT, &seconds,
			       PMIX_INT);
	if (set)
		PMIX_INFO_LOAD(&info[n++], PMIX_SET_ENVAR, &envar, PMIX_ENVAR);
	if (required) {
		n = add(info, n, "c-spawn.unknown", "yes");
		PMIX_INFO_REQUIRED(&info[n - 1]);
	}
	return n;
}

static void spawn(char *self, pmix_nspace_t nspace)
{
	char status[24], nap[24];
	char *argv[] = { self,
			 (char *)(uintptr_t) "--child",
			 (char *)(uintptr_t) "--exit",
			 status,
			 (char *)(uintptr_t) "--sleep-ms",
			 nap,
			 alone ? (char *)(uintptr_t) "--alone" : NULL,
			 NULL };
	char *argv2[] = { self,
			  (char *)(uintptr_t) "--child",
			  (char *)(uintptr_t) "--exit",
			  status,
			  (char *)(uintptr_t) "--set",
			  (char *)(uintptr_t) "second program",
			  NULL };
	char *just[] = { self, NULL };
	pmix_app_t apps[2] = { 0 };
	pmix_info_t info[4];
	pmix_status_t rc;
	size_t n;

	(void)snprintf(status, sizeof(status), "%ld", exit_status);
	(void)snprintf(nap, sizeof(nap), "%ld", nap_ms);
	just[0] = (char *)(uintptr_t)(command ? command : "");
	fill_app(&apps[0], self, nprocs, command ? just : argv);
	fill_app(&apps[1], self, second, argv2);
	n = fill_job(info);
	client_doing("in PMIx_Spawn");
	/* libpmix 5.0 takes an array without elements for an error. */
	rc = PMIx_Spawn(n ? info : NULL, n, apps, second ? 2 : 1, nspace);
	if (fails) {
		(void)printf("spawn: %s\n", status_text(rc));
		(void)fflush(stdout);
		if (rc == PMIX_SUCCESS)
			client_wrong("the spawn succeeded");
		return;
	}
	client_check(rc, "PMIx_Spawn");
	(void)printf("spawned %s\n", nspace);
}

static void be_parent(char *self)
{
	pmix_nspace_t nspace = "";
	char text[SIZE] = "";

	put_own(1);
	if (await_end)
		listen_to_end();
	if (client_rank() == 0) {
		spawn(self, nspace);
		memcpy(text, nspace, strlen(nspace) + 1);
		put_bytes(PMIX_GLOBAL, "c-spawn.nspace", text, sizeof(text));
		put_commit();
	}
	fence_all(true);
	need_bytes(0, "c-spawn.nspace", NULL, text, sizeof(text));
	if (!fails && !command)
		meet(text, 2);
	if (await_end)
		hear_of_end(text);
}

static unsigned number_of(pmix_rank_t rank, const char *key)
{
	pmix_proc_t proc = client_proc(rank);
	pmix_value_t *value = NULL;
	uint64_t n = 0;

	client_check(PMIx_Get(&proc, key, NULL, 0, &value), "PMIx_Get of %s",
		     key);
	if (!value_number(value, &n))
		client_wrong("%s is no number", key);
	PMIX_VALUE_RELEASE(value);
	return (unsigned)n;
}

/* Which of the spawned programs this is. */
static void tell_application(void)
{
	uint32_t self = client_rank();

	(void)printf("child: application %u of %u, rank %u after %u, "
		     "universe %u\n",
		     number_of(self, PMIX_APPNUM),
		     number_of(PMIX_RANK_WILDCARD, PMIX_JOB_NUM_APPS),
		     number_of(self, PMIX_APP_RANK),
		     number_of(self, PMIX_APPLDR),
		     number_of(PMIX_RANK_WILDCARD, PMIX_UNIV_SIZE));
}

static void be_child(void)
{
	pmix_proc_t job = client_proc(PMIX_RANK_WILDCARD), parent;
	pmix_value_t *value = NULL;
	char cwd[1024] = "";

	client_check(PMIx_Get(&job, PMIX_SPAWNED, NULL, 0, &value),
		     "PMIx_Get of PMIX_SPAWNED");
	if (value->type != PMIX_BOOL || !value->data.flag)
		client_fail("PMIX_SPAWNED is not true");
	PMIX_VALUE_RELEASE(value);
	client_check(PMIx_Get(&job, PMIX_PARENT_ID, NULL, 0, &value),
		     "PMIx_Get of PMIX_PARENT_ID");
	if (value->type != PMIX_PROC)
		client_fail("PMIX_PARENT_ID is no process");
	parent = *value->data.proc;
	PMIX_VALUE_RELEASE(value);
	(void)printf("child %u of %s:%u on %s in %s: %s %s\n", client_rank(),
		     parent.nspace, parent.rank, slurm_text("SLURMD_NODENAME"),
		     getcwd(cwd, sizeof(cwd)),
		     getenv("C_SPAWN") ? getenv("C_SPAWN") : "-",
		     set ? set : "first program");
	tell_application();
	(void)fflush(stdout);
	put_own(2);
	meet(parent.nspace, 1);
}

int main(int argc, char **argv)
{
	int rc;

	client_options(argc, argv, options);
	client_init();
	if (child)
		be_child();
	else
		be_parent(argv[0]);
	sleep_ms(nap_ms);
	rc = client_end();
	return rc || !child ? rc : (int)exit_status;
}
