/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-connect - processes of several steps of one job connect, get each other's
 * data, meet in a fence and disconnect.
 *
 * Each step runs it with the numbers of all of them.  Rank 0 of the first step
 * naps before the fence: nobody may leave it earlier.
 */
#include "client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY	  "c-connect.global"
#define SIZE	  300
#define STEPS_MAX 16
#define EXIT_CODE 3

static const char *steps = "0,1";
static long nap_ms = 300, timeout_s;
static bool fails, get_first;
static const char *leave;

static const option_t options[] = {
	{ "--steps", OPT_TEXT, &steps, "the steps' numbers, with commas" },
	{ "--sleep-ms", OPT_NUMBER, &nap_ms, "how long the napper naps" },
	{ "--timeout", OPT_NUMBER, &timeout_s, "PMIX_TIMEOUT of the connect" },
	{ "--fails", OPT_FLAG, &fails, "the connect must fail" },
	{ "--get-first", OPT_FLAG, &get_first,
	  "get the others' data without being connected" },
	{ "--leave", OPT_TEXT, &leave,
	  "rank 0 of the last step leaves by 'exit', 'finalize' or 'abort', "
	  "without a disconnect, of which the others must hear; or after a "
	  "'disconnect', of which they must not" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static pmix_proc_t procs[STEPS_MAX];
static uint32_t numbers[STEPS_MAX], n, own;

static void read_steps(void)
{
	const char *job = slurm_text("SLURM_JOB_ID");
	char *copy = strdup(steps), *save = NULL;

	for (char *s = strtok_r(copy, ",", &save); s && n < STEPS_MAX;
	     s = strtok_r(NULL, ",", &save)) {
		numbers[n] = (uint32_t)strtoul(s, NULL, 10);
		if (numbers[n] == (uint32_t)slurm_number("SLURM_STEP_ID"))
			own = n;
		(void)snprintf(procs[n].nspace, sizeof(procs[n].nspace),
			       "slurm.pmix.%s.%u", job, numbers[n]);
		procs[n++].rank = PMIX_RANK_WILDCARD;
	}
	free(copy);
}

static void check_rank(uint32_t step, uint32_t rank)
{
	pmix_proc_t proc = procs[step];
	pmix_value_t *value = NULL;

	proc.rank = rank;
	client_doing("getting data of %s rank %u", proc.nspace, rank);
	client_check(PMIx_Get(&proc, KEY, NULL, 0, &value),
		     "PMIx_Get of data of %s rank %u", proc.nspace, rank);
	if (value->type != PMIX_BYTE_OBJECT || value->data.bo.size != SIZE ||
	    !pattern_holds(value->data.bo.bytes, SIZE, rank, numbers[step]))
		client_fail("data of %s rank %u came with wrong bytes",
			    proc.nspace, rank);
	PMIX_VALUE_RELEASE(value);
}

/*
 * From 5.0 on libpmix's server says itself, without asking ours, that it has no
 * reserved keys of a namespace that it does not know (pmix_server_get.c: the
 * client asks with PMIX_IMMEDIATE).  What a rank has put it does ask for, and
 * knows the namespace then.  Nothing shows it but its version.
 */
static bool knows_after_data(void)
{
	return strstr(PMIx_Get_version(), "OpenPMIx 4.") == NULL;
}

static uint32_t size_of(uint32_t step)
{
	pmix_value_t *value = NULL;
	uint64_t size = 0;

	if (get_first && knows_after_data())
		check_rank(step, 0);
	client_check(PMIx_Get(&procs[step], PMIX_JOB_SIZE, NULL, 0, &value),
		     "PMIx_Get of PMIX_JOB_SIZE of %s", procs[step].nspace);
	if (!value_number(value, &size))
		client_fail("PMIX_JOB_SIZE is no number");
	PMIX_VALUE_RELEASE(value);
	return (uint32_t)size;
}

/* (Of single ranks of others libpmix 4.2 hands out no reserved keys.) */
static void check_nodes(uint32_t step)
{
	pmix_value_t *value = NULL;

	client_check(PMIx_Get(&procs[step], PMIX_NODE_LIST, NULL, 0, &value),
		     "PMIx_Get of PMIX_NODE_LIST of %s", procs[step].nspace);
	if (value->type != PMIX_STRING)
		client_fail("PMIX_NODE_LIST is no text");
	if (client_rank() == 0)
		(void)printf("step %u: step %u is on %s\n", numbers[own],
			     numbers[step], value->data.string);
	PMIX_VALUE_RELEASE(value);
}

static void check_others(void)
{
	for (uint32_t s = 0; s < n; s++) {
		uint32_t size = s == own ? 0 : size_of(s);

		for (uint32_t r = 0; r < size; r++)
			check_rank(s, r);
		if (size)
			check_nodes(s);
	}
}

static void put_own(void)
{
	char buf[SIZE];

	pattern_fill(buf, SIZE, client_rank(), numbers[own]);
	put_bytes(PMIX_GLOBAL, KEY, buf, SIZE);
	put_commit();
}

static void fence_together(void)
{
	int64_t start = now_us(), took_ms;

	client_doing("in the fence of all steps");
	if (own == 0 && client_rank() == 0)
		sleep_ms(nap_ms);
	client_check(PMIx_Fence(procs, n, NULL, 0), "PMIx_Fence of all steps");
	took_ms = (now_us() - start) / 1000;
	/* Some had to get more before they began than the napper. */
	if (own == 0 && took_ms < nap_ms / 2)
		client_wrong("left the fence after %ld ms", (long)took_ms);
}

/* A barrier for all before the nap, so that all begin together. */
static void connect_all(void)
{
	int timeout = (int)timeout_s;
	pmix_info_t info;
	pmix_status_t rc;

	PMIX_INFO_LOAD(&info, PMIX_TIMEOUT, &timeout, PMIX_INT);
	client_doing("in PMIx_Connect");
	rc = PMIx_Connect(procs, n, timeout ? &info : NULL, timeout ? 1 : 0);
	if (fails) {
		(void)printf("step %u rank %u: connect: %s\n", numbers[own],
			     client_rank(), status_text(rc));
		if (rc == PMIX_SUCCESS)
			client_wrong("the connect succeeded");
		return;
	}
	client_check(rc, "PMIx_Connect");
}

/* -- a member that leaves ------------------------------------------------- */

/* What the others hear of it. */
enum { ENDED = 1, ABORTED = 2, STEP_ENDED = 4, TERMINATED = 8 };
static const struct {
	pmix_status_t code;
	unsigned bit;
} ends[] = {
	{ PMIX_ERR_PROC_TERM_WO_SYNC, ENDED },
	{ PMIX_ERR_PROC_REQUESTED_ABORT, ABORTED },
	{ PMIX_ERR_JOB_TERM_WO_SYNC, STEP_ENDED },
	{ PMIX_EVENT_PROC_TERMINATED, TERMINATED },
};
#define ENDS (sizeof(ends) / sizeof(ends[0]))

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned ends; /* bits */
	int exit_code; /* of the process */
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER,
	    .changed = PTHREAD_COND_INITIALIZER };

static bool leaves_by(const char *how)
{
	return strcmp(leave, how) == 0;
}

/*
 * An aborted rank also ends, in a while, with the rest of its step.  Of one
 * that has disconnected only its own step hears, of an end like any other.
 */
static unsigned wanted(void)
{
	if (leaves_by("disconnect"))
		return TERMINATED;
	return leaves_by("abort") ? ABORTED | STEP_ENDED : ENDED;
}

/* What comes for want of a disconnect comes first. */
static unsigned unwanted(void)
{
	return leaves_by("disconnect") ? ENDED : 0;
}

static void take_end(unsigned bit, const pmix_info_t *info, size_t ninfo)
{
	const pmix_info_t *who =
		info_find(info, ninfo, PMIX_EVENT_AFFECTED_PROC);
	const pmix_info_t *status = info_find(info, ninfo, PMIX_EXIT_CODE);

	/* Others, that have heard of it, end in their turn. */
	if (!(bit & (wanted() | unwanted())) || !who ||
	    who->value.type != PMIX_PROC ||
	    strcmp(who->value.data.proc->nspace, procs[n - 1].nspace) != 0 ||
	    who->value.data.proc->rank !=
		    (bit == STEP_ENDED ? PMIX_RANK_WILDCARD : 0))
		return;
	heard.ends |= bit;
	if (bit != STEP_ENDED)
		heard.exit_code = status && status->value.type == PMIX_INT
					  ? status->value.data.integer
					  : -1;
}

static void on_end(size_t id, pmix_status_t code, const pmix_proc_t *source,
		   pmix_info_t info[], size_t ninfo, pmix_info_t *results,
		   size_t nresults, pmix_event_notification_cbfunc_fn_t cbfunc,
		   void *cbdata)
{
	(void)pthread_mutex_lock(&heard.lock);
	for (size_t i = 0; i < ENDS; i++)
		if (ends[i].code == code)
			take_end(ends[i].bit, info, ninfo);
	(void)pthread_cond_broadcast(&heard.changed);
	(void)pthread_mutex_unlock(&heard.lock);
	if (cbfunc)
		cbfunc(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, cbdata);
}

static void listen_to_ends(void)
{
	pmix_status_t codes[ENDS];

	for (size_t i = 0; i < ENDS; i++)
		codes[i] = ends[i].code;
	if (PMIx_Register_event_handler(codes, ENDS, NULL, 0, on_end, NULL,
					NULL) < 0)
		client_fail("the handler was refused");
}

static int do_leave(void)
{
	if (leaves_by("exit"))
		_exit(EXIT_CODE);
	if (leaves_by("abort"))
		(void)PMIx_Abort(EXIT_CODE, "it leaves", NULL, 0);
	return client_end();
}

/* --limit ends a wait that is too long. */
static int hear_of_leaving(void)
{
	int exit_code = leaves_by("exit") || leaves_by("abort") ? EXIT_CODE : 0;

	client_doing("waiting for rank 0 of step %u to leave", numbers[n - 1]);
	(void)pthread_mutex_lock(&heard.lock);
	while ((heard.ends & wanted()) != wanted())
		(void)pthread_cond_wait(&heard.changed, &heard.lock);
	if (heard.ends & unwanted())
		client_wrong("it is said to have left without a disconnect");
	if (heard.exit_code != exit_code)
		client_wrong("it is said to have left with %d",
			     heard.exit_code);
	(void)printf("step %u rank %u heard of it\n", numbers[own],
		     client_rank());
	(void)pthread_mutex_unlock(&heard.lock);
	return client_end();
}

int main(int argc, char **argv)
{
	client_options(argc, argv, options);
	client_init();
	read_steps();
	put_own();
	if (leave)
		listen_to_ends();
	if (get_first)
		check_others();
	connect_all();
	if (!fails) {
		check_others();
		client_check(PMIx_Fence(procs, n, NULL, 0), "PMIx_Fence");
		fence_together();
	}
	if (!fails && (!leave || leaves_by("disconnect"))) {
		client_doing("in PMIx_Disconnect");
		client_check(PMIx_Disconnect(procs, n, NULL, 0),
			     "PMIx_Disconnect");
	}
	if (fails || !leave || (leaves_by("disconnect") && own != n - 1))
		return client_end();
	return own == n - 1 && client_rank() == 0 ? do_leave()
						  : hear_of_leaving();
}
