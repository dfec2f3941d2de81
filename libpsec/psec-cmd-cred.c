/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-cred.c - get and validate credentials: from the PMIx server where
 * there is one that has credentials, otherwise without.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "psec-cmd-deadline.h"
#include "psec-cmd-file.h"
#include "psec-cmd-local.h"
#include "psec-cmd-output.h"
#include "psec-cmd-server.h"
#include "psec_mech.h"

/* The server keeps PMIX_TIMEOUT by itself; it shall have the last word. */
#define GRACE_S 2

/* One call of psec.  Leaked where it hangs: see cmd_within(). */
typedef struct {
	/* What is wanted. */
	cmd_common_t common;
	cmd_wish_t wish;
	bool local, server;	 /* ask nobody else */
	bool get;		 /* or validate */
	psec_cred_request_t req; /* get */
	void *blob; /* get: the payload, then the credential; validate: it */
	size_t len;
	/* What came of it. */
	psec_error_t err; /* code PSEC_OK: all is well */
	psec_error_t fallback, note;
	const char *source;
	cmd_facts_t facts;
} call_t;

static call_t *call_create(void)
{
	static const psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	call_t *call = calloc(1, sizeof(*call));

	if (!call) {
		cmd_say("no memory");
		return NULL;
	}
	call->wish.timeout_s = CMD_TIMEOUT_S;
	call->wish.uid = (uid_t)-1;
	call->wish.gid = (gid_t)-1;
	call->req = req;
	call->source = "local";
	cmd_facts_init(&call->facts);
	return call;
}

static void call_destroy(call_t *call)
{
	if (!call || cmd_abandoned())
		return;
	cmd_facts_clear(&call->facts);
	free(call->blob);
	free(call);
}

/* -- who is asked --------------------------------------------------------- */

static psec_code_t ask_server(call_t *call)
{
	void *cred = NULL;
	psec_code_t rc;
	size_t len = call->len;

	if (!call->get) {
		if (cmd_ends_line(call->blob, len))
			len--;
		return cmd_server_validate(&call->wish, call->blob, len,
					   &call->facts, &call->err);
	}
	rc = cmd_server_get(&call->wish, &cred, &len, &call->facts, &call->err);
	if (rc == PSEC_OK) {
		call->blob = cred;
		call->len = len;
	}
	return rc;
}

static psec_code_t ask_mechanism(call_t *call)
{
	void *cred = NULL;
	psec_code_t rc;
	size_t len = 0;

	if (!call->get)
		return cmd_local_validate(&call->common, call->wish.types,
					  call->blob, call->len, &call->facts,
					  &call->err);
	call->req.for_uid = call->wish.uid;
	call->req.for_gid = call->wish.gid;
	call->req.payload = call->blob;
	call->req.payload_len = call->len;
	rc = cmd_local_get(&call->common, call->wish.types, &call->req, &cred,
			   &len, &call->facts, &call->note, &call->err);
	if (rc == PSEC_OK) {
		free(call->blob);
		call->blob = cred;
		call->len = len;
	}
	return rc;
}

/* Whoever has answered may have ignored what was asked for. */
static psec_code_t check_facts(call_t *call)
{
	const cmd_wish_t *wish = &call->wish;

	if (wish->types && !psec_list_has(wish->types, call->facts.type))
		return psec_fail(&call->err, PSEC_ERR_MISMATCH,
				 "the credential is of type '%.32s', allowed "
				 "are '%.200s'",
				 call->facts.type, wish->types);
	if (call->get)
		return PSEC_OK;
	return cmd_facts_expect(&call->facts, wish->uid, wish->gid, &call->err);
}

/* In the thread that may hang. */
static void work(void *arg)
{
	call_t *call = arg;
	psec_code_t rc = CMD_ABSENT;

	if (!call->local && cmd_in_step()) {
		call->source = "server";
		rc = ask_server(call);
		if (rc == CMD_ABSENT)
			call->fallback = call->err;
	} else if (call->server) {
		rc = psec_fail(&call->err, CMD_ABSENT,
			       "there is no PMIx server here: this is no task "
			       "of a step that has one");
	}
	if (rc == CMD_ABSENT && call->server) {
		rc = PSEC_ERR_UNAVAILABLE;
	} else if (rc == CMD_ABSENT) {
		call->source = "local";
		rc = ask_mechanism(call);
	}
	call->err.code = rc;
	if (rc == PSEC_OK)
		call->err.code = check_facts(call);
}

