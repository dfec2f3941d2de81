/* SPDX-License-Identifier: BSD-3-Clause */
/* record.c - see record.h. */
#include "record.h"

#include "fuzz.h"
#include "options.h"

psec_step_t fuzz_step(uint32_t nlocal, char *user_mechs)
{
	static char *words[] = { (char *)"mechanisms=munge,native",
				 (char *)"stepdir=/run/psec" };
	static uint32_t ranks[RECORD_LOCAL_MAX] = { 4, 5, 6, 7, 8, 9 };
	static psec_site_t site; /* one for all */

	if (!site.mechanisms)
		MUST(options_parse(&site, 2, words, NULL) == 0);
	return (psec_step_t){
		.job_id = 7,
		.step_id = 1,
		.nnodes = 2,
		.node_id = 1,
		.ntasks = 10,
		.nlocal = nlocal,
		.ranks = ranks,
		.user_mechs = user_mechs,
		.site = site,
	};
}
