/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_audit.c - see cred_audit.h. */
#include <pthread.h>
#include <stdlib.h>

#include "audit.h"
#include "clock.h"
#include "cred_audit.h"
#include "log.h"
#include "pmixd.h"

#define BURST_S 10 /* seconds of its share that a rank may save up */

/* A rank's share. */
typedef struct {
	int64_t filled_ms; /* when `millis` was right; 0: never */
	int64_t millis;	   /* thousandths of a record that may be sent */
	uint64_t skipped;
} share_t;

/* Taken last. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static share_t *shares; /* one for each local task, one for all others */

static int64_t per_second(void)
{
	uint32_t n =
		pmixd.conf.audit / (pmixd.conf.nlocal ? pmixd.conf.nlocal : 1);

	return n ? n : 1;
}

/* May a record of SHARE be sent now?  With the lock held. */
static bool take(share_t *share)
{
	int64_t now = clock_ms(), most = per_second() * BURST_S * 1000;

	if (!share->filled_ms)
		share->millis = most;
	else
		share->millis += per_second() * (now - share->filled_ms);
	share->filled_ms = now;
	if (share->millis > most)
		share->millis = most;
	if (share->millis < 1000)
		return false;
	share->millis -= 1000;
	return true;
}

/* Its share, or NULL: not now.  *SKIPPED is what was left out before. */
static share_t *take_share(const pmix_proc_t *proc, uint64_t *skipped)
{
	share_t *share = NULL;

	pthread_mutex_lock(&lock);
	if (!shares)
		shares = calloc((size_t)pmixd.conf.nlocal + 1, sizeof(*shares));
	if (shares) {
		share = &shares[pmixd_local_of(proc)];
		*skipped = share->skipped;
		if (take(share)) {
			share->skipped = 0;
		} else {
			share->skipped++;
			share = NULL;
		}
	}
	pthread_mutex_unlock(&lock);
	return share;
}

void cred_audit(const cred_note_t *note)
{
	char text[CRED_AUDIT_MAX];
	uint64_t skipped = 0;
	share_t *share;

	if (!pmixd.conf.audit)
		return;
	share = take_share(note->proc, &skipped);
	if (!share)
		return;
	if (cred_audit_format(note, skipped, text, sizeof(text)) &&
	    plog_record(AUDIT_MARK, text))
		return;
	pthread_mutex_lock(&lock);
	share->skipped += skipped + 1;
	pthread_mutex_unlock(&lock);
}
