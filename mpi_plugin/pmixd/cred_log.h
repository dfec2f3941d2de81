/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred_log.h - sentences about credential requests, for the log and srun's
 * output.  A rank that asks in a loop must fill neither: LOGRATE_LINES per
 * LOGRATE_WINDOW_MS and rank, the rest is counted.
 */
#ifndef PMIXD_CRED_LOG_H
#define PMIXD_CRED_LOG_H

#include <pmix_common.h>

/* Any thread, without pmixd.lock. */
void cred_complain(const pmix_proc_t *proc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same with pmixd.lock held. */
void cred_complain_locked(const pmix_proc_t *proc, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
