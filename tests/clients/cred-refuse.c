/* SPDX-License-Identifier: BSD-3-Clause */
/* cred-refuse.c - modes of c-cred: what must not be accepted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "c-cred.h"
#include "client.h"

#define KEY_BLOB "c-cred.blob"

/*
 * A changed byte is noticed, wherever it is, and the attempt does not use up
 * the genuine credential.  The last bytes are left alone: bits of base64's
 * padding carry nothing, so a change there may rightly be no change.
 */
void mode_tampered(const cred_mode_t *mode)
{
	static const struct {
		const char *what;
		unsigned percent;
	} places[] = { { "a credential with its first byte changed", 0 },
		       { "a credential changed near its begin", 20 },
		       { "a credential changed in the middle", 50 },
		       { "a credential changed near its end", 85 } };
	cred_t cred, answer;
	size_t i, at;
	char genuine;

	own_credential(&cred);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		at = cred.len * places[i].percent / 100;
		genuine = cred.blob[at];
		cred.blob[at] = genuine == 'A' ? 'B' : 'A';
		client_doing("validating %s", places[i].what);
		(void)cred_validate(&answer, cred.blob, cred.len, NULL, 0);
		mode_refused(mode, places[i].what, &answer);
		cred_clear(&answer);
		cred.blob[at] = genuine;
	}
	must_be_valid(mode, &cred, "the same credential unchanged");
	cred_clear(&cred);
}

/* -- replay ------------------------------------------------------------- */

static void second_time(const cred_mode_t *mode, const void *blob, size_t len,
			const char *what)
{
	cred_t answer;

	client_doing("validating %s", what);
	(void)cred_validate(&answer, blob, len, NULL, 0);
	mode_refused(mode, what, &answer);
	cred_clear(&answer);
}

/* Rank 0's credential on another node: once there too, and not twice. */
static void replay_elsewhere(const cred_mode_t *mode)
{
	pmix_byte_object_t bo;
	pmix_value_t *value;
	cred_t answer;

	client_check(get_bytes(0, KEY_BLOB, NULL, &value, &bo),
		     "PMIx_Get of the credential of rank 0");
	client_doing("validating the credential of rank 0");
	(void)cred_validate(&answer, bo.bytes, bo.size, NULL, 0);
	mode_report(mode, "a credential of another node", &answer);
	client_check(answer.status, "validating the credential of rank 0");
	cred_clear(&answer);
	second_time(mode, bo.bytes, bo.size,
		    "a credential of another node, replayed");
	PMIX_VALUE_RELEASE(value);
}

/* A credential is good for one validation on each node. */
void mode_replay(const cred_mode_t *mode)
{
	const place_t *places = places_exchange();
	const place_t *own = &places[client_rank()];
	cred_t cred;

	own_credential(&cred);
	put_bytes(PMIX_GLOBAL, KEY_BLOB, cred.blob, cred.len);
	put_commit();
	fence_all(true);
	must_be_valid(mode, &cred, "a credential");
	second_time(mode, cred.blob, cred.len, "a credential replayed");
	if (own->local_id == 0 && own->node_id != places[0].node_id)
		replay_elsewhere(mode);
	cred_clear(&cred);
}

/* -- directives --------------------------------------------------------- */

/* A fresh credential, because MUNGE counts a refused one as used. */
static void validate_fresh(const pmix_info_t *info, cred_t *answer)
{
	cred_t cred;

	own_credential(&cred);
	client_doing("validating with the directive '%s'", info->key);
	(void)cred_validate(answer, cred.blob, cred.len, info, 1);
	cred_clear(&cred);
}

/* The expected owner is another one: refused; the right one: accepted. */
static void mismatch(const cred_mode_t *mode, const char *key, uint32_t own,
		     const char *wrong, const char *right)
{
	uint32_t other = own + 1;
	pmix_info_t info;
	cred_t answer;

	PMIX_INFO_LOAD(&info, key, &other, PMIX_UINT32);
	validate_fresh(&info, &answer);
	mode_refused(mode, wrong, &answer);
	cred_clear(&answer);
	PMIX_INFO_LOAD(&info, key, &own, PMIX_UINT32);
	validate_fresh(&info, &answer);
	mode_report(mode, right, &answer);
	client_check(answer.status, "validating %s", right);
	cred_clear(&answer);
}

void mode_uid_mismatch(const cred_mode_t *mode)
{
	mismatch(mode, PMIX_USERID, geteuid(),
		 "a credential with another expected uid",
		 "a credential with the right expected uid");
}

void mode_gid_mismatch(const cred_mode_t *mode)
{
	mismatch(mode, PMIX_GRPID, getegid(),
		 "a credential with another expected gid",
		 "a credential with the right expected gid");
}

static void get_with(const pmix_info_t *info, cred_t *cred)
{
	client_doing("getting a credential with the directive '%s'", info->key);
	(void)cred_get(cred, info, 1);
}

