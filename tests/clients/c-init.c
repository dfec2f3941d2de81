/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-init - the life of an ordinary PMIx program: init, fence without data,
 * put, fence with data, everybody's bytes compared, finalize.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long loops = 1, size = 64;
static long sleeper[2] = { -1, 0 };
static const char *hold;
static bool leave;

static const option_t options[] = {
	{ "--loops", OPT_NUMBER, &loops, "repeat the fences N times" },
	{ "--size", OPT_NUMBER, &size, "bytes that each rank puts" },
	{ "--sleep-rank", OPT_PAIR, sleeper,
	  "this rank sleeps that many ms before each fence" },
	{ "--hold", OPT_TEXT, &hold,
	  "say so, and wait for this file before PMIx_Finalize" },
	{ "--leave", OPT_FLAG, &leave,
	  "end at once after the last fence, without PMIx_Finalize" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static void maybe_sleep(void)
{
	if (sleeper[0] == (long)client_rank())
		sleep_ms(sleeper[1]);
}

/* Everybody's bytes must be here: IMMEDIATE asks no other node. */
static void verify(const char *key, uint32_t loop)
{
	pmix_rank_t rank;
	pmix_value_t *value;
	pmix_byte_object_t bo;

	for (rank = 0; rank < client_size(); rank++) {
		client_doing("getting '%s' of rank %u", key, rank);
		client_check(
			get_bytes(rank, key, PMIX_IMMEDIATE, &value, &bo),
			"PMIx_Get of '%s' of rank %u after the fence with data",
			key, rank);
		if (bo.size != (size_t)size ||
		    !pattern_holds(bo.bytes, bo.size, rank, loop))
			client_fail("'%s' of rank %u came with wrong bytes",
				    key, rank);
		PMIX_VALUE_RELEASE(value);
	}
}

static void one_loop(uint32_t loop, void *buf)
{
	char key[64];

	maybe_sleep();
	fence_all(false);
	(void)snprintf(key, sizeof(key), "c-init.%u", loop);
	pattern_fill(buf, (size_t)size, client_rank(), loop);
	put_bytes(PMIX_GLOBAL, key, buf, (size_t)size);
	put_commit();
	maybe_sleep();
	fence_all(true);
	verify(key, loop);
}

static void wait_for_file(void)
{
	(void)printf("rank %u holds\n", client_rank());
	(void)fflush(stdout);
	client_doing("waiting for %s", hold);
	while (access(hold, F_OK) != 0)
		sleep_ms(10);
}

int main(int argc, char **argv)
{
	void *buf;
	long i;

	client_options(argc, argv, options);
	buf = malloc((size_t)size + 1);
	client_init();
	if (!buf)
		client_fail("out of memory");
	for (i = 0; i < loops; i++)
		one_loop((uint32_t)i, buf);
	free(buf);
	if (hold)
		wait_for_file();
	/* What a node still has to send then must not end with its ranks. */
	if (leave)
		_exit(0);
	return client_end();
}
