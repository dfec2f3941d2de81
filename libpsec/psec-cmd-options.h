/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-options.h - a subcommand's options: one table, from which they are
 * read and their help is printed.
 */
#ifndef PSEC_CMD_OPTIONS_H
#define PSEC_CMD_OPTIONS_H

#include "psec-cmd.h"

typedef enum {
	CMD_FLAG,	/* bool * */
	CMD_TEXT,	/* const char **, not empty */
	CMD_PATH,	/* const char **, absolute */
	CMD_MECHS,	/* const char **, a list of mechanisms; may be empty */
	CMD_PRIORITIES, /* const char **, as psec_options_t has them */
	CMD_SECONDS,	/* int *, 1 to 86400 */
	CMD_COUNT,	/* int *, 1 to 1000000 */
	CMD_UID,	/* uid_t *, a number or a name */
	CMD_GID		/* gid_t *, likewise */
} cmd_kind_t;

typedef struct {
	const char *name; /* without dashes */
	char letter;	  /* 'o' for -o; 0: none */
	cmd_kind_t kind;
	void *value; /* holds the default until the option is seen */
	const char *help;
	const char *arg; /* what the help calls the value; NULL: by kind */
} cmd_option_t;

/* What every subcommand that has mechanisms understands. */
typedef struct {
	bool json;
	const char *mechdir;	  /* NULL: fixed at build time */
	const char *munge_socket; /* NULL: munge's default */
	const char *priorities;	  /* NULL: the mechanisms' own */
} cmd_common_t;

/* clang-format off */
#define CMD_COMMON_OPTIONS(common)                                             \
	{ "mechdir", 0, CMD_PATH, &(common)->mechdir,                          \
	  "load mechanisms from this directory" },                             \
	{ "munge-socket", 0, CMD_PATH, &(common)->munge_socket,                \
	  "where munged listens" },                                            \
	{ "priorities", 0, CMD_PRIORITIES, &(common)->priorities,              \
	  "other priorities, as in munge=80,native=90" },                      \
	{ "json", 0, CMD_FLAG, &(common)->json,                                \
	  "print JSON" }
/* clang-format on */

#define CMD_GO_ON (-1)

/*
 * Read the options in ARGV by TABLE (its last entry has no name); --help is
 * added.  *OPERAND is the one argument that is no option, or NULL; where CMD
 * takes none, OPERAND may be NULL.  Returns CMD_GO_ON, or the exit status
 * after --help or a mistake.
 */
int cmd_options(const cmd_t *cmd, const cmd_option_t *table, int argc,
		char **argv, const char **operand);

/* Complain about wrong usage of CMD.  Returns CMD_USAGE. */
int cmd_usage(const cmd_t *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
