/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - see log.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"

static atomic_int max_level = PLOG_VERBOSE;

void plog_set_level(plog_level_t level)
{
	atomic_store(&max_level, level);
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
	line[n + 1] = '\n';
	/* One write below PIPE_BUF: lines of threads do not mix. */
	if (write(STDERR_FILENO, line, (size_t)n + 2) < 0) {
		/* slurmstepd is gone, and with it the log */
	}
	errno = saved;
}
