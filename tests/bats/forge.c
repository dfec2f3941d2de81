/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forge - tries to get a credential that is not one's own.
 *
 * forge PATH [uid=N] [gid=N] [rank=N] [nspace=NAME]: PMIx_Get_credential_nb
 * with these directives; the credential goes to PATH.  Prints the status of
 * each call; exits 0 where a credential came, 1 otherwise.
 *
 * Built with -DPRELOAD -shared it is instead a library for LD_PRELOAD that
 * makes its process believe in another uid and gid, as a liar's would.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef PRELOAD

static unsigned lie(const char *name)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

uid_t getuid(void)
{
	return lie("FORGE_UID");
}

uid_t geteuid(void)
{
	return lie("FORGE_UID");
}

gid_t getgid(void)
{
	return lie("FORGE_GID");
}

gid_t getegid(void)
{
	return lie("FORGE_GID");
}

#else

#include <pmix.h>

#define LIMIT_S 3 /* libpmix waits for ever where it is not let in */

static volatile bool done;
static FILE *out;

static void on_credential(pmix_status_t status, pmix_byte_object_t *cred,
			  pmix_info_t info[], size_t ninfo, void *cbdata)
{
	printf("get: %s\n", PMIx_Error_string(status));
	if (status == PMIX_SUCCESS && cred && cred->size)
		fwrite(cred->bytes, 1, strlen(cred->bytes), out);
	*(pmix_status_t *)cbdata = status;
	done = true;
}

static void load(pmix_info_t *info, const char *word, pmix_status_t *rc)
{
	const char *value = strchr(word, '=');
	unsigned number;

	if (!value) {
		*rc = PMIX_ERR_BAD_PARAM;
		return;
	}
	number = (unsigned)strtoul(++value, NULL, 10);
	if (!strncmp(word, "uid=", 4))
		PMIX_INFO_LOAD(info, PMIX_USERID, &number, PMIX_UINT32);
	else if (!strncmp(word, "gid=", 4))
		PMIX_INFO_LOAD(info, PMIX_GRPID, &number, PMIX_UINT32);
	else if (!strncmp(word, "rank=", 5))
		PMIX_INFO_LOAD(info, PMIX_RANK, &number, PMIX_PROC_RANK);
	else if (!strncmp(word, "nspace=", 7))
		PMIX_INFO_LOAD(info, PMIX_NSPACE, value, PMIX_STRING);
	else
		*rc = PMIX_ERR_BAD_PARAM;
}

int main(int argc, char **argv)
{
	static pmix_status_t status = PMIX_ERROR;
	pmix_status_t rc = PMIX_SUCCESS;
	size_t ninfo = argc > 2 ? (size_t)argc - 2 : 0;
	pmix_info_t *info = NULL;
	pmix_proc_t me;

	alarm(LIMIT_S);
	out = argc > 1 ? fopen(argv[1], "w") : NULL;
	if (!out)
		return 2;
	if (ninfo)
		PMIX_INFO_CREATE(info, ninfo);
	for (size_t i = 0; i < ninfo; i++)
		load(&info[i], argv[i + 2], &rc);
	if (rc != PMIX_SUCCESS)
		return 2;
	rc = PMIx_Init(&me, NULL, 0);
	printf("init: %s\n", PMIx_Error_string(rc));
	fflush(stdout);
	if (rc != PMIX_SUCCESS)
		_exit(1);
	rc = PMIx_Get_credential_nb(info, ninfo, on_credential, &status);
	if (rc != PMIX_SUCCESS)
		printf("get: %s at once\n", PMIx_Error_string(rc));
	while (rc == PMIX_SUCCESS && !done)
		usleep(1000);
	fclose(out);
	PMIx_Finalize(NULL, 0);
	return status == PMIX_SUCCESS ? 0 : 1;
}

#endif
