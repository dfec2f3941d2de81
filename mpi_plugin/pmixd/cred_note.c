/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_note.c - see cred_note.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cred_audit.h"
#include "cred_note.h"
#include "log.h"
#include "lograte.h"
#include "pmixd.h"

/* Taken last. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static lograte_t *rates; /* one for each local task, one for all others */
static cred_counters_t counters;

/* -- sentences ------------------------------------------------------------ */

static bool may_write(const pmix_proc_t *proc)
{
	bool ok = true;

	pthread_mutex_lock(&lock);
	if (!rates)
		rates = calloc((size_t)pmixd.conf.nlocal + 1, sizeof(*rates));
	if (rates)
		ok = lograte_ok(&rates[pmixd_local_of(proc)],
				"credentials were refused");
	pthread_mutex_unlock(&lock);
	return ok;
}

static void write_sentence(const cred_note_t *note)
{
	if (note->cause == CRED_OK || !may_write(note->proc))
		return;
	plog_error("step %u.%u, rank %u: a credential was not %s (%s): %s",
		   pmixd.conf.job_id, pmixd.conf.step_id, note->proc->rank,
		   note->get ? "made" : "accepted",
		   cred_cause_name(note->cause), note->text);
}

/* -- counters ------------------------------------------------------------- */

static void count(const cred_note_t *note)
{
	pthread_mutex_lock(&lock);
	if (note->cause != CRED_OK)
		counters.refused[note->cause]++;
	else if (note->get)
		counters.made++;
	else
		counters.accepted++;
	if (note->us > counters.longest_us)
		counters.longest_us = note->us;
	pthread_mutex_unlock(&lock);
}

void cred_note_late(void)
{
	pthread_mutex_lock(&lock);
	counters.late++;
	pthread_mutex_unlock(&lock);
}

cred_counters_t cred_counters(void)
{
	cred_counters_t c;

	pthread_mutex_lock(&lock);
	c = counters;
	pthread_mutex_unlock(&lock);
	return c;
}

/* " (3 tampered, 1 replayed)", or "". */
static void list_causes(const cred_counters_t *c, char *out, size_t size)
{
	const char *sep = " (";
	size_t used = 0;

	out[0] = '\0';
	for (int i = CRED_OK + 1; i < CRED_CAUSES && used < size; i++) {
		if (!c->refused[i])
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%llu %s",
					 sep, (unsigned long long)c->refused[i],
					 cred_cause_name((cred_cause_t)i));
		sep = ", ";
	}
	if (used && used < size)
		(void)snprintf(out + used, size - used, ")");
}

uint64_t cred_counters_refused(const cred_counters_t *c)
{
	uint64_t refused = 0;

	for (int i = CRED_OK + 1; i < CRED_CAUSES; i++)
		refused += c->refused[i];
	return refused;
}

void cred_note_end(void)
{
	static uint64_t told; /* requests in the last line; by LOCK */
	cred_counters_t c = cred_counters();
	char causes[512];
	uint64_t refused = cred_counters_refused(&c);
	uint64_t all = c.made + c.accepted + refused;
	bool changed;

	pthread_mutex_lock(&lock);
	changed = all != told;
	told = all;
	pthread_mutex_unlock(&lock);
	if (!changed)
		return;
	list_causes(&c, causes, sizeof(causes));
	plog_verbose("credentials of step %u.%u on node %s: %llu made, %llu "
		     "accepted, %llu refused%s; the slowest answer took %lld "
		     "us",
		     pmixd.conf.job_id, pmixd.conf.step_id,
		     pmixd_node_name(pmixd.conf.node),
		     (unsigned long long)c.made, (unsigned long long)c.accepted,
		     (unsigned long long)refused, causes,
		     (long long)c.longest_us);
}

/* -- all of it ------------------------------------------------------------ */

void cred_note(const cred_note_t *note)
{
	count(note);
	write_sentence(note);
	cred_audit(note);
}
