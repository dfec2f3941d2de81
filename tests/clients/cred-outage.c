/* SPDX-License-Identifier: BSD-3-Clause */
/* cred-outage.c - modes of c-cred: while a test breaks things, and for long. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "c-cred.h"
#include "client.h"
#include "mutate.h"

/* -- outage -------------------------------------------------------------- */

#define PAUSE_MS 5

/* How requests of one kind in one phase were answered. */
typedef struct {
	pmix_status_t status[8];
	unsigned count[8];
	int64_t longest_us;
} tally_t;

typedef enum { UP, DOWN, MENDING, BACK, PHASES } phase_t;

static const char *const phase_names[] = { "up", "down", "mending", "back" };

static void add(tally_t *tally, const cred_t *answer)
{
	size_t i;

	if (cred_us(answer) > tally->longest_us)
		tally->longest_us = cred_us(answer);
	for (i = 0; i < 8; i++)
		if (tally->count[i] == 0 || tally->status[i] == answer->status)
			break;
	if (i == 8)
		client_fail("more than eight kinds of answers");
	tally->status[i] = answer->status;
	tally->count[i]++;
}

static void show(const char *phase, const char *what, const tally_t *tally)
{
	size_t i;

	(void)printf("{\"rank\":%u,\"node\":\"%s\",\"phase\":\"%s\","
		     "\"what\":\"%s\",\"longest_us\":%" PRId64,
		     client_rank(), slurm_text("SLURMD_NODENAME"), phase, what,
		     tally->longest_us);
	for (i = 0; i < 8 && tally->count[i]; i++)
		(void)printf(",\"%s\":%u", status_name(tally->status[i]),
			     tally->count[i]);
	(void)printf("}\n");
}

static phase_t phase_now(const cred_mode_t *mode)
{
	if (file_is_there(mode, "back"))
		return BACK;
	if (file_is_there(mode, "mending"))
		return MENDING;
	return file_is_there(mode, "down") ? DOWN : UP;
}

/* What began in an outage and ended after it may have been mended, too. */
static phase_t asked(const cred_mode_t *mode, phase_t phase)
{
	return phase == DOWN && phase_now(mode) != DOWN ? MENDING : phase;
}

/* A credential from before the outage, once. */
static void show_old(const cred_t *spare)
{
	cred_t answer;

	(void)cred_validate(&answer, spare->blob, spare->len, NULL, 0);
	(void)printf("{\"rank\":%u,\"node\":\"%s\",\"old\":\"%s\"}\n",
		     client_rank(), slurm_text("SLURMD_NODENAME"),
		     status_name(answer.status));
	cred_clear(&answer);
}

/*
 * Get and validate in a loop until there is PATH.over.  A test breaks a
 * service before it makes PATH.down, mends it after PATH.mending, and makes
 * PATH.back when it is there again; answers are counted by the phase in which
 * they were asked for.  While nothing can be made, what is validated is an
 * older credential.  Within 2 s of PATH.back all must be well, and stay so.
 */
void mode_outage(const cred_mode_t *mode)
{
	tally_t gets[PHASES] = { 0 }, validations[PHASES] = { 0 };
	int timeout = (int)mode->timeout_s;
	int64_t back_us = 0, well_us = 0;
	cred_t spare, cred, answer;
	bool old_shown = false;
	pmix_info_t info;
	int i;

	PMIX_INFO_LOAD(&info, PMIX_TIMEOUT, &timeout, PMIX_INT);
	own_credential(&spare);
	file_show(mode, "up");
	client_doing("getting and validating during an outage");
	while (!file_is_there(mode, "over")) {
		phase_t phase = phase_now(mode);
		bool both;

		if (phase == BACK && !back_us)
			back_us = now_us();
		(void)cred_get(&cred, &info, timeout ? 1 : 0);
		add(&gets[asked(mode, phase)], &cred);
		both = cred.status == PMIX_SUCCESS;
		if (both && phase == DOWN && !old_shown) {
			show_old(&spare);
			old_shown = true;
		}
		(void)cred_validate(&answer, both ? cred.blob : spare.blob,
				    both ? cred.len : spare.len, &info,
				    timeout ? 1 : 0);
		add(&validations[asked(mode, phase)], &answer);
		both = both && answer.status == PMIX_SUCCESS;
		if (phase == BACK && both && !well_us)
			well_us = now_us();
		if (well_us && !both)
			client_wrong("all was well again, and then not: get "
				     "gave %s, validate %s",
				     status_text(cred.status),
				     status_text(answer.status));
		cred_clear(&answer);
		cred_clear(&cred);
		sleep_ms(PAUSE_MS);
	}
	for (i = 0; i < PHASES; i++) {
		show(phase_names[i], "get", &gets[i]);
		show(phase_names[i], "validate", &validations[i]);
	}
	(void)printf("{\"rank\":%u,\"recovered_ms\":%" PRId64 "}\n",
		     client_rank(), (well_us - back_us) / 1000);
	if (!well_us || well_us - back_us > 2000000)
		client_wrong("2 s after the service was back it did not work");
	cred_clear(&spare);
}

