/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stepdir.h - the step's directory on this node: <stepdir>/JOB.STEP, mode
 * 0700, owned by the step's user.
 *
 * Root touches only <stepdir> itself, which must be root's and writable by
 * nobody else, and the names in it, which only root makes.  What lies inside
 * a step directory is the user's and is removed with the user's rights.
 */
#ifndef PSEC_STEPDIR_H
#define PSEC_STEPDIR_H

#include "step.h"

typedef struct {
	int base_fd; /* <stepdir> */
	int fd;	     /* the step's directory; holds its lock */
	char name[64];
} stepdir_t;

#define STEPDIR_INIT                                                           \
	{                                                                      \
		-1, -1, ""                                                     \
	}

/*
 * Make the directory.  One left behind by a step of the same name that ended
 * without cleaning is put aside and removed.  0, or -1 with a sentence in
 * TEXT (SIZE bytes).
 */
int stepdir_create(stepdir_t *dir, const psec_step_t *step, char *text,
		   size_t size);

/*
 * Remove it and its contents, and other steps' left-overs if there are any.
 * Gives up after some seconds, with a line in the log; the next step tries
 * again.
 */
void stepdir_remove(stepdir_t *dir, const psec_step_t *step);

#endif
