/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd.h - what the files of the command psec share.
 *
 * psec is one thread that asks, and one that does what may block (see
 * psec-cmd-deadline.h).  Everything but the module psec-cmd-pmix.c links
 * libpsec and jansson only, so that psec works where libpmix and libmunge are
 * missing.
 *
 * A failure is a psec_error_t: its code is psec's exit status.
 */
#ifndef PSEC_CMD_H
#define PSEC_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include "psec.h"

/*
 * Exit statuses beside those of psec_code_t (1 to 16).  They are documented
 * in psec(1) and never change.
 */
#define CMD_REFUSED                                                            \
	((psec_code_t)32) /* by the PMIx server, cause in its log              \
			   */
#define CMD_USAGE ((psec_code_t)64)

/* A subcommand. */
typedef struct cmd {
	const char *name;
	const char
		*operand;  /* the one that may follow, as in "[LIST]", or "" */
	const char *about; /* a line for 'psec --help' */
	/* ARGV[0] is the subcommand's name.  Returns the exit status. */
	int (*run)(const struct cmd *cmd, int argc, char **argv);
} cmd_t;

int cmd_list(const cmd_t *cmd, int argc, char **argv);
int cmd_select(const cmd_t *cmd, int argc, char **argv);
int cmd_get(const cmd_t *cmd, int argc, char **argv);
int cmd_validate(const cmd_t *cmd, int argc, char **argv);
int cmd_handshake(const cmd_t *cmd, int argc, char **argv);
int cmd_status(const cmd_t *cmd, int argc, char **argv);

/* psec_strcode(), and the names of the statuses above. */
const char *cmd_strcode(psec_code_t code);

#endif
