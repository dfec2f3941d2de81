/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * munged.h - a munged of the test's own.
 *
 * Each has a directory of its own below TMPDIR with key, socket, log, pid
 * file and seed; the host's munged is never used.  A guardian process starts
 * munged, ends it by its pid and removes the directory, also when the test
 * crashes or is killed.  Works as root and as an ordinary user.
 *
 * What goes wrong in here ends the test program with a sentence on stderr.
 * Start them before the test's threads.
 */
#ifndef TEST_MUNGED_H
#define TEST_MUNGED_H

typedef struct munged munged_t;

typedef struct {
	const munged_t *same_key; /* whose key to use; NULL: a fresh one */
	int clock_offset_s;	  /* how far its clock is ahead */
} munged_options_t;

/* Start one and wait until it answers.  OPT may be NULL. */
munged_t *munged_start(const munged_options_t *opt);

/* The path of its socket, valid until munged_stop(). */
const char *munged_socket(const munged_t *m);

/* End the daemon and keep its directory: nothing listens any more. */
void munged_kill(munged_t *m);

/* End it and remove its directory.  NULL is allowed. */
void munged_stop(munged_t *m);

#endif
