/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mech.c - mechanisms: loading their plugins, finding and probing them.
 *
 * A mechanism that cannot be loaded stays listed and tells why when it is
 * asked, so that "munge is missing here" reaches the one who wants munge and
 * stops nobody else.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "psec_private.h"

#define SYMBOL "psec_mechanism"

/* Is there a plugin, and may it be loaded? */
static psec_code_t check_plugin(const mech_t *mech, const psec_options_t *opt,
				const char *path, psec_error_t *err)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return opt->site ? trust_check(mech->name, path, err) : PSEC_OK;
	if (errno == ENOENT || errno == ENOTDIR)
		return psec_fail(err, PSEC_ERR_PLUGIN,
				 "mechanism %s cannot be loaded: there is no "
				 "%.200s; is it installed?",
				 mech->name, path);
	return psec_fail(err, PSEC_ERR_PLUGIN,
			 "mechanism %s cannot be loaded: %.200s: %s",
			 mech->name, path, strerror(errno));
}

/*
 * Why dlopen() failed, for people.  The loader begins with what it could not
 * open.  A name without a folder is a library that was looked for everywhere
 * and is nowhere; the words behind it depend on the language.
 */
static psec_code_t loader_failed(const mech_t *mech, const char *said,
				 psec_error_t *err)
{
	const int len = (int)strcspn(said, ":");
	const char *so = strstr(said, ".so");

	if (!so || so - said >= len || memchr(said, '/', (size_t)len))
		return psec_fail(err, PSEC_ERR_PLUGIN,
				 "mechanism %s cannot be loaded: %.300s",
				 mech->name, said);
	return psec_fail(err, PSEC_ERR_PLUGIN,
			 "mechanism %s cannot be loaded: %.*s is not "
			 "installed: psec_%s.so needs %.*s, which is not found",
			 mech->name, (int)(so - said), said, mech->name, len,
			 said);
}

static psec_code_t open_plugin(mech_t *mech, const psec_options_t *opt,
			       psec_error_t *err)
{
	char path[PATH_MAX];
	const char *said;
	psec_code_t rc;
	int n;

	n = snprintf(path, sizeof(path), "%s/psec_%s.so", opt->plugin_dir,
		     mech->name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return psec_fail(err, PSEC_ERR_PLUGIN,
				 "mechanism %s cannot be loaded: the path of "
				 "its plugin is too long",
				 mech->name);
	rc = check_plugin(mech, opt, path, err);
	if (rc)
		return rc;
	/* NOW: a missing symbol shall fail here and not in a handshake. */
	mech->dl = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (mech->dl)
		return PSEC_OK;
	said = dlerror();
	return loader_failed(mech, said ? said : "the loader fails", err);
}

static psec_code_t check_identity(const mech_t *mech, const psec_mech_t *vt,
				  psec_error_t *err)
{
	if (!vt)
		return psec_fail(err, PSEC_ERR_PLUGIN,
				 "mechanism %s cannot be loaded: its plugin "
				 "exports no %s",
				 mech->name, SYMBOL);
	if (vt->interface != PSEC_MECH_INTERFACE)
		return psec_fail(
			err, PSEC_ERR_PLUGIN,
			"mechanism %s cannot be loaded: its plugin was "
			"made for interface %u, libpsec has %u; install those "
			"of one version",
			mech->name, (unsigned)vt->interface,
			(unsigned)PSEC_MECH_INTERFACE);
	if (!vt->name || strcmp(vt->name, mech->name) != 0)
		return psec_fail(err, PSEC_ERR_PLUGIN,
				 "mechanism %s cannot be loaded: its plugin "
				 "calls itself '%.64s'",
				 mech->name, vt->name ? vt->name : "");
	return PSEC_OK;
}

static const char *incomplete(const psec_mech_t *vt)
{
	if (!vt->proves)
		return "does not say what it proves";
	if (vt->priority < 0)
		return "has a negative priority";
	if (!vt->probe)
		return "has no probe()";
	if (!vt->open != !vt->close)
		return "has only one of open() and close()";
	if (!vt->cred_create != !vt->cred_validate)
		return "has only one of cred_create() and cred_validate()";
	if (!vt->prove != !vt->check)
		return "has only one of prove() and check()";
	if (!vt->cred_create && !vt->prove)
		return "can make neither credentials nor proofs";
	return NULL;
}

static psec_code_t load(mech_t *mech, const psec_options_t *opt)
{
	const psec_mech_t *vt;
	const char *lack;
	psec_code_t rc;

	rc = open_plugin(mech, opt, &mech->why);
	if (rc)
		return rc;
	vt = dlsym(mech->dl, SYMBOL);
	rc = check_identity(mech, vt, &mech->why);
	if (rc)
		return rc;
	lack = incomplete(vt);
	if (lack)
		return psec_fail(&mech->why, PSEC_ERR_PLUGIN,
				 "mechanism %s cannot be loaded: its plugin %s",
				 mech->name, lack);
	if (vt->open) {
		rc = vt->open(&mech->state, opt, &mech->why);
		if (rc)
			return rc;
	}
	mech->vt = vt;
	mech->priority = priority_of(opt->priorities, mech->name, vt->priority);
	return PSEC_OK;
}

void mech_load(mech_t *mech, const psec_options_t *opt)
{
	if (load(mech, opt) == PSEC_OK)
		return;
	/* A third party's open() may have broken its promise. */
	if (mech->why.code == PSEC_OK)
		(void)psec_fail(&mech->why, PSEC_ERR_PLUGIN,
				"mechanism %s cannot be loaded: its open() "
				"fails and does not say why",
				mech->name);
	mech_unload(mech);
}

void mech_unload(mech_t *mech)
{
	if (mech->vt && mech->vt->close)
		mech->vt->close(mech->state);
	mech->vt = NULL;
	mech->priority = -1;
	mech->state = NULL;
	if (mech->dl)
		(void)dlclose(mech->dl);
	mech->dl = NULL;
}

const mech_t *mech_find(const psec_t *psec, const char *name, psec_code_t *rc,
			psec_error_t *err)
{
	const mech_t *m;
	size_t i;

	if (!psec || !name) {
		*rc = psec_fail(err, PSEC_ERR_ARG,
				"no context, or no name of a mechanism");
		return NULL;
	}
	for (i = 0; i < psec->nmechs; i++) {
		m = &psec->mechs[i];
		if (strcmp(m->name, name) != 0)
			continue;
		if (m->vt)
			return m;
		*rc = psec_fail(err, m->why.code, "%s", m->why.text);
		return NULL;
	}
	*rc = psec_fail(err, PSEC_ERR_NO_MECH,
			"mechanism '%.64s' is not among those that this "
			"context was made with",
			name);
	return NULL;
}

bool psec_mech_get(const psec_t *psec, size_t index, psec_mech_info_t *info)
{
	const mech_t *m;

	if (!psec || !info || index >= psec->nmechs)
		return false;
	m = &psec->mechs[index];
	info->name = m->name;
	info->priority = m->priority;
	info->proves = m->vt ? m->vt->proves : "nothing: it is not loaded";
	return true;
}

psec_code_t psec_mech_probe(psec_t *psec, const char *name, psec_error_t *err)
{
	const mech_t *mech;
	psec_code_t rc;

	mech = mech_find(psec, name, &rc, err);
	if (!mech)
		return rc;
	return mech->vt->probe(mech->state, err);
}
