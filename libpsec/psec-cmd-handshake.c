/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-handshake.c - try a handshake: as a client, or as a server that
 * somebody else tries.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "psec-cmd-address.h"
#include "psec-cmd-deadline.h"
#include "psec-cmd-mechs.h"
#include "psec-cmd-output.h"
#include "psec_mech.h"

/* Both ends say it, so that this is no handshake of something else. */
#define BINDING "psec handshake"

#define DEFAULT_MECHS	  "munge,native"
#define LEGACY_MECH	  "munge"
#define DEFAULT_TIMEOUT_S 10
#define DEFAULT_WAIT_S	  300
#define GRACE_S		  2 /* for a mechanism's service that hangs */

typedef struct {
	cmd_common_t common;
	const char *mechs;
	const char *default_mech; /* for legacy clients; NULL: the best */
	psec_role_t role;
	uid_t expect_uid;
	int timeout_s, wait_s, count;
	cmd_address_t address;
} settings_t;

/* One handshake.  Leaked where it hangs: see cmd_within(). */
typedef struct {
	const settings_t *set;
	psec_t *psec;
	int fd; /* -1: connect first */
	psec_error_t err;
	char name[300]; /* of the other end */
	char mech[PSEC_NAME_MAX + 1];
	psec_role_t role; /* of the other end */
	uid_t uid;
	gid_t gid;
	bool key;
	double ms;
} try_t;

static const struct {
	const char *name;
	psec_role_t role;
} roles[] = {
	{ "client", PSEC_CLIENT },
	{ "tool", PSEC_TOOL },
	{ "legacy", PSEC_LEGACY },
};
#define N_ROLES (sizeof(roles) / sizeof(roles[0]))

static const char *role_name(psec_role_t role)
{
	size_t i;

	for (i = 0; i < N_ROLES; i++) {
		if (roles[i].role == role)
			return roles[i].name;
	}
	return "server";
}

/* -- one handshake -------------------------------------------------------- */

static double now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static psec_code_t shake(try_t *t, psec_handshake_t *hs)
{
	psec_peer_t peer;
	psec_code_t rc;

	rc = psec_handshake_run(hs, t->fd, t->set->timeout_s * 1000, &t->err);
	if (!rc)
		rc = psec_handshake_peer(hs, &peer, &t->err);
	if (rc)
		return rc;
	(void)snprintf(t->mech, sizeof(t->mech), "%s", peer.mech);
	t->role = peer.role;
	t->uid = peer.uid;
	t->gid = peer.gid;
	t->key = peer.key != NULL;
	return PSEC_OK;
}

static psec_code_t attempt(try_t *t)
{
	psec_handshake_options_t opt = { .size = sizeof(opt),
					 .mechs = t->set->mechs,
					 .binding = BINDING,
					 .binding_len = strlen(BINDING),
					 .role = t->set->role,
					 .default_mech = t->set->default_mech,
					 .expect_uid = t->set->expect_uid };
	psec_handshake_t *hs = NULL;
	psec_code_t rc;
	double begin;

	rc = psec_handshake_create(&hs, t->psec, &opt, &t->err);
	if (!rc && t->fd < 0)
		rc = cmd_connect(&t->set->address, &t->fd, &t->err);
	begin = now_ms();
	if (!rc)
		rc = shake(t, hs);
	/* To the microsecond: more would be noise. */
	t->ms = (double)(long)((now_ms() - begin) * 1e3 + 0.5) / 1e3;
	psec_handshake_destroy(hs);
	return rc;
}

static void work(void *arg)
{
	try_t *t = arg;

	t->err.code = attempt(t);
}

static json_t *result_json(const try_t *t, const psec_error_t *err)
{
	json_t *doc = err->code ? cmd_json_error(err) : json_object();

	(void)json_object_set_new(doc, "role",
				  json_string(role_name(t->set->role)));
	(void)json_object_set_new(doc, "peer", cmd_json_text(t->name));
	if (err->code)
		return doc;
	(void)json_object_set_new(doc, "peer_role",
				  json_string(role_name(t->role)));
	(void)json_object_set_new(doc, "mechanism", cmd_json_text(t->mech));
	(void)json_object_set_new(doc, "uid", json_integer(t->uid));
	(void)json_object_set_new(doc, "gid",
				  t->gid == (gid_t)-1 ? json_null()
						      : json_integer(t->gid));
	(void)json_object_set_new(doc, "key", json_boolean(t->key));
	(void)json_object_set_new(doc, "ms", json_real(t->ms));
	return doc;
}

