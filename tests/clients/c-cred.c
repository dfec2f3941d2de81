/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-cred - credentials through the standard calls of PMIx (RFC0024).
 *
 * --mode NAME or NAME=VALUE, see the table below.  All ranks act, or --rank
 * R alone.  What a mode proves stands above its function.
 */
#include "c-cred.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define KEY_BLOB "c-cred.blob"
#define KEY_US	 "c-cred.us"

/* -- shared by the modes ------------------------------------------------ */

long mode_number(const cred_mode_t *mode)
{
	char *end;
	long number = strtol(mode->value, &end, 10);

	if (end == mode->value || *end || number <= 0)
		client_fail("--mode %s wants a number, '%s=N'", mode->name,
			    mode->name);
	return number;
}

static void too_slow(const cred_mode_t *mode, const char *what,
		     const cred_t *answer)
{
	if (mode->max_ms && cred_us(answer) > mode->max_ms * 1000)
		client_wrong("%s took %" PRId64 " ms, more than %ld", what,
			     cred_us(answer) / 1000, mode->max_ms);
}

void mode_report(const cred_mode_t *mode, const char *what,
		 const cred_t *answer)
{
	(void)printf("{\"rank\":%u,\"mode\":\"%s\",\"what\":\"%s\","
		     "\"status\":\"%s\",\"code\":%d,\"us\":%" PRId64 "}\n",
		     client_rank(), mode->name, what,
		     status_name(answer->status), answer->status,
		     cred_us(answer));
	if (cred_answers(answer) != 1)
		client_wrong("%s was answered %u times", what,
			     cred_answers(answer));
	too_slow(mode, what, answer);
}

static bool is_status(const char *text, pmix_status_t status)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", status);
	return strcmp(text, number) == 0 ||
	       strcmp(text, status_name(status)) == 0;
}

void mode_refused(const cred_mode_t *mode, const char *what,
		  const cred_t *answer)
{
	mode_report(mode, what, answer);
	if (answer->status == PMIX_SUCCESS)
		client_wrong("%s was accepted", what);
	else if (mode->expect[0] && !is_status(mode->expect, answer->status))
		client_wrong("%s was refused with %s instead of %s", what,
			     status_text(answer->status), mode->expect);
}

bool file_is_there(const cred_mode_t *mode, const char *what)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s.%s", mode->value, what);
	return access(path, F_OK) == 0;
}

void file_await(const cred_mode_t *mode, const char *what)
{
	client_doing("waiting for '%s.%s'", mode->value, what);
	while (!file_is_there(mode, what))
		sleep_ms(10);
}

void file_show(const cred_mode_t *mode, const char *what)
{
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s.%s.%u", mode->value, what,
		       client_rank());
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		client_fail("'%s': %s", path, strerror(errno));
	(void)close(fd);
}

void own_credential(cred_t *cred)
{
	client_doing("in PMIx_Get_credential_nb");
	client_check(cred_get(cred, NULL, 0), "PMIx_Get_credential_nb");
	if (!cred->blob || cred->len == 0)
		client_fail("PMIx_Get_credential_nb succeeded with an empty "
			    "credential");
}

/* A string of an answer, "" where it is missing. */
static const char *text_of(const cred_t *answer, const char *key)
{
	const pmix_info_t *info = info_find(answer->info, answer->ninfo, key);

	if (!info || info->value.type != PMIX_STRING ||
	    !info->value.data.string)
		return "";
	return info->value.data.string;
}

static long number_of(const cred_t *answer, const char *key)
{
	const pmix_info_t *info = info_find(answer->info, answer->ninfo, key);
	uint64_t number;

	if (!info || !value_number(&info->value, &number))
		return -1;
	return (long)number;
}

static void text_is(const cred_t *answer, const char *key, const char *name,
		    const char *want)
{
	if (strcmp(text_of(answer, key), want) != 0)
		client_wrong("a validated credential has %s '%s' instead of "
			     "'%s'",
			     name, text_of(answer, key), want);
}

static void number_is(const cred_t *answer, const char *key, const char *name,
		      long want)
{
	if (number_of(answer, key) != want)
		client_wrong("a validated credential has %s %ld instead of "
			     "%ld",
			     name, number_of(answer, key), want);
}

static const char *own_jobid(void)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "%s.%s", slurm_text("SLURM_JOB_ID"),
		       slurm_text("SLURM_STEP_ID"));
	return text;
}

