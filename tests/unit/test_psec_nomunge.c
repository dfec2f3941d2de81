/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine without libmunge: each test's process hides the file from itself
 * and from nobody else, in a mount namespace of its own.
 *
 * This program is not linked with libmunge, and loads it in children only.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define LIBRARY "libmunge.so.2"
#define STEM	"libmunge.so" /* all of its names begin with it */

/* The folder that has it; and a place to see the folder whole. */
static char libdir[PATH_MAX], whole[] = "/tmp/psec-test-XXXXXX";

static psec_t *context(void)
{
	psec_options_t opt = PSEC_OPTIONS_INIT;
	psec_t *psec = NULL;
	psec_error_t err;

	opt.plugin_dir = MECH_DIR;
	opt.mechs = "munge,native,none";
	opt.munge_socket = "/nonexistent/munge.socket";
	assert_ok(psec_create(&psec, &opt, &err), &err);
	return psec;
}

/* In a child: say on FD in which folder the loader finds it. */
static void find_library(int fd)
{
	void *dl = dlopen(LIBRARY, RTLD_NOW);
	struct link_map *map = NULL;
	char path[PATH_MAX];

	if (dl && dlinfo(dl, RTLD_DI_LINKMAP, &map) == 0 &&
	    realpath(map->l_name, path)) {
		*strrchr(path, '/') = '\0';
		(void)dprintf(fd, "%s", path);
	}
	_exit(0);
}

static int setup(void **state)
{
	int fds[2];
	ssize_t n;
	pid_t pid;

	if (geteuid() != 0)
		return 0;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		find_library(fds[1]);
	(void)close(fds[1]);
	n = read(fds[0], libdir, sizeof(libdir) - 1);
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* The tests of mechanism munge need it, too. */
	assert_true(n > 0);
	assert_non_null(mkdtemp(whole));
	return 0;
}

static int teardown(void **state)
{
	return geteuid() == 0 ? rmdir(whole) : 0;
}

static void fill(void)
{
	char target[PATH_MAX];
	const struct dirent *entry;
	DIR *from = opendir(whole), *to = opendir(libdir);

	assert_true(from && to);
	while ((entry = readdir(from))) {
		if (entry->d_name[0] == '.' ||
		    strncmp(entry->d_name, STEM, strlen(STEM)) == 0)
			continue;
		assert_true((size_t)snprintf(target, sizeof(target), "%s/%s",
					     whole,
					     entry->d_name) < sizeof(target));
		assert_int_equal(symlinkat(target, dirfd(to), entry->d_name),
				 0);
	}
	assert_int_equal(closedir(from), 0);
	assert_int_equal(closedir(to), 0);
}

/* In place of the folder one with links to all that it has, but for one. */
static void hide_library(void)
{
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount(libdir, whole, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount("none", libdir, "tmpfs", 0, "mode=755"), 0);
	fill();
	/* Another copy elsewhere would make the tests pass for nothing. */
	assert_null(dlopen(LIBRARY, RTLD_NOW));
}

/* Run TEST in a process that has no libmunge. */
static void without_libmunge(void (*test)(void))
{
	int status = -1;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* A failed assertion jumps past this, into cmocka. */
		hide_library();
		test();
		_exit(42);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

/* -- the tests ---------------------------------------------------------- */

static void say_what_is_missing(void)
{
	psec_t *psec = context();
	psec_mech_info_t info;
	psec_error_t err;

	assert_refused(psec_mech_probe(psec, "munge", &err), &err,
		       PSEC_ERR_PLUGIN,
		       "mechanism munge cannot be loaded: libmunge is not "
		       "installed: psec_munge.so needs libmunge.so.2, which is "
		       "not found");
	assert_true(psec_mech_get(psec, 2, &info));
	assert_string_equal(info.name, "munge");
	assert_int_equal(info.priority, -1);
	psec_destroy(psec);
}

static void without_libmunge_munge_says_so(void **state)
{
	without_libmunge(say_what_is_missing);
}

static void use_the_others(void)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_t *psec = context();
	char list[PSEC_LIST_MAX];
	psec_cred_info_t *info;
	psec_error_t err;
	const char *name;
	void *cred;
	size_t len;

	assert_ok(psec_server_list(psec, NULL, list, sizeof(list), &err), &err);
	assert_string_equal(list, "native,none");
	assert_ok(psec_select(psec, "munge,native", &name, &err), &err);
	assert_string_equal(name, "native");
	assert_ok(psec_cred_create(psec, "none", &req, &cred, &len, &err),
		  &err);
	assert_ok(psec_cred_validate(psec, "none", cred, len, &info, &err),
		  &err);
	psec_cred_info_destroy(info);
	free(cred);
	psec_destroy(psec);
}

static void without_libmunge_the_others_work(void **state)
{
	without_libmunge(use_the_others);
}

static void want_munge(void)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_t *psec = context();
	char list[PSEC_LIST_MAX];
	psec_error_t err;
	const char *name;
	void *cred;
	size_t len;

	assert_refused(psec_select(psec, "munge", &name, &err), &err,
		       PSEC_ERR_NO_MECH, "libmunge is not installed");
	assert_refused(
		psec_server_list(psec, "munge", list, sizeof(list), &err), &err,
		PSEC_ERR_NO_MECH, "libmunge is not installed");
	assert_refused(psec_cred_create(psec, "munge", &req, &cred, &len, &err),
		       &err, PSEC_ERR_PLUGIN, "libmunge is not installed");
	psec_destroy(psec);
}

static void without_libmunge_who_wants_munge_learns_why(void **state)
{
	without_libmunge(want_munge);
}

/* Nothing but the library is missing in the tests above. */
static void with_libmunge_only_munged_is_missing(void **state)
{
	psec_t *psec = context();
	psec_error_t err;

	assert_refused(psec_mech_probe(psec, "munge", &err), &err,
		       PSEC_ERR_UNAVAILABLE,
		       "no socket at /nonexistent/munge.socket");
	psec_destroy(psec);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_libmunge_munge_says_so),
		cmocka_unit_test(without_libmunge_the_others_work),
		cmocka_unit_test(without_libmunge_who_wants_munge_learns_why),
		/* The last: from now on this process has libmunge, perhaps. */
		cmocka_unit_test(with_libmunge_only_munged_is_missing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
