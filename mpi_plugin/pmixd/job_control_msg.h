/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job_control_msg.h - "send this signal to these ranks of yours", to bytes
 * and back.  Specification: doc/link-format.md, "Job control".
 */
#ifndef PMIXD_JOB_CONTROL_MSG_H
#define PMIXD_JOB_CONTROL_MSG_H

#include <stddef.h>
#include <stdint.h>

#define JOB_CONTROL_HEAD 16 /* bytes before the ranks */

/* Wire numbers. */
typedef enum { JOB_CONTROL_ASK = 1, JOB_CONTROL_ANSWER = 2 } job_control_kind_t;

typedef struct {
	job_control_kind_t kind;
	uint32_t id;   /* the asker's number */
	int32_t value; /* ASK: the signal; ANSWER: a pmix_status_t */
	uint32_t nranks;
	const uint8_t *ranks; /* decoded: 4 bytes each */
} job_control_msg_t;

void job_control_msg_head(const job_control_msg_t *m,
			  uint8_t out[JOB_CONTROL_HEAD]);

/* 0, or -1: MSG is none. */
int job_control_msg_decode(job_control_msg_t *m, const void *msg, size_t len);

#endif
