/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * container.c - a SPANK plugin that puts tasks into something like a
 * container, the way pyxis does: in task_init, as the user, by a user and a
 * mount namespace.  Ahead of spank_psec.so in plugstack.conf:
 *
 *   required .../container.so libdir=DIRECTORY OF LIBRARIES
 *
 * and then srun --enter=WORD[,WORD]...
 *
 *   socket     nothing is in /run/munge
 *   stepdir    nothing is in /run/psec
 *   layer=DIR  the files of DIR are laid over the directory of libraries, and
 *	       DIR.cache over /etc/ld.so.cache
 *   root       tasks are root inside
 *   hook       PMIX_MCA_psec is set as enroot's hook 50-slurm-pmi.sh does it
 *   odd        only tasks of an odd rank are put there
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <slurm/slurm.h>
#include <slurm/spank.h>

SPANK_PLUGIN(container, 1)

static char words[1024];
static const char *libdir = "";

static int take_words(int val, const char *arg, int remote)
{
	snprintf(words, sizeof(words), "%s", arg);
	return 0;
}

static struct spank_option option = {
	.name = (char *)"enter",
	.arginfo = (char *)"WORDS",
	.usage = (char *)"[test] put the tasks into a container",
	.has_arg = 1,
	.cb = take_words,
};

int slurm_spank_init(spank_t sp, int argc, char *argv[])
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "libdir=", 7))
			libdir = strdup(argv[i] + 7);
	if (spank_context() == S_CTX_SLURMD)
		return 0;
	return spank_option_register(sp, &option) == ESPANK_SUCCESS ? 0 : -1;
}

/* The value of WORD ("" where it has none), or NULL where it was not said. */
static const char *said(const char *word)
{
	static char value[512];
	size_t len = strlen(word);

	for (const char *p = words; *p; p += strcspn(p, ","), p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (strncmp(p, word, len) != 0 || (p[len] != '=' && len != n))
			continue;
		snprintf(value, sizeof(value), "%.*s",
			 n > len ? (int)(n - len - 1) : 0, p + len + 1);
		return value;
	}
	return NULL;
}

static int failed(const char *what)
{
	slurm_error("container: %s: %s", what, strerror(errno));
	return -1;
}

static int write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? failed(path) : 0;
}

static int enter(void)
{
	unsigned uid = geteuid(), gid = getegid();
	bool root = said("root") != NULL;
	char users[64], groups[64];

	snprintf(users, sizeof(users), "%u %u 1", root ? 0 : uid, uid);
	snprintf(groups, sizeof(groups), "%u %u 1", root ? 0 : gid, gid);
	/* A process that was root's may not write its own maps otherwise. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return failed("make namespaces");
	if (write_map("/proc/self/setgroups", "deny") != 0 ||
	    write_map("/proc/self/uid_map", users) != 0 ||
	    write_map("/proc/self/gid_map", groups) != 0)
		return -1;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return failed("make mounts private");
	return 0;
}

static int hide(const char *dir)
{
	if (mount("container", dir, "tmpfs", 0, "mode=0755") != 0)
		return failed(dir);
	return 0;
}

static int lay(const char *layer)
{
	char text[2048], cache[600];

	snprintf(text, sizeof(text), "lowerdir=%s:%s", layer, libdir);
	if (mount("container", libdir, "overlay", 0, text) != 0)
		return failed(text);
	snprintf(cache, sizeof(cache), "%s.cache", layer);
	if (mount(cache, "/etc/ld.so.cache", NULL, MS_BIND, NULL) != 0)
		return failed(cache);
	return 0;
}

/* "if PMIX_SECURITY_MODE is set and PMIX_MCA_psec is not, the same" */
static int run_hook(spank_t sp)
{
	char mode[1024], own[1024];

	if (spank_getenv(sp, "PMIX_SECURITY_MODE", mode, sizeof(mode)) ==
		    ESPANK_SUCCESS &&
	    spank_getenv(sp, "PMIX_MCA_psec", own, sizeof(own)) ==
		    ESPANK_ENV_NOEXIST)
		return spank_setenv(sp, "PMIX_MCA_psec", mode, 0) ==
				       ESPANK_SUCCESS
			       ? 0
			       : -1;
	return 0;
}

int slurm_spank_task_init(spank_t sp, int argc, char *argv[])
{
	const char *layer;
	uint32_t rank = 0;

	spank_get_item(sp, S_TASK_GLOBAL_ID, &rank);
	if (!words[0] || (said("odd") && rank % 2 == 0))
		return 0;
	if (enter() != 0)
		return -1;
	if (said("socket") && hide("/run/munge") != 0)
		return -1;
	if (said("stepdir") && hide("/run/psec") != 0)
		return -1;
	layer = said("layer");
	if (layer && lay(layer) != 0)
		return -1;
	return said("hook") ? run_hook(sp) : 0;
}
