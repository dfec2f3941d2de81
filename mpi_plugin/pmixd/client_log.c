/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_log.c - see client_log.h.
 *
 * libpmix's own modules would write into our standard error, which is
 * slurmd's log.  A rank's output is what the rank itself has open there, so it
 * goes where srun sends it; the kernel lets us because we have its uid.
 */
#include "client_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "pmixd.h"
#include "progress.h"
#include "tasklist.h"

#define WRITE_MS   2000 /* for a reader of the rank's output to take it */
#define SYSLOG_MAX 1024 /* bytes of a line */

typedef enum {
	TO_NOBODY = 0,
	TO_STDOUT = STDOUT_FILENO,
	TO_STDERR = STDERR_FILENO,
	TO_SYSLOG = 3
} channel_t;

typedef struct {
	progress_call_t call;
	pmix_op_cbfunc_t cbfunc;
	void *cbdata;
	pmix_status_t status; /* the first failure */
	pmix_rank_t rank;
	pid_t pid; /* 0: it is no task of this node, or has ended */
	int priority;
	size_t n;
	struct {
		channel_t to;
		char *text;
	} entries[];
} note_t;

/* On the progress thread. */
static void answer(progress_call_t *call)
{
	note_t *note = (note_t *)call;

	note->cbfunc(note->status, note->cbdata);
	for (size_t i = 0; i < note->n; i++)
		free(note->entries[i].text);
	free(note);
}

static void post(note_t *note)
{
	pthread_mutex_lock(&pmixd.lock);
	progress_post(&note->call, answer);
	pthread_mutex_unlock(&pmixd.lock);
}

/* -- on a worker ---------------------------------------------------------- */

/* Is the rank's output open for appending? */
static bool appends(pid_t pid, int which)
{
	unsigned flags = 0;
	char path[64];
	bool read;
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid,
		       which);
	in = fopen(path, "re");
	if (!in)
		return false;
	read = fscanf(in, "pos: %*d flags: %o", &flags) == 1;
	fclose(in);
	return read && (flags & O_APPEND);
}

/*
 * The rank's own output, wherever it leads.  Not a file in which the rank
 * writes at a place of its own: it would write over what we add.
 */
static int open_output(pid_t pid, int which)
{
	struct stat st;
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, which);
	fd = open(path,
		  O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 &&
	    (!S_ISREG(st.st_mode) || appends(pid, which)))
		return fd;
	close(fd);
	return -1;
}

static pmix_status_t write_all(int fd, const char *text)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = write(fd, text, left);

		if (n >= 0) {
			text += n;
			left -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (poll(&pfd, 1, WRITE_MS) <= 0)
				return PMIX_ERR_TIMEOUT;
		} else if (errno != EINTR) {
			return PMIX_ERR_UNREACH;
		}
	}
	return PMIX_SUCCESS;
}

static pmix_status_t to_output(const note_t *note, int which, const char *text)
{
	int fd = note->pid > 0 ? open_output(note->pid, which) : -1;
	pmix_status_t rc;

	if (fd < 0)
		return PMIX_ERR_UNREACH;
	rc = write_all(fd, text);
	close(fd);
	return rc;
}

/* One line each, without control characters. */
static pmix_status_t to_syslog(const note_t *note, const char *text)
{
	char line[SYSLOG_MAX];

	(void)snprintf(line, sizeof(line), "%s", text);
	line[strcspn(line, "\n")] = '\0';
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	syslog(LOG_USER | note->priority, "%s rank %u: %s", pmixd.nspace,
	       note->rank, line);
	return PMIX_SUCCESS;
}

static void work(void *arg)
{
	note_t *note = arg;

	for (size_t i = 0; i < note->n; i++) {
		const char *text = note->entries[i].text;
		pmix_status_t rc =
			note->entries[i].to == TO_SYSLOG
				? to_syslog(note, text)
				: to_output(note, (int)note->entries[i].to,
					    text);

		if (note->status == PMIX_SUCCESS)
			note->status = rc;
	}
	post(note);
}

/* -- on the progress thread ----------------------------------------------- */

static channel_t channel_of(const pmix_info_t *info)
{
	static const struct {
		const char *key;
		channel_t to;
	} table[] = {
		{ PMIX_LOG_STDERR, TO_STDERR },
		{ PMIX_LOG_STDOUT, TO_STDOUT },
		{ PMIX_LOG_SYSLOG, TO_SYSLOG },
		{ PMIX_LOG_LOCAL_SYSLOG, TO_SYSLOG },
	};

	if (info->value.type != PMIX_STRING || !info->value.data.string)
		return TO_NOBODY;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (PMIX_CHECK_KEY(info, table[i].key))
			return table[i].to;
	return TO_NOBODY;
}

static void add(note_t *note, const pmix_info_t *info)
{
	channel_t to = channel_of(info);
	char *text;

	if (to == TO_NOBODY) {
		note->status = PMIX_ERR_NOT_SUPPORTED;
		return;
	}
	text = strdup(info->value.data.string);
	if (!text) {
		note->status = PMIX_ERR_NOMEM;
		return;
	}
	note->entries[note->n].to = to;
	note->entries[note->n++].text = text;
}

/* True: only the first channel that there is shall be used. */
static bool read_directives(note_t *note, const pmix_info_t info[], size_t n)
{
	bool once = false;
	int priority = LOG_ERR;

	for (size_t i = 0; i < n; i++) {
		pmix_status_t rc = PMIX_SUCCESS;

		if (PMIX_CHECK_KEY(&info[i], PMIX_LOG_ONCE))
			once = PMIX_INFO_TRUE(&info[i]);
		else if (PMIX_CHECK_KEY(&info[i], PMIX_LOG_SYSLOG_PRI))
			PMIX_VALUE_GET_NUMBER(rc, &info[i].value, priority,
					      int);
		if (rc != PMIX_SUCCESS)
			priority = LOG_ERR;
	}
	note->priority = priority >= LOG_EMERG && priority <= LOG_DEBUG
				 ? priority
				 : LOG_ERR;
	return once;
}

/* Who logs runs here, but for tools. */
static pid_t pid_of(const pmix_proc_t *client)
{
	uint32_t local = pmixd_local_of(client);
	task_t task = { 0, true, 0 };

	pthread_mutex_lock(&pmixd.lock);
	if (local < pmixd.conf.nlocal)
		task = tasklist_get(local);
	pthread_mutex_unlock(&pmixd.lock);
	return task.ended ? 0 : task.pid;
}

void client_log_upcall(const pmix_proc_t *client, const pmix_info_t data[],
		       size_t ndata, const pmix_info_t directives[],
		       size_t ndirs, pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	note_t *note =
		calloc(1, sizeof(*note) + ndata * sizeof(note->entries[0]));
	bool once;

	/* Without memory for an answer there is none. */
	if (!note)
		return;
	note->cbfunc = cbfunc;
	note->cbdata = cbdata;
	note->status = PMIX_SUCCESS;
	note->rank = client->rank;
	note->pid = pid_of(client);
	once = read_directives(note, directives, ndirs);
	for (size_t i = 0; i < ndata && !(once && note->n); i++)
		add(note, &data[i]);
	if (once && note->n)
		note->status = PMIX_SUCCESS;
	if (workers_post(pmixd.link_workers, work, note) == 0)
		return;
	note->status = PMIX_ERR_OUT_OF_RESOURCE;
	post(note);
}