/* Proven (uid, gid) and stated (the rest) of rank WHO, which runs on NODE. */
static void check_claims(const cred_mode_t *mode, const cred_t *answer,
			 pmix_rank_t who, const char *node)
{
	pmix_proc_t proc = client_proc(who);

	number_is(answer, PMIX_USERID, "PMIX_USERID", (long)geteuid());
	number_is(answer, PMIX_GRPID, "PMIX_GRPID", (long)getegid());
	text_is(answer, PMIX_CRED_TYPE, "PMIX_CRED_TYPE", mode->type);
	text_is(answer, PMIX_NSPACE, "PMIX_NSPACE", proc.nspace);
	number_is(answer, PMIX_RANK, "PMIX_RANK", (long)who);
	text_is(answer, PMIX_JOBID, "PMIX_JOBID", own_jobid());
	text_is(answer, PMIX_HOSTNAME, "PMIX_HOSTNAME", node);
}

void must_be_valid(const cred_mode_t *mode, const cred_t *cred,
		   const char *what)
{
	cred_t answer;

	client_doing("validating %s", what);
	(void)cred_validate(&answer, cred->blob, cred->len, NULL, 0);
	mode_report(mode, what, &answer);
	client_check(answer.status, "validating %s", what);
	check_claims(mode, &answer, client_rank(),
		     slurm_text("SLURMD_NODENAME"));
	cred_clear(&answer);
}

void still_works(const cred_mode_t *mode)
{
	cred_t cred;

	own_credential(&cred);
	must_be_valid(mode, &cred, "a fresh credential afterwards");
	cred_clear(&cred);
}

/* -- ring --------------------------------------------------------------- */

/*
 * Whose credential each rank validates: the one SHIFT ranks before it, with
 * the smallest shift that takes most credentials to another node.
 */
static uint32_t ring_shift(const place_t *places)
{
	uint32_t n = client_size(), shift, rank, far, best = 1, most = 0;

	for (shift = 1; shift < n && most < n; shift++) {
		far = 0;
		for (rank = 0; rank < n; rank++)
			far += places[rank].node_id !=
			       places[(rank + n - shift) % n].node_id;
		if (far > most) {
			most = far;
			best = shift;
		}
	}
	return n > 1 ? best : 0;
}

static void ring_row(const place_t *subject, int64_t get_us,
		     const cred_t *answer)
{
	(void)printf("{\"rank\":%u,\"node\":\"%s\",\"validated_by_rank\":%u,"
		     "\"validated_by_node\":\"%s\",\"status\":\"%s\","
		     "\"code\":%d,\"uid\":%ld,\"gid\":%ld,\"job\":\"%s\","
		     "\"type\":\"%s\",\"get_us\":%" PRId64
		     ",\"validate_us\":%" PRId64 "}\n",
		     subject->rank, subject->node, client_rank(),
		     slurm_text("SLURMD_NODENAME"), status_name(answer->status),
		     answer->status, number_of(answer, PMIX_USERID),
		     number_of(answer, PMIX_GRPID), text_of(answer, PMIX_JOBID),
		     text_of(answer, PMIX_CRED_TYPE), get_us, cred_us(answer));
}

/* The credential of each rank is valid on another rank's node. */
static void mode_ring(const cred_mode_t *mode)
{
	const place_t *places = places_exchange();
	uint32_t n = client_size(), shift = ring_shift(places);
	const place_t *subject = &places[(client_rank() + n - shift) % n];
	pmix_byte_object_t bo;
	pmix_value_t *value;
	cred_t cred, answer;
	int64_t get_us;

	own_credential(&cred);
	get_us = cred_us(&cred);
	put_bytes(PMIX_GLOBAL, KEY_BLOB, cred.blob, cred.len);
	put_bytes(PMIX_GLOBAL, KEY_US, &get_us, sizeof(get_us));
	put_commit();
	fence_all(true);
	client_check(get_bytes(subject->rank, KEY_BLOB, NULL, &value, &bo),
		     "PMIx_Get of the credential of rank %u", subject->rank);
	need_bytes(subject->rank, KEY_US, NULL, &get_us, sizeof(get_us));
	client_doing("validating the credential of rank %u", subject->rank);
	(void)cred_validate(&answer, bo.bytes, bo.size, NULL, 0);
	ring_row(subject, get_us, &answer);
	client_check(answer.status, "validating the credential of rank %u",
		     subject->rank);
	too_slow(mode, "validating", &answer);
	check_claims(mode, &answer, subject->rank, subject->node);
	PMIX_VALUE_RELEASE(value);
	cred_clear(&answer);
	cred_clear(&cred);
}

/* -- smaller ones ------------------------------------------------------- */

