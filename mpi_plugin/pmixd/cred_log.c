/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_log.c - see cred_log.h. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cred_log.h"
#include "log.h"
#include "lograte.h"
#include "pmixd.h"

/* Guarded by pmixd.lock; one for each local task, and one for strangers. */
static lograte_t *rates;

static bool may_complain(const pmix_proc_t *proc)
{
	uint32_t local = pmixd.conf.nlocal;

	if (!rates)
		rates = calloc((size_t)pmixd.conf.nlocal + 1, sizeof(*rates));
	if (!rates)
		return true;
	if (proc->rank < pmixd.layout.ntasks &&
	    pmixd.layout.local_of[proc->rank] < pmixd.conf.nlocal)
		local = pmixd.layout.local_of[proc->rank];
	return lograte_ok(&rates[local], "credentials were refused");
}

static void write_complaint(const pmix_proc_t *proc, const char *fmt,
			    va_list ap)
{
	char text[PSEC_ERROR_TEXT_MAX + 128];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	plog_error("rank %u: %s", proc->rank, text);
}

void cred_complain(const pmix_proc_t *proc, const char *fmt, ...)
{
	va_list ap;
	bool ok;

	pthread_mutex_lock(&pmixd.lock);
	ok = may_complain(proc);
	pthread_mutex_unlock(&pmixd.lock);
	if (!ok)
		return;
	va_start(ap, fmt);
	write_complaint(proc, fmt, ap);
	va_end(ap);
}

void cred_complain_locked(const pmix_proc_t *proc, const char *fmt, ...)
{
	va_list ap;

	if (!may_complain(proc))
		return;
	va_start(ap, fmt);
	write_complaint(proc, fmt, ap);
	va_end(ap);
}
