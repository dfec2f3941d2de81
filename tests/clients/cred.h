/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred.h - get and validate credentials with a clock and a count of answers.
 * Needs client.h's context after client_init(), or none at all.
 */
#ifndef CRED_H
#define CRED_H

#include <stddef.h>
#include <stdint.h>

#include <pmix.h>

/*
 * One request and what became of it.  The callback may come on libpmix's
 * thread at any time, also once too often: a request must live until
 * PMIx_Finalize, or until it has been answered and nothing is suspected.
 */
typedef struct {
	pmix_status_t status;
	unsigned answers; /* 1 is right */
	int64_t begin_us;
	int64_t end_us;
	char *blob; /* of a get; a NUL, not counted, follows */
	size_t len;
	pmix_info_t *info;
	size_t ninfo;
} cred_t;

/*
 * From now on gets without directives ask for TYPE, as PMIX_CRED_TYPE; it must
 * stay.  NULL: for none, as at first.
 */
void cred_of_type(const char *type);

/* Begin.  A request that libpmix refuses at once counts as answered. */
void cred_get_begin(cred_t *cred, const pmix_info_t *dirs, size_t ndirs);
/* BLOB must stay until the answer. */
void cred_validate_begin(cred_t *cred, const void *blob, size_t len,
			 const pmix_info_t *dirs, size_t ndirs);

/* Wait until COUNT requests are answered; how many answers came for one. */
void cred_wait(cred_t *cred, size_t count);
unsigned cred_answers(const cred_t *cred);
int64_t cred_us(const cred_t *cred);

/* Begin and wait. */
pmix_status_t cred_get(cred_t *cred, const pmix_info_t *dirs, size_t ndirs);
pmix_status_t cred_validate(cred_t *cred, const void *blob, size_t len,
			    const pmix_info_t *dirs, size_t ndirs);

/* Free what was answered; the request can be used again. */
void cred_clear(cred_t *cred);

#endif
