/* SPDX-License-Identifier: BSD-3-Clause */
/* iof.c - see iof.h. */
#include "iof.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "decimal.h"
#include "log.h"
#include "pmixd.h"

#define LINE_MAX_LEN 65536
#define SATTACH	     "sattach"

enum { INPUT, OUTPUT, ERRORS, FAILURE, PIPES };

/* One of sattach's two. */
typedef struct {
	pmix_iof_channel_t channel;
	struct event *readable; /* NULL: it has ended */
	int fd;
	uint32_t rank; /* of the line whose beginning has been told */
	bool within;   /* such a line */
	size_t len;
	char buf[LINE_MAX_LEN];
} stream_t;

/* Guarded by pmixd.lock. */
static struct {
	pid_t pid;    /* 0: it does not run */
	int input;    /* kept open: its end would be the end of the tasks' */
	stream_t out; /* and error output */
	stream_t err;
} self = { .out = { .channel = PMIX_FWD_STDOUT_CHANNEL },
	   .err = { .channel = PMIX_FWD_STDERR_CHANNEL } };

/* -- to libpmix ------------------------------------------------------------ */

typedef struct {
	pmix_proc_t source;
	pmix_byte_object_t bytes;
	char text[];
} delivery_t;

static void delivered(pmix_status_t status, void *arg)
{
	free(arg);
}

static void deliver(pmix_iof_channel_t channel, uint32_t rank, const char *text,
		    size_t len)
{
	delivery_t *d = malloc(sizeof(*d) + len);

	if (!d)
		return;
	PMIX_LOAD_PROCID(&d->source, pmixd.nspace, rank);
	memcpy(d->text, text, len);
	d->bytes.bytes = d->text;
	d->bytes.size = len;
	if (PMIx_server_IOF_deliver(&d->source, channel, &d->bytes, NULL, 0,
				    delivered, d) != PMIX_SUCCESS)
		free(d);
}

/* -- what sattach writes --------------------------------------------------- */

/* "  3: text": moves *TEXT behind the number. */
static bool take_rank(const char **text, uint32_t *rank)
{
	const char *p = *text;

	p += strspn(p, " ");
	if (!decimal_take(&p, rank) || *rank >= pmixd.conf.ntasks ||
	    strncmp(p, ": ", 2) != 0)
		return false;
	*text = p + 2;
	return true;
}

/* A line with its end, or the first part of a long one. */
static void take_line(stream_t *s, const char *line, size_t len)
{
	const char *text = line;
	bool ends = line[len - 1] == '\n';

	if (s->within || take_rank(&text, &s->rank)) {
		deliver(s->channel, s->rank, text, len - (size_t)(text - line));
		s->within = !ends;
		return;
	}
	/* Its own words. */
	plog_info(SATTACH ": %.*s", (int)(len - ends), line);
}

/* Also of a line that does not end. */
static void take_rest(stream_t *s)
{
	s->buf[s->len] = '\0';
	if (s->len)
		take_line(s, s->buf, s->len);
	s->len = 0;
}

static void take_lines(stream_t *s)
{
	size_t at = 0;
	char *end;

	while ((end = memchr(s->buf + at, '\n', s->len - at))) {
		size_t len = (size_t)(end - s->buf) + 1 - at;
		char after = end[1];

		/* Numbers are read as text. */
		end[1] = '\0';
		take_line(s, s->buf + at, len);
		end[1] = after;
		at += len;
	}
	s->len -= at;
	memmove(s->buf, s->buf + at, s->len);
	if (s->len == LINE_MAX_LEN - 1)
		take_rest(s);
}

static void reap(void)
{
	if (self.out.readable || self.err.readable)
		return;
	close(self.input);
	(void)kill(self.pid, SIGKILL);
	(void)waitpid(self.pid, NULL, 0);
	self.pid = 0;
}

/* In the event loop. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	stream_t *s = arg;
	ssize_t n;

	pthread_mutex_lock(&pmixd.lock);
	/* One byte is left for take_lines(). */
	n = read(s->fd, s->buf + s->len, LINE_MAX_LEN - 1 - s->len);
	if (n > 0) {
		s->len += (size_t)n;
		take_lines(s);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		take_rest(s);
		event_free(s->readable);
		s->readable = NULL;
		close(s->fd);
		reap();
	}
	pthread_mutex_unlock(&pmixd.lock);
}

/* -- sattach --------------------------------------------------------------- */

static bool listen_to(stream_t *s, int fd)
{
	s->fd = fd;
	s->len = 0;
	s->within = false;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	s->readable =
		event_new(pmixd.base, fd, EV_READ | EV_PERSIST, on_readable, s);
	return s->readable && event_add(s->readable, NULL) == 0;
}

