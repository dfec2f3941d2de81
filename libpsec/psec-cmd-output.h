/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-output.h - what psec writes: results on standard output, as text
 * or JSON, sentences on standard error.
 *
 * Credentials, peers and plugins are strangers: none of their bytes reaches a
 * terminal unless it is a printable one.
 */
#ifndef PSEC_CMD_OUTPUT_H
#define PSEC_CMD_OUTPUT_H

#include <stddef.h>

#include <jansson.h>

#include "psec-cmd.h"

/* "psec: " and a sentence on standard error. */
void cmd_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Like printf(), but bytes that are not printable ASCII become '?'. */
void cmd_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* NAME and, from COLUMN on, its explanation, which may have several lines. */
void cmd_print_help(const char *name, const char *text, int column);

/*
 * Print DOC in one line and release it.  DOC NULL: there was no memory for
 * it.  Returns the exit status.
 */
int cmd_print_json(json_t *doc);

/* A JSON string of TEXT, whatever its bytes are; null for NULL or "". */
json_t *cmd_json_text(const char *text);

/* {"error":{"code":"...","status":N,"text":"..."}} */
json_t *cmd_json_error(const psec_error_t *err);

/*
 * Say what went wrong, with JSON also on standard output.  Returns the exit
 * status, which is ERR's code.
 */
int cmd_failed(bool json, const psec_error_t *err);

/* Base64 (RFC 4648) of the LEN bytes at BUF: malloc()ed, or NULL. */
char *cmd_base64(const void *buf, size_t len);

/* Printable ASCII and newlines only? */
bool cmd_is_text(const void *buf, size_t len);

/* Is it such a text, with a newline at its end that may be left out? */
bool cmd_ends_line(const void *buf, size_t len);

/* "1001 (alice)", for text; cut where it does not fit. */
void cmd_uid_text(uid_t uid, char *out, size_t size);
void cmd_gid_text(gid_t gid, char *out, size_t size);

#endif
