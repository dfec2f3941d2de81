/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_facts.h - what a credential that was accepted says, and how much of
 * it is proven.  The rest is stated by the issuing psec-pmixd, a process of
 * that uid; see doc/credential-format.md, "What is proven".
 */
#ifndef PMIXD_CRED_FACTS_H
#define PMIXD_CRED_FACTS_H

#include <stdint.h>
#include <sys/types.h>

#include "claims.h"

/* Bits of `proven`. */
typedef enum {
	CRED_PROVES_UID = 1 << 0,
	CRED_PROVES_GID = 1 << 1,
	CRED_PROVES_TIMES = 1 << 2,  /* issued_s and expires_s */
	CRED_PROVES_JOB = 1 << 3,    /* the job runs and is this uid's */
	CRED_PROVES_STEP = 1 << 4,   /* issued inside this very step */
	CRED_PROVES_ISSUER = 1 << 5, /* cluster and node */
} cred_proof_t;

typedef struct {
	const char *type; /* static */
	uid_t uid;
	gid_t gid;
	int64_t issued_s, expires_s; /* since the epoch; expires_s 0: never */
	claims_t claims;
	unsigned proven; /* cred_proof_t */
} cred_facts_t;

#endif
