/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * abort_msg.h - what psec-pmixd tells srun when a rank calls PMIx_Abort: the
 * handshake's binding and intro.  Numbers are big-endian.
 */
#ifndef PSEC_ABORT_MSG_H
#define PSEC_ABORT_MSG_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ABORT_BINDING_LEN 24
#define ABORT_INTRO_LEN	  4

static inline void abort_binding(uint8_t out[ABORT_BINDING_LEN],
				 uint32_t job_id, uint32_t step_id)
{
	uint32_t job = htonl(job_id), step = htonl(step_id);

	memcpy(out, "slurm-psec abort", 16);
	memcpy(out + 16, &job, 4);
	memcpy(out + 20, &step, 4);
}

static inline void abort_intro(uint8_t out[ABORT_INTRO_LEN], int status)
{
	uint32_t value = htonl((uint32_t)status);

	memcpy(out, &value, sizeof(value));
}

/* The LEN bytes of INTRO may be anything.  False: they are no status. */
static inline bool abort_status(const uint8_t *intro, size_t len, int *status)
{
	uint32_t value;

	if (len != ABORT_INTRO_LEN)
		return false;
	memcpy(&value, intro, sizeof(value));
	*status = (int)ntohl(value);
	return true;
}

#endif
