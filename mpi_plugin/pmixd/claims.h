/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * claims.h - the payload of a credential: JSON that says for whom it was
 * issued.  Format: doc/credential-format.md.
 *
 * Only uid and gid of a credential are proven (by MUNGE).  Claims are what
 * the issuing psec-pmixd, a process of that uid, states.
 */
#ifndef PMIXD_CLAIMS_H
#define PMIXD_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "psec.h"

#define CLAIMS_VERSION	1
#define CLAIMS_TEXT_MAX 256 /* bytes of a string claim, NUL included */

typedef struct {
	char cluster[CLAIMS_TEXT_MAX];
	char nspace[CLAIMS_TEXT_MAX];
	char node[CLAIMS_TEXT_MAX];
	char id[33]; /* 128 random bits in hex: unique */
	uint32_t job_id, step_id, rank;
	int64_t issued_s; /* seconds since the epoch */
	/* Who may validate it; anybody where it is not said. */
	bool has_for_uid, has_for_gid;
	uint32_t for_uid, for_gid;
} claims_t;

/* malloc()ed JSON text, or NULL: no memory, or a text that is not UTF-8. */
char *claims_encode(const claims_t *claims);

/* TEXT may come from anybody.  PSEC_ERR_MALFORMED and a sentence. */
psec_code_t claims_decode(const void *text, size_t len, claims_t *claims,
			  psec_error_t *err);

#endif
