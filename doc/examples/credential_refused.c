/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential_refused.c - three credentials that must not be accepted.
 *
 *   srun --mpi=pmix -N2 -n2 ./credential_refused
 *
 * Rank 0 makes three credentials; rank 1, on the other node, changes the
 * first, shows the second one twice, and expects another uid of the third.
 * It prints the status that PMIx returns for each.  The sentence that says
 * why comes from the PMIx server, in srun's output and in slurmd's log:
 * libpmix hands no text on with an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <pmix.h>

static const char *const keys[] = { "example.altered", "example.replayed",
				    "example.other-uid" };
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static pmix_proc_t me;

static void check(pmix_status_t rc, const char *what)
{
	if (rc == PMIX_SUCCESS)
		return;
	fprintf(stderr, "rank %u: %s: %s\n", me.rank, what,
		PMIx_Error_string(rc));
	exit(EXIT_FAILURE);
}

/* Rank 0: a credential under each key. */
static void make_all(void)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		pmix_value_t value;

		PMIX_VALUE_CONSTRUCT(&value);
		value.type = PMIX_BYTE_OBJECT;
		check(PMIx_Get_credential(NULL, 0, &value.data.bo),
		      "PMIx_Get_credential");
		check(PMIx_Put(PMIX_GLOBAL, keys[i], &value), "PMIx_Put");
		PMIX_VALUE_DESTRUCT(&value);
	}
	check(PMIx_Commit(), "PMIx_Commit");
}

static pmix_value_t *fetch(const char *key)
{
	pmix_proc_t first = me;
	pmix_value_t *value = NULL;

	first.rank = 0;
	check(PMIx_Get(&first, key, NULL, 0, &value), key);
	return value;
}

static pmix_status_t validate(const pmix_byte_object_t *cred,
			      const pmix_info_t *directives, size_t n)
{
	pmix_info_t *info = NULL;
	size_t ninfo = 0;
	pmix_status_t rc;

	rc = PMIx_Validate_credential(cred, directives, n, &info, &ninfo);
	PMIX_INFO_FREE(info, ninfo);
	return rc;
}

static int failures;

/* PMIx_Error_string() names a status. */
static void report(const char *what, pmix_status_t rc, pmix_status_t expected)
{
	printf("%s: %s\n", what, PMIx_Error_string(rc));
	fflush(stdout);
	if (rc != expected)
		failures++;
}

/* One letter in the middle is another one. */
static void altered(void)
{
	pmix_value_t *value = fetch(keys[0]);
	char *letter = &value->data.bo.bytes[value->data.bo.size / 2];

	*letter = *letter == 'A' ? 'B' : 'A';
	report("altered", validate(&value->data.bo, NULL, 0),
	       PMIX_ERR_INVALID_CRED);
	PMIX_VALUE_RELEASE(value);
}

/* MUNGE accepts a credential once on each node. */
static void replayed(void)
{
	pmix_value_t *value = fetch(keys[1]);

	report("shown once", validate(&value->data.bo, NULL, 0), PMIX_SUCCESS);
	report("shown twice", validate(&value->data.bo, NULL, 0),
	       PMIX_ERR_INVALID_CRED);
	PMIX_VALUE_RELEASE(value);
}

/* PMIX_USERID names the uid that a credential must have. */
static void other_uid(void)
{
	uint32_t uid = (uint32_t)getuid() + 1;
	pmix_value_t *value = fetch(keys[2]);
	pmix_info_t expected;

	PMIX_INFO_LOAD(&expected, PMIX_USERID, &uid, PMIX_UINT32);
	report("of another uid", validate(&value->data.bo, &expected, 1),
	       PMIX_ERR_NO_PERMISSIONS);
	PMIX_INFO_DESTRUCT(&expected);
	PMIX_VALUE_RELEASE(value);
}

int main(void)
{
	check(PMIx_Init(&me, NULL, 0), "PMIx_Init");
	if (me.rank == 0)
		make_all();
	check(PMIx_Fence(NULL, 0, NULL, 0), "PMIx_Fence");
	if (me.rank == 1) {
		altered();
		replayed();
		other_uid();
	}
	/* Until then rank 0's server must answer for its data. */
	check(PMIx_Fence(NULL, 0, NULL, 0), "PMIx_Fence");
	check(PMIx_Finalize(NULL, 0), "PMIx_Finalize");
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
