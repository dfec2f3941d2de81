/* SPDX-License-Identifier: BSD-3-Clause */
/* cred-answers.c - modes of c-cred: what comes back, and when. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "c-cred.h"
#include "client.h"

#define BLOB_MAX (128 * 1024)

/* How long to listen for second answers that must not come. */
#define LISTEN_MS 300

/* -- directives of the command line --------------------------------------- */

/* --timeout, --uid, --gid and --types. */
size_t mode_directives(const cred_mode_t *mode, pmix_info_t info[4])
{
	int timeout = (int)mode->timeout_s;
	uint32_t uid = (uint32_t)mode->uid, gid = (uint32_t)mode->gid;
	size_t n = 0;

	if (timeout)
		PMIX_INFO_LOAD(&info[n++], PMIX_TIMEOUT, &timeout, PMIX_INT);
	if (mode->uid >= 0)
		PMIX_INFO_LOAD(&info[n++], PMIX_USERID, &uid, PMIX_UINT32);
	if (mode->gid >= 0)
		PMIX_INFO_LOAD(&info[n++], PMIX_GRPID, &gid, PMIX_UINT32);
	if (mode->types[0])
		PMIX_INFO_LOAD(&info[n++], PMIX_CRED_TYPE, mode->types,
			       PMIX_STRING);
	return n;
}

/* -- show, validate ------------------------------------------------------- */

static void show_value(FILE *out, const pmix_value_t *value)
{
	uint64_t number;

	if (value->type == PMIX_STRING)
		(void)fprintf(out, "\"%s\"", value->data.string);
	else if (value_number(value, &number))
		(void)fprintf(out, "%" PRIu64, number);
	else
		(void)fprintf(out, "null");
}

void show_keys(FILE *out, const pmix_info_t *info, size_t ninfo)
{
	size_t i;

	for (i = 0; i < ninfo; i++) {
		(void)fprintf(out, ",\"%s\":", info[i].key);
		show_value(out, &info[i].value);
	}
}

/* One line with all keys. */
static void show_array(const char *what, const pmix_info_t *info, size_t ninfo)
{
	(void)printf("{\"rank\":%u,\"info\":\"%s\"", client_rank(), what);
	show_keys(stdout, info, ninfo);
	(void)printf("}\n");
}

static void show_info(const char *what, const cred_t *answer)
{
	show_array(what, answer->info, answer->ninfo);
}

/* The answer that is expected: a success, unless --expect says otherwise. */
static void judge(const cred_mode_t *mode, const char *what,
		  const cred_t *answer)
{
	if (mode->expect[0]) {
		mode_refused(mode, what, answer);
		return;
	}
	mode_report(mode, what, answer);
	client_check(answer->status, "%s", what);
	show_info(what, answer);
}

/* All that is said of a credential when it is made and when validated. */
void mode_show(const cred_mode_t *mode)
{
	pmix_info_t info[4];
	size_t ninfo = mode_directives(mode, info);
	cred_t cred, answer;

	client_doing("getting a credential");
	(void)cred_get(&cred, info, ninfo);
	mode_report(mode, "get", &cred);
	client_check(cred.status, "get");
	show_info("get", &cred);
	client_doing("validating it");
	(void)cred_validate(&answer, cred.blob, cred.len, info, ninfo);
	judge(mode, "validate", &answer);
	cred_clear(&answer);
	cred_clear(&cred);
}

/* A get alone. */
void mode_get(const cred_mode_t *mode)
{
	pmix_info_t info[4];
	cred_t cred;

	client_doing("getting a credential");
	(void)cred_get(&cred, info, mode_directives(mode, info));
	judge(mode, "get", &cred);
	cred_clear(&cred);
}

