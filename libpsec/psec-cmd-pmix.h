/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-pmix.h - the module that talks to a PMIx server.  It is the one
 * part of psec that links libpmix; psec loads it only inside a step that has
 * a server, and does without where it cannot be loaded.
 */
#ifndef PSEC_CMD_PMIX_H
#define PSEC_CMD_PMIX_H

#include "psec-cmd-facts.h"
#include "psec-cmd-status.h"

#define CMD_PMIX_INTERFACE 2
#define CMD_PMIX_SYMBOL	   "psec_cmd_pmix"

/* No server answers requests of this kind; the sentence says why.  Never an
 * exit status. */
#define CMD_ABSENT ((psec_code_t)33)

/* RFC0024's directives. */
typedef struct {
	const char *types; /* PMIX_CRED_TYPE; NULL: any */
	int timeout_s;	   /* PMIX_TIMEOUT */
	uid_t uid; /* who may validate, or is expected; (uid_t)-1: any */
	gid_t gid; /* likewise */
} cmd_wish_t;

typedef struct {
	unsigned interface; /* CMD_PMIX_INTERFACE; stays the first member */
	/*
	 * Each is one PMIx_Init to PMIx_Finalize as the task's own rank, and
	 * blocks.  *CRED is malloc()ed.  FACTS is initialised by the caller;
	 * of a get only the type is filled in.
	 */
	psec_code_t (*get)(const cmd_wish_t *wish, void **cred, size_t *len,
			   cmd_facts_t *facts, psec_error_t *err);
	psec_code_t (*validate)(const cmd_wish_t *wish, const void *cred,
				size_t len, cmd_facts_t *facts,
				psec_error_t *err);
	/* STATUS is all zero. */
	psec_code_t (*status)(cmd_status_t *status, psec_error_t *err);
} cmd_pmix_t;

#endif
