/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-options.c - see psec-cmd-options.h. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "psec-cmd-options.h"
#include "psec-cmd-output.h"

#define HELP_COLUMN 24

/* What an option's value is called in its help, and what it must be. */
static const struct {
	const char *name, *must_be;
} kinds[] = {
	[CMD_FLAG] = { "", "" },
	[CMD_TEXT] = { "TEXT", "not be empty" },
	[CMD_PATH] = { "PATH", "be an absolute path" },
	[CMD_MECHS] = { "LIST",
			"be names of mechanisms separated by commas, each of "
			"at most 32 of a-z A-Z 0-9 _ -" },
	[CMD_PRIORITIES] = { "LIST",
			     "be entries NAME=NUMBER separated by commas, each "
			     "number from 0 to 100000" },
	[CMD_SECONDS] = { "S", "be seconds, from 1 to 86400" },
	[CMD_COUNT] = { "N", "be a number from 1 to 1000000" },
	[CMD_UID] = { "UID", "be a uid or the name of a user" },
	[CMD_GID] = { "GID", "be a gid or the name of a group" },
};

int cmd_usage(const cmd_t *cmd, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cmd_say("%s: %s; see 'psec %s --help'", cmd->name, text, cmd->name);
	return CMD_USAGE;
}

static int print_help(const cmd_t *cmd, const cmd_option_t *table)
{
	const cmd_option_t *o;
	char left[64], letter[8];

	(void)printf("usage: psec %s [OPTION]...%s%s\n\n%s\n\n", cmd->name,
		     cmd->operand[0] ? " " : "", cmd->operand, cmd->about);
	for (o = table; o->name; o++) {
		(void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		(void)snprintf(left, sizeof(left), "%s--%s %s",
			       o->letter ? letter : "", o->name,
			       o->arg ? o->arg : kinds[o->kind].name);
		cmd_print_help(left, o->help, HELP_COLUMN);
	}
	cmd_print_help("--help", "print this text", HELP_COLUMN);
	return 0;
}

static bool parse_number(const char *text, unsigned long min, unsigned long max,
			 unsigned long *out)
{
	unsigned long v;
	char *end;

	/* strtoul() would take blanks and signs, too. */
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || v < min || v > max)
		return false;
	*out = v;
	return true;
}

static bool parse_int(const char *text, int max, int *out)
{
	unsigned long v;

	if (!parse_number(text, 1, (unsigned long)max, &v))
		return false;
	*out = (int)v;
	return true;
}

/* The highest id says "nobody in particular". */
static bool parse_uid(const char *text, uid_t *out)
{
	const struct passwd *pw;
	unsigned long v;

	if (parse_number(text, 0, UINT32_MAX - 1, &v)) {
		*out = (uid_t)v;
		return true;
	}
	pw = getpwnam(text);
	if (pw)
		*out = pw->pw_uid;
	return pw != NULL;
}

static bool parse_gid(const char *text, gid_t *out)
{
	const struct group *gr;
	unsigned long v;

	if (parse_number(text, 0, UINT32_MAX - 1, &v)) {
		*out = (gid_t)v;
		return true;
	}
	gr = getgrnam(text);
	if (gr)
		*out = gr->gr_gid;
	return gr != NULL;
}

static bool set_value(const cmd_option_t *o, const char *text)
{
	char list[PSEC_LIST_MAX + 1];

	switch (o->kind) {
	case CMD_FLAG:
		*(bool *)o->value = true;
		return true;
	case CMD_SECONDS:
		return parse_int(text, 86400, o->value);
	case CMD_COUNT:
		return parse_int(text, 1000000, o->value);
	case CMD_UID:
		return parse_uid(text, o->value);
	case CMD_GID:
		return parse_gid(text, o->value);
	case CMD_MECHS:
		if (psec_list_filter(text, NULL, list, sizeof(list), NULL) != 0)
			return false;
		break;
	case CMD_PRIORITIES:
		if (psec_priorities_check(text, NULL) != PSEC_OK)
			return false;
		break;
	case CMD_PATH:
		if (text[0] != '/')
			return false;
		break;
	case CMD_TEXT:
		if (!text[0])
			return false;
		break;
	}
	*(const char **)o->value = text;
	return true;
}

static const cmd_option_t *find_long(const cmd_option_t *o, const char *name,
				     size_t len)
{
	for (; o->name; o++) {
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static const cmd_option_t *find_letter(const cmd_option_t *o, char letter)
{
	for (; o->name; o++) {
		if (o->letter == letter)
			return o;
	}
	return NULL;
}

/* The option that WORD is; *VALUE: what came with it, or NULL. */
static const cmd_option_t *find(const cmd_option_t *table, const char *word,
				const char **value)
{
	const cmd_option_t *o;
	size_t len;

	*value = NULL;
	if (word[1] != '-') {
		o = find_letter(table, word[1]);
		if (o && word[2])
			*value = word + 2;
		return o;
	}
	len = strcspn(word + 2, "=");
	if (word[2 + len])
		*value = word + 2 + len + 1;
	return find_long(table, word + 2, len);
}

/* Take the option at ARGV[*I]; *I: its last word. */
static int take(const cmd_t *cmd, const cmd_option_t *table, char **argv,
		int *i)
{
	const char *word = argv[*i], *value;
	const cmd_option_t *o = find(table, word, &value);

	if (!o)
		return cmd_usage(cmd, "there is no option '%.64s'", word);
	if (o->kind == CMD_FLAG && value)
		return cmd_usage(cmd, "--%s takes no value", o->name);
	if (o->kind != CMD_FLAG && !value) {
		value = argv[*i + 1];
		if (!value)
			return cmd_usage(cmd, "--%s needs a value", o->name);
		(*i)++;
	}
	if (!set_value(o, value))
		return cmd_usage(cmd, "--%s must %s, not '%.128s'", o->name,
				 kinds[o->kind].must_be, value);
	return CMD_GO_ON;
}

int cmd_options(const cmd_t *cmd, const cmd_option_t *table, int argc,
		char **argv, const char **operand)
{
	bool only_operands = false;
	const char *found = NULL;
	int i, rc;

	for (i = 1; i < argc; i++) {
		if (!only_operands && strcmp(argv[i], "--") == 0) {
			only_operands = true;
		} else if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
			if (found || !cmd->operand[0])
				return cmd_usage(cmd, "'%.128s' is too much",
						 argv[i]);
			found = argv[i];
		} else if (strcmp(argv[i], "--help") == 0 ||
			   strcmp(argv[i], "-h") == 0) {
			return print_help(cmd, table);
		} else {
			rc = take(cmd, table, argv, &i);
			if (rc != CMD_GO_ON)
				return rc;
		}
	}
	if (operand)
		*operand = found;
	return CMD_GO_ON;
}
