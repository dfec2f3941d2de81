/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-mechs.h - libpsec as psec uses it.
 */
#ifndef PSEC_CMD_MECHS_H
#define PSEC_CMD_MECHS_H

#include "psec-cmd-options.h"

/*
 * Make a context of the mechanisms MECHS; NULL: all that are installed, and
 * munge and native even where they are not, so that they are missed.
 * Where root calls psec, only what nobody else can change is loaded.
 * Release *PSEC with psec_destroy().
 */
psec_code_t cmd_psec(psec_t **psec, const cmd_common_t *common,
		     const char *mechs, psec_error_t *err);

/* The directory that mechanisms come from. */
const char *cmd_mechdir(const cmd_common_t *common);

/* Is NAME the mechanism whose credentials prove nothing? */
bool cmd_proves_nothing(const char *name);

#endif
