/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-file.h - credentials and payloads in files.
 */
#ifndef PSEC_CMD_FILE_H
#define PSEC_CMD_FILE_H

#include "psec-cmd.h"

/*
 * Read all of PATH ("-": standard input), which may be at most MAX bytes
 * long.  *BUF is malloc()ed; a NUL follows that *LEN does not count.
 * PSEC_ERR_IO, PSEC_ERR_TOO_BIG, PSEC_ERR_NOMEM.  Blocks where the file does.
 */
psec_code_t cmd_read_file(const char *path, size_t max, void **buf, size_t *len,
			  psec_error_t *err);

/*
 * Write LEN bytes and, with NEWLINE, a newline to PATH so that nobody but the
 * caller's uid can read them: a file appears, or is replaced, when it is
 * complete.  What is there and no regular file is written to as it is.
 */
psec_code_t cmd_write_private(const char *path, const void *buf, size_t len,
			      bool newline, psec_error_t *err);

#endif
