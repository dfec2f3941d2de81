/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-status.h - what a step's server on one node has done.
 */
#ifndef PSEC_CMD_STATUS_H
#define PSEC_CMD_STATUS_H

#include <stdint.h>
#include <stdio.h>

#define CMD_STATUS_CAUSES 32

typedef struct {
	char node[256];
	uint64_t job, step;
	uint64_t made, accepted, refused; /* requests */
	uint64_t late;			  /* done after their time-out */
	uint64_t longest_us;
	uint64_t strangers; /* connections that were turned away */
	struct {
		char name[32];
		uint64_t count;
	} causes[CMD_STATUS_CAUSES]; /* of what was refused */
	unsigned ncauses;
} cmd_status_t;

/*
 * Add a cause; more than there is room for are left out.  Inline, as the
 * module psec-cmd-pmix.c shares no source with psec.
 */
static inline void cmd_status_cause(cmd_status_t *s, const char *name,
				    uint64_t count)
{
	if (s->ncauses == CMD_STATUS_CAUSES)
		return;
	(void)snprintf(s->causes[s->ncauses].name,
		       sizeof(s->causes[s->ncauses].name), "%s", name);
	s->causes[s->ncauses++].count = count;
}

#endif