static int call_failed(const call_t *call)
{
	json_t *doc;

	cmd_say("%s", call->err.text);
	if (!call->common.json)
		return (int)call->err.code;
	doc = cmd_json_error(&call->err);
	(void)json_object_set_new(doc, "source", json_string(call->source));
	(void)cmd_print_json(doc);
	return (int)call->err.code;
}

static int timed_out(const call_t *call)
{
	psec_error_t err;

	(void)psec_fail(&err, PSEC_ERR_TIMEOUT,
			"%s a credential took longer than %d s; does munged "
			"answer on this host?",
			call->get ? "getting" : "validating",
			call->wish.timeout_s);
	return cmd_failed(call->common.json, &err);
}

/* Do it, and tell of failures.  CMD_GO_ON: all is well. */
static int run(call_t *call)
{
	if (!cmd_within(call->wish.timeout_s + GRACE_S, work, call))
		return timed_out(call);
	if (call->fallback.code && !call->server)
		cmd_say("%s; %s by psec itself", call->fallback.text,
			call->get ? "a credential is made" : "it is validated");
	if (call->err.code)
		return call_failed(call);
	if (call->note.code)
		cmd_say("%s; so the credential is of type %s", call->note.text,
			call->facts.type);
	return CMD_GO_ON;
}

/* -- get ------------------------------------------------------------------ */

static json_t *credential_json(const call_t *call, const char *file)
{
	json_t *doc = json_pack("{s:s, s:o, s:s}", "source", call->source,
				"fallback", cmd_json_text(call->fallback.text),
				"type", call->facts.type);
	char *base64 = NULL;

	if (file) {
		(void)json_object_set_new(doc, "file", cmd_json_text(file));
	} else if (cmd_is_text(call->blob, call->len)) {
		(void)json_object_set_new(doc, "credential",
					  cmd_json_text(call->blob));
	} else {
		base64 = cmd_base64(call->blob, call->len);
		(void)json_object_set_new(doc, "credential_base64",
					  cmd_json_text(base64));
		free(base64);
	}
	return doc;
}

static psec_code_t write_file(const call_t *call, const char *file,
			      psec_error_t *err)
{
	return cmd_write_private(file, call->blob, call->len,
				 cmd_is_text(call->blob, call->len), err);
}

static psec_code_t write_stdout(const call_t *call, psec_error_t *err)
{
	if (cmd_is_text(call->blob, call->len)) {
		(void)printf("%s\n", (const char *)call->blob);
		return PSEC_OK;
	}
	if (isatty(STDOUT_FILENO))
		return psec_fail(err, PSEC_ERR_ARG,
				 "a credential of type %s is no text for a "
				 "terminal; use --output or --json",
				 call->facts.type);
	(void)fwrite(call->blob, 1, call->len, stdout);
	return PSEC_OK;
}

/* FILE NULL: on standard output. */
static int deliver(const call_t *call, const char *file)
{
	psec_code_t rc = PSEC_OK;
	psec_error_t err;

	if (file)
		rc = write_file(call, file, &err);
	else if (!call->common.json)
		rc = write_stdout(call, &err);
	if (rc)
		return cmd_failed(call->common.json, &err);
	if (call->common.json)
		return cmd_print_json(credential_json(call, file));
	return 0;
}

/* What no server can be asked for. */
static int read_payload(call_t *call, const char *payload)
{
	psec_error_t err;

	if (!payload)
		return CMD_GO_ON;
	if (cmd_read_file(payload, PSEC_PAYLOAD_MAX, &call->blob, &call->len,
			  &err) != PSEC_OK)
		return cmd_failed(call->common.json, &err);
	return CMD_GO_ON;
}

