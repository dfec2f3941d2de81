/* SPDX-License-Identifier: BSD-3-Clause */
/* decimal.h - numbers in texts that consist of several. */
#ifndef PSEC_DECIMAL_H
#define PSEC_DECIMAL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * A decimal number at *P, which moves behind it.  False: there is none, or
 * it has more than 32 bits.  Unlike strtoul() it takes no blank and no sign.
 */
static inline bool decimal_take(const char **p, uint32_t *value)
{
	char *end;
	unsigned long v;

	if (**p < '0' || **p > '9')
		return false;
	errno = 0;
	v = strtoul(*p, &end, 10);
	if (errno || v > UINT32_MAX)
		return false;
	*value = (uint32_t)v;
	*p = end;
	return true;
}

#endif
