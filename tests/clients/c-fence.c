/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-fence - a fence holds every rank of its set back until the last of them
 * has come.
 *
 * Each rank notes when it enters and when it leaves each fence; all nodes of
 * a test cluster share one machine's CLOCK_MONOTONIC, so the notes can be
 * compared.  In the first round one member sleeps before it enters: a fence
 * that lets somebody through early is then early by about that time.  Later
 * rounds repeat the same sets without sleep.
 *
 * The sets overlap, leave nodes out and are given in a different order by
 * each rank, because a set is the same set in whatever order it is named.
 */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_NOTES "c-fence.notes"

static long nap_ms = 100, rounds = 3, size = 32;
static const char *only = "all,wildcard,even,odd,first2,outer,leaders,node,"
			  "self,overlap";
static const char *data = "both";
static bool ordered;

static const option_t options[] = {
	{ "--sleep-ms", OPT_NUMBER, &nap_ms,
	  "how long one member sleeps before each fence of the first round" },
	{ "--rounds", OPT_NUMBER, &rounds, "repeat all fences N times" },
	{ "--size", OPT_NUMBER, &size, "bytes per rank in fences with data" },
	{ "--sets", OPT_TEXT, &only,
	  "comma list of all wildcard even odd first2 outer leaders node self "
	  "overlap" },
	{ "--data", OPT_TEXT, &data, "no, yes or both" },
	{ "--same-order", OPT_FLAG, &ordered,
	  "all ranks name a set's members in the order of ranks" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

/* When this rank entered and left one fence; 0: it was no member. */
typedef struct {
	int64_t enter_us;
	int64_t leave_us;
} note_t;

static const place_t *places;
static uint32_t nodes;

/* -- the sets ----------------------------------------------------------- */

typedef bool (*member_fn)(pmix_rank_t rank);

static bool in_all(pmix_rank_t rank)
{
	return true;
}

static bool in_even(pmix_rank_t rank)
{
	return rank % 2 == 0;
}

static bool in_odd(pmix_rank_t rank)
{
	return rank % 2 == 1;
}

static bool in_first2(pmix_rank_t rank)
{
	return places[rank].node_id < 2;
}

/* The nodes between have no member. */
static bool in_outer(pmix_rank_t rank)
{
	return places[rank].node_id == 0 || places[rank].node_id == nodes - 1;
}

static bool in_leaders(pmix_rank_t rank)
{
	return places[rank].local_id == 0;
}

/* A different set on each node, at the same time. */
static bool in_node(pmix_rank_t rank)
{
	return places[rank].node_id == places[client_rank()].node_id;
}

static bool in_self(pmix_rank_t rank)
{
	return rank == client_rank();
}

typedef enum { BY_LIST, BY_WILDCARD, BY_NULL } naming_t;

typedef struct {
	const char *name;
	member_fn member;
	naming_t naming; /* how the set is told to PMIx_Fence */
} set_t;

static const set_t sets[] = {
	{ "all", in_all, BY_NULL },	     { "all", in_all, BY_LIST },
	{ "wildcard", in_all, BY_WILDCARD }, { "even", in_even, BY_LIST },
	{ "odd", in_odd, BY_LIST },	     { "first2", in_first2, BY_LIST },
	{ "outer", in_outer, BY_LIST },	     { "leaders", in_leaders, BY_LIST },
	{ "node", in_node, BY_LIST },	     { "self", in_self, BY_LIST },
};
#define NSETS (sizeof(sets) / sizeof(sets[0]))

typedef struct {
	const set_t *set;
} label_t;

/* What this rank did, in the same order on all ranks. */
typedef struct {
	note_t *notes;	 /* told to the others */
	label_t *labels; /* of which set each note is */
	size_t used;
	size_t max;
} diary_t;

/* The members, beginning at another one on each rank and in each round. */
static size_t list_members(const set_t *set, pmix_proc_t *procs, long round)
{
	uint32_t n = client_size(), i, rank;
	uint32_t start =
		ordered ? 0 : (client_rank() * 3 + (uint32_t)round) % n;
	bool backwards = client_rank() % 2 && !ordered;
	size_t count = 0;

	for (i = 0; i < n; i++) {
		rank = backwards ? (start + n - i) % n : (start + i) % n;
		if (set->member(rank))
			procs[count++] = client_proc(rank);
	}
	return count;
}

/* Another member sleeps in each fence: the COUNTth one's. */
static bool is_sleeper(const set_t *set, size_t count)
{
	uint32_t rank, members = 0, turn;

	for (rank = 0; rank < client_size(); rank++)
		members += set->member(rank);
	if (members == 0)
		return false;
	turn = (uint32_t)(count * 5 + members - 1) % members;
	for (rank = 0; rank < client_size(); rank++)
		if (set->member(rank) && turn-- == 0)
			return rank == client_rank();
	return false;
}

/* -- one fence ---------------------------------------------------------- */

static void diary_open(diary_t *diary, size_t max)
{
	diary->max = max;
	diary->used = 0;
	diary->notes = calloc(max + 1, sizeof(*diary->notes));
	diary->labels = calloc(max + 1, sizeof(*diary->labels));
	if (!diary->notes || !diary->labels)
		client_fail("out of memory");
}

static void diary_close(diary_t *diary)
{
	free(diary->notes);
	free(diary->labels);
}

static note_t *new_note(diary_t *diary, const set_t *set)
{
	if (diary->used == diary->max)
		client_fail("more fences than notes");
	diary->labels[diary->used].set = set;
	return &diary->notes[diary->used++];
}

static void put_pattern(const char *key, uint32_t which)
{
	char *buf = malloc((size_t)size + 1);

	if (!buf)
		client_fail("out of memory");
	pattern_fill(buf, (size_t)size, client_rank(), which);
	put_bytes(PMIX_GLOBAL, key, buf, (size_t)size);
	put_commit();
	free(buf);
}

/* The data of all members came with the fence: nobody else is asked. */
static void check_pattern(const set_t *set, const char *key, uint32_t which)
{
	pmix_rank_t rank;
	pmix_value_t *value;
	pmix_byte_object_t bo;

	for (rank = 0; rank < client_size(); rank++) {
		if (!set->member(rank))
			continue;
		client_check(
			get_bytes(rank, key, PMIX_IMMEDIATE, &value, &bo),
			"PMIx_Get of '%s' of rank %u after a fence with data"
			" of set '%s'",
			key, rank, set->name);
		if (bo.size != (size_t)size ||
		    !pattern_holds(bo.bytes, bo.size, rank, which))
			client_fail("'%s' of rank %u came with wrong bytes",
				    key, rank);
		PMIX_VALUE_RELEASE(value);
	}
}

static pmix_status_t call_fence(const set_t *set, pmix_proc_t *procs,
				long round, bool collect)
{
	if (set->naming == BY_NULL)
		return fence_procs(NULL, 0, collect);
	if (set->naming == BY_WILDCARD) {
		procs[0] = client_proc(PMIX_RANK_WILDCARD);
		return fence_procs(procs, 1, collect);
	}
	return fence_procs(procs, list_members(set, procs, round), collect);
}

static void one_fence(const set_t *set, diary_t *diary, long round,
		      bool collect)
{
	uint32_t which = (uint32_t)diary->used;
	note_t *note = new_note(diary, set);
	pmix_proc_t *procs;
	char key[64];

	if (!set->member(client_rank()))
		return;
	procs = calloc(client_size(), sizeof(*procs));
	if (!procs)
		client_fail("out of memory");
	(void)snprintf(key, sizeof(key), "c-fence.%u", which);
	if (collect)
		put_pattern(key, which);
	if (round == 0 && is_sleeper(set, which))
		sleep_ms(nap_ms);
	client_doing("in fence %u of set '%s' %s data, round %ld", which,
		     set->name, collect ? "with" : "without", round);
	note->enter_us = now_us();
	client_check(call_fence(set, procs, round, collect),
		     "fence of set '%s' %s data in round %ld", set->name,
		     collect ? "with" : "without", round);
	note->leave_us = now_us();
	if (collect)
		check_pattern(set, key, which);
	free(procs);
}

/* -- two fences at once ------------------------------------------------- */

typedef struct {
	pmix_status_t status;
	int64_t leave_us;
	volatile int done; /* written last, by libpmix's thread */
} pending_t;

static void on_fence(pmix_status_t status, void *cbdata)
{
	pending_t *pending = cbdata;

	pending->status = status;
	pending->leave_us = now_us();
	__sync_synchronize();
	pending->done++;
}

static void start_fence(const set_t *set, pmix_proc_t *procs, long round,
			pending_t *pending)
{
	size_t nprocs = list_members(set, procs, round);

	client_check(PMIx_Fence_nb(procs, nprocs, NULL, 0, on_fence, pending),
		     "PMIx_Fence_nb of set '%s'", set->name);
}

/* Not a condition variable: a second, wrong call must find no dead object. */
static void await_fence(const set_t *set, pending_t *pending)
{
	client_doing("waiting for one of two fences at once, set '%s'",
		     set->name);
	while (!pending->done)
		(void)usleep(100);
	__sync_synchronize();
	client_check(pending->status, "one of two fences at once, set '%s'",
		     set->name);
}

static const set_t all_set = { "all", in_all, BY_LIST };
static const set_t halves[] = { { "even", in_even, BY_LIST },
				{ "odd", in_odd, BY_LIST } };

/* The fence of all and the one of my half, begun in different orders. */
static void overlap(diary_t *diary, long round)
{
	static pending_t pending[2]; /* outlives a late second answer */
	const set_t *first = &all_set, *second = &halves[client_rank() % 2];
	pmix_proc_t *procs = calloc(client_size(), sizeof(*procs));
	note_t *note = new_note(diary, &all_set), *other[2];
	int64_t enter_us;

	if (!procs)
		client_fail("out of memory");
	other[0] = new_note(diary, &halves[0]);
	other[1] = new_note(diary, &halves[1]);
	memset(pending, 0, sizeof(pending));
	if (round == 0 && client_rank() == client_size() - 1)
		sleep_ms(nap_ms);
	enter_us = now_us();
	if (client_rank() % 3 == 0) {
		start_fence(second, procs, round, &pending[1]);
		start_fence(first, procs, round, &pending[0]);
	} else {
		start_fence(first, procs, round, &pending[0]);
		start_fence(second, procs, round, &pending[1]);
	}
	await_fence(first, &pending[0]);
	await_fence(second, &pending[1]);
	*note = (note_t){ enter_us, pending[0].leave_us };
	*other[client_rank() % 2] = (note_t){ enter_us, pending[1].leave_us };
	if (pending[0].done != 1 || pending[1].done != 1)
		client_fail("a fence was answered twice");
	free(procs);
}

/* -- all together ------------------------------------------------------- */

static void run(diary_t *diary)
{
	bool no = strcmp(data, "yes") != 0, yes = strcmp(data, "no") != 0;
	long round;
	size_t i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < NSETS; i++) {
			if (!list_has(only, sets[i].name))
				continue;
			if (no)
				one_fence(&sets[i], diary, round, false);
			if (yes)
				one_fence(&sets[i], diary, round, true);
		}
		if (list_has(only, "overlap") && no && client_size() > 1)
			overlap(diary, round);
	}
}

