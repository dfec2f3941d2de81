/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-status.c - what a step's server on this node has done: asked
 * through PMIx in a task of the step, through the socket in its step directory
 * elsewhere.
 *
 * That directory is the step's user's, who can put there what he likes.  So
 * root becomes that user before he looks into it, and an answer counts only if
 * it comes from a process of his.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "psec-cmd-deadline.h"
#include "psec-cmd-options.h"
#include "psec-cmd-output.h"
#include "psec-cmd-server.h"
#include "psec_mech.h"

#define SOCKET	   "status" /* psec-pmixd's */
#define ANSWER_MAX 8192
#define TIMEOUT_S  10

/* One call of psec.  Leaked where it hangs: see cmd_within(). */
typedef struct {
	const char *step; /* "12.0"; NULL: the step of this task */
	const char *stepdir;
	psec_error_t err; /* code PSEC_OK: all is well */
	cmd_status_t status;
} call_t;

/* -- the step directory --------------------------------------------------- */

static psec_code_t become(const struct stat *owner, const char *step,
			  psec_error_t *err)
{
	uid_t uid = owner->st_uid;
	gid_t gid = owner->st_gid;

	if (geteuid() == uid)
		return PSEC_OK;
	if (geteuid() != 0)
		return psec_fail(err, PSEC_ERR_NOT_FOR_YOU,
				 "step %s is of uid %u: only that user and "
				 "root may ask its server",
				 step, (unsigned)uid);
	if (setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	    setresuid(uid, uid, uid) == 0)
		return PSEC_OK;
	return psec_fail(err, PSEC_ERR_IO, "cannot become uid %u: %s",
			 (unsigned)uid, strerror(errno));
}

static psec_code_t enter(const char *stepdir, const char *step, uid_t *owner,
			 psec_error_t *err)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int base = open(stepdir, flags & ~O_NOFOLLOW);
	int dir = base < 0 ? -1 : openat(base, step, flags);
	psec_code_t rc = PSEC_OK;
	struct stat st;

	if (dir < 0 || fstat(dir, &st) != 0) {
		rc = psec_fail(err, PSEC_ERR_UNAVAILABLE,
			       "step %s has no PMIx server of ours on this "
			       "node (%s/%s: %s)",
			       step, stepdir, step, strerror(errno));
	} else {
		*owner = st.st_uid;
		rc = become(&st, step, err);
	}
	if (rc == PSEC_OK && fchdir(dir) != 0)
		rc = psec_fail(err, PSEC_ERR_IO, "cannot enter %s/%s: %s",
			       stepdir, step, strerror(errno));
	if (dir >= 0)
		(void)close(dir);
	if (base >= 0)
		(void)close(base);
	return rc;
}

/* -- its socket ----------------------------------------------------------- */

static psec_code_t silent(const char *step, const char *why, psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_UNAVAILABLE,
			 "the PMIx server of step %s does not answer: %s", step,
			 why);
}

static psec_code_t read_all(int fd, const char *step, char *buf, size_t *len,
			    psec_error_t *err)
{
	ssize_t n;

	*len = 0;
	do {
		n = read(fd, buf + *len, ANSWER_MAX - *len);
		if (n > 0)
			*len += (size_t)n;
		else if (n < 0 && errno != EINTR)
			return silent(step, strerror(errno), err);
	} while (n != 0 && *len < ANSWER_MAX);
	if (*len == 0)
		return silent(step, "it has hung up", err);
	return PSEC_OK;
}

/* In the step directory, as its owner. */
static psec_code_t ask_socket(const char *step, uid_t owner, char *buf,
			      size_t *len, psec_error_t *err)
{
	const struct sockaddr_un addr = { .sun_family = AF_UNIX,
					  .sun_path = SOCKET };
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t peer_len = sizeof(peer);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	psec_code_t rc;

	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) != 0)
		rc = silent(step, strerror(errno), err);
	else if (peer.uid != owner)
		rc = silent(step, "its socket is another user's", err);
	else
		rc = read_all(fd, step, buf, len, err);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static uint64_t number_of(json_t *doc, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(doc, key));

	return v > 0 ? (uint64_t)v : 0;
}

/* Whatever is missing is 0. */
static psec_code_t take_answer(const char *step, const char *buf, size_t len,
			       cmd_status_t *s, psec_error_t *err)
{
	json_t *doc = json_loadb(buf, len, 0, NULL), *value;
	const char *node = json_string_value(json_object_get(doc, "node"));
	const char *name;

	if (!node) {
		json_decref(doc);
		return silent(step, "what it says cannot be read", err);
	}
	(void)snprintf(s->node, sizeof(s->node), "%s", node);
	s->job = number_of(doc, "job");
	s->step = number_of(doc, "step");
	s->made = number_of(doc, "made");
	s->accepted = number_of(doc, "accepted");
	s->refused = number_of(doc, "refused");
	s->late = number_of(doc, "late");
	s->longest_us = number_of(doc, "longest_us");
	s->strangers = number_of(doc, "strangers");
	json_object_foreach(json_object_get(doc, "causes"), name, value)
		cmd_status_cause(s, name, (uint64_t)json_integer_value(value));
	json_decref(doc);
	return PSEC_OK;
}

