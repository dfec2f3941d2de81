/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-server.h - the PMIx server of the step that psec runs in, through
 * the module psec-cmd-pmix.c.
 */
#ifndef PSEC_CMD_SERVER_H
#define PSEC_CMD_SERVER_H

#include "psec-cmd-pmix.h"

/* Does the environment name a rank and a server for it? */
bool cmd_in_step(void);

/* As in cmd_pmix_t.  CMD_ABSENT also where libpmix cannot be loaded. */
psec_code_t cmd_server_get(const cmd_wish_t *wish, void **cred, size_t *len,
			   cmd_facts_t *facts, psec_error_t *err);
psec_code_t cmd_server_validate(const cmd_wish_t *wish, const void *cred,
				size_t len, cmd_facts_t *facts,
				psec_error_t *err);
psec_code_t cmd_server_status(cmd_status_t *status, psec_error_t *err);

#endif
