/* SPDX-License-Identifier: BSD-3-Clause */
/* Job control between nodes: the message. */
#include "check.h"

#include <string.h>

#include "bytes.h"
#include "job_control_msg.h"

static size_t sample(uint8_t *msg, job_control_kind_t kind, uint32_t n)
{
	const job_control_msg_t m = {
		.kind = kind, .id = 4711, .value = -46, .nranks = n
	};

	job_control_msg_head(&m, msg);
	for (uint32_t i = 0; i < n; i++)
		put_u32(msg + JOB_CONTROL_HEAD + (size_t)i * 4, 7 + i);
	return JOB_CONTROL_HEAD + (size_t)n * 4;
}

static void a_message_comes_back(void **state)
{
	uint8_t msg[64];
	size_t len = sample(msg, JOB_CONTROL_ASK, 2);
	job_control_msg_t m;

	assert_int_equal(job_control_msg_decode(&m, msg, len), 0);
	assert_int_equal(m.kind, JOB_CONTROL_ASK);
	assert_int_equal(m.id, 4711);
	assert_int_equal(m.value, -46);
	assert_int_equal(m.nranks, 2);
	assert_int_equal(get_u32(m.ranks + 4), 8);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(job_control_msg_decode(&m, msg, n), -1);
	assert_int_equal(job_control_msg_decode(&m, msg, len + 1), -1);
}

static void what_makes_no_sense_is_refused(void **state)
{
	uint8_t msg[64];
	job_control_msg_t m;
	size_t len;

	/* Nobody to signal; an answer with ranks; no kind; too many. */
	len = sample(msg, JOB_CONTROL_ASK, 0);
	assert_int_equal(job_control_msg_decode(&m, msg, len), -1);
	len = sample(msg, JOB_CONTROL_ANSWER, 0);
	assert_int_equal(job_control_msg_decode(&m, msg, len), 0);
	len = sample(msg, JOB_CONTROL_ANSWER, 1);
	assert_int_equal(job_control_msg_decode(&m, msg, len), -1);
	len = sample(msg, (job_control_kind_t)3, 1);
	assert_int_equal(job_control_msg_decode(&m, msg, len), -1);
	len = sample(msg, JOB_CONTROL_ASK, 1);
	put_u32(msg + 12, 0x40000001);
	assert_int_equal(job_control_msg_decode(&m, msg, len), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_back),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