static void print_result(const try_t *t)
{
	char uid[128], gid[128];

	cmd_uid_text(t->uid, uid, sizeof(uid));
	cmd_gid_text(t->gid, gid, sizeof(gid));
	cmd_print("%s: the %s at %s is uid %s, gid %s; %s, %.2f ms\n", t->mech,
		  role_name(t->role), t->name, uid, gid,
		  t->key ? "a key was agreed on" : "without a key", t->ms);
	(void)fflush(stdout);
}

/* Returns the exit status. */
static int tell(const try_t *t, const psec_error_t *err)
{
	if (err->code)
		cmd_say("%s: %s", t->name, err->text);
	if (t->set->common.json)
		(void)cmd_print_json(result_json(t, err));
	else if (!err->code)
		print_result(t);
	return (int)err->code;
}

static psec_error_t too_late(int timeout_s)
{
	psec_error_t err;

	(void)psec_fail(&err, PSEC_ERR_TIMEOUT,
			"it took longer than %d s to connect, or munged hangs",
			timeout_s);
	return err;
}

/* With FD, which is taken over, or -1: connect.  Returns the exit status. */
static int try_one(const settings_t *set, psec_t *psec, int fd,
		   const char *name)
{
	try_t *t = calloc(1, sizeof(*t));
	psec_error_t err;
	int rc;

	if (!t) {
		if (fd >= 0)
			(void)close(fd);
		cmd_say("no memory for a handshake");
		return PSEC_ERR_NOMEM;
	}
	t->set = set;
	t->psec = psec;
	t->fd = fd;
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	if (!cmd_within(set->timeout_s + GRACE_S, work, t)) {
		/* T itself is not ours any more. */
		try_t late = { .set = set };

		(void)snprintf(late.name, sizeof(late.name), "%s", name);
		err = too_late(set->timeout_s);
		return tell(&late, &err);
	}
	rc = tell(t, &t->err);
	if (t->fd >= 0)
		(void)close(t->fd);
	free(t);
	return rc;
}

/* -- server --------------------------------------------------------------- */

static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	signalled = sig;
}

/* Signals are taken while waiting only: *BEFORE is the mask for that. */
static void catch_signals(sigset_t *before)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t blocked;
	size_t i;

	(void)sigemptyset(&blocked);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)sigaction(signals[i], &sa, NULL);
		(void)sigaddset(&blocked, signals[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &blocked, before);
}

/* The next client's socket in *FD.  Returns CMD_GO_ON or the exit status. */
static int next_client(const settings_t *set, int listen_fd,
		       const sigset_t *mask, int *fd)
{
	struct timespec wait = { .tv_sec = set->wait_s };
	struct pollfd pfd = { .fd = listen_fd, .events = POLLIN };
	psec_error_t err;
	int n;

	n = ppoll(&pfd, 1, &wait, mask);
	if (signalled)
		return 128 + signalled;
	if (n == 0) {
		(void)psec_fail(&err, PSEC_ERR_TIMEOUT,
				"nobody connected within %d s", set->wait_s);
		return cmd_failed(set->common.json, &err);
	}
	*fd = n < 0 ? -1 : accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (*fd >= 0)
		return CMD_GO_ON;
	(void)psec_fail(&err, PSEC_ERR_IO, "cannot accept a connection: %s",
			strerror(errno));
	return cmd_failed(set->common.json, &err);
}

/* The first failure is the exit status. */
static int serve(const settings_t *set, psec_t *psec, int listen_fd)
{
	int i, fd = -1, rc, status = 0;
	sigset_t mask;
	char name[300];

	catch_signals(&mask);
	for (i = 0; i < set->count; i++) {
		rc = next_client(set, listen_fd, &mask, &fd);
		if (rc != CMD_GO_ON)
			return rc;
		cmd_peer_name(fd, name, sizeof(name));
		rc = try_one(set, psec, fd, name);
		if (status == 0)
			status = rc;
		if (cmd_abandoned())
			return status;
	}
	return status;
}

