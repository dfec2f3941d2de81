/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential_nb.c - a credential through the calls that do not block, with
 * directives, and what its maker and its validator say of it.
 *
 *   srun --mpi=pmix -n1 ./credential_nb [TYPES [SECONDS]]
 *
 * TYPES is a list of types by preference, such as native,munge.  Only this
 * user may validate the credential.
 *
 *   cc -o credential_nb credential_nb.c -pthread \
 *      $(pkg-config --cflags --libs pmix)
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pmix.h>

/* What a callback leaves for main(); libpmix calls back on its own thread. */
typedef struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int done;
	pmix_status_t status;
	pmix_byte_object_t cred;
} answer_t;

#define ANSWER_INIT                                                            \
	{                                                                      \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0,     \
		{                                                              \
			NULL, 0                                                \
		}                                                              \
	}

static void print(const char *what, const pmix_info_t *info)
{
	if (info->value.type == PMIX_STRING)
		printf("%s %s=%s\n", what, info->key, info->value.data.string);
	else if (info->value.type == PMIX_UINT32)
		printf("%s %s=%u\n", what, info->key, info->value.data.uint32);
	else if (info->value.type == PMIX_PROC_RANK)
		printf("%s %s=%u\n", what, info->key, info->value.data.rank);
	else if (info->value.type == PMIX_INT64)
		printf("%s %s=%lld\n", what, info->key,
		       (long long)info->value.data.int64);
}

static void finish(answer_t *answer, pmix_status_t status)
{
	pthread_mutex_lock(&answer->lock);
	answer->status = status;
	answer->done = 1;
	pthread_cond_signal(&answer->changed);
	pthread_mutex_unlock(&answer->lock);
}

/* The arrays are libpmix's, and gone when this returns: copy what is kept. */
static void got(pmix_status_t status, pmix_byte_object_t *cred,
		pmix_info_t info[], size_t ninfo, void *arg)
{
	answer_t *answer = arg;

	if (status == PMIX_SUCCESS) {
		answer->cred.bytes = malloc(cred->size);
		if (answer->cred.bytes) {
			memcpy(answer->cred.bytes, cred->bytes, cred->size);
			answer->cred.size = cred->size;
		}
		for (size_t i = 0; i < ninfo; i++)
			print("made:", &info[i]);
	}
	finish(answer, status);
}

/* psec.proven and psec.stated name the keys that are one or the other. */
static void validated(pmix_status_t status, pmix_info_t info[], size_t ninfo,
		      void *arg)
{
	for (size_t i = 0; i < ninfo; i++)
		print("valid:", &info[i]);
	finish(arg, status);
}

/* RC is what the call returned: only after a success it calls back. */
static void await(const char *what, pmix_status_t rc, answer_t *answer)
{
	if (rc == PMIX_SUCCESS) {
		pthread_mutex_lock(&answer->lock);
		while (!answer->done)
			pthread_cond_wait(&answer->changed, &answer->lock);
		rc = answer->status;
		pthread_mutex_unlock(&answer->lock);
	}
	if (rc == PMIX_SUCCESS)
		return;
	fprintf(stderr, "credential_nb: %s: %s\n", what, PMIx_Error_string(rc));
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	const char *types = argc > 1 ? argv[1] : "munge";
	int seconds = argc > 2 ? atoi(argv[2]) : 10;
	uint32_t uid = geteuid();
	answer_t get = ANSWER_INIT, validate = ANSWER_INIT;
	pmix_info_t wish[3];
	pmix_proc_t me;

	if (PMIx_Init(&me, NULL, 0) != PMIX_SUCCESS)
		return EXIT_FAILURE;
	PMIX_INFO_LOAD(&wish[0], PMIX_TIMEOUT, &seconds, PMIX_INT);
	/* For a get: who may validate.  For a validation: whose it must be. */
	PMIX_INFO_LOAD(&wish[1], PMIX_USERID, &uid, PMIX_UINT32);
	PMIX_INFO_LOAD(&wish[2], PMIX_CRED_TYPE, types, PMIX_STRING);
	/* These must stay until the answer comes. */
	await("PMIx_Get_credential_nb",
	      PMIx_Get_credential_nb(wish, 3, got, &get), &get);
	await("PMIx_Validate_credential_nb",
	      PMIx_Validate_credential_nb(&get.cred, wish, 3, validated,
					  &validate),
	      &validate);
	PMIX_INFO_DESTRUCT(&wish[2]);
	free(get.cred.bytes);
	PMIx_Finalize(NULL, 0);
	return EXIT_SUCCESS;
}
