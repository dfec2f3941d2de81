/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_type.h - the types of credentials that this server makes and
 * validates, one entry each.
 */
#ifndef PMIXD_CRED_TYPE_H
#define PMIXD_CRED_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "psec.h"

/* How long it may take to make or validate one. */
typedef enum {
	CRED_AT_ONCE,	/* that is only computing */
	CRED_BLOCKS,	/* a service answers, soon or never */
	CRED_MUST_WAIT, /* for something that is still on its way */
} cred_pace_t;

typedef struct {
	const char *name;    /* as in PMIX_CRED_TYPE; libpsec's mechanism */
	const char *mark;    /* what its credentials begin with */
	unsigned proves;     /* cred_proof_t, when one was validated */
	const char *service; /* whom a credential waits for, in sentences */
	/* At this moment.  With pmixd.lock held. */
	cred_pace_t (*pace)(void);
} cred_type_t;

#define CRED_TYPES_MAX 8

/* May this step use it? */
bool cred_type_allowed(const cred_type_t *type);

/* The type NAME where this step may use it, or NULL. */
const cred_type_t *cred_type_named(const char *name);

/* The type that CRED's mark says, allowed or not, or NULL. */
const cred_type_t *cred_type_of(const uint8_t *cred, size_t len);

/*
 * How long a new credential shall be valid, in seconds; a service may allow
 * less (munged's --max-ttl).
 */
uint32_t cred_lifetime_s(void);

/* The names of the types that this step may use, separated by commas. */
void cred_type_list(char *out, size_t size);

#endif
