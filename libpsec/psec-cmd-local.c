/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-local.c - see psec-cmd-local.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "psec-cmd-local.h"
#include "psec-cmd-mechs.h"
#include "psec-cmd-output.h"
#include "psec_mech.h"

#define DEFAULT_TYPES "munge,native"

/* The next name of the clean list at *POS. */
static bool next_name(const char **pos, char *name, size_t size)
{
	size_t len = strcspn(*pos, ",");

	if (len == 0 || len >= size)
		return false;
	memcpy(name, *pos, len);
	name[len] = '\0';
	*pos += len;
	if (**pos == ',')
		(*pos)++;
	return true;
}

/* TYPES or its default, clean, into OUT. */
static psec_code_t choose_types(const char *types, char *out, size_t size,
				psec_error_t *err)
{
	psec_error_t why;

	if (!types)
		types = getenv("PMIX_SECURITY_MODE");
	if (!types)
		types = DEFAULT_TYPES;
	if (psec_list_filter(types, NULL, out, size, &why) != PSEC_OK)
		return psec_fail(err, PSEC_ERR_ARG,
				 "the list of types of credentials: %.300s",
				 why.text);
	if (!out[0])
		return psec_fail(err, PSEC_ERR_NO_MECH,
				 "the list of types of credentials is empty");
	return PSEC_OK;
}

/* May another type be tried after RC? */
static bool try_next(psec_code_t rc)
{
	return rc == PSEC_ERR_NO_MECH || rc == PSEC_ERR_PLUGIN ||
	       rc == PSEC_ERR_UNAVAILABLE || rc == PSEC_ERR_MALFORMED;
}

/* The first error is that of the type that was wished for most. */
static void keep_first(psec_error_t *first, const psec_error_t *err)
{
	if (first->code == PSEC_OK)
		*first = *err;
}

/* -- get ------------------------------------------------------------------ */

static psec_code_t get_first(psec_t *psec, const char *types,
			     const psec_cred_request_t *req, void **cred,
			     size_t *len, cmd_facts_t *facts,
			     psec_error_t *note, psec_error_t *err)
{
	char name[PSEC_NAME_MAX + 1];
	psec_code_t rc = PSEC_ERR_NO_MECH;
	psec_error_t why;

	note->code = PSEC_OK;
	while (next_name(&types, name, sizeof(name))) {
		rc = psec_cred_create(psec, name, req, cred, len, &why);
		if (rc == PSEC_OK) {
			memcpy(facts->type, name, sizeof(name));
			return PSEC_OK;
		}
		keep_first(note, &why);
		if (!try_next(rc))
			break;
	}
	if (try_next(rc))
		*err = *note;
	else
		*err = why;
	return err->code;
}

static psec_code_t get_with_claims(psec_t *psec, const char *types,
				   psec_cred_request_t req, void **cred,
				   size_t *len, cmd_facts_t *facts,
				   psec_error_t *note, psec_error_t *err)
{
	psec_code_t rc;
	char *text;

	rc = cmd_own_claims(&facts->claims, err);
	if (rc)
		return rc;
	facts->claims.has_for_uid = req.for_uid != (uid_t)-1;
	facts->claims.for_uid = req.for_uid;
	facts->claims.has_for_gid = req.for_gid != (gid_t)-1;
	facts->claims.for_gid = req.for_gid;
	text = claims_encode(&facts->claims);
	if (!text)
		return psec_fail(err, PSEC_ERR_ARG,
				 "the claims of a credential cannot be "
				 "written; is one of SLURM_CLUSTER_NAME, "
				 "PMIX_NAMESPACE and SLURMD_NODENAME not "
				 "UTF-8?");
	req.payload = text;
	req.payload_len = strlen(text);
	rc = get_first(psec, types, &req, cred, len, facts, note, err);
	free(text);
	return rc;
}

psec_code_t cmd_local_get(const cmd_common_t *common, const char *types,
			  const psec_cred_request_t *req, void **cred,
			  size_t *len, cmd_facts_t *facts, psec_error_t *note,
			  psec_error_t *err)
{
	char list[PSEC_LIST_MAX + 1];
	psec_t *psec = NULL;
	psec_code_t rc;

	rc = choose_types(types, list, sizeof(list), err);
	if (!rc)
		rc = cmd_psec(&psec, common, list, err);
	if (rc)
		return rc;
	if (req->payload)
		rc = get_first(psec, list, req, cred, len, facts, note, err);
	else
		rc = get_with_claims(psec, list, *req, cred, len, facts, note,
				     err);
	psec_destroy(psec);
	return rc;
}

