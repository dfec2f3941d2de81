/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-bench - how long the services of the PMIx server take; for scripts/bench.
 * Rank 0 prints one line of JSON per measurement, times in microseconds.
 *
 * What a sample is:
 *
 * launch      PMIx_Init and PMIx_Finalize of rank 0.  The launch itself is
 *             srun's wall time, which the caller measures.
 * fence,      From the moment the last rank came to the moment the last one
 * fence-data  left.  A rank's own time in the fence would count how late the
 *             others were; this does not.  It needs one clock for all ranks,
 *             as in a cluster made of namespaces; where the boot ids differ a
 *             sample is rank 0's own time ("clock":"own").  Before the
 *             measured fences there is one into which the last rank goes
 *             late: "synchronises" says whether it held the others back, and
 *             "early" how often, in all others, a rank left before the last
 *             one had come.  Put and commit are not part of a sample.
 * dmodex      PMIx_Get of a rank of another node, by rank 0 alone, in turn
 *             from all such ranks.  libpmix keeps what it has got; only
 *             PMIX_GET_REFRESH_CACHE as *first* directive makes each call a
 *             request from node to node (read in 4.2.2, where the server
 *             then goes straight to the host).  "fresh" tells that it did: a
 *             value changed in the meantime came changed.  Where it did not,
 *             as with OpenPMIx 5.0.7, there is one sample for each such rank.
 * cred        A credential got, and the same validated on the same node, by
 *             rank 0 alone; and two empty requests, in turn with them.  Three
 *             lines: "get", "validate" and "empties", the two together.
 * empty       A request that the server answers from its own memory, by rank
 *             0 alone: PMIx_Get of a reserved key that was not registered.
 *             The floor of everything above.
 * rate        Credentials got and validated by all ranks at the same time, for
 *             --seconds: pairs in a second ("samples":[N]).
 *
 * With --type T, cred and rate are about credentials of type T, and rate of
 * type "empty" about pairs of empty requests; the lines'
 * names are "get-T", "validate-T", "empties-T" and "rate-T".
 */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cred.h"

#define KEY_DATA  "c-bench.data"
#define KEY_NOTES "c-bench.notes"
#define NAP_MS	  100

static const char *what = "fence", *type = "";
static long size = 1024, iters = 100, warmup = 10, seconds = 2;
static bool own_clock;