/* What is not understood may be skipped, unless it is required. */
void mode_required(const cred_mode_t *mode)
{
	bool yes = true;
	pmix_info_t info;
	cred_t answer;

	PMIX_INFO_LOAD(&info, "c-cred.unknown", &yes, PMIX_BOOL);
	get_with(&info, &answer);
	mode_report(mode, "get with an unknown directive", &answer);
	client_check(answer.status, "get with an unknown directive");
	cred_clear(&answer);
	validate_fresh(&info, &answer);
	mode_report(mode, "validate with an unknown directive", &answer);
	client_check(answer.status, "validate with an unknown directive");
	cred_clear(&answer);

	info.flags |= PMIX_INFO_REQD;
	get_with(&info, &answer);
	mode_refused(mode, "get with an unknown required directive", &answer);
	cred_clear(&answer);
	validate_fresh(&info, &answer);
	mode_refused(mode, "validate with an unknown required directive",
		     &answer);
	cred_clear(&answer);
}

/* A value of a wrong type is refused, not taken for zero. */
void mode_wrongtype(const cred_mode_t *mode)
{
	int number = 1;
	pmix_info_t text, type;
	cred_t answer;

	PMIX_INFO_LOAD(&text, PMIX_TIMEOUT, "soon", PMIX_STRING);
	PMIX_INFO_LOAD(&type, PMIX_CRED_TYPE, &number, PMIX_INT);
	get_with(&text, &answer);
	mode_refused(mode, "get with a string as PMIX_TIMEOUT", &answer);
	cred_clear(&answer);
	get_with(&type, &answer);
	mode_refused(mode, "get with a number as PMIX_CRED_TYPE", &answer);
	cred_clear(&answer);
	validate_fresh(&text, &answer);
	mode_refused(mode, "validate with a string as PMIX_TIMEOUT", &answer);
	cred_clear(&answer);
	PMIX_INFO_DESTRUCT(&text);
	PMIX_INFO_LOAD(&text, PMIX_USERID, "root", PMIX_STRING);
	validate_fresh(&text, &answer);
	mode_refused(mode, "validate with a string as PMIX_USERID", &answer);
	cred_clear(&answer);
	PMIX_INFO_DESTRUCT(&text);
	still_works(mode);
}

/* -- blobs -------------------------------------------------------------- */

#define MIB (1024u * 1024)

static void refuse_blob(const cred_mode_t *mode, const char *what,
			const void *blob, size_t len)
{
	cred_t answer;

	client_doing("validating %s", what);
	(void)cred_validate(&answer, blob, len, NULL, 0);
	mode_refused(mode, what, &answer);
	cred_clear(&answer);
}

static void blob_mib(const cred_mode_t *mode)
{
	char *blob = malloc(MIB);

	if (!blob)
		client_fail("out of memory");
	memset(blob, 'A', MIB);
	refuse_blob(mode, "1 MiB of letters", blob, MIB);
	memcpy(blob, "MUNGE:", 6);
	refuse_blob(mode, "1 MiB that begins like MUNGE's", blob, MIB);
	free(blob);
}

static void blob_garbage(const cred_mode_t *mode)
{
	char blob[512];

	if (getrandom(blob, sizeof(blob), 0) != (ssize_t)sizeof(blob))
		client_fail("getrandom: %s", strerror(errno));
	refuse_blob(mode, "random bytes", blob, sizeof(blob));
	memcpy(blob, "MUNGE:", 6);
	refuse_blob(mode, "random bytes after MUNGE's mark", blob,
		    sizeof(blob));
	refuse_blob(mode, "MUNGE's mark alone", "MUNGE:", 6);
	refuse_blob(mode, "one byte", "M", 1);
}

/* A byte object is sized: a missing NUL is no reason to read on. */
static void blob_unterminated(const cred_mode_t *mode)
{
	cred_t cred, answer;
	char *exact;

	own_credential(&cred);
	while (cred.len && cred.blob[cred.len - 1] == '\0')
		cred.len--;
	exact = malloc(cred.len ? cred.len : 1);
	if (!exact)
		client_fail("out of memory");
	memcpy(exact, cred.blob, cred.len);
	client_doing("validating a credential without a NUL at its end");
	(void)cred_validate(&answer, exact, cred.len, NULL, 0);
	mode_report(mode, "a credential without a NUL at its end", &answer);
	if (answer.status == PMIX_ERR_COMM_FAILURE ||
	    answer.status == PMIX_ERR_UNREACH)
		client_wrong("a credential without a NUL at its end gave %s",
			     status_text(answer.status));
	free(exact);
	cred_clear(&answer);
	cred_clear(&cred);
}

void mode_blob(const cred_mode_t *mode)
{
	if (strcmp(mode->value, "zero") == 0)
		refuse_blob(mode, "a credential of 0 bytes", NULL, 0);
	else if (strcmp(mode->value, "mib") == 0)
		blob_mib(mode);
	else if (strcmp(mode->value, "garbage") == 0)
		blob_garbage(mode);
	else if (strcmp(mode->value, "unterminated") == 0)
		blob_unterminated(mode);
	else
		client_fail("--mode blob wants zero, unterminated, mib or "
			    "garbage, not '%s'",
			    mode->value);
	still_works(mode);
}
