/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - see log.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static atomic_int max_level = PLOG_VERBOSE;
static atomic_uint lost; /* lines, since that was last told */

void plog_set_level(plog_level_t level)
{
	atomic_store(&max_level, level);
}

void plog_init(void)
{
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	if (flags >= 0)
		(void)fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}

/* One write below PIPE_BUF, so that lines of threads do not mix. */
static bool put(char line[LOG_LINE_MAX], size_t len)
{
	line[len] = '\n';
	if (write(STDERR_FILENO, line, len + 1) >= 0)
		return true;
	/* Full; or slurmstepd is gone, and with it the log. */
	if (errno == EAGAIN)
		atomic_fetch_add(&lost, 1);
	return false;
}

static void tell_lost(void)
{
	unsigned n = atomic_exchange(&lost, 0);
	char line[LOG_LINE_MAX];
	int len;

	if (!n)
		return;
	len = snprintf(line, sizeof(line),
		       "%d%u lines for the log were lost: slurmstepd did not "
		       "read them in time",
		       PLOG_INFO, n);
	if (len > 0 && !put(line, (size_t)len))
		atomic_fetch_add(&lost, n);
}

/* What a rank makes us write must not look like a line of its own. */
static void one_line(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ')
			text[i] = '?';
}

bool plog_record(char mark, const char *text)
{
	char line[LOG_LINE_MAX];
	size_t len = strlen(text);
	int saved = errno;
	bool done = false;

	if (len + 2 <= sizeof(line)) {
		line[0] = mark;
		memcpy(line + 1, text, len);
		done = put(line, len + 1);
	}
	errno = saved;
	return done;
}

void plog(plog_level_t level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	int saved = errno;
	va_list ap;
	int n;

	if ((int)level > atomic_load(&max_level))
		return;
	line[0] = (char)('0' + level);
	va_start(ap, fmt);
	n = vsnprintf(line + 1, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	if ((size_t)n > sizeof(line) - 3)
		n = sizeof(line) - 3;
	one_line(line + 1, (size_t)n);
	if (put(line, (size_t)n + 1))
		tell_lost();
	errno = saved;
}
