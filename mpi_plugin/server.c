/* SPDX-License-Identifier: BSD-3-Clause */
/* server.c - see server.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <slurm/spank.h>

#include "audit.h"
#include "ctl.h"
#include "launch.h"
#include "relay.h"
#include "server.h"
#include "startup.h"
#include "stepdir.h"

#define END_TIMEOUT_MS 3000 /* for psec-pmixd to clean up and leave */

struct server {
	const psec_step_t *step;
	stepdir_t dir;
	launch_t proc;
	relay_t *relay;
	audit_t *audit;
	startup_t startup;
};

/* 0, or -1 with a sentence in TEXT. */
static int start_process(server_t *s, void (*lost)(void), char *text,
			 size_t size)
{
	char *argv[] = { s->step->site.pmixd, NULL };

	if (launch_start(s->step, s->dir.fd, argv, &s->proc) != 0) {
		snprintf(text, size, "cannot start psec-pmixd (%s): %s",
			 s->step->site.pmixd, strerror(errno));
		return -1;
	}
	s->audit = audit_open(s->step);
	s->relay = relay_start(s->proc.log_fd, lost, s->audit);
	if (!s->relay) {
		snprintf(text, size,
			 "cannot start a thread for psec-pmixd's log");
		return -1;
	}
	return 0;
}

server_t *server_start(const psec_step_t *step, char *const *env,
		       void (*lost)(void), char *text, size_t size)
{
	server_t *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(text, size, "no memory to start psec-pmixd");
		return NULL;
	}
	s->step = step;
	s->dir = (stepdir_t)STEPDIR_INIT;
	s->proc = (launch_t)LAUNCH_INIT;
	if (startup_init(&s->startup, step, text, size) == 0 &&
	    stepdir_create(&s->dir, step, text, size) == 0 &&
	    start_process(s, lost, text, size) == 0 &&
	    startup_run(&s->startup, s->proc.ctl_fd, s->dir.name, env) == 0)
		return s;
	server_end(s);
	return NULL;
}

const char *server_block(const server_t *s, uint32_t local, size_t *len)
{
	return startup_block(&s->startup, local, len);
}

/* What goes wrong here costs the tasks a few values; the step goes on. */
void server_tasks_forked(server_t *s)
{
	if (startup_tasks_forked(&s->startup) != 0)
		slurm_info("mpi/pmix: psec-pmixd did not take note of the "
			   "tasks' CPUs in time");
}

/* Does not wait: where psec-pmixd does not read, it is not told. */
void server_task_exited(server_t *s, uint32_t local, int status)
{
	const struct {
		ctl_head_t head;
		ctl_exited_t body;
	} frame = { { CTL_EXITED, sizeof(ctl_exited_t) }, { local, status } };

	send(s->proc.ctl_fd, &frame, sizeof(frame),
	     MSG_NOSIGNAL | MSG_DONTWAIT);
}

void server_tasks_over(server_t *s, bool all_killed)
{
	if (s->relay)
		relay_expect_end(s->relay, all_killed);
}

/* Ask first; a server that does not leave by itself is killed. */
static void end_process(server_t *s)
{
	const ctl_head_t end = { CTL_END, 0 };

	if (s->relay) {
		relay_expect_end(s->relay, true);
		send(s->proc.ctl_fd, &end, sizeof(end), MSG_NOSIGNAL);
		shutdown(s->proc.ctl_fd, SHUT_WR);
		if (!relay_wait(s->relay, END_TIMEOUT_MS)) {
			slurm_info("mpi/pmix: psec-pmixd did not end within "
				   "%d ms and is killed",
				   END_TIMEOUT_MS);
			launch_kill(&s->proc);
			relay_wait(s->relay, 1000);
		}
		relay_stop(s->relay);
		s->relay = NULL;
	}
	audit_close(s->audit);
	s->audit = NULL;
	launch_end(&s->proc, 0);
}

void server_end(server_t *s)
{
	if (!s)
		return;
	end_process(s);
	stepdir_remove(&s->dir, s->step);
	startup_clear(&s->startup);
	free(s);
}
