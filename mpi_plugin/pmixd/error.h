/* SPDX-License-Identifier: BSD-3-Clause */
/* error.h - write a sentence into a psec_error_t. */
#ifndef PMIXD_ERROR_H
#define PMIXD_ERROR_H

#include <stdarg.h>
#include <stdio.h>

#include "psec.h"

/* Returns -1, so that callers fail in one statement.  ERR may be NULL. */
static inline int error_set(psec_error_t *err, psec_code_t code,
			    const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static inline int error_set(psec_error_t *err, psec_code_t code,
			    const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}

#endif
