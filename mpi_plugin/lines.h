/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines.h - from the bytes of a stream to lines of text.  No input or output.
 *
 * The bytes come from a process of the user's and are read by root: nothing
 * but newlines means anything, and a line has at most LINES_MAX bytes.
 */
#ifndef PSEC_LINES_H
#define PSEC_LINES_H

#include <stddef.h>

#define LINES_MAX 1024 /* psec-pmixd's own limit, see its log.h */

/* All zero at first. */
typedef struct {
	char buf[LINES_MAX];
	size_t used;
} lines_t;

/* LINE is terminated, has no newline, and may be changed in place. */
typedef void (*lines_fn)(void *arg, char *line);

/* Where the next bytes go, and how many fit (at least one). */
char *lines_space(lines_t *l, size_t *len);

/*
 * LEN bytes were put there: hand all complete lines to FN.  An overlong line
 * is cut into several.
 */
void lines_added(lines_t *l, size_t len, lines_fn fn, void *arg);

/* No more bytes come: hand over what has no newline behind it, if anything. */
void lines_end(lines_t *l, lines_fn fn, void *arg);

/* Replace control characters, so that TEXT can go into a log. */
void lines_clean(char *text);

#endif