/* -- soak -------------------------------------------------------------------
 */

#define WARM_UP 2000 /* pairs before the first look at the server */

static void pairs(long n)
{
	cred_t cred, answer;
	long i;

	for (i = 0; i < n; i++) {
		client_check(cred_get(&cred, NULL, 0), "get %ld", i);
		client_check(
			cred_validate(&answer, cred.blob, cred.len, NULL, 0),
			"validate %ld", i);
		cred_clear(&answer);
		cred_clear(&cred);
	}
}

/*
 * --count credentials are made and validated, after PATH.ready.RANK and
 * PATH.go; then PATH.done.RANK, and until PATH.over nothing more is asked, so
 * that a test can look at the server before and after.
 */
void mode_soak(const cred_mode_t *mode)
{
	int64_t begun;

	pairs(WARM_UP);
	file_show(mode, "ready");
	file_await(mode, "go");
	client_doing("getting and validating %ld times", mode->count);
	begun = now_us();
	pairs(mode->count);
	(void)printf("{\"rank\":%u,\"pairs\":%ld,\"us\":%" PRId64 "}\n",
		     client_rank(), mode->count, now_us() - begun);
	file_show(mode, "done");
	file_await(mode, "over");
}

/* -- mutate -----------------------------------------------------------------
 */

#define BASE_USES 1000 /* of one genuine credential, before it expires */
#define ROOM	  128

/* More than what the server knows by itself. */
static bool proves_something(const cred_t *answer)
{
	const pmix_info_t *proven =
		info_find(answer->info, answer->ninfo, "psec.proven");

	return !proven || proven->value.type != PMIX_STRING ||
	       strcmp(proven->value.data.string,
		      PMIX_CRED_TYPE ",psec.job_confirmed") != 0;
}

/* Of --types none: to be accepted is no harm, if nothing is proven by it. */
static bool is_accepted(const cred_mode_t *mode, const cred_t *answer)
{
	return answer->status == PMIX_SUCCESS &&
	       (strcmp(mode->types, "none") != 0 || proves_something(answer));
}

/* PMIX_INFO_DESTRUCT looks at its argument more than once. */
static void free_directives(pmix_info_t *dirs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		PMIX_INFO_DESTRUCT(&dirs[i]);
}

static void validate_mutation(const cred_mode_t *mode, long i, uint8_t *buf,
			      size_t len)
{
	pmix_info_t dirs[4];
	size_t n = mode_directives(mode, dirs);
	cred_t answer;

	client_doing("validating mutation %ld", i);
	(void)cred_validate(&answer, buf, len, dirs, n);
	if (is_accepted(mode, &answer))
		client_fail("mutation %ld was accepted: %.*s", i, (int)len,
			    (char *)buf);
	if (answer.status != PMIX_SUCCESS &&
	    answer.status != PMIX_ERR_INVALID_CRED &&
	    answer.status != PMIX_ERR_NOT_SUPPORTED &&
	    (answer.status != PMIX_ERR_NO_PERMISSIONS ||
	     strcmp(mode->types, "none") != 0))
		client_wrong("mutation %ld gave %s", i,
			     status_text(answer.status));
	cred_clear(&answer);
	free_directives(dirs, n);
}

/* A new genuine one; the one before was valid until now. */
static void renew(const cred_mode_t *mode, cred_t *cred)
{
	pmix_info_t dirs[4];
	size_t n = mode_directives(mode, dirs);

	if (cred->blob && !n)
		must_be_valid(mode, cred, "the genuine one");
	cred_clear(cred);
	client_doing("getting a credential to mutate");
	client_check(cred_get(cred, dirs, n), "PMIx_Get_credential_nb");
	free_directives(dirs, n);
}

/*
 * Whatever is done to a credential, it is refused, and the next one works.
 * With --types: of that type.
 */
void mode_mutate(const cred_mode_t *mode)
{
	static uint8_t buf[64 * 1024 + ROOM];
	uint64_t state = (uint64_t)client_rank() + 1;
	long n = mode_number(mode), i, tried = 0;
	cred_t cred = { 0 };
	size_t len;

	for (i = 0; tried < n; i++) {
		if (i % BASE_USES == 0)
			renew(mode, &cred);
		if (cred.len > sizeof(buf) - ROOM)
			client_fail("a credential of %zu bytes", cred.len);
		memcpy(buf, cred.blob, cred.len);
		len = mutate(buf, cred.len, cred.len + ROOM, &state);
		if (len == cred.len && memcmp(buf, cred.blob, len) == 0)
			continue;
		validate_mutation(mode, i, buf, len);
		tried++;
	}
	renew(mode, &cred);
	cred_clear(&cred);
	still_works(mode);
	(void)printf("{\"rank\":%u,\"mutations\":%ld}\n", client_rank(), tried);
}
