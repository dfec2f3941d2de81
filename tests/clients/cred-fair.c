/* SPDX-License-Identifier: BSD-3-Clause */
/* cred-fair.c - a mode of c-cred: one rank floods, the others must not care. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "c-cred.h"
#include "client.h"

#define PACE_MS	  10
#define IN_FLIGHT 1000 /* of the rank that floods, at any time */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *phase, int64_t *us, size_t n)
{
	if (n == 0)
		client_fail("no request was made");
	qsort(us, n, sizeof(*us), by_size);
	(void)printf("{\"rank\":%u,\"phase\":\"%s\",\"n\":%zu,"
		     "\"median_us\":%" PRId64 ",\"p95_us\":%" PRId64
		     ",\"longest_us\":%" PRId64 "}\n",
		     client_rank(), phase, n, us[n / 2], us[n * 95 / 100],
		     us[n - 1]);
}

/* A credential, and its validation; both must come. */
static int64_t get_and_validate(void)
{
	cred_t cred, answer;
	int64_t us;

	client_check(cred_get(&cred, NULL, 0), "get at a steady pace");
	us = cred_us(&cred);
	client_check(cred_validate(&answer, cred.blob, cred.len, NULL, 0),
		     "validate at a steady pace");
	us += cred_us(&answer);
	cred_clear(&answer);
	cred_clear(&cred);
	return us;
}

static void steady(const char *phase, long seconds)
{
	int64_t until = now_us() + seconds * 1000000;
	size_t n = 0, max = (size_t)(seconds * 1000 / PACE_MS) + 1;
	int64_t *us = calloc(max, sizeof(*us));

	if (!us)
		client_fail("out of memory");
	client_doing("asking at a steady pace");
	while (now_us() < until && n < max) {
		us[n++] = get_and_validate();
		sleep_ms(PACE_MS);
	}
	report(phase, us, n);
	free(us);
}

/* As many requests in flight as the server takes, and more. */
static void flood(long seconds)
{
	static cred_t gets[IN_FLIGHT];
	int64_t until = now_us() + seconds * 1000000;
	unsigned made = 0, busy = 0, other = 0;
	size_t i;

	client_doing("flooding");
	for (i = 0; i < IN_FLIGHT; i++)
		cred_get_begin(&gets[i], NULL, 0);
	for (i = 0; now_us() < until; i = (i + 1) % IN_FLIGHT) {
		cred_wait(&gets[i], 1);
		made += gets[i].status == PMIX_SUCCESS;
		busy += gets[i].status == PMIX_ERR_RESOURCE_BUSY;
		other += gets[i].status != PMIX_SUCCESS &&
			 gets[i].status != PMIX_ERR_RESOURCE_BUSY;
		cred_clear(&gets[i]);
		cred_get_begin(&gets[i], NULL, 0);
	}
	cred_wait(gets, IN_FLIGHT);
	for (i = 0; i < IN_FLIGHT; i++)
		cred_clear(&gets[i]);
	(void)printf("{\"rank\":%u,\"phase\":\"flood\",\"made\":%u,"
		     "\"busy\":%u,\"other\":%u}\n",
		     client_rank(), made, busy, other);
	if (made == 0 || other > 0)
		client_wrong("of the flood %u were made, %u refused", made,
			     other);
}

/* VALUE seconds in peace, then VALUE seconds while rank 0 floods. */
void mode_fair(const cred_mode_t *mode)
{
	long seconds = mode_number(mode);

	fence_all(false);
	if (client_rank() > 0)
		steady("calm", seconds);
	fence_all(false);
	if (client_rank() == 0)
		flood(seconds);
	else
		steady("flooded", seconds);
}