static const option_t options[] = {
	{ "--what", OPT_TEXT, &what,
	  "launch, fence, fence-data, dmodex, cred, rate or empty" },
	{ "--type", OPT_TEXT, &type, "of credentials" },
	{ "--seconds", OPT_NUMBER, &seconds, "for rate" },
	{ "--size", OPT_NUMBER, &size, "bytes per rank where there are data" },
	{ "--iters", OPT_NUMBER, &iters, "samples" },
	{ "--warmup", OPT_NUMBER, &warmup, "samples not counted before" },
	{ "--own-clock", OPT_FLAG, &own_clock,
	  "do not compare the clocks of ranks" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

/* -- statistics --------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank; SORTED has N > 0 values. */
static int64_t percentile(const int64_t *sorted, long n, long percent)
{
	long at = (n * percent + 99) / 100;

	return sorted[at > 0 ? at - 1 : 0];
}

/* EXTRA: more members, each with a comma before it. */
static void print_samples(const char *name, const int64_t *samples, long n,
			  const char *extra)
{
	int64_t *sorted = malloc((size_t)n * sizeof(*sorted) + 1);
	long i;

	if (!sorted || n == 0)
		client_fail("no samples");
	memcpy(sorted, samples, (size_t)n * sizeof(*sorted));
	qsort(sorted, (size_t)n, sizeof(*sorted), by_value);
	(void)printf("{\"what\":\"%s\",\"ranks\":%u,\"size\":%ld,"
		     "\"median\":%" PRId64 ",\"p10\":%" PRId64
		     ",\"p90\":%" PRId64 ",\"min\":%" PRId64 "%s,\"samples\":[",
		     name, client_size(), size, percentile(sorted, n, 50),
		     percentile(sorted, n, 10), percentile(sorted, n, 90),
		     sorted[0], extra);
	for (i = 0; i < n; i++)
		(void)printf("%s%" PRId64, i ? "," : "", samples[i]);
	(void)printf("]}\n");
	free(sorted);
}

static int64_t *new_samples(void)
{
	int64_t *samples = calloc((size_t)iters + 1, sizeof(*samples));

	if (!samples)
		client_fail("out of memory");
	return samples;
}

/* -- fences ------------------------------------------------------------- */

typedef struct {
	int64_t enter_us;
	int64_t leave_us;
} note_t;

/* What each rank tells: which machine's clock, and its notes. */
typedef struct {
	char boot_id[40];
	note_t notes[]; /* [0] is the fence with a late rank */
} diary_t;

static long fences(void)
{
	return 1 + warmup + iters;
}

static size_t diary_len(void)
{
	return sizeof(diary_t) + (size_t)fences() * sizeof(note_t);
}

static diary_t *new_diary(void)
{
	diary_t *diary = calloc(1, diary_len());
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");

	if (!diary || !f || !fgets(diary->boot_id, sizeof(diary->boot_id), f))
		client_fail("cannot read the boot id");
	(void)fclose(f);
	return diary;
}

static void one_fence(note_t *note, uint32_t which, bool data, void *buf)
{
	if (data) {
		pattern_fill(buf, (size_t)size, client_rank(), which);
		/* The same key: a fence carries all that was ever committed. */
		put_bytes(PMIX_GLOBAL, KEY_DATA, buf, (size_t)size);
		put_commit();
	}
	if (which == 0 && client_rank() == client_size() - 1)
		sleep_ms(NAP_MS);
	note->enter_us = now_us();
	fence_all(data);
	note->leave_us = now_us();
}

/* The last fence's data, of all ranks, without asking another node. */
static void check_data(uint32_t which)
{
	pmix_rank_t rank;
	pmix_value_t *value;
	pmix_byte_object_t bo;

	for (rank = 0; rank < client_size(); rank++) {
		client_check(
			get_bytes(rank, KEY_DATA, PMIX_IMMEDIATE, &value, &bo),
			"PMIx_Get of '%s' of rank %u after the fences",
			KEY_DATA, rank);
		if (bo.size != (size_t)size ||
		    !pattern_holds(bo.bytes, bo.size, rank, which))
			client_fail("the last '%s' of rank %u did not come",
				    KEY_DATA, rank);
		PMIX_VALUE_RELEASE(value);
	}
}

typedef struct {
	int64_t last_enter_us;
	int64_t first_leave_us;
	int64_t last_leave_us;
} extent_t;

/* Rank 0: the extents of all fences.  False where the clocks differ. */
static bool collect(const diary_t *own, extent_t *extents)
{
	diary_t *theirs = malloc(diary_len());
	bool common = !own_clock;
	pmix_rank_t rank;
	const note_t *note;
	extent_t *ext;
	long i;

	if (!theirs)
		client_fail("out of memory");
	for (rank = 0; rank < client_size(); rank++) {
		need_bytes(rank, KEY_NOTES, NULL, theirs, diary_len());
		if (strcmp(theirs->boot_id, own->boot_id) != 0)
			common = false;
		for (i = 0; i < fences(); i++) {
			ext = &extents[i];
			note = &theirs->notes[i];
			if (rank == 0 || note->enter_us > ext->last_enter_us)
				ext->last_enter_us = note->enter_us;
			if (rank == 0 || note->leave_us < ext->first_leave_us)
				ext->first_leave_us = note->leave_us;
			if (rank == 0 || note->leave_us > ext->last_leave_us)
				ext->last_leave_us = note->leave_us;
		}
	}
	free(theirs);
	return common;
}

static bool was_early(const extent_t *ext)
{
	return ext->first_leave_us < ext->last_enter_us;
}

static void report_fences(const diary_t *own)
{
	extent_t *extents = calloc((size_t)fences(), sizeof(*extents));
	int64_t *samples = new_samples();
	const note_t *first = &own->notes[0];
	bool common, synchronises;
	long i, early = 0;
	char extra[128];

	if (!extents)
		client_fail("out of memory");
	common = collect(own, extents);
	for (i = 1; i < fences(); i++)
		early += common && was_early(&extents[i]);
	for (i = 0; i < iters; i++)
		samples[i] =
			common ? extents[1 + warmup + i].last_leave_us -
					 extents[1 + warmup + i].last_enter_us
			       : own->notes[1 + warmup + i].leave_us -
					 own->notes[1 + warmup + i].enter_us;
	synchronises =
		common ? !was_early(&extents[0])
		       : first->leave_us - first->enter_us >= NAP_MS * 900;
	(void)snprintf(extra, sizeof(extra),
		       ",\"clock\":\"%s\",\"synchronises\":%s,\"early\":%ld",
		       common ? "common" : "own",
		       synchronises ? "true" : "false", early);
	print_samples(what, samples, iters, extra);
	free(extents);
	free(samples);
}

static void bench_fence(bool data)
{
	diary_t *diary = new_diary();
	void *buf = malloc((size_t)size + 1);
	long i;

	if (!buf)
		client_fail("out of memory");
	fence_all(false);
	for (i = 0; i < fences(); i++)
		one_fence(&diary->notes[i], (uint32_t)i, data, buf);
	if (data)
		check_data((uint32_t)fences() - 1);
	put_bytes(PMIX_GLOBAL, KEY_NOTES, diary, diary_len());
	put_commit();
	fence_all(true);
	if (client_rank() == 0)
		report_fences(diary);
	free(buf);
	free(diary);
}

/* -- direct modex ------------------------------------------------------- */

static void put_version(uint32_t version)
{
	char *buf = malloc((size_t)size + 1);

	if (!buf)
		client_fail("out of memory");
	pattern_fill(buf, (size_t)size, client_rank(), version);
	put_bytes(PMIX_GLOBAL, KEY_DATA, buf, (size_t)size);
	put_commit();
	free(buf);
}

/* The time of one request; false if VERSION of RANK's data did not come. */
static bool has_come(pmix_rank_t rank, uint32_t version, int64_t *took)
{
	pmix_value_t *value;
	pmix_byte_object_t bo;
	int64_t start = now_us();
	bool right;

	client_doing("getting data of rank %u", rank);
	client_check(
		get_bytes(rank, KEY_DATA, PMIX_GET_REFRESH_CACHE, &value, &bo),
		"PMIx_Get of '%s' of rank %u", KEY_DATA, rank);
	*took = now_us() - start;
	right = bo.size == (size_t)size &&
		pattern_holds(bo.bytes, bo.size, rank, version);
	PMIX_VALUE_RELEASE(value);
	return right;
}

static int64_t fetch(pmix_rank_t rank, uint32_t version)
{
	int64_t took;

	if (!has_come(rank, version, &took))
		client_fail("version %u of the data of rank %u did not come: "
			    "no request was made",
			    version, rank);
	return took;
}

/* Ranks of other nodes than rank 0's; returns how many. */
static uint32_t far_ranks(const place_t *places, pmix_rank_t *ranks)
{
	uint32_t rank, count = 0;

	for (rank = 0; rank < client_size(); rank++)
		if (places[rank].node_id != places[0].node_id)
			ranks[count++] = rank;
	return count;
}

/*
 * FIRST are the times of the first requests, for what no cache could know.  All
 * that there is where libpmix's server goes on answering from its cache, as
 * OpenPMIx 5.0.7's does.
 */
static void report_dmodex(const pmix_rank_t *far, uint32_t nfar,
			  const int64_t *first)
{
	int64_t *samples = new_samples();
	int64_t took;
	long i;

	if (!has_come(far[0], 2, &took)) {
		print_samples(what, first, (long)nfar, ",\"fresh\":false");
		free(samples);
		return;
	}
	for (i = 0; i < warmup; i++)
		(void)fetch(far[(uint32_t)i % nfar], 2);
	for (i = 0; i < iters; i++)
		samples[i] = fetch(far[(uint32_t)i % nfar], 2);
	print_samples(what, samples, iters, ",\"fresh\":true");
	free(samples);
}

static void bench_dmodex(void)
{
	const place_t *places = places_exchange();
	pmix_rank_t *far = calloc(client_size(), sizeof(*far));
	int64_t *first = calloc(client_size(), sizeof(*first));
	uint32_t nfar;
	long i;

	if (!far || !first)
		client_fail("out of memory");
	nfar = far_ranks(places, far);
	if (nfar == 0)
		client_fail("a direct modex needs ranks on two nodes");
	put_version(1);
	fence_all(false);
	if (client_rank() == 0)
		for (i = 0; i < (long)nfar; i++)
			first[i] = fetch(far[i], 1);
	fence_all(false);
	put_version(2); /* what a cache would not know */
	fence_all(false);
	if (client_rank() == 0)
		report_dmodex(far, nfar, first);
	fence_all(false);
	free(far);
	free(first);
}

/* -- credentials and the floor ------------------------------------------ */

/* NAME, with the type behind it where one was asked for. */
static const char *of_type(const char *name)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "%s%s%s", name, type[0] ? "-" : "",
		       type);
	return text;
}