/*
 * Nobody may leave a fence before its last member came.  Sets such as "node"
 * differ from rank to rank: only members of the own one count.
 */
static void compare(const diary_t *diary, const note_t *theirs, uint32_t rank)
{
	const note_t *mine;
	size_t i;

	for (i = 0; i < diary->used; i++) {
		mine = &diary->notes[i];
		if (mine->leave_us && theirs[i].leave_us &&
		    diary->labels[i].set->member(rank) &&
		    mine->leave_us < theirs[i].enter_us)
			client_wrong("left fence %zu, of set '%s', %" PRId64
				     " us before rank %u entered it",
				     i, diary->labels[i].set->name,
				     theirs[i].enter_us - mine->leave_us, rank);
	}
}

static void exchange_and_compare(const diary_t *diary)
{
	size_t len = diary->used * sizeof(note_t);
	note_t *theirs = malloc(len + 1);
	pmix_rank_t rank;

	if (!theirs)
		client_fail("out of memory");
	put_bytes(PMIX_GLOBAL, KEY_NOTES, diary->notes, len);
	put_commit();
	fence_all(true);
	for (rank = 0; rank < client_size(); rank++) {
		need_bytes(rank, KEY_NOTES, NULL, theirs, len);
		compare(diary, theirs, rank);
	}
	free(theirs);
}

int main(int argc, char **argv)
{
	diary_t diary;

	client_options(argc, argv, options);
	client_init();
	places = places_exchange();
	nodes = places_nodes(places);
	diary_open(&diary, (size_t)rounds * (2 * NSETS + 3));
	run(&diary);
	exchange_and_compare(&diary);
	if (client_rank() == 0)
		(void)printf("%zu fences of %u ranks on %u nodes compared\n",
			     diary.used, client_size(), nodes);
	diary_close(&diary);
	return client_end();
}
