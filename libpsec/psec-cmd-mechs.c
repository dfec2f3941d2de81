/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-mechs.c - see psec-cmd-mechs.h. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "psec-cmd-mechs.h"

#define PREFIX "psec_"
#define SUFFIX ".so"

const char *cmd_mechdir(const cmd_common_t *common)
{
	return common->mechdir ? common->mechdir : PSEC_MECHDIR;
}

bool cmd_proves_nothing(const char *name)
{
	return strcmp(name, "none") == 0;
}

/* Add the NAME of FILE, if it is a psec_NAME.so, to LIST while it has room. */
static void add_mech(const char *file, char *list, size_t size)
{
	const size_t prefix = sizeof(PREFIX) - 1, suffix = sizeof(SUFFIX) - 1;
	size_t len = strlen(file), used = strlen(list);
	char name[PSEC_NAME_MAX + 1], checked[PSEC_NAME_MAX + 1];

	if (len <= prefix + suffix || len - prefix - suffix > PSEC_NAME_MAX ||
	    memcmp(file, PREFIX, prefix) != 0 ||
	    strcmp(file + len - suffix, SUFFIX) != 0)
		return;
	len -= prefix + suffix;
	memcpy(name, file + prefix, len);
	name[len] = '\0';
	/* A file may have any name. */
	if (psec_list_filter(name, NULL, checked, sizeof(checked), NULL) != 0 ||
	    strcmp(name, checked) != 0 || used + len + 2 > size)
		return;
	(void)snprintf(list + used, size - used, ",%s", name);
}

/* What is in DIR, behind what everybody expects there. */
static void installed_mechs(const char *dir, char *list, size_t size)
{
	struct dirent **files = NULL;
	int i, n;

	(void)snprintf(list, size, "munge,native");
	n = scandir(dir, &files, NULL, alphasort);
	for (i = 0; i < n; i++) {
		add_mech(files[i]->d_name, list, size);
		free(files[i]);
	}
	free(files);
}

/*
 * Root must not run what others can change.  A user who is root in a user
 * namespace of his own is no such root, and there the host's root has another
 * uid: all that is the host's would be refused.
 */
static bool is_root(void)
{
	unsigned first = 0, outside = 0, count = 0;
	FILE *map;

	if (geteuid() != 0)
		return false;
	map = fopen("/proc/self/uid_map", "re");
	if (!map)
		return true;
	if (fscanf(map, "%u %u %u", &first, &outside, &count) != 3)
		count = UINT32_MAX;
	(void)fclose(map);
	return count == UINT32_MAX;
}

psec_code_t cmd_psec(psec_t **psec, const cmd_common_t *common,
		     const char *mechs, psec_error_t *err)
{
	char installed[PSEC_LIST_MAX];
	psec_options_t opt = PSEC_OPTIONS_INIT;

	opt.plugin_dir = cmd_mechdir(common);
	opt.munge_socket = common->munge_socket;
	opt.priorities = common->priorities;
	opt.site = is_root();
	opt.mechs = mechs;
	if (!mechs) {
		installed_mechs(opt.plugin_dir, installed, sizeof(installed));
		opt.mechs = installed;
	}
	return psec_create(psec, &opt, err);
}
