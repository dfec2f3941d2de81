/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.h - cmocka with what it wants included before it, and assertions on
 * libpsec's codes and sentences.
 */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "psec.h"

/* fail_msg() does not return, but compilers and checkers do not know. */
#define FAIL_MSG(...)                                                          \
	do {                                                                   \
		fail_msg(__VA_ARGS__);                                         \
		abort();                                                       \
	} while (0)

/* RC is PSEC_OK; otherwise the test fails with ERR's sentence. */
#define assert_ok(rc, err)                                                     \
	do {                                                                   \
		psec_code_t rc_ = (rc);                                        \
		if (rc_ != PSEC_OK)                                            \
			FAIL_MSG("%s: %s", psec_strcode(rc_), (err)->text);    \
	} while (0)

/* RC is WANT, ERR agrees and its sentence has WORDS in it. */
#define assert_refused(rc, err, want, words)                                   \
	do {                                                                   \
		psec_code_t rc_ = (rc);                                        \
		if (rc_ == PSEC_OK)                                            \
			FAIL_MSG("accepted, but should be: %s", words);        \
		if (rc_ != (want) || !strstr((err)->text, words))              \
			FAIL_MSG("got %s, '%s'; should be %s, '...%s...'",     \
				 psec_strcode(rc_), (err)->text,               \
				 psec_strcode(want), words);                   \
		assert_int_equal((err)->code, want);                           \
	} while (0)

#endif
