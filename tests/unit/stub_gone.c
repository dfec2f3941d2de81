/* SPDX-License-Identifier: BSD-3-Clause */
/* stub_gone.c - a library that a mechanism needs and the loader cannot find. */

__attribute__((visibility("default"))) int psec_test_gone(void);

int psec_test_gone(void)
{
	return 1;
}