/* The first name of the list that is this step's type counts. */
static void mode_type(const cred_mode_t *mode)
{
	bool known = list_has(mode->value, mode->type);
	pmix_info_t info;
	cred_t cred;

	PMIX_INFO_LOAD(&info, PMIX_CRED_TYPE, mode->value, PMIX_STRING);
	client_doing("getting a credential of type '%s'", mode->value);
	(void)cred_get(&cred, &info, 1);
	mode_report(mode, mode->value, &cred);
	if (!known && cred.status != PMIX_ERR_NOT_SUPPORTED)
		client_wrong("type '%s' gave %s instead of NOT-SUPPORTED",
			     mode->value, status_text(cred.status));
	if (known && cred.status != PMIX_SUCCESS)
		client_wrong("type '%s' gave %s", mode->value,
			     status_text(cred.status));
	if (cred.status == PMIX_SUCCESS) {
		text_is(&cred, PMIX_CRED_TYPE, "PMIX_CRED_TYPE", mode->type);
		must_be_valid(mode, &cred, "the credential");
	}
	PMIX_INFO_DESTRUCT(&info);
	cred_clear(&cred);
}

/* The blocking calls, mixed with the others. */
static void mode_nb_and_blocking(const cred_mode_t *mode)
{
	pmix_byte_object_t bo = { NULL, 0 };
	pmix_info_t *info = NULL;
	size_t ninfo = 0;
	cred_t cred, answer = { 0 };

	client_doing("in PMIx_Get_credential");
	client_check(PMIx_Get_credential(NULL, 0, &bo), "PMIx_Get_credential");
	if (!bo.bytes || bo.size == 0)
		client_fail("PMIx_Get_credential gave an empty credential");
	cred = (cred_t){ .blob = bo.bytes, .len = bo.size };
	must_be_valid(mode, &cred, "a credential of the blocking call");
	cred_clear(&cred);

	own_credential(&cred);
	bo.bytes = cred.blob;
	bo.size = cred.len;
	client_doing("in PMIx_Validate_credential");
	answer.begin_us = now_us();
	answer.status = PMIx_Validate_credential(&bo, NULL, 0, &info, &ninfo);
	answer.end_us = now_us();
	answer.answers = 1;
	answer.info = info;
	answer.ninfo = ninfo;
	mode_report(mode, "the blocking validation", &answer);
	client_check(answer.status, "PMIx_Validate_credential");
	check_claims(mode, &answer, client_rank(),
		     slurm_text("SLURMD_NODENAME"));
	cred_clear(&answer);
	cred_clear(&cred);
}

/* The raw credential in PATH.RANK, for unmunge and for others. */
static void mode_file(const cred_mode_t *mode)
{
	char path[4096];
	pmix_info_t info[4];
	cred_t cred;
	int fd;

	client_doing("getting a credential");
	client_check(cred_get(&cred, info, mode_directives(mode, info)),
		     "PMIx_Get_credential_nb");
	while (cred.len && cred.blob[cred.len - 1] == '\0')
		cred.len--;
	(void)snprintf(path, sizeof(path), "%s.%u", mode->value, client_rank());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, cred.blob, cred.len) != (ssize_t)cred.len ||
	    close(fd) != 0)
		client_fail("'%s': %s", path, strerror(errno));
	mode_report(mode, path, &cred);
	cred_clear(&cred);
}

/* PMIX_TIMEOUT holds, whatever the service does. */
static void mode_timeout(const cred_mode_t *mode)
{
	int timeout = (int)mode_number(mode);
	pmix_info_t info;
	cred_t cred;

	PMIX_INFO_LOAD(&info, PMIX_TIMEOUT, &timeout, PMIX_INT);
	client_doing("getting a credential within %d s", timeout);
	(void)cred_get(&cred, &info, 1);
	mode_report(mode, "a credential in time", &cred);
	if (cred_us(&cred) > (timeout * 1000 + 1500) * 1000L)
		client_wrong("PMIX_TIMEOUT %d was answered after %" PRId64
			     " ms",
			     timeout, cred_us(&cred) / 1000);
	if (mode->expect[0] ? !is_status(mode->expect, cred.status)
			    : cred.status != PMIX_SUCCESS &&
				      cred.status != PMIX_ERR_TIMEOUT)
		client_wrong("PMIX_TIMEOUT %d gave %s", timeout,
			     status_text(cred.status));
	cred_clear(&cred);
}