static psec_code_t ask_step(call_t *call)
{
	char buf[ANSWER_MAX];
	psec_code_t rc;
	uid_t owner = (uid_t)-1;
	size_t len = 0;

	rc = enter(call->stepdir, call->step, &owner, &call->err);
	if (rc == PSEC_OK)
		rc = ask_socket(call->step, owner, buf, &len, &call->err);
	if (rc == PSEC_OK)
		rc = take_answer(call->step, buf, len, &call->status,
				 &call->err);
	return rc;
}

/* In the thread that may hang. */
static void work(void *arg)
{
	call_t *call = arg;
	psec_code_t rc;

	if (call->step)
		rc = ask_step(call);
	else
		rc = cmd_server_status(&call->status, &call->err);
	call->err.code = rc == CMD_ABSENT ? PSEC_ERR_UNAVAILABLE : rc;
}

/* -- what is printed ------------------------------------------------------ */

static void print_count(const char *name, uint64_t count)
{
	cmd_print("  %-20s %llu\n", name, (unsigned long long)count);
}

static int print_text(const cmd_status_t *s)
{
	char name[64];

	cmd_print("step %llu.%llu on node %s\n", (unsigned long long)s->job,
		  (unsigned long long)s->step, s->node);
	print_count("made", s->made);
	print_count("accepted", s->accepted);
	print_count("refused", s->refused);
	for (unsigned i = 0; i < s->ncauses; i++) {
		(void)snprintf(name, sizeof(name), "  %s", s->causes[i].name);
		print_count(name, s->causes[i].count);
	}
	print_count("late", s->late);
	print_count("strangers", s->strangers);
	cmd_print("  %-20s %llu us\n", "slowest answer",
		  (unsigned long long)s->longest_us);
	return 0;
}

static json_t *json_count(uint64_t count)
{
	return json_integer((json_int_t)count);
}

static int print_json(const cmd_status_t *s)
{
	json_t *causes = json_object();

	for (unsigned i = 0; i < s->ncauses; i++)
		(void)json_object_set_new(causes, s->causes[i].name,
					  json_count(s->causes[i].count));
	return cmd_print_json(json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "job",
		json_count(s->job), "step", json_count(s->step), "node",
		cmd_json_text(s->node), "made", json_count(s->made), "accepted",
		json_count(s->accepted), "refused", json_count(s->refused),
		"causes", causes, "late", json_count(s->late), "longest_us",
		json_count(s->longest_us), "strangers",
		json_count(s->strangers)));
}

/* -- the command line ----------------------------------------------------- */

/* "12.0": a name in the directory, and no path. */
static bool is_step(const char *text)
{
	size_t job = strspn(text, "0123456789"), step;

	if (!job || text[job] != '.')
		return false;
	step = strspn(text + job + 1, "0123456789");
	return step && !text[job + 1 + step];
}

static int timed_out(bool json, int timeout_s)
{
	psec_error_t err;

	(void)psec_fail(&err, PSEC_ERR_TIMEOUT,
			"the PMIx server has not answered within %d s",
			timeout_s);
	return cmd_failed(json, &err);
}

int cmd_status(const cmd_t *cmd, int argc, char **argv)
{
	call_t *call = calloc(1, sizeof(*call));
	int timeout_s = TIMEOUT_S, rc;
	const char *step = NULL, *stepdir = PSEC_STEPDIR;
	bool json = false;
	const cmd_option_t options[] = {
		{ "stepdir", 0, CMD_PATH, &stepdir,
		  "where the site has its step directories" },
		{ "timeout", 0, CMD_SECONDS, &timeout_s,
		  "how long it may take, by default 10" },
		{ "json", 0, CMD_FLAG, &json, "print JSON" },
		{ NULL }
	};

	if (!call) {
		cmd_say("no memory");
		return PSEC_ERR_NOMEM;
	}
	rc = cmd_options(cmd, options, argc, argv, &step);
	if (rc == CMD_GO_ON && step && !is_step(step))
		rc = cmd_usage(cmd, "'%.64s' is no step such as 12.0", step);
	if (rc == CMD_GO_ON && !step && !cmd_in_step())
		rc = cmd_usage(cmd, "this is no task of a step with a PMIx "
				    "server; name a step, such as 12.0");
	if (rc != CMD_GO_ON) {
		free(call);
		return rc;
	}
	call->step = step;
	call->stepdir = stepdir;
	if (!cmd_within(timeout_s, work, call))
		return timed_out(json, timeout_s);
	if (call->err.code)
		rc = cmd_failed(json, &call->err);
	else
		rc = json ? print_json(&call->status)
			  : print_text(&call->status);
	free(call);
	return rc;
}
