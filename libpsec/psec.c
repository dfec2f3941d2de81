/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec.c - the context, and errors.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "psec_private.h"

/* none is for debugging: it is loaded only where somebody names it. */
#define DEFAULT_MECHS "munge,native"

const char *psec_strcode(psec_code_t code)
{
	static const char *const names[] = {
		[PSEC_OK] = "ok",
		[PSEC_ERR_ARG] = "bad argument",
		[PSEC_ERR_NOMEM] = "out of memory",
		[PSEC_ERR_NO_MECH] = "no mechanism",
		[PSEC_ERR_UNAVAILABLE] = "unavailable",
		[PSEC_ERR_MALFORMED] = "malformed",
		[PSEC_ERR_TAMPERED] = "tampered",
		[PSEC_ERR_EXPIRED] = "expired",
		[PSEC_ERR_EARLY] = "early",
		[PSEC_ERR_REPLAYED] = "replayed",
		[PSEC_ERR_NOT_FOR_YOU] = "not for you",
		[PSEC_ERR_MISMATCH] = "mismatch",
		[PSEC_ERR_TOO_BIG] = "too big",
		[PSEC_ERR_PROTOCOL] = "protocol violated",
		[PSEC_ERR_TIMEOUT] = "timeout",
		[PSEC_ERR_IO] = "input or output failed",
		[PSEC_ERR_PLUGIN] = "plugin not loadable",
	};
	size_t i = (size_t)code;

	if (i < sizeof(names) / sizeof(names[0]) && names[i])
		return names[i];
	return "unknown code";
}

psec_code_t psec_fail(psec_error_t *err, psec_code_t code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0)
		err->text[0] = '\0';
	va_end(ap);
	return code;
}

/* Copy *OPT, which may be NULL, into *OUT with the defaults filled in. */
static psec_code_t options_complete(psec_options_t *out,
				    const psec_options_t *opt,
				    psec_error_t *err)
{
	static const psec_options_t none = PSEC_OPTIONS_INIT;
	psec_code_t rc;

	if (!opt)
		opt = &none;
	if (opt->size != sizeof(*opt))
		return psec_fail(err, PSEC_ERR_ARG,
				 "psec_options_t has size %zu, but this "
				 "libpsec knows %zu",
				 opt->size, sizeof(*opt));
	*out = *opt;
	if (!out->plugin_dir)
		out->plugin_dir = PSEC_MECHDIR;
	if (!out->mechs)
		out->mechs = DEFAULT_MECHS;
	if (out->priorities) {
		rc = psec_priorities_check(out->priorities, err);
		if (rc)
			return rc;
	}
	/* libpsec and the loader must mean the same: dlopen(3), tokens. */
	if (strchr(out->plugin_dir, '$'))
		return psec_fail(err, PSEC_ERR_ARG,
				 "the directory of mechanisms '%.200s' has a "
				 "'$', which the loader would replace",
				 out->plugin_dir);
	/* The working directory must not decide which code is loaded. */
	if (out->plugin_dir[0] != '/')
		return psec_fail(err, PSEC_ERR_ARG,
				 "the directory of mechanisms '%.200s' is not "
				 "an absolute path",
				 out->plugin_dir);
	return PSEC_OK;
}

/* Load MECH and put it where it belongs among the N mechanisms before it. */
static void insert_mech(psec_t *psec, const mech_t *mech)
{
	size_t i = psec->nmechs++;

	/* Equal priorities stay in the list's order. */
	for (; i > 0; i--) {
		if (psec->mechs[i - 1].priority >= mech->priority)
			break;
		psec->mechs[i] = psec->mechs[i - 1];
	}
	psec->mechs[i] = *mech;
}

static void load_mechs(psec_t *psec, const char *list,
		       const psec_options_t *opt)
{
	const char *pos = list, *name;
	size_t len;

	while (list_next(&pos, &name, &len)) {
		mech_t mech = { .priority = -1 };

		memcpy(mech.name, name, len);
		mech_load(&mech, opt);
		insert_mech(psec, &mech);
	}
}

static size_t count_names(const char *list)
{
	const char *name;
	size_t len, n = 0;

	while (list_next(&list, &name, &len))
		n++;
	return n;
}

psec_code_t psec_create(psec_t **psec, const psec_options_t *opt,
			psec_error_t *err)
{
	char list[PSEC_LIST_MAX + 1];
	psec_options_t full = { .size = 0 };
	psec_error_t why;
	psec_t *p = NULL;
	psec_code_t rc;

	if (!psec)
		return psec_fail(err, PSEC_ERR_ARG, "no place for the context");
	rc = options_complete(&full, opt, err);
	if (rc)
		return rc;
	rc = psec_list_filter(full.mechs, NULL, list, sizeof(list), &why);
	if (rc)
		return psec_fail(err, PSEC_ERR_ARG,
				 "the list of mechanisms to load: %.300s",
				 why.text);
	p = calloc(1, sizeof(*p));
	if (!p)
		goto nomem;
	p->mechs = calloc(count_names(list) + 1, sizeof(*p->mechs));
	if (!p->mechs)
		goto nomem;
	load_mechs(p, list, &full);
	*psec = p;
	return PSEC_OK;

nomem:
	psec_destroy(p);
	return psec_fail(err, PSEC_ERR_NOMEM,
			 "no memory for a context of the mechanisms '%.200s'",
			 list);
}

void psec_destroy(psec_t *psec)
{
	int saved = errno;
	size_t i;

	if (!psec)
		return;
	for (i = 0; i < psec->nmechs; i++)
		mech_unload(&psec->mechs[i]);
	free(psec->mechs);
	free(psec);
	errno = saved;
}
