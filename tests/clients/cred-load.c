/* SPDX-License-Identifier: BSD-3-Clause */
/* cred-load.c - modes of c-cred: many requests at once, and for long. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "c-cred.h"
#include "client.h"

/* How long to listen for second answers that must not come. */
#define LISTEN_MS 300

typedef struct {
	unsigned good;
	unsigned busy; /* the server's queue was full, and it said so */
	unsigned bad;
	pmix_status_t last_bad;
	int64_t longest_us;
} tally_t;

static void count(tally_t *tally, const cred_t *answer)
{
	if (answer->status == PMIX_SUCCESS) {
		tally->good++;
	} else if (answer->status == PMIX_ERR_RESOURCE_BUSY) {
		tally->busy++;
	} else {
		tally->bad++;
		tally->last_bad = answer->status;
	}
	if (cred_us(answer) > tally->longest_us)
		tally->longest_us = cred_us(answer);
}

static void report(const cred_mode_t *mode, const char *what,
		   const tally_t *tally)
{
	(void)printf("{\"rank\":%u,\"mode\":\"%s\",\"what\":\"%s\","
		     "\"good\":%u,\"busy\":%u,\"bad\":%u,\"last_bad\":\"%s\","
		     "\"longest_us\":%" PRId64 "}\n",
		     client_rank(), mode->name, what, tally->good, tally->busy,
		     tally->bad, tally->bad ? status_name(tally->last_bad) : "",
		     tally->longest_us);
	if (tally->bad && !mode->failures_ok)
		client_wrong("%s: %u of the requests failed, the last with %s",
			     what, tally->bad, status_text(tally->last_bad));
	if (mode->max_ms && tally->longest_us > mode->max_ms * 1000)
		client_wrong("%s: an answer took %" PRId64 " ms, more than %ld",
			     what, tally->longest_us / 1000, mode->max_ms);
}

/* -- storm -------------------------------------------------------------- */

static void answered_once(const cred_t *requests, long n, const char *what)
{
	long i;

	for (i = 0; i < n; i++)
		if (cred_answers(&requests[i]) != 1)
			client_wrong("%s %ld was answered %u times", what, i,
				     cred_answers(&requests[i]));
}

static tally_t tally_of(cred_t *requests, long n)
{
	tally_t tally = { 0 };
	long i;

	for (i = 0; i < n; i++)
		if (cred_answers(&requests[i]) > 0)
			count(&tally, &requests[i]);
	return tally;
}

/* N requests in flight at once: each is answered exactly once. */
static void storm(const cred_mode_t *mode, long n)
{
	long i, m = 0;
	cred_t *gets = calloc((size_t)n, sizeof(*gets));
	cred_t *validations = calloc((size_t)n, sizeof(*validations));
	tally_t tally;

	if (!gets || !validations)
		client_fail("out of memory");
	client_doing("waiting for %ld credentials", n);
	for (i = 0; i < n; i++)
		cred_get_begin(&gets[i], NULL, 0);
	cred_wait(gets, (size_t)n);
	tally = tally_of(gets, n);
	report(mode, "get", &tally);
	if (tally.good == 0 && !mode->failures_ok)
		client_wrong("none of %ld credentials came", n);

	client_doing("waiting for %u validations", tally.good);
	for (i = 0; i < n; i++)
		if (gets[i].status == PMIX_SUCCESS)
			cred_validate_begin(&validations[m++], gets[i].blob,
					    gets[i].len, NULL, 0);
	cred_wait(validations, (size_t)m);
	tally = tally_of(validations, m);
	report(mode, "validate", &tally);

	sleep_ms(LISTEN_MS);
	answered_once(gets, n, "get");
	answered_once(validations, m, "validation");
	for (i = 0; i < n; i++) {
		cred_clear(&gets[i]);
		cred_clear(&validations[i]);
	}
	free(gets);
	free(validations);
}

void mode_storm(const cred_mode_t *mode)
{
	storm(mode, mode_number(mode));
}

/* The same when the test has stopped what answers them; see file_await(). */
void mode_crowd(const cred_mode_t *mode)
{
	file_show(mode, "ready");
	file_await(mode, "go");
	storm(mode, mode->count);
}

/* -- loop --------------------------------------------------------------- */

/* Get and validate as long as told; meanwhile a test breaks things. */
void mode_loop(const cred_mode_t *mode)
{
	int64_t until = now_us() + mode_number(mode) * 1000000;
	int timeout = (int)mode->timeout_s;
	size_t ndirs = timeout ? 1 : 0;
	tally_t gets = { 0 }, validations = { 0 };
	pmix_info_t info;
	cred_t cred, answer;

	PMIX_INFO_LOAD(&info, PMIX_TIMEOUT, &timeout, PMIX_INT);
	client_doing("getting and validating for %s s", mode->value);
	while (now_us() < until) {
		(void)cred_get(&cred, &info, ndirs);
		count(&gets, &cred);
		if (cred.status == PMIX_SUCCESS) {
			(void)cred_validate(&answer, cred.blob, cred.len, &info,
					    ndirs);
			count(&validations, &answer);
			cred_clear(&answer);
		} else {
			sleep_ms(5); /* let a broken service come back */
		}
		cred_clear(&cred);
	}
	report(mode, "get", &gets);
	report(mode, "validate", &validations);
}
