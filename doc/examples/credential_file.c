/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * credential_file.c - get a credential into a file, or validate one from it.
 *
 *   srun --mpi=pmix -n1 ./credential_file get PATH
 *   srun --mpi=pmix -n1 ./credential_file check PATH [UID]
 *
 * What a service and its client do, with a file in place of a connection.
 * The two commands may run in different steps, jobs and accounts.  Where a
 * UID is named, only a credential of that user is accepted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pmix.h>

#define CREDENTIAL_MAX (64 * 1024)

static void die(const char *what, const char *why)
{
	fprintf(stderr, "credential_file: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

/* A credential is as good as its owner: nobody else may read the file. */
static void write_file(const char *path, const pmix_byte_object_t *cred)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 ||
	    write(fd, cred->bytes, cred->size) != (ssize_t)cred->size ||
	    close(fd) != 0)
		die(path, strerror(errno));
}

static void read_file(const char *path, pmix_byte_object_t *cred)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	cred->bytes = malloc(CREDENTIAL_MAX);
	if (fd >= 0 && cred->bytes)
		n = read(fd, cred->bytes, CREDENTIAL_MAX);
	if (n < 0)
		die(path, strerror(errno));
	cred->size = (size_t)n;
	close(fd);
}

static void get(const char *path)
{
	pmix_byte_object_t cred = { NULL, 0 };
	pmix_status_t rc = PMIx_Get_credential(NULL, 0, &cred);

	if (rc != PMIX_SUCCESS)
		die("PMIx_Get_credential", PMIx_Error_string(rc));
	write_file(path, &cred);
	PMIX_BYTE_OBJECT_DESTRUCT(&cred);
}

static void print(const pmix_info_t *info)
{
	if (info->value.type == PMIX_STRING)
		printf("%s=%s\n", info->key, info->value.data.string);
	else if (info->value.type == PMIX_UINT32)
		printf("%s=%u\n", info->key, info->value.data.uint32);
	else if (info->value.type == PMIX_PROC_RANK)
		printf("%s=%u\n", info->key, info->value.data.rank);
	else if (info->value.type == PMIX_INT64)
		printf("%s=%lld\n", info->key,
		       (long long)info->value.data.int64);
}

static void validate(const char *path, const char *expected_uid)
{
	pmix_byte_object_t cred = { NULL, 0 };
	pmix_info_t directive, *info = NULL;
	size_t ndirectives = 0, ninfo = 0;
	pmix_status_t rc;

	read_file(path, &cred);
	if (expected_uid) {
		uint32_t uid = (uint32_t)strtoul(expected_uid, NULL, 10);

		PMIX_INFO_LOAD(&directive, PMIX_USERID, &uid, PMIX_UINT32);
		ndirectives = 1;
	}
	rc = PMIx_Validate_credential(&cred, ndirectives ? &directive : NULL,
				      ndirectives, &info, &ninfo);
	if (rc != PMIX_SUCCESS)
		die("the credential is refused", PMIx_Error_string(rc));
	for (size_t i = 0; i < ninfo; i++)
		print(&info[i]);
	PMIX_INFO_FREE(info, ninfo);
	PMIX_BYTE_OBJECT_DESTRUCT(&cred);
}

int main(int argc, char **argv)
{
	pmix_proc_t me;
	pmix_status_t rc;

	if (argc < 3 ||
	    (strcmp(argv[1], "get") != 0 && strcmp(argv[1], "check") != 0)) {
		fprintf(stderr, "usage: credential_file get PATH\n"
				"       credential_file check PATH [UID]\n");
		return 2;
	}
	rc = PMIx_Init(&me, NULL, 0);
	if (rc != PMIX_SUCCESS)
		die("PMIx_Init", PMIx_Error_string(rc));
	if (strcmp(argv[1], "get") == 0)
		get(argv[2]);
	else
		validate(argv[2], argc > 3 ? argv[3] : NULL);
	PMIx_Finalize(NULL, 0);
	return EXIT_SUCCESS;
}
