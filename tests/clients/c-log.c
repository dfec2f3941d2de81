/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-log - PMIx_Log: each rank logs a line to its output, one to its error
 * output and one to syslog, then what is not there is refused.
 */
#include "client.h"

#include <stdio.h>
#include <syslog.h>

static bool quiet;

static const option_t options[] = {
	{ "--no-syslog", OPT_FLAG, &quiet, "nothing to syslog" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static pmix_status_t log_text(const char *key, const char *what,
			      const char *end)
{
	char text[128];
	pmix_info_t info, priority;
	int notice = LOG_NOTICE;
	pmix_status_t rc;

	(void)snprintf(text, sizeof(text), "%s of rank %u%s", what,
		       client_rank(), end);
	PMIX_INFO_LOAD(&info, key, text, PMIX_STRING);
	PMIX_INFO_LOAD(&priority, PMIX_LOG_SYSLOG_PRI, &notice, PMIX_INT);
	client_doing("logging with '%s'", key);
	rc = PMIx_Log(&info, 1, &priority, 1);
	PMIX_INFO_DESTRUCT(&info);
	return rc;
}

int main(int argc, char **argv)
{
	pmix_status_t rc;

	client_options(argc, argv, options);
	client_init();
	client_check(log_text(PMIX_LOG_STDOUT, "output", "\n"), "to stdout");
	client_check(log_text(PMIX_LOG_STDERR, "error", "\n"), "to stderr");
	if (!quiet)
		client_check(log_text(PMIX_LOG_SYSLOG, "a\033line", "\nmore"),
			     "to syslog");
	rc = log_text(PMIX_LOG_JOB_RECORD, "record", "");
	if (rc != PMIX_ERR_NOT_SUPPORTED)
		client_wrong("to the job's record: %s", status_text(rc));
	return client_end();
}
