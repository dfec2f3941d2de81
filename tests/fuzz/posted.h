/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * posted.h - a double of progress.h: what is posted to libpmix's thread waits
 * until the target has it called.
 */
#ifndef FUZZ_POSTED_H
#define FUZZ_POSTED_H

#include "progress.h"

/* Call all that was posted, in order, also what is posted meanwhile. */
void posted_run(void);

#endif
