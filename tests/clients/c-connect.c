/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-connect - processes of several steps of one job connect, get each other's
 * data, meet in a fence and disconnect.
 *
 * Each step runs it with the numbers of all of them.  Rank 0 of the first step
 * naps before the fence: nobody may leave it earlier.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY	  "c-connect.global"
#define SIZE	  300
#define STEPS_MAX 16

static const char *steps = "0,1";
static long nap_ms = 300, timeout_s;
static bool fails, get_first;

static const option_t options[] = {
	{ "--steps", OPT_TEXT, &steps, "the steps' numbers, with commas" },
	{ "--sleep-ms", OPT_NUMBER, &nap_ms, "how long the napper naps" },
	{ "--timeout", OPT_NUMBER, &timeout_s, "PMIX_TIMEOUT of the connect" },
	{ "--fails", OPT_FLAG, &fails, "the connect must fail" },
	{ "--get-first", OPT_FLAG, &get_first,
	  "get the others' data without being connected" },
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

static uint32_t size_of(uint32_t step)
{
	pmix_value_t *value = NULL;
	uint64_t size = 0;

	client_check(PMIx_Get(&procs[step], PMIX_JOB_SIZE, NULL, 0, &value),
		     "PMIx_Get of PMIX_JOB_SIZE of %s", procs[step].nspace);
	if (!value_number(value, &size))
		client_fail("PMIX_JOB_SIZE is no number");
	PMIX_VALUE_RELEASE(value);
	return (uint32_t)size;
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

int main(int argc, char **argv)
{
	client_options(argc, argv, options);
	client_init();
	read_steps();
	put_own();
	if (get_first)
		check_others();
	connect_all();
	if (!fails) {
		check_others();
		client_check(PMIx_Fence(procs, n, NULL, 0), "PMIx_Fence");
		fence_together();
		client_doing("in PMIx_Disconnect");
		client_check(PMIx_Disconnect(procs, n, NULL, 0),
			     "PMIx_Disconnect");
	}
	return client_end();
}