/* In the new process: nothing but system calls before the other program. */
__attribute__((noreturn)) static void exec_sattach(int pipes[PIPES][2],
						   char *const argv[])
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM };
	int error;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_DFL);
	/* The thread that has forked, libpmix's, lives as long as we do. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* slurmstepd must see its end when we end. */
	close(CTL_FD);
	if (dup2(pipes[INPUT][0], STDIN_FILENO) >= 0 &&
	    dup2(pipes[OUTPUT][1], STDOUT_FILENO) >= 0 &&
	    dup2(pipes[ERRORS][1], STDERR_FILENO) >= 0)
		execvp(argv[0], argv);
	error = errno;
	(void)!write(pipes[FAILURE][1], &error, sizeof(error));
	_exit(127);
}

/* 0, or an errno. */
static int run(int pipes[PIPES][2])
{
	char step[64];
	char *const argv[] = { (char *)(uintptr_t)SATTACH,
			       (char *)(uintptr_t) "--label", step, NULL };
	int error = 0;

	(void)snprintf(step, sizeof(step), "%u.%u", pmixd.conf.job_id,
		       pmixd.conf.step_id);
	self.pid = fork();
	if (self.pid == 0)
		exec_sattach(pipes, argv);
	if (self.pid < 0)
		return errno;
	close(pipes[FAILURE][1]);
	pipes[FAILURE][1] = -1;
	/* Until it has been executed, or could not be. */
	if (read(pipes[FAILURE][0], &error, sizeof(error)) !=
	    (ssize_t)sizeof(error))
		return 0;
	(void)waitpid(self.pid, NULL, 0);
	return error;
}

static void close_all(int pipes[PIPES][2])
{
	for (int i = 0; i < PIPES; i++)
		for (int end = 0; end < 2; end++)
			if (pipes[i][end] >= 0)
				close(pipes[i][end]);
}

/* The end that is ours from now on. */
static int keep(int *fd)
{
	int kept = *fd;

	*fd = -1;
	return kept;
}

static bool start(void)
{
	int pipes[PIPES][2] = {
		{ -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }
	};
	int error = 0;
	bool heard;

	for (int i = 0; i < PIPES && error == 0; i++)
		if (pipe2(pipes[i], O_CLOEXEC) != 0)
			error = errno;
	if (error == 0)
		error = run(pipes);
	if (error != 0) {
		plog_info(SATTACH ", which gets the tasks' output for tools, "
				  "cannot be started: %s",
			  strerror(error));
		self.pid = 0;
		close_all(pipes);
		return false;
	}
	self.input = keep(&pipes[INPUT][1]);
	heard = listen_to(&self.out, keep(&pipes[OUTPUT][0])) &&
		listen_to(&self.err, keep(&pipes[ERRORS][0]));
	if (!heard)
		iof_end();
	close_all(pipes);
	return heard;
}

void iof_end(void)
{
	if (self.pid > 0)
		(void)kill(self.pid, SIGTERM);
}

static bool is_stop(const pmix_info_t directives[], size_t ndirs)
{
	for (size_t i = 0; i < ndirs; i++)
		if (PMIX_CHECK_KEY(&directives[i], PMIX_IOF_STOP))
			return true;
	return false;
}

/* Of one component sattach could not say which ranks of the whole they are. */
static bool may_pull(const pmix_proc_t procs[], size_t nprocs,
		     pmix_iof_channel_t channels)
{
	if (channels & PMIX_FWD_STDIN_CHANNEL || pmixd.layout.apps.n > 1)
		return false;
	for (size_t i = 0; i < nprocs; i++)
		if (!PMIX_CHECK_NSPACE(procs[i].nspace, pmixd.nspace))
			return false;
	return true;
}

/*
 * It answers at once: libpmix (4.2, 5.0) frees what it would want back in a
 * callback.
 */
pmix_status_t iof_pull_upcall(const pmix_proc_t procs[], size_t nprocs,
			      const pmix_info_t directives[], size_t ndirs,
			      pmix_iof_channel_t channels,
			      pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	bool runs;

	/* Others may still want it; libpmix knows who does not. */
	if (is_stop(directives, ndirs))
		return PMIX_OPERATION_SUCCEEDED;
	if (!may_pull(procs, nprocs, channels))
		return PMIX_ERR_NOT_SUPPORTED;
	pthread_mutex_lock(&pmixd.lock);
	runs = self.pid > 0 || start();
	pthread_mutex_unlock(&pmixd.lock);
	return runs ? PMIX_OPERATION_SUCCEEDED : PMIX_ERR_NOT_SUPPORTED;
}