static void one_pair(int64_t *get_us, int64_t *validate_us)
{
	cred_t cred, answer;

	client_doing("getting a credential");
	client_check(cred_get(&cred, NULL, 0), "PMIx_Get_credential_nb");
	client_doing("validating a credential");
	client_check(cred_validate(&answer, cred.blob, cred.len, NULL, 0),
		     "PMIx_Validate_credential_nb");
	*get_us = cred_us(&cred);
	*validate_us = cred_us(&answer);
	cred_clear(&cred);
	cred_clear(&answer);
}

static int64_t one_empty(void)
{
	pmix_proc_t me = client_proc(client_rank());
	pmix_value_t *value = NULL;
	int64_t start = now_us();

	if (PMIx_Get(&me, "pmix.c-bench", NULL, 0, &value) == PMIX_SUCCESS)
		client_fail("a key that nobody registered was found");
	return now_us() - start;
}

static void bench_cred(void)
{
	int64_t *get = new_samples(), *validate = new_samples();
	int64_t *empties = new_samples(), get_us, validate_us, empties_us;
	long i;

	for (i = -warmup; client_rank() == 0 && i < iters; i++) {
		one_pair(&get_us, &validate_us);
		empties_us = one_empty() + one_empty();
		if (i >= 0) {
			get[i] = get_us;
			validate[i] = validate_us;
			empties[i] = empties_us;
		}
	}
	if (client_rank() == 0) {
		print_samples(of_type("get"), get, iters, "");
		print_samples(of_type("validate"), validate, iters, "");
		print_samples(of_type("empties"), empties, iters, "");
	}
	fence_all(false);
	free(get);
	free(validate);
	free(empties);
}

