/* SPDX-License-Identifier: BSD-3-Clause */
/* startup.c - see startup.h. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl.h"
#include "launch.h"
#include "lines.h"
#include "startup.h"

#define TASKS_TIMEOUT_S 5 /* for psec-pmixd to take note of the tasks */

struct startup_block {
	char *data;
	size_t len;
};

/* The first sentence is the cause; later ones would hide it. */
static int fail(startup_t *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int fail(startup_t *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->text[0]) {
		va_start(ap, fmt);
		vsnprintf(s->text, s->text_size, fmt, ap);
		va_end(ap);
	}
	return -1;
}

static int remaining_ms(const startup_t *s)
{
	struct timespec now;
	long long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (long long)(s->deadline.tv_sec - now.tv_sec) * 1000 +
	     (s->deadline.tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? (int)ms : 0;
}

static int wait_for(startup_t *s, short events)
{
	struct pollfd pfd = { .fd = s->fd, .events = events };
	int n;

	do {
		n = poll(&pfd, 1, remaining_ms(s));
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	return fail(s,
		    "psec-pmixd was not ready after %d seconds; see "
		    "start_timeout= in plugstack.conf",
		    s->step->site.start_timeout_s);
}

static int gone(startup_t *s)
{
	return fail(s,
		    "psec-pmixd (%s) ended while it was starting; its last "
		    "lines in slurmd's log say why",
		    s->step->site.pmixd);
}

static int send_all(startup_t *s, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = send(s->fd, p, len, MSG_NOSIGNAL);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (wait_for(s, POLLOUT) != 0)
				return -1;
		} else if (errno != EINTR) {
			/* What it said before it ended is still to be read. */
			return errno == EPIPE || errno == ECONNRESET ? 0
								     : gone(s);
		}
	}
	return 0;
}

static int recv_all(startup_t *s, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = recv(s->fd, p, len, 0);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n == 0) {
			return gone(s);
		} else if (errno == EAGAIN) {
			if (wait_for(s, POLLIN) != 0)
				return -1;
		} else if (errno != EINTR) {
			return gone(s);
		}
	}
	return 0;
}

static int send_frame(startup_t *s, ctl_type_t type,
		      const struct startup_block *body)
{
	ctl_head_t head = { (uint32_t)type, (uint32_t)body->len };

	if (send_all(s, &head, sizeof(head)) != 0)
		return -1;
	return send_all(s, body->data, body->len);
}

static void put_ranks(FILE *out, const psec_step_t *step)
{
	fputs("ranks=", out);
	for (uint32_t i = 0; i < step->nlocal; i++)
		fprintf(out, "%s%u", i ? "," : "", step->ranks[i]);
	fputc('\0', out);
}

static void put_string(FILE *out, const char *key, const char *value)
{
	if (value)
		fprintf(out, "%s=%s%c", key, value, '\0');
}

/* All of it from Slurm or from the site, but for user_mechs and command. */
static int send_config(startup_t *s, const char *dir)
{
	const psec_step_t *step = s->step;
	struct startup_block body = { NULL, 0 };
	FILE *out = open_memstream(&body.data, &body.len);
	int rv = -1;

	if (!out)
		return fail(s, "no memory to start psec-pmixd");
	fprintf(out, "version=%u%c", CTL_VERSION, '\0');
	fprintf(out, "job=%u%cstep=%u%c", step->job_id, '\0', step->step_id,
		'\0');
	fprintf(out, "nnodes=%u%cnode=%u%c", step->nnodes, '\0', step->node_id,
		'\0');
	fprintf(out, "ntasks=%u%c", step->ntasks, '\0');
	fprintf(out, "loglevel=%d%ctimeout=%d%c", step->site.loglevel, '\0',
		step->site.timeout_s, '\0');
	/* At most so many records a second; 0: none at all. */
	fprintf(out, "audit=%d%c",
		strcmp(step->site.audit, "off") ? step->site.audit_rate : 0,
		'\0');
	put_ranks(out, step);
	fprintf(out, "dir=%s/%s%c", step->site.stepdir, dir, '\0');
	put_string(out, "mechanisms", step->site.mechanisms);
	put_string(out, "user_mechanisms", step->user_mechs);
	put_string(out, "priorities", step->site.priorities);
	put_string(out, "command", step->command);
	put_string(out, "mechdir", step->site.mechdir);
	put_string(out, "munge_socket", step->site.munge_socket);
	put_string(out, "ports", step->site.ports);
	put_string(out, "cluster", step->site.cluster);
	put_string(out, "job_check", step->site.job_check);
	put_string(out, "server_env", step->site.server_env);
	fprintf(out, "job_cache=%d%clifetime=%d%cprivate_jobs=%d%c",
		step->site.job_cache_s, '\0', step->site.lifetime_s, '\0',
		step->site.jobs_are_private, '\0');
	fprintf(out, "share_topology=%d%c", step->site.share_topology, '\0');
	if (fclose(out) == 0)
		rv = send_frame(s, CTL_CONFIG, &body);
	else
		fail(s, "no memory to start psec-pmixd");
	free(body.data);
	return rv;
}

