/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control.h - psec-pmixd's end of the control socket (see ctl.h).  Used by
 * the main thread only, but for control_send().
 */
#ifndef PMIXD_CONTROL_H
#define PMIXD_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"
#include "psec.h"

/*
 * Wait for a frame of TYPE with at most MAX bytes.  *DATA is malloc()ed and
 * ends with a NUL that *LEN does not count.  0, or -1 and a sentence.
 */
int control_expect(ctl_type_t type, size_t max, char **data, size_t *len,
		   psec_error_t *err);

/*
 * Wait for slurmstepd's next word, TYPE, with at most MAX bytes; *DATA as
 * above.  0, or -1: slurmstepd is gone, or says what it never would.
 */
int control_next(ctl_type_t *type, size_t max, char **data, size_t *len);

/* Send a frame; where slurmstepd is gone, control_next() will tell. */
void control_send(ctl_type_t type, const void *data, size_t len);
void control_send_block(uint32_t local, char *const *env);
void control_fail(const char *sentence);

#endif
