/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * record.h - the step record of a step of the fuzz targets': node 1 of two,
 * tasks 0 to 3 on node 0 and 4 to 9 on node 1, the site's options the default
 * ones but for "munge,native".
 */
#ifndef FUZZ_RECORD_H
#define FUZZ_RECORD_H

#include "step.h"

#define RECORD_LOCAL_MAX 6

/* With the first NLOCAL of node 1's tasks; USER_MECHS: --psec, or NULL. */
psec_step_t fuzz_step(uint32_t nlocal, char *user_mechs);

#endif
