/* SPDX-License-Identifier: BSD-3-Clause */
/* claims.c - see claims.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "claims.h"
#include "error.h"

/* False without memory. */
static bool put_audience(json_t *doc, const claims_t *c)
{
	return (!c->has_for_uid ||
		json_object_set_new(doc, "for_uid", json_integer(c->for_uid)) ==
			0) &&
	       (!c->has_for_gid ||
		json_object_set_new(doc, "for_gid", json_integer(c->for_gid)) ==
			0);
}

char *claims_encode(const claims_t *c)
{
	json_t *doc = json_pack("{s:i, s:s, s:I, s:I, s:s, s:I, s:s, s:I, s:s}",
				"v", CLAIMS_VERSION, "cluster", c->cluster,
				"job", (json_int_t)c->job_id, "step",
				(json_int_t)c->step_id, "nspace", c->nspace,
				"rank", (json_int_t)c->rank, "node", c->node,
				"iat", (json_int_t)c->issued_s, "id", c->id);
	char *text = NULL;

	if (doc && put_audience(doc, c))
		text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	return text;
}

static bool take_text(const json_t *doc, const char *key, char *out,
		      size_t size)
{
	const char *text = json_string_value(json_object_get(doc, key));

	if (!text || strlen(text) >= size)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool take_u32(const json_t *doc, const char *key, uint32_t *out)
{
	const json_t *value = json_object_get(doc, key);
	json_int_t v = json_integer_value(value);

	if (!json_is_integer(value) || v < 0 || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* True, too, where KEY is missing; *HAS tells. */
static bool take_optional(const json_t *doc, const char *key, bool *has,
			  uint32_t *out)
{
	*has = json_object_get(doc, key) != NULL;
	return !*has || take_u32(doc, key, out);
}

static bool take_all(const json_t *doc, claims_t *c)
{
	const json_t *issued = json_object_get(doc, "iat");

	c->issued_s = json_integer_value(issued);
	return json_is_integer(issued) &&
	       take_text(doc, "cluster", c->cluster, sizeof(c->cluster)) &&
	       take_text(doc, "nspace", c->nspace, sizeof(c->nspace)) &&
	       take_text(doc, "node", c->node, sizeof(c->node)) &&
	       take_text(doc, "id", c->id, sizeof(c->id)) &&
	       take_u32(doc, "job", &c->job_id) &&
	       take_u32(doc, "step", &c->step_id) &&
	       take_u32(doc, "rank", &c->rank) &&
	       take_optional(doc, "for_uid", &c->has_for_uid, &c->for_uid) &&
	       take_optional(doc, "for_gid", &c->has_for_gid, &c->for_gid);
}

psec_code_t claims_decode(const void *text, size_t len, claims_t *claims,
			  psec_error_t *err)
{
	json_error_t where;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	uint32_t version = 0;
	claims_t c = { 0 };
	psec_code_t rc = PSEC_ERR_MALFORMED;

	if (!json_is_object(doc))
		error_set(err, rc,
			  "its payload is not one of a PMIx credential (%s)",
			  doc ? "not a JSON object" : where.text);
	else if (!take_u32(doc, "v", &version) || version != CLAIMS_VERSION)
		error_set(err, rc,
			  "its claims are of version %u, this server knows %d",
			  version, CLAIMS_VERSION);
	else if (!take_all(doc, &c))
		error_set(err, rc, "its claims are incomplete");
	else
		rc = PSEC_OK;
	if (rc == PSEC_OK)
		*claims = c;
	json_decref(doc);
	return rc;
}
