/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-cred.h - what the modes of c-cred share.  A mode runs on each acting
 * rank after client_init(); it reports each answer that matters as one line
 * of JSON and calls client_wrong() or client_fail() where it is not right.
 */
#ifndef C_CRED_H
#define C_CRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cred.h"

typedef struct {
	const char *name;   /* of the mode */
	const char *value;  /* after the '=', or "" */
	const char *type;   /* the type that this step's credentials have */
	const char *expect; /* the status of a refusal, name or number; or "" */
	long timeout_s;	    /* PMIX_TIMEOUT in some modes; 0: none */
	long max_ms;	    /* no answer may take longer; 0: any may */
	bool failures_ok;   /* "loop", "storm": count failures only */
	long count;	    /* of "soak", "crowd" */
	long uid, gid;	   /* PMIX_USERID, PMIX_GRPID in some modes; -1: none */
	const char *types; /* PMIX_CRED_TYPE in some modes; "": none */
} cred_mode_t;

typedef void (*mode_fn)(const cred_mode_t *mode);

/* VALUE as a positive number; fatal otherwise. */
long mode_number(const cred_mode_t *mode);

/* {"rank":…,"mode":…,"what":…,"status":…,"code":…,"us":…} */
void mode_report(const cred_mode_t *mode, const char *what,
		 const cred_t *answer);
/* Report an answer that must be an error, the expected one if there is one. */
void mode_refused(const cred_mode_t *mode, const char *what,
		  const cred_t *answer);

/* A credential without directives, into CRED; fatal where it does not come. */
void own_credential(cred_t *cred);
/* Validate CRED's blob; fatal unless it is valid and ours. */
void must_be_valid(const cred_mode_t *mode, const cred_t *cred,
		   const char *what);
/* Nothing broke: a fresh credential is still made and accepted. */
void still_works(const cred_mode_t *mode);

/*
 * Files by which a test and the ranks tell each other how far they are:
 * VALUE.WHAT of the test, VALUE.WHAT.RANK of a rank.
 */
bool file_is_there(const cred_mode_t *mode, const char *what);
void file_await(const cred_mode_t *mode, const char *what);
void file_show(const cred_mode_t *mode, const char *what);

/* The directives of the command line, --timeout and so on; their number. */
size_t mode_directives(const cred_mode_t *mode, pmix_info_t info[4]);
/* ',"KEY":VALUE' for each of INFO. */
void show_keys(FILE *out, const pmix_info_t *info, size_t ninfo);

/* cred-refuse.c: what must not be accepted. */
void mode_tampered(const cred_mode_t *mode);
void mode_replay(const cred_mode_t *mode);
void mode_uid_mismatch(const cred_mode_t *mode);
void mode_gid_mismatch(const cred_mode_t *mode);
void mode_blob(const cred_mode_t *mode);
void mode_required(const cred_mode_t *mode);
void mode_wrongtype(const cred_mode_t *mode);

/* cred-answers.c: what comes back, and when. */
void mode_show(const cred_mode_t *mode);
void mode_get(const cred_mode_t *mode);
void mode_validate(const cred_mode_t *mode);
void mode_stalled(const cred_mode_t *mode);
void mode_counters(const cred_mode_t *mode);
void mode_awaited(const cred_mode_t *mode);

/* cred-outage.c: while a test breaks things, and for long. */
void mode_outage(const cred_mode_t *mode);
void mode_soak(const cred_mode_t *mode);
void mode_mutate(const cred_mode_t *mode);

/* cred-fair.c: one rank floods, the others must not care. */
void mode_fair(const cred_mode_t *mode);

/* cred-serve.c: a service that others show their credentials. */
void mode_serve(const cred_mode_t *mode);

/* cred-load.c: many at once, and for long. */
void mode_storm(const cred_mode_t *mode);
void mode_crowd(const cred_mode_t *mode);
void mode_loop(const cred_mode_t *mode);

#endif
