/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd.c - the command psec: which subcommand is meant.
 */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "psec-cmd-deadline.h"
#include "psec-cmd-output.h"
#include "psec-cmd.h"

#define HELP_COLUMN 14

static const cmd_t commands[] = {
	{ "list", "",
	  "list the security mechanisms: what they prove, and whether they\n"
	  "work here",
	  cmd_list },
	{ "select", "[LIST]",
	  "print the mechanism that a client would pick from LIST, by default\n"
	  "PMIX_SECURITY_MODE (RFC0011)",
	  cmd_select },
	{ "get", "",
	  "get a credential: from the PMIx server inside a step that has one,\n"
	  "elsewhere from the mechanism itself",
	  cmd_get },
	{ "validate", "[FILE]",
	  "validate the credential in FILE, by default standard input, and\n"
	  "print whose it is",
	  cmd_validate },
	{ "handshake", "",
	  "prove to the other end of a socket who one is, or serve somebody "
	  "who\n"
	  "tries",
	  cmd_handshake },
	{ "status", "[JOB.STEP]",
	  "tell what a step's server on this node has done with credentials,\n"
	  "by default that of the step of this task",
	  cmd_status },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const char *cmd_strcode(psec_code_t code)
{
	if (code == CMD_REFUSED)
		return "refused";
	if (code == CMD_USAGE)
		return "usage";
	return psec_strcode(code);
}

static int help(void)
{
	size_t i;

	(void)printf("usage: psec COMMAND [OPTION]...\n\n"
		     "Security mechanisms and credentials of PMIx jobs.\n\n");
	for (i = 0; i < N_COMMANDS; i++)
		cmd_print_help(commands[i].name, commands[i].about,
			       HELP_COLUMN);
	(void)printf("\n'psec COMMAND --help' tells a command's options, "
		     "psec(1) all of it.\n");
	return 0;
}

static int usage(const char *wrong)
{
	cmd_say("%s; see 'psec --help'", wrong);
	return CMD_USAGE;
}

static int run(int argc, char **argv)
{
	char wrong[128];
	size_t i;

	if (argc < 2)
		return usage("no command is given");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help();
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("psec %s\n", PSEC_VERSION);
		return 0;
	}
	for (i = 0; i < N_COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(&commands[i], argc - 1,
					       argv + 1);
	}
	(void)snprintf(wrong, sizeof(wrong), "there is no command '%.64s'",
		       argv[1]);
	return usage(wrong);
}

int main(int argc, char **argv)
{
	return cmd_end(run(argc, argv));
}