/* Passed on, not read: these are the user's. */
static int send_env(startup_t *s, char *const *env)
{
	struct startup_block body = { NULL, 0 };
	FILE *out = open_memstream(&body.data, &body.len);
	int rv = -1;

	if (!out)
		return fail(s, "no memory to start psec-pmixd");
	for (; env && *env; env++)
		if (!strncmp(*env, "SLURM_", 6))
			fwrite(*env, 1, strlen(*env) + 1, out);
	if (fclose(out) != 0)
		fail(s, "no memory to start psec-pmixd");
	else if (body.len > CTL_ENV_MAX)
		fail(s,
		     "the step's SLURM_* variables have %zu bytes, more "
		     "than %d",
		     body.len, CTL_ENV_MAX);
	else
		rv = send_frame(s, CTL_ENV, &body);
	free(body.data);
	return rv;
}

static int take_block(startup_t *s, const ctl_head_t *head)
{
	uint32_t local;
	struct startup_block *block;

	if (head->len <= sizeof(local) || head->len > CTL_BLOCK_MAX)
		return fail(s, "psec-pmixd sent a block of %u bytes",
			    head->len);
	if (recv_all(s, &local, sizeof(local)) != 0)
		return -1;
	if (local >= s->step->nlocal || s->blocks[local].data)
		return fail(s, "psec-pmixd sent a block for local task %u",
			    local);
	block = &s->blocks[local];
	block->len = head->len - sizeof(local);
	block->data = malloc(block->len);
	if (!block->data)
		return fail(s, "no memory for a task's environment");
	if (recv_all(s, block->data, block->len) != 0)
		return -1;
	if (block->data[block->len - 1] != '\0')
		return fail(s, "psec-pmixd sent a block that does not end");
	return 0;
}

/* psec-pmixd's own sentence; it goes to the log, so no control characters. */
static int take_failure(startup_t *s, const ctl_head_t *head)
{
	char text[CTL_SENTENCE_MAX + 1];

	if (head->len > CTL_SENTENCE_MAX)
		return fail(s, "psec-pmixd failed with a sentence of %u bytes",
			    head->len);
	if (recv_all(s, text, head->len) != 0)
		return -1;
	text[head->len] = '\0';
	lines_clean(text);
	return fail(s, "%s", text[0] ? text : "psec-pmixd failed");
}

static int take_exec_failure(startup_t *s, const ctl_head_t *head)
{
	ctl_exec_t what;

	if (head->len != sizeof(what))
		return gone(s);
	if (recv_all(s, &what, sizeof(what)) != 0)
		return -1;
	return fail(s,
		    "cannot start psec-pmixd (%s): could not %s: %s; check "
		    "pmixd= in plugstack.conf",
		    s->step->site.pmixd, launch_stage_name(what.stage),
		    strerror(what.err));
}

static int all_blocks(startup_t *s)
{
	for (uint32_t i = 0; i < s->step->nlocal; i++)
		if (!s->blocks[i].data)
			return fail(s,
				    "psec-pmixd sent no block for local "
				    "task %u",
				    i);
	return 0;
}

static int receive_blocks(startup_t *s)
{
	ctl_head_t head;

	while (recv_all(s, &head, sizeof(head)) == 0) {
		switch (head.type) {
		case CTL_BLOCK:
			if (take_block(s, &head) != 0)
				return -1;
			break;
		case CTL_READY:
			return all_blocks(s);
		case CTL_FAIL:
			return take_failure(s, &head);
		case CTL_EXEC:
			return take_exec_failure(s, &head);
		default:
			return fail(s,
				    "psec-pmixd sent an unknown message (%u): "
				    "plugin and daemon are not of one "
				    "installation",
				    head.type);
		}
	}
	return -1;
}

int startup_init(startup_t *s, const psec_step_t *step, char *text, size_t size)
{
	*s = (startup_t){ .step = step, .text = text, .text_size = size };
	text[0] = '\0';
	clock_gettime(CLOCK_MONOTONIC, &s->deadline);
	s->deadline.tv_sec += step->site.start_timeout_s;
	s->blocks = calloc((size_t)step->nlocal + 1, sizeof(*s->blocks));
	return s->blocks ? 0 : fail(s, "no memory to start psec-pmixd");
}

int startup_run(startup_t *s, int fd, const char *dir, char *const *env)
{
	s->fd = fd;
	if (send_config(s, dir) != 0 || send_env(s, env) != 0)
		return -1;
	return receive_blocks(s);
}

int startup_tasks_forked(startup_t *s)
{
	const psec_step_t *step = s->step;
	struct startup_block body = { NULL, 0 };
	FILE *out = open_memstream(&body.data, &body.len);
	ctl_head_t head;
	int rv = -1;

	if (!out)
		return -1;
	for (uint32_t i = 0; i < step->nlocal; i++) {
		uint32_t pid = (uint32_t)step->pids[i];

		fwrite(&pid, sizeof(pid), 1, out);
	}
	if (step->cwd)
		fputs(step->cwd, out);
	clock_gettime(CLOCK_MONOTONIC, &s->deadline);
	s->deadline.tv_sec += TASKS_TIMEOUT_S;
	if (fclose(out) == 0 && send_frame(s, CTL_TASKS, &body) == 0 &&
	    recv_all(s, &head, sizeof(head)) == 0 && head.type == CTL_GO)
		rv = 0;
	free(body.data);
	return rv;
}

const char *startup_block(const startup_t *s, uint32_t local, size_t *len)
{
	if (local >= s->step->nlocal)
		return NULL;
	*len = s->blocks[local].len;
	return s->blocks[local].data;
}

void startup_clear(startup_t *s)
{
	if (!s->blocks)
		return;
	for (uint32_t i = 0; i < s->step->nlocal; i++)
		free(s->blocks[i].data);
	free(s->blocks);
	s->blocks = NULL;
}
