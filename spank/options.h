/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h - the site's options: KEY=VALUE words behind spank_psec.so in
 * plugstack.conf.  doc/man/spank_psec.5 describes them.
 */
#ifndef PSEC_OPTIONS_H
#define PSEC_OPTIONS_H

#include "psec.h"
#include "step.h"

/*
 * Fill SITE with the defaults, then with the words of ARGV.  A word without
 * a known key or with a bad value fails; the sentence names it.  Strings are
 * malloc()ed; they are the caller's in any case, see options_free().
 */
int options_parse(psec_site_t *site, int argc, char *const argv[],
		  psec_error_t *err);

/* Free the strings of SITE and set them to NULL. */
void options_free(psec_site_t *site);

/* 1 for "on", 0 for "off", -1 for anything else. */
int options_switch(const char *value);

#endif
