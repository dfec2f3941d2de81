/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tasks.h - what can only be known of the local tasks when they are there:
 * their processes, the CPUs that Slurm has bound them to, their directory.
 */
#ifndef PMIXD_TASKS_H
#define PMIXD_TASKS_H

#include "pmixd.h"

/*
 * The tasks are forked and bound and wait: register what the kernel says of
 * them.  BODY is that of a CTL_TASKS frame.  Blocks until it is registered;
 * on a failure, which is logged, the values are missing.
 */
void tasks_forked(const pmixd_t *d, const char *body, size_t len);

#endif