static int run_server(const settings_t *set, psec_t *psec)
{
	cmd_listener_t listener;
	psec_error_t err;
	int rc;

	if (cmd_listen(&set->address, &listener, &err) != PSEC_OK)
		return cmd_failed(set->common.json, &err);
	if (set->common.json) {
		(void)cmd_print_json(
			json_pack("{s:s}", "listening", listener.name));
	} else {
		cmd_print("listening on %s\n", listener.name);
		(void)fflush(stdout);
	}
	rc = serve(set, psec, listener.fd);
	cmd_listener_close(&listener);
	return rc;
}

/* -- command line --------------------------------------------------------- */

static int take_role(const cmd_t *cmd, const char *name, settings_t *set)
{
	size_t i;

	for (i = 0; i < N_ROLES; i++) {
		if (strcmp(name, roles[i].name) == 0) {
			set->role = roles[i].role;
			return CMD_GO_ON;
		}
	}
	return cmd_usage(
		cmd, "--as must be client, tool or legacy, not '%.64s'", name);
}

static int check_usage(const cmd_t *cmd, const char *connect_to,
		       const char *listen_on, const char *role, settings_t *set)
{
	psec_error_t err;

	if (!connect_to == !listen_on)
		return cmd_usage(cmd, "one of --connect and --listen is "
				      "needed");
	if (cmd_address_parse(&set->address,
			      connect_to ? connect_to : listen_on,
			      &err) != PSEC_OK)
		return cmd_usage(cmd, "%s", err.text);
	if (listen_on && role)
		return cmd_usage(cmd, "--as is for --connect");
	if (connect_to && set->default_mech)
		return cmd_usage(cmd, "--default is for --listen");
	return role ? take_role(cmd, role, set) : CMD_GO_ON;
}

static int run(const settings_t *set, const char *connect_to)
{
	psec_t *psec = NULL;
	psec_error_t err;
	int rc;

	if (cmd_psec(&psec, &set->common, set->mechs, &err) != PSEC_OK)
		return cmd_failed(set->common.json, &err);
	if (connect_to)
		rc = try_one(set, psec, -1, connect_to);
	else
		rc = run_server(set, psec);
	if (!cmd_abandoned())
		psec_destroy(psec);
	return rc;
}

int cmd_handshake(const cmd_t *cmd, int argc, char **argv)
{
	/* Static: what hangs may read it to the end. */
	static settings_t set = { .role = PSEC_CLIENT,
				  .expect_uid = (uid_t)-1,
				  .timeout_s = DEFAULT_TIMEOUT_S,
				  .wait_s = DEFAULT_WAIT_S,
				  .count = 1 };
	const char *connect_to = NULL, *listen_on = NULL, *role = NULL;
	const cmd_option_t options[] = {
		{ "connect", 0, CMD_TEXT, &connect_to,
		  "unix:PATH or HOST:PORT of a server to try", "ADDRESS" },
		{ "listen", 0, CMD_TEXT, &listen_on,
		  "unix:PATH or [HOST]:PORT to be a server on;\n"
		  "port 0: any that is free",
		  "ADDRESS" },
		{ "as", 0, CMD_TEXT, &role,
		  "what to be: client (default), tool or legacy", "ROLE" },
		{ "count", 'n', CMD_COUNT, &set.count,
		  "with --listen: serve so many, by default 1" },
		{ "wait", 0, CMD_SECONDS, &set.wait_s,
		  "with --listen: how long to wait for each, by\n"
		  "default 300" },
		{ "mechanisms", 0, CMD_MECHS, &set.mechs,
		  "to choose from, or allowed; default: munge,native,\n"
		  "for a legacy client munge" },
		{ "default", 0, CMD_TEXT, &set.default_mech,
		  "with --listen: what legacy clients must speak;\n"
		  "default: the best that is allowed",
		  "NAME" },
		{ "expect-uid", 0, CMD_UID, &set.expect_uid,
		  "who must be at the other end" },
		{ "timeout", 0, CMD_SECONDS, &set.timeout_s,
		  "for one handshake, by default 10" },
		CMD_COMMON_OPTIONS(&set.common),
		{ NULL }
	};
	int rc = cmd_options(cmd, options, argc, argv, NULL);

	if (rc == CMD_GO_ON)
		rc = check_usage(cmd, connect_to, listen_on, role, &set);
	if (rc != CMD_GO_ON)
		return rc;
	if (listen_on)
		set.role = PSEC_SERVER;
	/* A legacy client speaks one, without having been told. */
	if (!set.mechs)
		set.mechs =
			set.role == PSEC_LEGACY ? LEGACY_MECH : DEFAULT_MECHS;
	return run(&set, connect_to);
}