/* The credential in a file, which anybody may have made. */
void mode_validate(const cred_mode_t *mode)
{
	static char blob[BLOB_MAX];
	pmix_info_t info[4];
	cred_t answer;
	ssize_t len;
	int fd = open(mode->value, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		client_fail("'%s': %s", mode->value, strerror(errno));
	len = read(fd, blob, sizeof(blob));
	(void)close(fd);
	if (len <= 0)
		client_fail("'%s' is empty", mode->value);
	/* As a shell writes it. */
	if (blob[len - 1] == '\n')
		len--;
	client_doing("validating '%s'", mode->value);
	(void)cred_validate(&answer, blob, (size_t)len, info,
			    mode_directives(mode, info));
	judge(mode, "validate", &answer);
	cred_clear(&answer);
}

/* -- stalled -------------------------------------------------------------- */

static void in_time(const cred_mode_t *mode, const char *what,
		    const cred_t *answer)
{
	mode_refused(mode, what, answer);
	if (cred_us(answer) > (mode->timeout_s * 1000 + 1500) * 1000)
		client_wrong("%s was answered after %" PRId64 " ms", what,
			     cred_us(answer) / 1000);
}

/*
 * A credential is made, PATH.ready.RANK appears, and when there is PATH.go,
 * with the service in a bad state, requests are made with --timeout: several
 * of each kind, so that some of them wait for the others.  When they are
 * answered PATH.done.RANK appears; when there is PATH.over the service works
 * again, no late answer must come, and all must be well within 2 seconds.
 */
void mode_stalled(const cred_mode_t *mode)
{
	enum { N = 6 };
	cred_t first, gets[N], validations[N];
	pmix_info_t info[4];
	size_t ninfo = mode_directives(mode, info);
	int64_t back_us;
	size_t i;

	own_credential(&first);
	file_show(mode, "ready");
	file_await(mode, "go");
	for (i = 0; i < N; i++) {
		cred_get_begin(&gets[i], info, ninfo);
		cred_validate_begin(&validations[i], first.blob, first.len,
				    info, ninfo);
	}
	client_doing("waiting for answers while the service is stalled");
	cred_wait(gets, N);
	cred_wait(validations, N);
	for (i = 0; i < N; i++) {
		in_time(mode, "get", &gets[i]);
		in_time(mode, "validate", &validations[i]);
	}
	file_show(mode, "done");
	file_await(mode, "over");
	back_us = now_us();
	still_works(mode);
	if (now_us() - back_us > 2000000)
		client_wrong("%" PRId64 " ms after its service was back, a "
			     "credential still did not come",
			     (now_us() - back_us) / 1000);
	sleep_ms(LISTEN_MS);
	for (i = 0; i < N; i++) {
		if (cred_answers(&gets[i]) != 1 ||
		    cred_answers(&validations[i]) != 1)
			client_wrong("request %zu was answered %u and %u times",
				     i, cred_answers(&gets[i]),
				     cred_answers(&validations[i]));
		cred_clear(&gets[i]);
		cred_clear(&validations[i]);
	}
	cred_clear(&first);
}

/* -- counters ------------------------------------------------------------- */

static pmix_status_t query(const char *key, pmix_info_t **info, size_t *ninfo)
{
	bool yes = true;
	pmix_query_t query;
	pmix_status_t rc;

	PMIX_QUERY_CONSTRUCT(&query);
	PMIX_ARGV_APPEND(rc, query.keys, key);
	client_check(rc, "PMIX_ARGV_APPEND");
	PMIX_INFO_CREATE(query.qualifiers, 1);
	query.nqual = 1;
	PMIX_INFO_LOAD(&query.qualifiers[0], PMIX_QUERY_REFRESH_CACHE, &yes,
		       PMIX_BOOL);
	client_doing("asking for '%s'", key);
	*info = NULL;
	*ninfo = 0;
	rc = PMIx_Query_info(&query, 1, info, ninfo);
	PMIX_QUERY_DESTRUCT(&query);
	return rc;
}

/* What the server counts, before and after a credential; and no other key. */
void mode_counters(const cred_mode_t *mode)
{
	const pmix_info_t *found;
	pmix_info_t *info;
	size_t ninfo;
	pmix_status_t rc;
	int i;

	for (i = 0; i < 2; i++) {
		client_check(query("psec.counters", &info, &ninfo),
			     "a query for psec.counters");
		found = info_find(info, ninfo, "psec.counters");
		if (!found || found->value.type != PMIX_DATA_ARRAY)
			client_fail("a query for psec.counters gave no array");
		show_array(i ? "after" : "before",
			   found->value.data.darray->array,
			   found->value.data.darray->size);
		PMIX_INFO_FREE(info, ninfo);
		if (i == 0)
			still_works(mode);
	}
	rc = query("c-cred.nothing", &info, &ninfo);
	if (rc != PMIX_ERR_NOT_FOUND)
		client_wrong("a query for an unknown key gave %s",
			     status_text(rc));
	if (info)
		PMIX_INFO_FREE(info, ninfo);
}

/* -- awaited -------------------------------------------------------------- */

static void get_of(cred_t *cred, const char *type, int timeout_s)
{
	pmix_info_t info[2];

	PMIX_INFO_LOAD(&info[0], PMIX_CRED_TYPE, type, PMIX_STRING);
	PMIX_INFO_LOAD(&info[1], PMIX_TIMEOUT, &timeout_s, PMIX_INT);
	cred_get_begin(cred, info, 2);
	PMIX_INFO_DESTRUCT(&info[0]);
}

/*
 * While the step's key does not come: a native credential does not come
 * within --timeout, and meanwhile others do.  Then there is PATH.waiting.RANK,
 * and one with more time comes when the key does.
 */
void mode_awaited(const cred_mode_t *mode)
{
	cred_t late, other, patient;

	get_of(&late, "native", (int)mode->timeout_s);
	get_of(&other, "munge", (int)mode->timeout_s);
	client_doing("waiting for a munge credential");
	cred_wait(&other, 1);
	mode_report(mode, "another type meanwhile", &other);
	client_check(other.status, "another type meanwhile");
	if (cred_us(&other) > mode->timeout_s * 500000)
		client_wrong("it waited for the native one");
	client_doing("waiting for a native credential that does not come");
	cred_wait(&late, 1);
	in_time(mode, "a native one without the key", &late);
	get_of(&patient, "native", 40);
	file_show(mode, "waiting");
	client_doing("waiting for a native credential");
	cred_wait(&patient, 1);
	mode_report(mode, "a native one in the end", &patient);
	client_check(patient.status, "a native one in the end");
	sleep_ms(LISTEN_MS);
	if (cred_answers(&late) != 1 || cred_answers(&patient) != 1)
		client_wrong("there was a second answer");
	cred_clear(&late);
	cred_clear(&other);
	cred_clear(&patient);
}
