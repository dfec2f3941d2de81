/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_note.h - what is kept of each request about a credential: a sentence
 * in the log where it was refused, a record for the site's audit, and counters.
 *
 * Any thread, with or without pmixd.lock.
 */
#ifndef PMIXD_CRED_NOTE_H
#define PMIXD_CRED_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include <pmix_common.h>

#include "cred_cause.h"
#include "cred_facts.h"

typedef struct {
	const pmix_proc_t *proc; /* who asked */
	bool get;		 /* or validate */
	cred_cause_t cause;	 /* how it ended */
	const char *text;	 /* why, where it was refused */
	const char *type;	 /* NULL: none was chosen or recognised */
	int64_t us;		 /* from the request to the answer */
	const cred_facts_t
		*facts; /* NULL: nothing is known of the credential */
} cred_note_t;

/*
 * A request was answered with NOTE.  A rank that is refused in a loop fills
 * neither the log nor srun's output: LOGRATE_LINES per LOGRATE_WINDOW_MS and
 * rank are written, the rest is counted.
 */
void cred_note(const cred_note_t *note);

/* One that had been answered with a time-out was done after all. */
void cred_note_late(void);

typedef struct {
	uint64_t made, accepted;
	uint64_t refused[CRED_CAUSES]; /* by cause */
	uint64_t late;
	int64_t longest_us;
} cred_counters_t;

cred_counters_t cred_counters(void);

/* Of all causes. */
uint64_t cred_counters_refused(const cred_counters_t *c);

/*
 * One line in the log that sums up, if there was a request since the last
 * one.  Called when the last local rank finalises, since this process may be
 * killed together with it, and again at the end.
 */
void cred_note_end(void);

#endif
