/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h - sentences to slurmstepd, which writes them to slurmd's log and,
 * those of level error, to srun's output too.
 *
 * Each line goes to standard error, which is a pipe to slurmstepd, as one
 * write of at most LOG_LINE_MAX bytes: a digit for the level and the text.
 * Any thread may log.  Levels are Slurm's (slurm.conf(5), SlurmdDebug).
 */
#ifndef PMIXD_LOG_H
#define PMIXD_LOG_H

#include <stdbool.h>

#define LOG_LINE_MAX 1024

typedef enum {
	PLOG_ERROR = 1,
	PLOG_INFO = 2,
	PLOG_VERBOSE = 3,
	PLOG_DEBUG = 4,
	PLOG_DEBUG2 = 5
} plog_level_t;

/*
 * Nobody waits for slurmstepd to read: where the pipe is full, lines are lost,
 * and their number is told later.
 */
void plog_init(void);

/*
 * Write TEXT, as it is, behind the byte MARK.  False: it was lost.  TEXT has
 * no newline and less than LOG_LINE_MAX - 2 bytes.
 */
bool plog_record(char mark, const char *text);

/* Lines of a higher level than LEVEL are dropped.  Default: PLOG_VERBOSE. */
void plog_set_level(plog_level_t level);

void plog(plog_level_t level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define plog_error(...)	  plog(PLOG_ERROR, __VA_ARGS__)
#define plog_info(...)	  plog(PLOG_INFO, __VA_ARGS__)
#define plog_verbose(...) plog(PLOG_VERBOSE, __VA_ARGS__)
#define plog_debug(...)	  plog(PLOG_DEBUG, __VA_ARGS__)
#define plog_debug2(...)  plog(PLOG_DEBUG2, __VA_ARGS__)

#endif
