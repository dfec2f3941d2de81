/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_job_control.c - job control between nodes of the step.
 *
 * Input: a message.  What is decoded encodes to the same bytes.
 */
#include "fuzz.h"
#include "job_control_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size), head[JOB_CONTROL_HEAD];
	job_control_msg_t m;

	if (job_control_msg_decode(&m, copy, size) == 0) {
		job_control_msg_head(&m, head);
		MUST(memcmp(head, copy, sizeof(head)) == 0);
		MUST(m.ranks == copy + sizeof(head));
		MUST(size == sizeof(head) + (size_t)m.nranks * 4);
		free(fuzz_copy(m.ranks, (size_t)m.nranks * 4));
	}
	free(copy);
	return 0;
}
