/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-event - events: the last rank tells all, those of its node, and one; with
 * --end, --killed, --silent or --abort it then ends without PMIx_Finalize, of
 * which the others must hear, under all names that such an end has.
 */
#include "client.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CODE(n)	  (PMIX_EXTERNAL_ERR_BASE - 10 - (n))
#define KEY_TEXT  "c-event.text"
#define LIMIT_S	  10
#define EXIT_CODE 3

/* In the order in which they are sent. */
enum { TO_NODE, TO_ONE, TO_ALL, CODES };

static bool end, killed, silent, aborts;

static const option_t options[] = {
	{ "--end", OPT_FLAG, &end, "the last rank ends with status 3" },
	{ "--killed", OPT_FLAG, &killed, "by a signal instead" },
	{ "--silent", OPT_FLAG, &silent, "with status 0 instead" },
	{ "--abort", OPT_FLAG, &aborts, "by PMIx_Abort instead" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

/* What an end may be called. */
enum {
	ENDED = 1,
	ABORTED = 2,
	SIGNALLED = 4,
	NONZERO = 8,
	NO_SYNC = 16,
	ABORT = 32,
};
static const struct {
	pmix_status_t code;
	unsigned bit;
} ends[] = {
	{ PMIX_EVENT_PROC_TERMINATED, ENDED },
	{ PMIX_ERR_PROC_ABORTED, ABORTED },
	{ PMIX_ERR_PROC_ABORTED_BY_SIG, SIGNALLED },
	{ PMIX_ERR_EXIT_NONZERO_TERM, NONZERO },
	{ PMIX_ERR_PROC_TERM_WO_SYNC, NO_SYNC },
	{ PMIX_ERR_PROC_REQUESTED_ABORT, ABORT },
};
#define ENDS (sizeof(ends) / sizeof(ends[0]))

/* What libpmix's thread has heard. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned got[CODES];
	uint32_t from;
	char text[64];
	unsigned ended; /* of the last rank: bits */
	int exit_code;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER,
	    .changed = PTHREAD_COND_INITIALIZER };

static void take_end(pmix_status_t how, const pmix_info_t *info, size_t ninfo)
{
	const pmix_info_t *who =
		info_find(info, ninfo, PMIX_EVENT_AFFECTED_PROC);
	const pmix_info_t *code = info_find(info, ninfo, PMIX_EXIT_CODE);

	uint32_t rank = who && who->value.type == PMIX_PROC
				? who->value.data.proc->rank
				: UINT32_MAX;

	/* Others end in good order while we still listen; that is told, too. */
	if (rank < client_size() - 1)
		return;
	for (size_t i = 0; i < ENDS; i++)
		if (ends[i].code == how)
			heard.ended |= ends[i].bit;
	heard.exit_code = code && code->value.type == PMIX_INT
				  ? code->value.data.integer
				  : -1;
}

static void on_event(size_t id, pmix_status_t code, const pmix_proc_t *source,
		     pmix_info_t info[], size_t ninfo, pmix_info_t *results,
		     size_t nresults,
		     pmix_event_notification_cbfunc_fn_t cbfunc, void *cbdata)
{
	const pmix_info_t *text = info_find(info, ninfo, KEY_TEXT);

	(void)pthread_mutex_lock(&heard.lock);
	if (code <= CODE(0) && code > CODE(CODES)) {
		heard.got[CODE(0) - code]++;
		heard.from = source->rank;
		(void)snprintf(heard.text, sizeof(heard.text), "%s",
			       text && text->value.type == PMIX_STRING
				       ? text->value.data.string
				       : "");
	} else {
		take_end(code, info, ninfo);
	}
	(void)pthread_cond_broadcast(&heard.changed);
	(void)pthread_mutex_unlock(&heard.lock);
	if (cbfunc)
		cbfunc(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, cbdata);
}

static void listen_to(void)
{
	pmix_status_t codes[CODES + ENDS];

	for (int i = 0; i < CODES; i++)
		codes[i] = CODE(i);
	for (size_t i = 0; i < ENDS; i++)
		codes[CODES + i] = ends[i].code;
	client_doing("registering for events");
	if (PMIx_Register_event_handler(codes, CODES + ENDS, NULL, 0, on_event,
					NULL, NULL) < 0)
		client_fail("the handler was refused");
}

static void notify(int what, pmix_data_range_t range, const pmix_proc_t *to)
{
	pmix_data_array_t array;
	pmix_info_t info[2];

	PMIX_INFO_LOAD(&info[0], KEY_TEXT, "hear ye", PMIX_STRING);
	PMIX_DATA_ARRAY_CONSTRUCT(&array, 1, PMIX_PROC);
	if (to)
		memcpy(array.array, to, sizeof(*to));
	PMIX_INFO_LOAD(&info[1], PMIX_EVENT_CUSTOM_RANGE, &array,
		       PMIX_DATA_ARRAY);
	client_doing("telling event %d", what);
	client_check(PMIx_Notify_event(CODE(what), NULL, range, info,
				       to ? 2 : 1, NULL, NULL),
		     "PMIx_Notify_event");
	PMIX_INFO_DESTRUCT(&info[0]);
	PMIX_INFO_DESTRUCT(&info[1]);
	PMIX_DATA_ARRAY_DESTRUCT(&array);
}

/* With heard.lock: until *WHAT has all of BITS, or is not 0. */
static bool await(const unsigned *what, unsigned bits)
{
	struct timespec until;
	int rc = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LIMIT_S;
	while (rc == 0 && (bits ? (*what & bits) != bits : *what == 0))
		rc = pthread_cond_timedwait(&heard.changed, &heard.lock,
					    &until);
	return rc == 0;
}

static void must_have(int what, unsigned times)
{
	if (heard.got[what] != times)
		client_wrong("event %d came %u times instead of %u", what,
			     heard.got[what], times);
}

static void events(const place_t *places, uint32_t last)
{
	pmix_proc_t first = client_proc(0);
	bool near = places[client_rank()].node_id == places[last].node_id;

	if (client_rank() == last) {
		notify(TO_NODE, PMIX_RANGE_LOCAL, NULL);
		notify(TO_ONE, PMIX_RANGE_CUSTOM, &first);
		notify(TO_ALL, PMIX_RANGE_SESSION, NULL);
		return;
	}
	client_doing("waiting for the event for all");
	(void)pthread_mutex_lock(&heard.lock);
	if (!await(&heard.got[TO_ALL], 0))
		client_wrong("the event for all did not come");
	else if (heard.from != last || strcmp(heard.text, "hear ye") != 0)
		client_wrong("the event came from rank %u with '%s'",
			     heard.from, heard.text);
	must_have(TO_ALL, 1);
	must_have(TO_NODE, near ? 1 : 0);
	must_have(TO_ONE, client_rank() == 0 ? 1 : 0);
	(void)pthread_mutex_unlock(&heard.lock);
}

/* What the end of the last rank must be called, and not otherwise. */
static unsigned names_of_end(void)
{
	if (aborts)
		return ABORT;
	return ENDED | ABORTED | NO_SYNC |
	       (killed	 ? SIGNALLED
		: silent ? 0
			 : NONZERO);
}

static void be_ended(void)
{
	if (killed)
		(void)kill(getpid(), SIGKILL);
	if (aborts)
		(void)PMIx_Abort(EXIT_CODE, "an end", NULL, 0);
	_exit(silent ? 0 : EXIT_CODE);
}

static void ending(uint32_t last)
{
	int expected = killed ? 128 + SIGKILL : silent ? 0 : EXIT_CODE;

	/* After an abort it comes soon. */
	(void)signal(SIGTERM, SIG_IGN);
	fence_all(false);
	if (client_rank() == last)
		be_ended();
	client_doing("waiting for the end of rank %u", last);
	(void)pthread_mutex_lock(&heard.lock);
	if (!await(&heard.ended, names_of_end()))
		client_wrong("of the end of rank %u was told %#x", last,
			     heard.ended);
	else if (heard.exit_code != expected ||
		 (!aborts && heard.ended != names_of_end()))
		client_wrong("rank %u is said to have ended with %d, %#x", last,
			     heard.exit_code, heard.ended);
	else
		(void)printf("rank %u heard of it\n", client_rank());
	(void)pthread_mutex_unlock(&heard.lock);
	/* Others are waiting to be killed. */
	if (aborts)
		exit(0);
}

int main(int argc, char **argv)
{
	const place_t *places;
	uint32_t last;

	client_options(argc, argv, options);
	client_init();
	last = client_size() - 1;
	places = places_exchange();
	listen_to();
	fence_all(false);
	events(places, last);
	fence_all(false);
	if (end || killed || silent || aborts)
		ending(last);
	return client_end();
}
