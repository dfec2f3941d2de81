/* SPDX-License-Identifier: BSD-3-Clause */
/* job_control_msg.c - see job_control_msg.h. */
#include "job_control_msg.h"

#include "bytes.h"

void job_control_msg_head(const job_control_msg_t *m,
			  uint8_t out[JOB_CONTROL_HEAD])
{
	put_u32(out, m->kind);
	put_u32(out + 4, m->id);
	put_u32(out + 8, (uint32_t)m->value);
	put_u32(out + 12, m->nranks);
}

int job_control_msg_decode(job_control_msg_t *m, const void *msg, size_t len)
{
	const uint8_t *p = msg;
	uint32_t kind;

	if (len < JOB_CONTROL_HEAD)
		return -1;
	kind = get_u32(p);
	m->id = get_u32(p + 4);
	m->value = (int32_t)get_u32(p + 8);
	m->nranks = get_u32(p + 12);
	m->ranks = p + JOB_CONTROL_HEAD;
	if ((kind != JOB_CONTROL_ASK && kind != JOB_CONTROL_ANSWER) ||
	    (kind == JOB_CONTROL_ANSWER) != (m->nranks == 0) ||
	    len - JOB_CONTROL_HEAD != (uint64_t)m->nranks * 4)
		return -1;
	m->kind = (job_control_kind_t)kind;
	return 0;
}
