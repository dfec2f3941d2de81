/* SPDX-License-Identifier: BSD-3-Clause */
/* audit.c - see audit.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <slurm/spank.h>

#include "audit.h"

#define SAID_MAX   1024 /* psec-pmixd's own limit, see its log.h */
#define RECORD_MAX (2 * SAID_MAX + 512) /* each byte may get a backslash */
#define BURST_S	   10 /* this many seconds' records may come at once */

struct audit {
	const psec_step_t *step;
	int fd; /* -1: to syslog */
	char host[256];
	struct timespec filled; /* when `tokens` was right */
	double tokens;		/* records that may be written now */
	unsigned long dropped;	/* since the last record */
	bool full;		/* the file is; that was logged */
};

/* -- the file ---------------------------------------------------------------
 */

/* Root's, nobody else's, and no other name of something else. */
static bool is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == 0 && st->st_nlink == 1 &&
	       !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int open_file(const char *path, int create)
{
	struct stat st;
	int fd = open(path,
		      O_WRONLY | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK |
			      O_CLOEXEC | create,
		      0600);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && is_ours(&st))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

/* After logrotate there is a new file.  Without it the old one still serves. */
static void follow_rotation(audit_t *a)
{
	struct stat now, ours;
	int fd;

	if (stat(a->step->site.audit, &now) != 0 || fstat(a->fd, &ours) != 0 ||
	    (now.st_ino == ours.st_ino && now.st_dev == ours.st_dev))
		return;
	fd = open_file(a->step->site.audit, 0);
	if (fd < 0)
		return;
	close(a->fd);
	a->fd = fd;
	a->full = false;
}

static bool has_room(audit_t *a, size_t len)
{
	off_t max = (off_t)a->step->site.audit_size_mb * 1024 * 1024;
	struct stat st;

	if (fstat(a->fd, &st) == 0 && st.st_size + (off_t)len <= max)
		return true;
	if (!a->full)
		slurm_info("mpi/pmix: %s has reached audit_size (%d MiB): "
			   "records are dropped until it is rotated",
			   a->step->site.audit, a->step->site.audit_size_mb);
	a->full = true;
	return false;
}

/* One write each, since other steps append to the same file. */
static bool put_file(audit_t *a, const char *record, size_t len)
{
	ssize_t n;

	follow_rotation(a);
	if (!has_room(a, len))
		return false;
	n = write(a->fd, record, len);
	/* The file system is full: the next record begins on a new line. */
	if (n > 0 && (size_t)n < len && write(a->fd, "\n", 1) < 0)
		return false;
	return n == (ssize_t)len;
}

/* -- how much ----------------------------------------------------------------
 */

static bool may_write(audit_t *a)
{
	double rate = a->step->site.audit_rate;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	a->tokens += rate * ((double)(now.tv_sec - a->filled.tv_sec) +
			     (double)(now.tv_nsec - a->filled.tv_nsec) / 1e9);
	if (a->tokens > rate * BURST_S)
		a->tokens = rate * BURST_S;
	a->filled = now;
	if (a->tokens < 1)
		return false;
	a->tokens -= 1;
	return true;
}

/* -- records -----------------------------------------------------------------
 */

/* Plain ASCII in, a JSON string's inside out; anything else becomes '?'. */
static void escape(char *out, size_t size, const char *said)
{
	size_t n = 0;

	for (; *said && n + 2 < size; said++) {
		if (*said == '"' || *said == '\\')
			out[n++] = '\\';
		out[n] = *said;
		if (*said < ' ' || *said >= 0x7f)
			out[n] = '?';
		n++;
	}
	out[n] = '\0';
}

/* What Slurm vouches for; SAID may be NULL. */
static size_t compose(const audit_t *a, const char *said, char *out,
		      size_t size)
{
	char when[32], text[2 * SAID_MAX + 1], dropped[48] = "";
	struct timespec now;
	struct tm tm;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	escape(text, sizeof(text), said ? said : "");
	if (a->dropped)
		snprintf(dropped, sizeof(dropped), ",\"dropped\":%lu",
			 a->dropped);
	n = snprintf(out, size,
		     "{\"time\":\"%s.%03ldZ\",\"host\":\"%s\",\"uid\":%u,"
		     "\"gid\":%u,\"job\":%u,\"step\":%u%s%s%s%s}\n",
		     when, now.tv_nsec / 1000000, a->host,
		     (unsigned)a->step->uid, (unsigned)a->step->gid,
		     a->step->job_id, a->step->step_id, dropped,
		     said ? ",\"said\":\"" : "", text, said ? "\"" : "");
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static void put(audit_t *a, const char *said)
{
	char record[RECORD_MAX];
	size_t len = compose(a, said, record, sizeof(record));
	bool done = len > 0;

	if (done && a->fd >= 0)
		done = put_file(a, record, len);
	else if (done)
		syslog(LOG_AUTHPRIV | LOG_INFO, "psec-audit: %.*s",
		       (int)len - 1, record);
	if (done)
		a->dropped = 0;
	else
		a->dropped++;
}

void audit_write(audit_t *a, const char *said)
{
	if (may_write(a))
		put(a, said);
	else
		a->dropped++;
}

/* -- life --------------------------------------------------------------------
 */

audit_t *audit_open(const psec_step_t *step)
{
	audit_t *a;

	if (!strcmp(step->site.audit, "off"))
		return NULL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->step = step;
	a->fd = -1;
	a->tokens = (double)step->site.audit_rate * BURST_S;
	clock_gettime(CLOCK_MONOTONIC, &a->filled);
	if (gethostname(a->host, sizeof(a->host) - 1) != 0)
		strcpy(a->host, "?");
	if (!strcmp(step->site.audit, "syslog"))
		return a;
	a->fd = open_file(step->site.audit, O_CREAT);
	if (a->fd >= 0)
		return a;
	slurm_error("mpi/pmix: the audit file %s cannot be opened: %s; it must "
		    "be a file of root's that nobody else can write. This step "
		    "is not audited",
		    step->site.audit, strerror(errno));
	free(a);
	return NULL;
}

void audit_close(audit_t *a)
{
	if (!a)
		return;
	if (a->dropped)
		put(a, NULL);
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}
