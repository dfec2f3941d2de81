/* SPDX-License-Identifier: BSD-3-Clause */
/* cred_audit_format.c - see cred_audit.h. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cred_audit.h"

/* Bytes of a text; a backslash may double each. */
#define NAME_MAX_LEN 48
#define WHY_MAX_LEN  110

/*
 * TEXT cut to MAX bytes of plain ASCII: it may come from another user, and a
 * record has an end.
 */
static json_t *plain(const char *text, size_t max)
{
	char out[WHY_MAX_LEN + 1];
	size_t n = 0;

	while (text[n] && n < max && n < sizeof(out) - 1) {
		out[n] = text[n];
		if (text[n] < ' ' || text[n] >= 0x7f)
			out[n] = '?';
		n++;
	}
	return json_stringn(out, n);
}

/* Consumes VALUE; a missing member is no reason for no record. */
static void put(json_t *doc, const char *key, json_t *value)
{
	(void)json_object_set_new(doc, key, value);
}

static json_t *list_proven(unsigned proven)
{
	static const struct {
		cred_proof_t bit;
		const char *name;
	} facts[] = {
		{ CRED_PROVES_UID, "uid" },	{ CRED_PROVES_GID, "gid" },
		{ CRED_PROVES_TIMES, "times" }, { CRED_PROVES_JOB, "job" },
		{ CRED_PROVES_STEP, "step" },	{ CRED_PROVES_ISSUER, "node" },
	};
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		if (proven & facts[i].bit)
			(void)json_array_append_new(list,
						    json_string(facts[i].name));
	return list;
}

/* Whose credential it is. */
static json_t *owner(const cred_facts_t *facts)
{
	const claims_t *c = &facts->claims;
	json_t *of = json_object();

	put(of, "uid", json_integer(facts->uid));
	put(of, "gid", json_integer(facts->gid));
	put(of, "job", json_integer(c->job_id));
	put(of, "step", json_integer(c->step_id));
	put(of, "rank", json_integer(c->rank));
	put(of, "node", plain(c->node, NAME_MAX_LEN));
	put(of, "cluster", plain(c->cluster, NAME_MAX_LEN));
	put(of, "id", plain(c->id, sizeof(c->id)));
	if (c->has_for_uid)
		put(of, "for_uid", json_integer(c->for_uid));
	if (c->has_for_gid)
		put(of, "for_gid", json_integer(c->for_gid));
	return of;
}

bool cred_audit_format(const cred_note_t *note, uint64_t skipped, char *out,
		       size_t size)
{
	json_t *doc = json_object();
	size_t len;

	put(doc, "op", json_string(note->get ? "get" : "validate"));
	put(doc, "rank", json_integer(note->proc->rank));
	if (note->type)
		put(doc, "type", json_string(note->type));
	put(doc, "code", json_integer(cred_cause_status(note->cause)));
	put(doc, "cause", json_string(cred_cause_name(note->cause)));
	put(doc, "us", json_integer(note->us));
	if (note->cause != CRED_OK)
		put(doc, "why", plain(note->text, WHY_MAX_LEN));
	if (note->facts) {
		put(doc, "of", owner(note->facts));
		if (!note->get)
			put(doc, "proven", list_proven(note->facts->proven));
	}
	if (skipped)
		put(doc, "skipped", json_integer((json_int_t)skipped));
	len = json_dumpb(doc, out, size, JSON_COMPACT);
	json_decref(doc);
	if (!len || len >= size)
		return false;
	out[len] = '\0';
	return true;
}
