/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-facts.h - what a valid credential says, and how much of it is
 * proven.  The rest is the word of the uid that made it; see
 * doc/credential-format.md, "What is proven".
 */
#ifndef PSEC_CMD_FACTS_H
#define PSEC_CMD_FACTS_H

#include <stdint.h>
#include <string.h>

#include "claims.h"
#include "psec-cmd.h"

/* Claims of who has no job, step or rank; "" for a text. */
#define CMD_NO_JOB  0u
#define CMD_NO_STEP 0xfffffffeu /* Slurm's NO_VAL */
#define CMD_NO_RANK UINT32_MAX	/* PMIX_RANK_UNDEF */

/* Bits of what is proven. */
typedef enum {
	CMD_PROVEN_UID = 1 << 0,
	CMD_PROVEN_GID = 1 << 1,
	CMD_PROVEN_TIMES = 1 << 2,  /* issued_s and expires_s */
	CMD_PROVEN_ISSUER = 1 << 3, /* cluster and node */
	CMD_PROVEN_JOB = 1 << 4,
	CMD_PROVEN_STEP = 1 << 5,
	CMD_PROVEN_UNSAID = 1 << 6, /* nobody said: what mechanisms prove */
} cmd_proven_t;

typedef struct {
	char type[PSEC_NAME_MAX + 1];
	uid_t uid;		     /* (uid_t)-1: not known */
	gid_t gid;		     /* likewise */
	int64_t issued_s, expires_s; /* since the epoch; 0: not known */
	unsigned proven;	     /* cmd_proven_t */
	claims_t claims;
	uint8_t *payload; /* instead of claims; malloc()ed, or NULL */
	size_t payload_len;
} cmd_facts_t;

/*
 * Nothing is known.  Release what is filled in with cmd_facts_clear().
 * Inline, as the module psec-cmd-pmix.c shares no source with psec.
 */
static inline void cmd_facts_init(cmd_facts_t *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->uid = (uid_t)-1;
	facts->gid = (gid_t)-1;
	facts->proven = CMD_PROVEN_UNSAID;
	facts->claims.job_id = CMD_NO_JOB;
	facts->claims.step_id = CMD_NO_STEP;
	facts->claims.rank = CMD_NO_RANK;
}
void cmd_facts_clear(cmd_facts_t *facts);

/* The claims of this very process, by its environment. */
psec_code_t cmd_own_claims(claims_t *claims, psec_error_t *err);

/* PSEC_ERR_MISMATCH unless uid and gid are these; -1: any. */
psec_code_t cmd_facts_expect(const cmd_facts_t *facts, uid_t uid, gid_t gid,
			     psec_error_t *err);

/* Print them.  SOURCE: who has validated, "server" or "local". */
int cmd_facts_print(const cmd_facts_t *facts, const char *source,
		    const char *fallback, bool json);

#endif
