/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_choice.c - which mechanism a handshake uses, and who chooses it.
 *
 * RFC0011 has three ways:
 *   client  has the server's list and names its own best one of it;
 *   tool    has no list, sends its own, and the server picks;
 *   legacy  names nothing, and the server takes its default.
 * Whatever the peer says, a server uses no mechanism that its own list does
 * not name.
 *
 * A tool offers, and a server picks for it, what works here and now.  That is
 * asked only where there is something to choose: a mechanism that is the only
 * one says by itself what is wrong with it.
 */
#include <string.h>

#include "handshake_private.h"

/* -- before the first message ------------------------------------------- */

static psec_code_t take_default(psec_handshake_t *hs, const char *wanted,
				const char *best, psec_error_t *err)
{
	const char *name = wanted ? wanted : best;

	if (!psec_list_has(hs->mechs, name))
		return psec_fail(err, PSEC_ERR_ARG,
				 "the default mechanism '%.64s' is not among "
				 "the allowed ones, '%.200s'",
				 name, hs->mechs);
	memcpy(hs->default_mech, name, strlen(name) + 1);
	return PSEC_OK;
}

psec_code_t hs_choice_begin(psec_handshake_t *hs,
			    const psec_handshake_options_t *opt,
			    psec_error_t *err)
{
	const char *best = NULL;
	psec_code_t rc;

	rc = psec_list_filter(opt->mechs, NULL, hs->mechs, sizeof(hs->mechs),
			      err);
	if (rc)
		return rc;
	if (hs->role == PSEC_LEGACY && strchr(hs->mechs, ','))
		return psec_fail(err, PSEC_ERR_ARG,
				 "a legacy client speaks one mechanism, not "
				 "'%.200s'",
				 hs->mechs);
	rc = psec_select(hs->psec, hs->mechs, &best, err);
	if (rc)
		return rc;
	if (hs->role == PSEC_SERVER)
		return take_default(hs, opt->default_mech, best, err);
	if (hs->role != PSEC_TOOL)
		hs->mech = mech_find(hs->psec, best, &rc, err);
	return rc;
}

/* -- choosing from two lists -------------------------------------------- */

/*
 * The best mechanism from number *POS on that is loaded, in the own list and,
 * unless it is NULL, in OTHER; NULL: there is no more.
 */
static const mech_t *next_candidate(const psec_handshake_t *hs,
				    const char *other, size_t *pos)
{
	const mech_t *m;

	while (*pos < hs->psec->nmechs) {
		m = &hs->psec->mechs[(*pos)++];
		if (m->vt && psec_list_has(hs->mechs, m->name) &&
		    (!other || psec_list_has(other, m->name)))
			return m;
	}
	return NULL;
}

static psec_code_t probe(const mech_t *m, psec_error_t *err)
{
	return m->vt->probe(m->state, err);
}

static void append_name(char *list, size_t *len, const char *name)
{
	size_t n = strlen(name);

	if (*len > 0)
		list[(*len)++] = ',';
	memcpy(list + *len, name, n + 1);
	*len += n;
}

psec_code_t hs_choice_offer(psec_handshake_t *hs, psec_error_t *err)
{
	char works[PSEC_LIST_MAX + 1] = "";
	psec_error_t why = { .code = PSEC_OK, .text = "" }, one = why;
	size_t pos = 0, len = 0;
	const mech_t *m = next_candidate(hs, NULL, &pos), *next;
	bool only = true;

	for (; m; m = next) {
		next = next_candidate(hs, NULL, &pos);
		only = only && !next;
		if (only || probe(m, &one) == PSEC_OK)
			append_name(works, &len, m->name);
		else if (why.code == PSEC_OK)
			why = one;
	}
	if (len == 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE,
				 "none of the tool's mechanisms '%.100s' works "
				 "here: %.200s",
				 hs->mechs, why.text);
	memcpy(hs->mechs, works, len + 1);
	return PSEC_OK;
}

/* An allowed mechanism that the peer offers and that could not be loaded. */
static const mech_t *find_unloaded(const psec_handshake_t *hs)
{
	const mech_t *m;
	size_t i;

	for (i = 0; i < hs->psec->nmechs; i++) {
		m = &hs->psec->mechs[i];
		if (!m->vt && psec_list_has(hs->mechs, m->name) &&
		    psec_list_has(hs->offered, m->name))
			return m;
	}
	return NULL;
}

static psec_code_t nothing_in_common(const psec_handshake_t *hs,
				     psec_error_t *err)
{
	const mech_t *m = find_unloaded(hs);

	if (m)
		return psec_fail(err, PSEC_ERR_NO_MECH,
				 "the tool offers the mechanisms '%.80s', this "
				 "server allows '%.80s': %.140s",
				 hs->offered, hs->mechs, m->why.text);
	return psec_fail(err, PSEC_ERR_NO_MECH,
			 "the tool offers the mechanisms '%.120s', but this "
			 "server allows only '%.120s'",
			 hs->offered, hs->mechs);
}

psec_code_t hs_choice_pick(psec_handshake_t *hs, psec_error_t *err)
{
	size_t pos = 0;
	const mech_t *m = next_candidate(hs, hs->offered, &pos), *next;

	for (; m; m = next) {
		next = next_candidate(hs, hs->offered, &pos);
		if (!next || probe(m, NULL) == PSEC_OK)
			break;
	}
	if (!m)
		return nothing_in_common(hs, err);
	hs->mech = m;
	return PSEC_OK;
}

psec_code_t hs_choice_match(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc = PSEC_OK;

	if (!psec_list_has(hs->mechs, hs->offered))
		return psec_fail(err, PSEC_ERR_NO_MECH,
				 "the client chose mechanism '%.64s', but only "
				 "'%.200s' is allowed",
				 hs->offered, hs->mechs);
	hs->mech = mech_find(hs->psec, hs->offered, &rc, err);
	return rc;
}

psec_code_t hs_choice_default(psec_handshake_t *hs, psec_error_t *err)
{
	psec_code_t rc = PSEC_OK;

	hs->mech = mech_find(hs->psec, hs->default_mech, &rc, err);
	return rc;
}

psec_code_t hs_choice_accept(psec_handshake_t *hs, const char *name,
			     psec_error_t *err)
{
	psec_code_t rc = PSEC_OK;

	if (!psec_list_has(hs->mechs, name))
		return psec_fail(err, PSEC_ERR_PROTOCOL,
				 "the server picked mechanism '%s', but this "
				 "tool offered only '%.200s'",
				 name, hs->mechs);
	hs->mech = mech_find(hs->psec, name, &rc, err);
	return rc;
}