typedef struct {
	int64_t pairs, us;
} rate_t;

static void report_rate(void)
{
	pmix_rank_t rank;
	double rate = 0;
	rate_t one;

	for (rank = 0; rank < client_size(); rank++) {
		need_bytes(rank, KEY_NOTES, NULL, &one, sizeof(one));
		rate += (double)one.pairs * 1e6 / (double)one.us;
	}
	(void)printf("{\"what\":\"%s\",\"ranks\":%u,\"samples\":[%.0f]}\n",
		     of_type("rate"), client_size(), rate);
}

static void bench_rate(void)
{
	rate_t own = { 0, 0 };
	int64_t start, get_us, validate_us;

	if (strcmp(type, "empty") != 0)
		one_pair(&get_us, &validate_us);
	fence_all(false);
	start = now_us();
	while (own.us < seconds * 1000000) {
		if (!strcmp(type, "empty"))
			(void)(one_empty() + one_empty());
		else
			one_pair(&get_us, &validate_us);
		own.pairs++;
		own.us = now_us() - start;
	}
	put_bytes(PMIX_GLOBAL, KEY_NOTES, &own, sizeof(own));
	put_commit();
	fence_all(true);
	if (client_rank() == 0)
		report_rate();
}

static void bench_empty(void)
{
	int64_t *samples = new_samples(), us;
	long i;

	for (i = -warmup; client_rank() == 0 && i < iters; i++) {
		us = one_empty();
		if (i >= 0)
			samples[i] = us;
	}
	if (client_rank() == 0)
		print_samples(what, samples, iters, "");
	fence_all(false);
	free(samples);
}

/* -- main --------------------------------------------------------------- */

static int launch(int64_t start_us)
{
	int64_t up_us = now_us(), done_us;
	pmix_rank_t rank = client_rank();
	int status = client_end();

	done_us = now_us();
	if (rank == 0)
		(void)printf("{\"what\":\"launch\",\"ranks\":%u,"
			     "\"init\":%" PRId64 ",\"finalize\":%" PRId64 "}\n",
			     client_size(), up_us - start_us, done_us - up_us);
	return status;
}

int main(int argc, char **argv)
{
	int64_t start_us = now_us();

	client_options(argc, argv, options);
	if (type[0])
		cred_of_type(type);
	client_init();
	if (strcmp(what, "launch") == 0)
		return launch(start_us);
	if (iters == 0)
		client_fail("--iters 0 measures nothing");
	if (strcmp(what, "fence") == 0)
		bench_fence(false);
	else if (strcmp(what, "fence-data") == 0)
		bench_fence(true);
	else if (strcmp(what, "dmodex") == 0)
		bench_dmodex();
	else if (strcmp(what, "cred") == 0)
		bench_cred();
	else if (strcmp(what, "rate") == 0)
		bench_rate();
	else if (strcmp(what, "empty") == 0)
		bench_empty();
	else
		client_fail("'%s' cannot be measured", what);
	return client_end();
}
