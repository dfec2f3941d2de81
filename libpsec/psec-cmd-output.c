/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-output.c - see psec-cmd-output.h. */
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "psec-cmd-output.h"

/* Keep newlines; a control character could rewrite the line before. */
static void clean(char *text)
{
	for (; *text; text++) {
		if (*text != '\n' && (*text < ' ' || *text > '~'))
			*text = '?';
	}
}

static void print_clean(FILE *out, const char *prefix, const char *fmt,
			va_list ap) __attribute__((format(printf, 3, 0)));
static void print_clean(FILE *out, const char *prefix, const char *fmt,
			va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	clean(text);
	(void)fprintf(out, "%s%s", prefix, text);
	free(text);
}

void cmd_say(const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	va_start(ap, fmt);
	print_clean(stderr, "psec: ", fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

void cmd_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_clean(stdout, "", fmt, ap);
	va_end(ap);
}

void cmd_print_help(const char *name, const char *text, int column)
{
	const char *line = text, *end;
	bool first = true;

	/* A name that is too long for its column has its own line. */
	(void)printf("  %-*s", column - 2, name);
	if ((int)strlen(name) > column - 3)
		(void)printf("\n%*s", column, "");
	do {
		end = line + strcspn(line, "\n");
		(void)printf("%*s%.*s\n", first ? 0 : column, "",
			     (int)(end - line), line);
		first = false;
		line = end + 1;
	} while (*end);
}

int cmd_print_json(json_t *doc)
{
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	if (!text) {
		cmd_say("no memory for the output");
		return PSEC_ERR_NOMEM;
	}
	(void)printf("%s\n", text);
	free(text);
	/* Whoever reads a line of several may want it now. */
	(void)fflush(stdout);
	return 0;
}

json_t *cmd_json_text(const char *text)
{
	json_t *string;
	char *copy;

	if (!text || !text[0])
		return json_null();
	string = json_string(text);
	if (string)
		return string;
	/* It was no UTF-8. */
	copy = strdup(text);
	if (!copy)
		return NULL;
	clean(copy);
	string = json_string(copy);
	free(copy);
	return string;
}

json_t *cmd_json_error(const psec_error_t *err)
{
	return json_pack("{s:{s:s, s:i, s:o}}", "error", "code",
			 cmd_strcode(err->code), "status", (int)err->code,
			 "text", cmd_json_text(err->text));
}

int cmd_failed(bool json, const psec_error_t *err)
{
	cmd_say("%s", err->text);
	if (json)
		(void)cmd_print_json(cmd_json_error(err));
	return (int)err->code;
}

char *cmd_base64(const void *buf, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *in = buf;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;
	uint32_t v;
	size_t i;

	if (!text)
		return NULL;
	for (i = 0; i < len; i += 3) {
		v = (uint32_t)in[i] << 16;
		if (i + 1 < len)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < len)
			v |= in[i + 2];
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = (char)(i + 1 < len ? digits[v >> 6 & 63] : '=');
		*out++ = (char)(i + 2 < len ? digits[v & 63] : '=');
	}
	*out = '\0';
	return text;
}

bool cmd_is_text(const void *buf, size_t len)
{
	const char *text = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n')
			return false;
	}
	return true;
}

bool cmd_ends_line(const void *buf, size_t len)
{
	return len > 1 && ((const char *)buf)[len - 1] == '\n' &&
	       cmd_is_text(buf, len);
}

void cmd_uid_text(uid_t uid, char *out, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		(void)snprintf(out, size, "%u (%s)", (unsigned)uid,
			       pw->pw_name);
	else
		(void)snprintf(out, size, "%u", (unsigned)uid);
}

void cmd_gid_text(gid_t gid, char *out, size_t size)
{
	const struct group *gr;

	if (gid == (gid_t)-1) {
		(void)snprintf(out, size, "unknown");
		return;
	}
	gr = getgrgid(gid);
	if (gr)
		(void)snprintf(out, size, "%u (%s)", (unsigned)gid,
			       gr->gr_name);
	else
		(void)snprintf(out, size, "%u", (unsigned)gid);
}
