/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-server.c - see psec-cmd-server.h. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "psec-cmd-server.h"
#include "psec_mech.h"

#define URI "PMIX_SERVER_URI" /* and a version behind it */

bool cmd_in_step(void)
{
	char **var;

	if (!getenv("PMIX_NAMESPACE") || !getenv("PMIX_RANK"))
		return false;
	for (var = environ; *var; var++) {
		if (strncmp(*var, URI, sizeof(URI) - 1) == 0)
			return true;
	}
	return false;
}

/*
 * The module, or NULL: ERR says why.  It is never unloaded: libpmix leaves
 * threads and handlers behind.
 */
static const cmd_pmix_t *load(psec_error_t *err)
{
	const cmd_pmix_t *module;
	void *dl;

	/* GLOBAL: libpmix loads components that look for its symbols. */
	dl = dlopen(PSEC_CMD_PMIX_MODULE, RTLD_NOW | RTLD_GLOBAL);
	if (!dl) {
		(void)psec_fail(err, CMD_ABSENT,
				"the PMIx server of this step cannot be "
				"asked: %.300s",
				dlerror());
		return NULL;
	}
	module = dlsym(dl, CMD_PMIX_SYMBOL);
	if (module && module->interface == CMD_PMIX_INTERFACE)
		return module;
	(void)psec_fail(err, CMD_ABSENT,
			"the PMIx server of this step cannot be asked: %s is "
			"of another version than psec",
			PSEC_CMD_PMIX_MODULE);
	return NULL;
}

psec_code_t cmd_server_get(const cmd_wish_t *wish, void **cred, size_t *len,
			   cmd_facts_t *facts, psec_error_t *err)
{
	const cmd_pmix_t *module = load(err);

	if (!module)
		return CMD_ABSENT;
	return module->get(wish, cred, len, facts, err);
}

psec_code_t cmd_server_validate(const cmd_wish_t *wish, const void *cred,
				size_t len, cmd_facts_t *facts,
				psec_error_t *err)
{
	const cmd_pmix_t *module = load(err);

	if (!module)
		return CMD_ABSENT;
	return module->validate(wish, cred, len, facts, err);
}

psec_code_t cmd_server_status(cmd_status_t *status, psec_error_t *err)
{
	const cmd_pmix_t *module = load(err);

	if (!module)
		return CMD_ABSENT;
	return module->status(status, err);
}