/* As under Slurm's stock plugin. */
static void mode_unsupported(const cred_mode_t *mode)
{
	cred_t answer;

	client_doing("getting a credential that cannot be had");
	if (cred_get(&answer, NULL, 0) != PMIX_ERR_NOT_SUPPORTED)
		client_wrong("getting a credential gave %s",
			     status_text(answer.status));
	mode_report(mode, "get", &answer);
	cred_clear(&answer);
	client_doing("validating where nothing can be validated");
	if (cred_validate(&answer, "MUNGE:x:", 8, NULL, 0) !=
	    PMIX_ERR_NOT_SUPPORTED)
		client_wrong("validating a credential gave %s",
			     status_text(answer.status));
	mode_report(mode, "validate", &answer);
	cred_clear(&answer);
}

/* -- main --------------------------------------------------------------- */

static const struct {
	const char *name;
	mode_fn run;
} modes[] = {
	{ "ring", mode_ring },
	{ "tampered", mode_tampered },
	{ "replay", mode_replay },
	{ "uid-mismatch", mode_uid_mismatch },
	{ "gid-mismatch", mode_gid_mismatch },
	{ "blob", mode_blob }, /* =zero|unterminated|mib|garbage */
	{ "type", mode_type }, /* =LIST */
	{ "nb-and-blocking", mode_nb_and_blocking },
	{ "file", mode_file },	     /* =PATH */
	{ "storm", mode_storm },     /* =N */
	{ "crowd", mode_crowd },     /* =PATH, with --count */
	{ "loop", mode_loop },	     /* =SECONDS */
	{ "outage", mode_outage },   /* =PATH */
	{ "soak", mode_soak },	     /* =PATH */
	{ "mutate", mode_mutate },   /* =N */
	{ "fair", mode_fair },	     /* =SECONDS */
	{ "timeout", mode_timeout }, /* =SECONDS */
	{ "show", mode_show },
	{ "get", mode_get },
	{ "validate", mode_validate }, /* =PATH */
	{ "stalled", mode_stalled },   /* =PATH */
	{ "counters", mode_counters },
	{ "awaited", mode_awaited }, /* =PATH */
	{ "serve", mode_serve },     /* =DIR */
	{ "unsupported", mode_unsupported },
	{ "required", mode_required },
	{ "wrongtype", mode_wrongtype },
};

/* Cuts "NAME=VALUE" in two. */
static mode_fn find_mode(cred_mode_t *mode, char *text)
{
	char *equals = strchr(text, '=');
	size_t i;

	mode->name = text;
	mode->value = "";
	if (equals) {
		*equals = '\0';
		mode->value = equals + 1;
	}
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, text) == 0)
			return modes[i].run;
	(void)fprintf(stderr, "c-cred: there is no mode '%s'\n", text);
	exit(CLIENT_USAGE);
}

int main(int argc, char **argv)
{
	const char *name = "ring";
	long only = -1;
	cred_mode_t mode = {
		.type = "munge", .expect = "", .uid = -1, .gid = -1, .types = ""
	};
	const option_t options[] = {
		{ "--mode", OPT_TEXT, &name, "NAME or NAME=VALUE" },
		{ "--rank", OPT_NUMBER, &only, "this rank alone acts" },
		{ "--type", OPT_TEXT, &mode.type,
		  "the type that credentials have, and are asked for where it "
		  "is not munge (munge)" },
		{ "--expect", OPT_TEXT, &mode.expect,
		  "the status of refusals, name or number" },
		{ "--timeout", OPT_NUMBER, &mode.timeout_s,
		  "PMIX_TIMEOUT of some modes' requests" },
		{ "--count", OPT_NUMBER, &mode.count, "of soak and crowd" },
		{ "--uid", OPT_NUMBER, &mode.uid, "likewise PMIX_USERID" },
		{ "--gid", OPT_NUMBER, &mode.gid, "likewise PMIX_GRPID" },
		{ "--types", OPT_TEXT, &mode.types, "likewise PMIX_CRED_TYPE" },
		{ "--max-ms", OPT_NUMBER, &mode.max_ms,
		  "no answer may take longer" },
		{ "--failures-ok", OPT_FLAG, &mode.failures_ok,
		  "count failures of storm and loop, exit 0" },
		{ NULL, OPT_FLAG, NULL, NULL },
	};
	mode_fn run;
	char *text;

	client_options(argc, argv, options);
	text = strdup(name);
	if (!text)
		return CLIENT_FAILED;
	run = find_mode(&mode, text);
	if (strcmp(mode.type, "munge") != 0)
		cred_of_type(mode.type);
	client_init();
	/* A mode with fences is for all ranks. */
	if (only < 0 || run == mode_ring || run == mode_replay ||
	    only == (long)client_rank())
		run(&mode);
	client_doing("in the last fence");
	fence_all(false);
	free(text);
	return client_end();
}
