/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential_ring.c - each rank gets a credential, and a rank of the next
 * node has it validated.
 *
 *   cc -o credential_ring credential_ring.c $(pkg-config --cflags --libs pmix)
 *   srun --mpi=pmix -N4 --ntasks-per-node=2 ./credential_ring
 *
 * Three calls do the work: PMIx_Get_credential asks the PMIx server of this
 * node to say who we are; PMIx_Put and PMIx_Get carry the bytes (a socket, a
 * file or an HTTP header would do as well); PMIx_Validate_credential asks the
 * server of the other node whether to believe them.  PMIx 4.2 or 5.0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pmix.h>

#define KEY_CREDENTIAL "example.credential"

static pmix_proc_t me;

/* End the program, and with it the step, unless RC is success. */
static void check(pmix_status_t rc, const char *what)
{
	if (rc == PMIX_SUCCESS)
		return;
	fprintf(stderr, "rank %u: %s: %s\n", me.rank, what,
		PMIx_Error_string(rc));
	exit(EXIT_FAILURE);
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* A fact about the job, such as its size. */
static uint32_t job_number(const char *key)
{
	pmix_proc_t job = me;
	pmix_value_t *value = NULL;
	pmix_status_t rc;
	uint32_t number = 0;

	job.rank = PMIX_RANK_WILDCARD;
	check(PMIx_Get(&job, key, NULL, 0, &value), key);
	PMIX_VALUE_GET_NUMBER(rc, value, number, uint32_t);
	check(rc, key);
	PMIX_VALUE_RELEASE(value);
	return number;
}

/* Make CRED known to all ranks. */
static void share(const pmix_byte_object_t *cred)
{
	bool yes = true;
	pmix_value_t value;
	pmix_info_t collect;

	PMIX_VALUE_CONSTRUCT(&value);
	value.type = PMIX_BYTE_OBJECT;
	value.data.bo = *cred;
	check(PMIx_Put(PMIX_GLOBAL, KEY_CREDENTIAL, &value), "PMIx_Put");
	check(PMIx_Commit(), "PMIx_Commit");
	/* After this fence every server has every rank's data. */
	PMIX_INFO_LOAD(&collect, PMIX_COLLECT_DATA, &yes, PMIX_BOOL);
	check(PMIx_Fence(NULL, 0, &collect, 1), "PMIx_Fence");
	PMIX_INFO_DESTRUCT(&collect);
}

/* What the server says of a credential: see doc/credential-format.md. */
typedef struct {
	uint32_t uid, gid; /* proven by MUNGE */
	uint32_t rank;	   /* these are the issuer's own words, and the */
	const char *node;  /* issuer runs as that user: good to know, */
	const char *job;   /* not to base a decision on */
	const char *type;
} claims_t;

static void read_number(const pmix_info_t *info, const char *key, uint32_t *out)
{
	pmix_status_t rc = PMIX_SUCCESS;

	if (!PMIX_CHECK_KEY(info, key))
		return;
	if (info->value.type == PMIX_PROC_RANK)
		*out = info->value.data.rank;
	else
		PMIX_VALUE_GET_NUMBER(rc, &info->value, *out, uint32_t);
	check(rc, key);
}

static void read_text(const pmix_info_t *info, const char *key,
		      const char **out)
{
	if (PMIX_CHECK_KEY(info, key) && info->value.type == PMIX_STRING)
		*out = info->value.data.string;
}

/* The strings belong to INFO. */
static claims_t read_claims(const pmix_info_t *info, size_t ninfo)
{
	claims_t c = { .uid = UINT32_MAX,
		       .gid = UINT32_MAX,
		       .rank = UINT32_MAX,
		       .node = "?",
		       .job = "?",
		       .type = "?" };

	for (size_t i = 0; i < ninfo; i++) {
		read_number(&info[i], PMIX_USERID, &c.uid);
		read_number(&info[i], PMIX_GRPID, &c.gid);
		read_number(&info[i], PMIX_RANK, &c.rank);
		read_text(&info[i], PMIX_HOSTNAME, &c.node);
		read_text(&info[i], PMIX_JOBID, &c.job);
		read_text(&info[i], PMIX_CRED_TYPE, &c.type);
	}
	return c;
}

/* Have rank WHOSE's credential validated and print one line about it. */
static void validate(pmix_rank_t whose)
{
	const char *node = getenv("SLURMD_NODENAME");
	pmix_proc_t peer = me;
	pmix_value_t *value = NULL;
	pmix_info_t *info = NULL;
	size_t ninfo = 0;
	claims_t c;
	double begin;

	peer.rank = whose;
	check(PMIx_Get(&peer, KEY_CREDENTIAL, NULL, 0, &value), "PMIx_Get");
	begin = now_ms();
	check(PMIx_Validate_credential(&value->data.bo, NULL, 0, &info, &ninfo),
	      "PMIx_Validate_credential");
	c = read_claims(info, ninfo);
	printf("%4u  %-8s  %4u on %-8s  %6u  %6u  %-10s  %-6s  %6.2f\n", c.rank,
	       c.node, me.rank, node ? node : "?", c.uid, c.gid, c.job, c.type,
	       now_ms() - begin);
	PMIX_INFO_FREE(info, ninfo);
	PMIX_VALUE_RELEASE(value);
}

int main(void)
{
	pmix_byte_object_t cred = { NULL, 0 };
	uint32_t size, per_node;

	check(PMIx_Init(&me, NULL, 0), "PMIx_Init");
	size = job_number(PMIX_JOB_SIZE);
	per_node = job_number(PMIX_LOCAL_SIZE);

	check(PMIx_Get_credential(NULL, 0, &cred), "PMIx_Get_credential");
	share(&cred);
	/* With as many ranks on each node, that one is on the node before. */
	validate((me.rank + size - per_node) % size);

	PMIX_BYTE_OBJECT_DESTRUCT(&cred);
	check(PMIx_Finalize(NULL, 0), "PMIx_Finalize");
	return EXIT_SUCCESS;
}