/* -- validate ------------------------------------------------------------- */

/* INFO's payload is claims, or is kept as it is. */
static void take_info(psec_cred_info_t *info, const char *type,
		      cmd_facts_t *facts)
{
	(void)snprintf(facts->type, sizeof(facts->type), "%s", type);
	facts->uid = info->uid;
	facts->gid = info->gid;
	facts->issued_s = info->issued_s;
	facts->expires_s = info->expires_s;
	if (claims_decode(info->payload, info->payload_len, &facts->claims,
			  NULL) == PSEC_OK)
		return;
	facts->payload = info->payload;
	facts->payload_len = info->payload_len;
	info->payload = NULL;
	info->payload_len = 0;
}

static psec_code_t validate_as(psec_t *psec, const char *type, const void *cred,
			       size_t len, cmd_facts_t *facts,
			       psec_error_t *err)
{
	psec_cred_info_t *info = NULL;
	psec_code_t rc;

	rc = psec_cred_validate(psec, type, cred, len, &info, err);
	if (rc)
		return rc;
	take_info(info, type, facts);
	psec_cred_info_destroy(info);
	return PSEC_OK;
}

/*
 * No credential is of two types, so whatever takes it for its own has the
 * last word: one that was altered must not be tried as another's.
 */
static psec_code_t validate_any(psec_t *psec, const char *types,
				const void *cred, size_t len,
				cmd_facts_t *facts, psec_error_t *err)
{
	char name[PSEC_NAME_MAX + 1];
	psec_error_t first = { .code = PSEC_OK };
	psec_code_t rc;

	while (next_name(&types, name, sizeof(name))) {
		rc = validate_as(psec, name, cred, len, facts, err);
		if (rc == PSEC_OK || !try_next(rc))
			return rc;
		keep_first(&first, err);
	}
	*err = first;
	return first.code;
}

/*
 * 'psec get' and most ways of writing a text to a file put a newline behind
 * it.  Where the rest is no credential, the newline may have been its end.
 */
static psec_code_t validate_line(psec_t *psec, const char *types,
				 const char *cred, size_t len,
				 cmd_facts_t *facts, psec_error_t *err)
{
	psec_error_t why;
	psec_code_t rc;

	if (!cmd_ends_line(cred, len))
		return validate_any(psec, types, cred, len, facts, err);
	rc = validate_any(psec, types, cred, len - 1, facts, err);
	if (rc == PSEC_ERR_MALFORMED &&
	    validate_any(psec, types, cred, len, facts, &why) == PSEC_OK)
		rc = PSEC_OK;
	return rc;
}

/* LIST without "none", unless it was named for this very purpose. */
static psec_code_t drop_none(char *list, psec_error_t *err)
{
	char kept[PSEC_LIST_MAX + 1] = "", name[PSEC_NAME_MAX + 1];
	const char *pos = list;
	size_t used = 0;

	while (next_name(&pos, name, sizeof(name))) {
		if (cmd_proves_nothing(name))
			continue;
		used += (size_t)snprintf(kept + used, sizeof(kept) - used,
					 "%s%s", used ? "," : "", name);
	}
	if (!used)
		return psec_fail(err, PSEC_ERR_NO_MECH,
				 "PMIX_SECURITY_MODE names 'none' alone, which "
				 "proves nothing; name it with --type if such "
				 "a credential shall be accepted");
	memcpy(list, kept, used + 1);
	return PSEC_OK;
}

psec_code_t cmd_local_validate(const cmd_common_t *common, const char *types,
			       const void *cred, size_t len, cmd_facts_t *facts,
			       psec_error_t *err)
{
	char list[PSEC_LIST_MAX + 1];
	psec_t *psec = NULL;
	psec_code_t rc;

	rc = choose_types(types, list, sizeof(list), err);
	if (!rc && !types)
		rc = drop_none(list, err);
	if (!rc)
		rc = cmd_psec(&psec, common, list, err);
	if (rc)
		return rc;
	rc = validate_line(psec, list, cred, len, facts, err);
	psec_destroy(psec);
	return rc;
}
