/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-munge - how long libmunge itself takes, without PMIx, for scripts/bench:
 * what remunge(1) measures, in c-bench's form.  Run it beside munged.
 *
 * Prints two lines of JSON: "munge", the microseconds of one encode and one
 * decode together, by one thread; and "munge-rate", how many such pairs
 * --threads threads do in a second.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <munge.h>

#include "client.h"

#define THREADS_MAX 64

static long iters = 200, nthreads = 8, seconds = 2;

/* About as long as a credential's claims. */
static const char payload[] =
	"{\"v\":1,\"cluster\":\"cluster\",\"job\":12,\"step\":0,\"nspace\":"
	"\"slurm.pmix.12.0\",\"rank\":3,\"node\":\"n1\",\"iat\":1700000000,"
	"\"id\":\"c715dcc968dce78b7d95f4f357c769d4\"}";

static void one_pair(void)
{
	munge_ctx_t ctx = munge_ctx_create();
	char *cred = NULL;
	void *out = NULL;
	int len = 0;
	munge_err_t e;
	uid_t uid;
	gid_t gid;

	e = munge_encode(&cred, ctx, payload, (int)sizeof(payload) - 1);
	if (e == EMUNGE_SUCCESS)
		e = munge_decode(cred, ctx, &out, &len, &uid, &gid);
	if (e != EMUNGE_SUCCESS) {
		(void)fprintf(stderr, "c-munge: %s\n", munge_strerror(e));
		exit(1);
	}
	munge_ctx_destroy(ctx);
	free(cred);
	free(out);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void latency(void)
{
	int64_t *samples = calloc((size_t)iters, sizeof(*samples)), start;
	long i;

	if (!samples)
		exit(1);
	for (i = -10; i < iters; i++) {
		start = now_us();
		one_pair();
		if (i >= 0)
			samples[i] = now_us() - start;
	}
	qsort(samples, (size_t)iters, sizeof(*samples), by_value);
	(void)printf("{\"what\":\"munge\",\"samples\":[");
	for (i = 0; i < iters; i++)
		(void)printf("%s%" PRId64, i ? "," : "", samples[i]);
	(void)printf("]}\n");
	free(samples);
}

static void *loop(void *arg)
{
	int64_t until = now_us() + seconds * 1000000, *pairs = arg;

	while (now_us() < until) {
		one_pair();
		(*pairs)++;
	}
	return NULL;
}

static void rate(void)
{
	int64_t pairs[THREADS_MAX] = { 0 }, total = 0, start = now_us();
	pthread_t threads[THREADS_MAX];
	long i;

	for (i = 0; i < nthreads; i++)
		if (pthread_create(&threads[i], NULL, loop, &pairs[i]) != 0)
			exit(1);
	for (i = 0; i < nthreads; i++) {
		(void)pthread_join(threads[i], NULL);
		total += pairs[i];
	}
	(void)printf("{\"what\":\"munge-rate\",\"samples\":[%.0f]}\n",
		     (double)total * 1e6 / (double)(now_us() - start));
}

int main(int argc, char **argv)
{
	const option_t options[] = {
		{ "--iters", OPT_NUMBER, &iters, "pairs of one thread" },
		{ "--threads", OPT_NUMBER, &nthreads, "threads for the rate" },
		{ "--seconds", OPT_NUMBER, &seconds, "for the rate" },
		{ NULL, OPT_FLAG, NULL, NULL },
	};

	client_options(argc, argv, options);
	if (iters < 1 || nthreads < 1 || nthreads > THREADS_MAX || seconds < 1)
		return 2;
	latency();
	rate();
	return 0;
}