static int get(const cmd_t *cmd, call_t *call, int argc, char **argv)
{
	const char *payload = NULL, *file = NULL;
	int ttl_s = 0;
	const cmd_option_t options[] = {
		{ "type", 0, CMD_MECHS, &call->wish.types,
		  "types of credentials, the best first; default:\n"
		  "what the server has, or PMIX_SECURITY_MODE" },
		{ "for-uid", 0, CMD_UID, &call->wish.uid,
		  "only this user may validate it" },
		{ "for-gid", 0, CMD_GID, &call->wish.gid,
		  "only this group may validate it" },
		{ "ttl", 0, CMD_SECONDS, &ttl_s,
		  "its lifetime; implies --local" },
		{ "payload", 0, CMD_TEXT, &payload,
		  "a file with other contents than the claims, '-'\n"
		  "for standard input; implies --local",
		  "FILE" },
		{ "output", 'o', CMD_TEXT, &file,
		  "write it to this file, readable for you alone", "FILE" },
		{ "timeout", 0, CMD_SECONDS, &call->wish.timeout_s,
		  "how long it may take, by default 60" },
		{ "local", 0, CMD_FLAG, &call->local,
		  "do not ask the step's PMIx server" },
		{ "server", 0, CMD_FLAG, &call->server,
		  "ask nobody but the step's PMIx server" },
		CMD_COMMON_OPTIONS(&call->common),
		{ NULL }
	};
	int rc = cmd_options(cmd, options, argc, argv, NULL);

	if (rc != CMD_GO_ON)
		return rc;
	call->get = true;
	call->req.ttl_s = ttl_s;
	if (payload || ttl_s)
		call->local = true;
	if (call->local && call->server)
		return cmd_usage(cmd, "--server excludes --local, --ttl and "
				      "--payload");
	if (file && strcmp(file, "-") == 0)
		file = NULL;
	rc = read_payload(call, payload);
	if (rc == CMD_GO_ON)
		rc = run(call);
	return rc == CMD_GO_ON ? deliver(call, file) : rc;
}

/* -- validate ------------------------------------------------------------- */

static int read_credential(const cmd_t *cmd, call_t *call, const char *file)
{
	psec_error_t err;

	if (strncmp(file, "MUNGE:", 6) == 0 || strncmp(file, "NATIVE:", 7) == 0)
		return cmd_usage(cmd, "a credential is no file name; give it "
				      "on standard input, as the command line "
				      "can be seen by other users");
	/* A newline may follow it. */
	if (cmd_read_file(file, PSEC_CRED_MAX + 1, &call->blob, &call->len,
			  &err) == PSEC_OK) {
		if (call->len > 0)
			return CMD_GO_ON;
		(void)psec_fail(&err, PSEC_ERR_MALFORMED,
				"the credential is empty");
	}
	return cmd_failed(call->common.json, &err);
}

static int validate(const cmd_t *cmd, call_t *call, int argc, char **argv)
{
	const char *file = NULL;
	const cmd_option_t options[] = {
		{ "type", 0, CMD_MECHS, &call->wish.types,
		  "types that are accepted; default: what the\n"
		  "server accepts, or PMIX_SECURITY_MODE without none" },
		{ "expect-uid", 0, CMD_UID, &call->wish.uid,
		  "accept only this user's" },
		{ "expect-gid", 0, CMD_GID, &call->wish.gid,
		  "accept only this group's" },
		{ "timeout", 0, CMD_SECONDS, &call->wish.timeout_s,
		  "how long it may take, by default 60" },
		{ "local", 0, CMD_FLAG, &call->local,
		  "do not ask the step's PMIx server" },
		{ "server", 0, CMD_FLAG, &call->server,
		  "ask nobody but the step's PMIx server" },
		CMD_COMMON_OPTIONS(&call->common),
		{ NULL }
	};
	int rc = cmd_options(cmd, options, argc, argv, &file);

	if (rc != CMD_GO_ON)
		return rc;
	if (call->local && call->server)
		return cmd_usage(cmd, "--server excludes --local");
	rc = read_credential(cmd, call, file ? file : "-");
	if (rc == CMD_GO_ON)
		rc = run(call);
	if (rc != CMD_GO_ON)
		return rc;
	return cmd_facts_print(&call->facts, call->source, call->fallback.text,
			       call->common.json);
}

/* -- both ----------------------------------------------------------------- */

static int with_call(int (*what)(const cmd_t *, call_t *, int, char **),
		     const cmd_t *cmd, int argc, char **argv)
{
	call_t *call = call_create();
	int rc;

	if (!call)
		return PSEC_ERR_NOMEM;
	rc = what(cmd, call, argc, argv);
	call_destroy(call);
	return rc;
}

int cmd_get(const cmd_t *cmd, int argc, char **argv)
{
	return with_call(get, cmd, argc, argv);
}

int cmd_validate(const cmd_t *cmd, int argc, char **argv)
{
	return with_call(validate, cmd, argc, argv);
}
