/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawn_request.h - what PMIx_Spawn was asked for, in srun's words.
 */
#ifndef PMIXD_SPAWN_REQUEST_H
#define PMIXD_SPAWN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pmix_common.h>

#include "psec.h"

typedef struct {
	uint32_t job_id;
	uint32_t nalloc;    /* nodes of the job; 0: not known */
	const char *parent; /* value of PSEC_ENV_PARENT, without SEPARATE */
} spawn_facts_t;

typedef struct {
	char *text; /* malloc()ed: the strings of a SPAWN_LAUNCH */
	size_t len;
	int timeout_s; /* until it must have begun; 0: not said */
	bool silent;   /* nobody wants to hear of its end */
} spawn_request_t;

/*
 * PMIX_SUCCESS, or the status to return and a sentence: what is not known and
 * required, or would change what is meant, is refused.
 */
pmix_status_t spawn_request_make(spawn_request_t *out,
				 const spawn_facts_t *facts,
				 const pmix_info_t info[], size_t ninfo,
				 const pmix_app_t apps[], size_t napps,
				 psec_error_t *err);

#endif
