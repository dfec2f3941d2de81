/* SPDX-License-Identifier: BSD-3-Clause */
/* status.c - see status.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "cred_note.h"
#include "door.h"
#include "listener.h"
#include "pmixd.h"
#include "status.h"

/* Consumes VALUE; what there is no memory for is missing. */
static void put(json_t *doc, const char *key, json_t *value)
{
	(void)json_object_set_new(doc, key, value);
}

static void put_u64(json_t *doc, const char *key, uint64_t value)
{
	put(doc, key, json_integer((json_int_t)value));
}

/* malloc()ed, with a newline; NULL: no memory. */
static char *status_line(void)
{
	const cred_counters_t c = cred_counters();
	json_t *doc = json_object(), *causes = json_object();
	char key[CRED_CAUSE_KEY_MAX], *text, *line = NULL;

	for (int i = CRED_OK + 1; i < CRED_CAUSES; i++)
		if (c.refused[i])
			put_u64(causes, cred_cause_key((cred_cause_t)i, key),
				c.refused[i]);
	put(doc, "job", json_integer(pmixd.conf.job_id));
	put(doc, "step", json_integer(pmixd.conf.step_id));
	put(doc, "node", json_string(pmixd_node_name(pmixd.conf.node)));
	put_u64(doc, "made", c.made);
	put_u64(doc, "accepted", c.accepted);
	put_u64(doc, "refused", cred_counters_refused(&c));
	put(doc, "causes", causes);
	put_u64(doc, "late", c.late);
	put_u64(doc, "longest_us", (uint64_t)c.longest_us);
	put_u64(doc, "strangers", door_refused());
	text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

/* The directory keeps others out; it is the user's, who could open it. */
static bool may_ask(int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == geteuid() || cred.uid == 0);
}

/* A line fits into the socket's buffer: whoever does not read it loses it. */
static void answer(void *arg, int fd)
{
	char *line = may_ask(fd) ? status_line() : NULL;

	if (line)
		(void)send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
	free(line);
	close(fd);
}

int status_start(int fd)
{
	return listener_create(pmixd.base, &pmixd.lock, fd, answer, NULL) ? 0
									  : -1;
}
