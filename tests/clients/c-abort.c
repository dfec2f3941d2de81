/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-abort - one rank calls PMIx_Abort while the others wait for it in a
 * fence.  There is no success here: the step must be ended from outside, and
 * srun must show the status and the message.  A rank that leaves the fence as
 * if nothing had happened, or that nobody ends, says so.  With --die the rank
 * just ends, and the fence fails for the others.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long who = 0, status = 7, nap_ms = 200;
static bool dies;
static const char *message = "c-abort: this is the end";

static const option_t options[] = {
	{ "--rank", OPT_NUMBER, &who, "the rank that aborts" },
	{ "--status", OPT_NUMBER, &status, "PMIx_Abort's status" },
	{ "--message", OPT_TEXT, &message, "PMIx_Abort's message" },
	{ "--sleep-ms", OPT_NUMBER, &nap_ms,
	  "how long the others wait in the fence before" },
	{ "--die", OPT_FLAG, &dies,
	  "it ends without a word instead; the fence must fail" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

static void abort_now(void)
{
	pmix_status_t rc;

	sleep_ms(nap_ms);
	if (dies)
		_exit(0);
	client_doing("in PMIx_Abort");
	rc = PMIx_Abort((int)status, message, NULL, 0);
	client_doing("waiting for its end after PMIx_Abort returned %s",
		     status_text(rc));
}

/*
 * The server of OpenPMIx 5.0 tells the first rank of a node alone that a fence
 * has failed, the others that it was a success (pmix_server.c: what marks the
 * modex as complete overwrites the status).  Nothing shows it but its version.
 */
static bool others_hear_success(void)
{
	return strstr(PMIx_Get_version(), "OpenPMIx 5.0.") != NULL;
}

static void wait_in_fence(void)
{
	pmix_status_t rc;

	client_doing("in a fence with a rank that aborted");
	rc = fence_procs(NULL, 0, false);
	if (rc == PMIX_SUCCESS && !others_hear_success())
		client_wrong("left the fence though rank %ld aborted", who);
	if (dies)
		exit(client_end());
	/* An error is right, but the step's end must follow. */
	client_doing("waiting for its end after the fence gave %s",
		     status_text(rc));
}

int main(int argc, char **argv)
{
	client_options(argc, argv, options);
	client_init();
	fence_all(false);
	if (who >= (long)client_size())
		client_fail("there is no rank %ld", who);
	if ((long)client_rank() == who)
		abort_now();
	else
		wait_in_fence();
	for (;;)
		sleep_ms(1000); /* --limit ends this with CLIENT_STUCK */
}
