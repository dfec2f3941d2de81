/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_audit.c - records of credentials: root writes them into the site's
 * file and reads nothing of what psec-pmixd, a process of the user's, says in
 * them; psec-pmixd writes into them what another user says in a credential.
 *
 * Input: a letter.  s: what psec-pmixd says, up to a NUL; n: who asked and how
 * it ended, the reason up to a newline, and the claims of the credential.
 *
 * A record is one line of JSON, its trusted part is Slurm's word, and what is
 * under "said" comes out as it went in.
 */
#include <jansson.h>
#include <slurm/spank.h>
#include <stdarg.h>

#include "audit.h"
#include "cred_audit.h"
#include "fuzz.h"
#include "record.h"

#define SAID_MAX 1022 /* bytes of a line behind the mark, see lines.h */

static struct {
	unsigned n;
	char text[4096];
} written;

static void keep(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0)));
static void keep(const char *fmt, va_list ap)
{
	int n = vsnprintf(written.text, sizeof(written.text), fmt, ap);

	MUST(n > 0 && (size_t)n < sizeof(written.text));
	written.n++;
}

/* Instead of the C library's; its header makes one of another. */
void __vsyslog_chk(int priority, int flag, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
void syslog(int priority, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void __syslog_chk(int priority, int flag, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep(fmt, ap);
	va_end(ap);
}

void __vsyslog_chk(int priority, int flag, const char *fmt, va_list ap)
{
	keep(fmt, ap);
}

void __syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep(fmt, ap);
	va_end(ap);
}

/* Slurm's, which has no log here. */
void slurm_info(const char *fmt, ...)
{
}

void slurm_error(const char *fmt, ...)
{
}

static json_int_t number(const json_t *doc, const char *key)
{
	const json_t *value = json_object_get(doc, key);

	MUST(json_is_integer(value));
	return json_integer_value(value);
}

/* As it went in; other bytes than plain ASCII are question marks. */
static void must_say(const json_t *doc, const char *said)
{
	const char *got = json_string_value(json_object_get(doc, "said"));

	MUST(got && strlen(got) == strlen(said));
	for (; *said; said++, got++)
		MUST(*got == (*said >= ' ' && *said < 0x7f ? *said : '?'));
}

/* Through slurmstepd: SAID is a line of psec-pmixd's. */
static void check_record(const char *said)
{
	psec_step_t step = fuzz_step(1, NULL);
	const char *begin;
	audit_t *audit;
	json_t *doc;

	step.uid = 1001;
	step.gid = 1002;
	step.site.audit = (char *)"syslog";
	step.site.audit_rate = 10;
	written.n = 0;
	audit = audit_open(&step);
	MUST(audit);
	audit_write(audit, said);
	audit_close(audit);
	MUST(written.n == 1);
	begin = strchr(written.text, '{');
	MUST(begin && !strchr(begin, '\n'));
	doc = json_loads(begin, JSON_REJECT_DUPLICATES, NULL);
	MUST(json_is_object(doc));
	MUST(number(doc, "uid") == 1001 && number(doc, "gid") == 1002);
	MUST(number(doc, "job") == 7 && number(doc, "step") == 1);
	MUST(!json_object_get(doc, "dropped"));
	must_say(doc, said);
	json_decref(doc);
}

/* psec-pmixd's part: a record fits into a line, whatever is in it. */
static void check_note(feed_t *feed)
{
	const pmix_proc_t proc = { .rank = feed_u8(feed) };
	cred_facts_t facts = { .uid = feed_u8(feed), .gid = (gid_t)-1 };
	cred_note_t note = { .proc = &proc, .type = "munge", .us = 5 };
	uint64_t skipped = feed_u8(feed);
	char said[CRED_AUDIT_MAX], *why;
	json_t *doc;

	note.get = feed_u8(feed) & 1;
	note.cause = (cred_cause_t)feed_below(feed, CRED_CAUSES);
	facts.proven = feed_u8(feed);
	why = feed_text(feed, '\n');
	note.text = why;
	if (claims_decode(feed->pos, feed->left, &facts.claims, NULL) ==
	    PSEC_OK)
		note.facts = &facts;
	/* A record that does not fit would let a request go unseen. */
	MUST(cred_audit_format(&note, skipped, said, sizeof(said)));
	MUST(!strchr(said, '\n'));
	doc = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
	MUST(number(doc, "rank") == proc.rank);
	json_decref(doc);
	check_record(said);
	free(why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	char *said;

	switch (feed_u8(&feed)) {
	case 's':
		said = fuzz_string(feed.pos,
				   feed.left < SAID_MAX ? feed.left : SAID_MAX);
		check_record(said);
		free(said);
		break;
	case 'n':
		check_note(&feed);
		break;
	default:
		return -1; /* not worth keeping */
	}
	return 0;
}
