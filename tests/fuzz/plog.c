/* SPDX-License-Identifier: BSD-3-Clause */
/* plog.c - log.h for the fuzz targets: lines are made and dropped. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "log.h"

void plog(plog_level_t level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	MUST(n >= 0 && level >= PLOG_ERROR && level <= PLOG_DEBUG2);
}
