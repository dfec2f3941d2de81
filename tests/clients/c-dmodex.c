/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-dmodex - data fetched from the rank that has them, without any fence
 * with data: the direct modex.
 *
 * Always: everybody gets everybody's PMIX_GLOBAL data and, from other nodes,
 * PMIX_REMOTE data; the last rank commits only after a nap, so that requests
 * for its data wait on its node.  Then a key that nobody has is asked for
 * with PMIX_TIMEOUT, which must end with an error and in time.
 * On demand: --late-key and --strange, which servers of the field get wrong.
 */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_GLOBAL  "c-dmodex.global"
#define KEY_REMOTE  "c-dmodex.remote"
#define KEY_LATE    "c-dmodex.late"
#define KEY_MISSING "c-dmodex.missing"

/* How long to insist on a neighbour's data, see get_insisting(). */
#define INSIST_MS 5000

/* How much longer than its PMIX_TIMEOUT a get may take. */
#define GRACE_MS 3000

static long size = 256, nap_ms = 300, timeout_s = 2;
static bool late_key, strange, no_missing;

static const option_t options[] = {
	{ "--size", OPT_NUMBER, &size, "bytes of each key" },
	{ "--sleep-ms", OPT_NUMBER, &nap_ms,
	  "how long the last rank waits before its first commit" },
	{ "--timeout", OPT_NUMBER, &timeout_s,
	  "PMIX_TIMEOUT in seconds for what never comes" },
	{ "--no-missing", OPT_FLAG, &no_missing,
	  "do not ask for a key that nobody has" },
	{ "--late-key", OPT_FLAG, &late_key,
	  "also get a key of a second commit, asked for before it" },
	{ "--strange", OPT_FLAG, &strange,
	  "also ask for ranks and namespaces that do not exist" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static char *neighbours; /* PMIX_LOCAL_PEERS */

static bool is_last(void)
{
	return client_rank() == client_size() - 1;
}

static void put_pattern(pmix_scope_t scope, const char *key, uint32_t which)
{
	char *buf = malloc((size_t)size + 1);

	if (!buf)
		client_fail("out of memory");
	pattern_fill(buf, (size_t)size, client_rank(), which);
	put_bytes(scope, key, buf, (size_t)size);
	free(buf);
}

static bool is_neighbour(pmix_rank_t rank)
{
	char digits[16];

	(void)snprintf(digits, sizeof(digits), "%u", rank);
	return list_has(neighbours, digits);
}

/*
 * Between processes of one node libpmix's server answers by itself, and 4.2.2
 * now and then says NOT-FOUND when the request meets the other's connecting
 * or first commit.  That is no direct modex and nothing that the host could
 * cure, so ask again; a rank of another node must be right at once.
 */
static pmix_status_t get_insisting(pmix_rank_t rank, const char *key,
				   pmix_value_t **value, pmix_byte_object_t *bo)
{
	int64_t until = now_us() + INSIST_MS * 1000;
	pmix_status_t rc;

	for (;;) {
		rc = get_bytes(rank, key, NULL, value, bo);
		if (rc != PMIX_ERR_NOT_FOUND || !is_neighbour(rank) ||
		    now_us() > until)
			return rc;
		sleep_ms(10);
	}
}

static void get_pattern(pmix_rank_t rank, const char *key, uint32_t which)
{
	pmix_value_t *value;
	pmix_byte_object_t bo;

	client_doing("getting '%s' of rank %u", key, rank);
	client_check(get_insisting(rank, key, &value, &bo),
		     "PMIx_Get of '%s' of rank %u", key, rank);
	if (bo.size != (size_t)size ||
	    !pattern_holds(bo.bytes, bo.size, rank, which))
		client_fail("'%s' of rank %u came with wrong bytes", key, rank);
	PMIX_VALUE_RELEASE(value);
}

static void everybodys_data(void)
{
	uint32_t i, rank;

	/* Beginning at the next rank: not all ask the same one at once. */
	for (i = 1; i <= client_size(); i++) {
		rank = (client_rank() + i) % client_size();
		get_pattern(rank, KEY_GLOBAL, 1);
		/* PMIX_REMOTE is for processes of other nodes only. */
		if (!is_neighbour(rank))
			get_pattern(rank, KEY_REMOTE, 2);
	}
}

static void learn_neighbours(void)
{
	pmix_proc_t wildcard = client_proc(PMIX_RANK_WILDCARD);
	pmix_value_t *value = NULL;

	client_check(PMIx_Get(&wildcard, PMIX_LOCAL_PEERS, NULL, 0, &value),
		     "PMIx_Get of PMIX_LOCAL_PEERS");
	if (value->type != PMIX_STRING || !value->data.string)
		client_fail("PMIX_LOCAL_PEERS is no string");
	neighbours = strdup(value->data.string);
	PMIX_VALUE_RELEASE(value);
	if (!neighbours || !is_neighbour(client_rank()))
		client_fail("PMIX_LOCAL_PEERS does not name this rank");
}

/* The last rank's requests for its data must be on their way already. */
static void first_commit(void)
{
	if (is_last())
		sleep_ms(nap_ms);
	put_pattern(PMIX_GLOBAL, KEY_GLOBAL, 1);
	put_pattern(PMIX_REMOTE, KEY_REMOTE, 2);
	put_commit();
}

/* -- what must end with an error ---------------------------------------- */

static void must_fail(const pmix_proc_t *proc, const char *key,
		      const char *what)
{
	int timeout = (int)timeout_s;
	int64_t start = now_us(), took_ms;
	pmix_value_t *value = NULL;
	pmix_info_t info;
	pmix_status_t rc;

	PMIX_INFO_LOAD(&info, PMIX_TIMEOUT, &timeout, PMIX_INT);
	client_doing("getting %s with PMIX_TIMEOUT %d", what, timeout);
	rc = PMIx_Get(proc, key, &info, 1, &value);
	took_ms = (now_us() - start) / 1000;
	if (rc == PMIX_SUCCESS)
		client_wrong("got %s, which nobody has", what);
	if (took_ms > timeout_s * 1000 + GRACE_MS)
		client_wrong("getting %s took %" PRId64
			     " ms with PMIX_TIMEOUT %d",
			     what, took_ms, timeout);
	(void)printf("rank %u: %s: %s after %" PRId64 " ms\n", client_rank(),
		     what, status_text(rc), took_ms);
}

/* One rank's is enough; of a rank on this node and of one far away. */
static void missing_key(void)
{
	pmix_proc_t near = client_proc(client_rank());
	pmix_proc_t far = client_proc(client_size() - 1 - client_rank());
	char what[64];

	must_fail(&near, KEY_MISSING, "a missing key of its own");
	(void)snprintf(what, sizeof(what), "a missing key of rank %u",
		       far.rank);
	must_fail(&far, KEY_MISSING, what);
}

/* A question about a node, which libpmix passes on without any rank. */
static void missing_node_info(void)
{
	pmix_proc_t proc = client_proc(PMIX_RANK_WILDCARD);
	int64_t start = now_us();
	pmix_value_t *value = NULL;
	pmix_info_t info[2];
	bool yes = true;

	PMIX_INFO_LOAD(&info[0], PMIX_NODE_INFO, &yes, PMIX_BOOL);
	PMIX_INFO_LOAD(&info[1], PMIX_HOSTNAME, "no-such-node", PMIX_STRING);
	client_doing("asking about an unknown node");
	if (PMIx_Get(&proc, PMIX_LOCAL_SIZE, info, 2, &value) == PMIX_SUCCESS)
		client_wrong("got PMIX_LOCAL_SIZE of an unknown node");
	PMIX_INFO_DESTRUCT(&info[1]);
	(void)printf("rank %u: asking about an unknown node: refused after "
		     "%" PRId64 " ms\n",
		     client_rank(), (now_us() - start) / 1000);
}

static void strange_requests(void)
{
	pmix_proc_t proc = client_proc(client_size());

	must_fail(&proc, KEY_GLOBAL, "data of a rank beyond the last");
	proc = client_proc(PMIX_RANK_WILDCARD);
	must_fail(&proc, KEY_MISSING, "a missing key of no particular rank");
	proc = client_proc(0);
	(void)snprintf(proc.nspace, sizeof(proc.nspace), "no.such.namespace");
	must_fail(&proc, KEY_GLOBAL, "data of an unknown namespace");
	missing_node_info();
}

/* A key that comes with a second commit, asked for before that. */
static void second_commit(void)
{
	fence_all(false);
	if (is_last()) {
		sleep_ms(nap_ms);
		put_pattern(PMIX_GLOBAL, KEY_LATE, 3);
		put_commit();
	}
	get_pattern(client_size() - 1, KEY_LATE, 3);
}

int main(int argc, char **argv)
{
	client_options(argc, argv, options);
	client_init();
	learn_neighbours();
	first_commit();
	everybodys_data();
	if (late_key)
		second_commit();
	if (!no_missing && client_rank() == 0)
		missing_key();
	if (strange && client_rank() == 0)
		strange_requests();
	/* No server may leave while others still want its ranks' data. */
	fence_all(false);
	free(neighbours);
	return client_end();
}
