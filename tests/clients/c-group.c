/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-group - groups of the step's processes: a construct holds its members
 * back until the last has come, gives them each other's data and a context id
 * that no other group has, and can be repeated under the same name after a
 * destruct.
 *
 * The sets overlap and leave nodes out.
 */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS	  3
#define DATA_LEN  64
#define KEY_IDS	  "c-group.ids"
#define NAME_SIZE 64

static long nap_ms = 200, absent = -1, timeout_s = 2;
static const option_t options[] = {
	{ "--sleep-ms", OPT_NUMBER, &nap_ms,
	  "how long the last rank sleeps before it joins the first group" },
	{ "--absent", OPT_NUMBER, &absent,
	  "rank N does not join a group of all; the others give up" },
	{ "--timeout", OPT_NUMBER, &timeout_s, "their PMIX_TIMEOUT" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static const place_t *places;

static bool in_all(pmix_rank_t rank)
{
	return true;
}

static bool in_even(pmix_rank_t rank)
{
	return rank % 2 == 0;
}

static bool in_leaders(pmix_rank_t rank)
{
	return places[rank].local_id == 0;
}

static bool in_outer(pmix_rank_t rank)
{
	return rank == 0 || rank == client_size() - 1;
}

/* Of one node only; a group of each node's, at the same time. */
static bool in_node(pmix_rank_t rank)
{
	return places[rank].node_id == places[client_rank()].node_id;
}

static const struct {
	const char *name;
	bool (*member)(pmix_rank_t rank);
	bool with_id;
} sets[] = {
	{ "all", in_all, true },	 { "even", in_even, true },
	{ "leaders", in_leaders, true }, { "outer", in_outer, true },
	{ "node", in_node, true },	 { "without", in_all, false },
};
#define NSETS (sizeof(sets) / sizeof(sets[0]))

/* By set and round; 0: this rank is no member, or there is none. */
typedef uint64_t ids_t[NSETS][ROUNDS];

static size_t members_of(size_t set, pmix_proc_t *procs)
{
	size_t n = 0;

	for (pmix_rank_t r = 0; r < client_size(); r++)
		if (sets[set].member(r))
			procs[n++] = client_proc(r);
	return n;
}

static void name_of(size_t set, char name[NAME_SIZE])
{
	if (sets[set].member == in_node)
		snprintf(name, NAME_SIZE, "%s.%u", sets[set].name,
			 places[client_rank()].node_id);
	else
		snprintf(name, NAME_SIZE, "%s", sets[set].name);
}

static uint64_t id_among(const pmix_info_t *results, size_t n)
{
	const pmix_info_t *info = info_find(results, n, PMIX_GROUP_CONTEXT_ID);
	uint64_t id = 0;

	if (!info || !value_number(&info->value, &id) || id == SIZE_MAX)
		return 0;
	return id;
}

static pmix_status_t construct(const char *name, const pmix_proc_t *procs,
			       size_t nprocs, const pmix_info_t *info,
			       size_t ninfo, uint64_t *id)
{
	pmix_info_t *results = NULL;
	size_t n = 0;
	pmix_status_t rc;

	rc = PMIx_Group_construct(name, procs, nprocs, info, ninfo, &results,
				  &n);
	*id = id_among(results, n);
	if (results)
		PMIX_INFO_FREE(results, n);
	return rc;
}

static void key_of(char key[NAME_SIZE], size_t set, int round)
{
	snprintf(key, NAME_SIZE, "c-group.%zu.%d", set, round);
}

/* What members have committed is at hand, without a fence. */
static void check_data(const pmix_proc_t *procs, size_t nprocs, size_t set,
		       int round)
{
	uint8_t data[DATA_LEN];
	char key[NAME_SIZE];

	key_of(key, set, round);
	for (size_t i = 0; i < nprocs; i++) {
		need_bytes(procs[i].rank, key, PMIX_IMMEDIATE, data,
			   sizeof(data));
		if (!pattern_holds(data, sizeof(data), procs[i].rank,
				   (uint32_t)(set + 1)))
			client_wrong("data of rank %u in group %s are wrong",
				     procs[i].rank, sets[set].name);
	}
}

static void publish(size_t set, int round)
{
	uint8_t data[DATA_LEN];
	char key[NAME_SIZE];

	key_of(key, set, round);
	pattern_fill(data, sizeof(data), client_rank(), (uint32_t)(set + 1));
	put_bytes(PMIX_GLOBAL, key, data, sizeof(data));
	put_commit();
}

/* One group, from construct to destruct. */
static uint64_t meet(size_t set, int round)
{
	pmix_proc_t *procs = calloc(client_size(), sizeof(*procs));
	size_t nprocs = members_of(set, procs);
	char name[NAME_SIZE];
	pmix_info_t info;
	uint64_t id;

	name_of(set, name);
	publish(set, round);
	PMIX_INFO_LOAD(&info, PMIX_GROUP_ASSIGN_CONTEXT_ID, NULL, PMIX_BOOL);
	client_doing("constructing the group %s", name);
	client_check(construct(name, procs, nprocs, &info,
			       sets[set].with_id ? 1 : 0, &id),
		     "PMIx_Group_construct of %s", name);
	if (sets[set].with_id != (id != 0))
		client_wrong("the group %s has the context id %" PRIu64, name,
			     id);
	/* Within a node libpmix 4.2 asks nobody, and gathers no data. */
	if (sets[set].with_id)
		check_data(procs, nprocs, set, round);
	client_doing("destructing the group %s", name);
	client_check(PMIx_Group_destruct(name, NULL, 0),
		     "PMIx_Group_destruct of %s", name);
	free(procs);
	return id;
}

/* Nobody leaves a construct before the last has come. */
static void check_sync(void)
{
	pmix_rank_t last = client_size() - 1;
	int64_t begun;

	fence_all(false);
	begun = now_us();
	if (client_rank() == last)
		sleep_ms(nap_ms);
	meet(0, ROUNDS);
	if (now_us() - begun < nap_ms * 1000 / 2)
		client_wrong("left the group after %" PRIi64
			     " us, before rank %u came",
			     now_us() - begun, last);
}

static bool has_member(size_t set, pmix_rank_t rank)
{
	return sets[set].with_id && sets[set].member(rank);
}

/* The same for all members, and different from all others. */
static void compare(ids_t *all)
{
	uint64_t *seen = calloc(client_size() * NSETS * ROUNDS, sizeof(*seen));
	uint64_t mine;
	size_t n = 0;

	for (size_t s = 0; s < NSETS; s++)
		for (int r = 0; r < ROUNDS; r++) {
			if (!has_member(s, client_rank()))
				continue;
			mine = all[client_rank()][s][r];
			for (uint32_t p = 0; p < client_size(); p++)
				if (has_member(s, p) && all[p][s][r] != mine)
					client_wrong("rank %u has another id "
						     "of group %s",
						     p, sets[s].name);
			for (size_t i = 0; i < n; i++)
				if (seen[i] == mine)
					client_wrong("the id %" PRIu64
						     " was given twice",
						     mine);
			seen[n++] = mine;
		}
	free(seen);
}

/* Groups of nodes meet at the same time, under ids that differ. */
static void compare_nodes(ids_t *all)
{
	for (int r = 0; r < ROUNDS; r++)
		for (uint32_t p = 0; p < client_size(); p++)
			if (!in_node(p) &&
			    all[p][4][r] == all[client_rank()][4][r])
				client_wrong("the groups of two nodes have "
					     "one id");
}

static void run(void)
{
	ids_t ids = { 0 }, *all = calloc(client_size(), sizeof(*all));

	check_sync();
	for (int r = 0; r < ROUNDS; r++)
		for (size_t s = 0; s < NSETS; s++)
			if (sets[s].member(client_rank()))
				ids[s][r] = meet(s, r);
	put_bytes(PMIX_GLOBAL, KEY_IDS, ids, sizeof(ids));
	put_commit();
	fence_all(true);
	for (uint32_t p = 0; p < client_size(); p++)
		need_bytes(p, KEY_IDS, NULL, all[p], sizeof(all[p]));
	compare(all);
	compare_nodes(all);
	if (client_rank() == 0)
		printf("%u ranks, %zu groups, %d times\n", client_size(), NSETS,
		       ROUNDS);
	free(all);
}

/* One does not come: the others are told in time. */
static void run_absent(void)
{
	int64_t begun = now_us(), took;
	uint32_t seconds = (uint32_t)timeout_s;
	pmix_proc_t *all = calloc(client_size(), sizeof(*all));
	size_t nall = members_of(0, all);
	pmix_status_t rc;
	pmix_info_t info;
	uint64_t id;

	PMIX_INFO_LOAD(&info, PMIX_TIMEOUT, &seconds, PMIX_UINT32);
	if (client_rank() != (pmix_rank_t)absent) {
		printf("waiting\n");
		fflush(stdout);
		rc = construct("late", all, nall, &info, 1, &id);
		took = now_us() - begun;
		if (rc == PMIX_SUCCESS || took > (timeout_s + 5) * 1000000)
			client_wrong("a construct without rank %ld ended "
				     "after %" PRIi64 " us: %s",
				     absent, took, status_text(rc));
		printf("%s\n", status_text(rc));
	}
	free(all);
	fence_all(false);
}

int main(int argc, char **argv)
{
	client_options(argc, argv, options);
	client_init();
	places = places_exchange();
	if (absent >= 0)
		run_absent();
	else
		run();
	return client_end();
}
