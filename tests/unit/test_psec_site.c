/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plugins that are loaded on the site's behalf: only root may be able to
 * change what the path leads to.
 *
 * The folders are below /var/lib: all above must be root's, so not /tmp, and
 * the file system must let programs be loaded, so not /run.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"

#define SOMEBODY 4242 /* a uid that is not root's */
#define ROOT_DIR "/var/lib/psec-test-XXXXXX"
#define PATH_LEN 256

/* DIR/good/plugins/psec_low.so, all of it root's; the rest is each test's. */
static char dir[] = ROOT_DIR;

static void path_of(char *path, const char *file)
{
	int n = snprintf(path, PATH_LEN, "%s/%s", dir, file);

	assert_true(n > 0 && n < PATH_LEN);
}

static void make_dir(const char *file, mode_t mode)
{
	char path[PATH_LEN];

	path_of(path, file);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void change(const char *file, uid_t uid, mode_t mode)
{
	char path[PATH_LEN];

	path_of(path, file);
	assert_int_equal(chown(path, uid, 0), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void make_link(const char *target, const char *file)
{
	char path[PATH_LEN];

	path_of(path, file);
	assert_int_equal(symlink(target, path), 0);
}

static void copy_plugin(const char *to)
{
	char path[PATH_LEN], buf[8192];
	int in = open(STUB_DIR "/psec_low.so", O_RDONLY | O_CLOEXEC), out;
	ssize_t n;

	path_of(path, to);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(in >= 0 && out >= 0);
	assert_int_equal(fchmod(out, 0644), 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	assert_int_equal(n, 0);
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
}

static int make_all(void **state)
{
	if (geteuid() != 0)
		return 0;
	memcpy(dir, ROOT_DIR, sizeof(dir));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	make_dir("good", 0755);
	make_dir("good/plugins", 0755);
	copy_plugin("good/plugins/psec_low.so");
	return 0;
}

static int remove_all(void **state)
{
	pid_t pid;
	int status = -1;

	if (geteuid() != 0)
		return 0;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", "--one-file-system", "--", dir,
			     (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Load psec_low.so from FOLDER below dir, on the site's behalf. */
static psec_code_t load(const char *folder, bool site, psec_error_t *err)
{
	psec_options_t opt = PSEC_OPTIONS_INIT;
	char path[PATH_LEN];
	psec_t *psec = NULL;
	psec_code_t rc;

	path_of(path, folder);
	opt.plugin_dir = path;
	opt.mechs = "low";
	opt.site = site;
	assert_ok(psec_create(&psec, &opt, err), err);
	rc = psec_mech_probe(psec, "low", err);
	psec_destroy(psec);
	return rc;
}

static void expect_loaded(const char *folder)
{
	psec_error_t err;

	assert_ok(load(folder, true, &err), &err);
}

/* WORDS may have %s once, for dir. */
static void expect_refusal(const char *folder, const char *before,
			   const char *after)
{
	char words[2 * PATH_LEN];
	psec_error_t err;

	(void)snprintf(words, sizeof(words), "%s%s/%s", before, dir, after);
	assert_refused(load(folder, true, &err), &err, PSEC_ERR_PLUGIN, words);
	/* Nobody else's business: a user loads what he likes. */
	assert_ok(load(folder, false, &err), &err);
}

#define NEED_ROOT()                                                            \
	do {                                                                   \
		if (geteuid() != 0)                                            \
			skip();                                                \
	} while (0)

/* -- what is loaded ----------------------------------------------------- */

static void a_plugin_of_roots_is_loaded(void **state)
{
	NEED_ROOT();
	expect_loaded("good/plugins");
	expect_loaded("good/./plugins//");
	expect_loaded("good/plugins/../plugins");
	/* Less than usual is allowed, too. */
	change("good/plugins", 0, 0555);
	change("good/plugins/psec_low.so", 0, 0400);
	expect_loaded("good/plugins");
}

static void links_among_roots_folders_are_followed(void **state)
{
	char path[PATH_LEN];

	NEED_ROOT();
	path_of(path, "good/plugins");
	make_link(path, "absolute");
	make_link("good/plugins", "relative");
	make_link("../relative", "good/again");
	make_dir("files", 0755);
	make_link("../good/again/psec_low.so", "files/psec_low.so");
	expect_loaded("absolute");
	expect_loaded("relative");
	expect_loaded("good/again");
	expect_loaded("files");
	/* A link cannot be changed, only replaced: its owner says nothing. */
	path_of(path, "relative");
	assert_int_equal(lchown(path, SOMEBODY, SOMEBODY), 0);
	expect_loaded("relative");
}

/* -- what is refused ---------------------------------------------------- */

static void a_plugin_of_somebody_elses_is_refused(void **state)
{
	NEED_ROOT();
	change("good/plugins/psec_low.so", SOMEBODY, 0644);
	expect_refusal("good/plugins", "mechanism low is refused: its plugin ",
		       "good/plugins/psec_low.so belongs to uid 4242 and has "
		       "mode 0644, so others than root can change it; cure: "
		       "chown root, chmod go-w");
}

static void a_plugin_that_others_can_write_is_refused(void **state)
{
	static const mode_t modes[] = { 0664, 0646, 0666, 0020, 0002, 04775 };
	char words[PATH_LEN];
	size_t i;

	NEED_ROOT();
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		change("good/plugins/psec_low.so", 0, modes[i]);
		(void)snprintf(words, sizeof(words),
			       "good/plugins/psec_low.so belongs to uid 0 and "
			       "has mode %04o",
			       (unsigned)modes[i]);
		expect_refusal("good/plugins", "its plugin ", words);
	}
}

static void a_folder_of_somebody_elses_is_refused(void **state)
{
	NEED_ROOT();
	change("good/plugins", SOMEBODY, 0755);
	expect_refusal("good/plugins", "mechanism low is refused: the folder ",
		       "good/plugins belongs to uid 4242 and has mode 0755, so "
		       "others than root can decide what psec_low.so is; cure: "
		       "chown root, chmod go-w, or the mechanisms elsewhere");
	change("good/plugins", 0, 0755);
	change("good", SOMEBODY, 0700);
	expect_refusal("good/plugins", "the folder ",
		       "good belongs to uid 4242 and has mode 0700");
}

static void a_folder_that_others_can_write_is_refused(void **state)
{
	NEED_ROOT();
	change("good/plugins", 0, 0775);
	expect_refusal("good/plugins", "the folder ",
		       "good/plugins belongs to uid 0 and has mode 0775");
	change("good/plugins", 0, 0757);
	expect_refusal("good/plugins", "the folder ",
		       "good/plugins belongs to uid 0 and has mode 0757");
	change("good/plugins", 0, 0755);
	change("good", 0, 0777);
	expect_refusal("good/plugins", "the folder ",
		       "good belongs to uid 0 and has mode 0777");
}

static void a_sticky_bit_makes_no_folder_good(void **state)
{
	NEED_ROOT();
	change("good/plugins", 0, 01777);
	expect_refusal("good/plugins", "the folder ",
		       "good/plugins belongs to uid 0 and has mode 1777");
	change("good/plugins", 0, 0755);
	change("good", 0, 01777);
	expect_refusal("good/plugins", "the folder ",
		       "good belongs to uid 0 and has mode 1777");
}

/* What root's path leads to, and every folder on the way, counts. */
static void links_into_bad_folders_are_refused(void **state)
{
	NEED_ROOT();
	make_dir("bad", 0777);
	make_dir("bad/plugins", 0755);
	copy_plugin("bad/plugins/psec_low.so");
	make_link("bad/plugins", "folder");
	expect_refusal("folder", "the folder ",
		       "bad belongs to uid 0 and has mode 0777");
	make_dir("file", 0755);
	make_link("../bad/plugins/psec_low.so", "file/psec_low.so");
	expect_refusal("file", "the folder ",
		       "bad belongs to uid 0 and has mode 0777");
	change("bad", 0, 0755);
	change("bad/plugins/psec_low.so", SOMEBODY, 0755);
	expect_refusal("file", "its plugin ",
		       "bad/plugins/psec_low.so belongs to uid 4242");
	change("bad/plugins/psec_low.so", 0, 0755);
	expect_loaded("file");
}

/* It leads to something good now: but who has put it there? */
static void links_in_bad_folders_are_refused(void **state)
{
	NEED_ROOT();
	make_dir("bad", 0777);
	make_link("../good/plugins", "bad/link");
	expect_refusal("bad/link", "the folder ",
		       "bad belongs to uid 0 and has mode 0777");
	make_link("bad/link", "twice");
	expect_refusal("twice", "the folder ",
		       "bad belongs to uid 0 and has mode 0777");
	expect_refusal("bad/../good/plugins", "the folder ",
		       "bad belongs to uid 0 and has mode 0777");
}

/* acl(5) as the kernel takes it: SOMEBODY may write, the group may not. */
static void an_access_list_that_lets_others_write_is_refused(void **state)
{
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entry[5];
	} acl = { 2,
		  { { 0x01, 7, UINT32_MAX },
		    { 0x02, 7, SOMEBODY },
		    { 0x04, 5, UINT32_MAX },
		    { 0x10, 7, UINT32_MAX },
		    { 0x20, 5, UINT32_MAX } } };
	char path[PATH_LEN];

	NEED_ROOT();
	path_of(path, "good/plugins");
	if (setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) !=
		    0 &&
	    errno == ENOTSUP)
		skip();
	expect_refusal("good/plugins", "the folder ",
		       "good/plugins belongs to uid 0 and has mode 0775");
}

static void paths_that_lead_nowhere_are_refused(void **state)
{
	psec_error_t err;

	NEED_ROOT();
	make_link("circle", "circle");
	assert_refused(load("circle", true, &err), &err, PSEC_ERR_PLUGIN,
		       "Too many levels of symbolic links");
	make_link("gone", "dangling");
	assert_refused(load("dangling", true, &err), &err, PSEC_ERR_PLUGIN,
		       "mechanism low cannot be loaded: there is no ");
	assert_refused(load("good/plugins/psec_low.so", true, &err), &err,
		       PSEC_ERR_PLUGIN, "there is no ");
	make_dir("folder", 0755);
	make_dir("folder/psec_low.so", 0755);
	assert_refused(load("folder", true, &err), &err, PSEC_ERR_PLUGIN,
		       "Is a directory");
}

/*
 * Somebody's link that leads to a good folder and to a bad one by turns: who
 * looks once and loads later would load the bad one some day.
 */
static void turning_links_back_and_forth_helps_nobody(void **state)
{
	char from[PATH_LEN], to[PATH_LEN];
	psec_error_t err;
	int i, status;
	pid_t pid;

	NEED_ROOT();
	make_dir("theirs", 0755);
	make_dir("theirs/plugins", 0755);
	copy_plugin("theirs/plugins/psec_low.so");
	change("theirs/plugins/psec_low.so", SOMEBODY, 0755);
	change("theirs/plugins", SOMEBODY, 0755);
	make_link("../good/plugins", "theirs/link");
	change("theirs", SOMEBODY, 0755);
	path_of(from, "theirs/new");
	path_of(to, "theirs/link");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setuid(SOMEBODY) != 0)
			_exit(1);
		for (i = 0;; i++) {
			if (symlink(i % 2 ? "../good/plugins" : "plugins",
				    from) != 0 ||
			    rename(from, to) != 0)
				_exit(1);
		}
	}
	for (i = 0; i < 2000; i++)
		assert_refused(load("theirs/link", true, &err), &err,
			       PSEC_ERR_PLUGIN,
			       "theirs belongs to uid 4242 and has mode 0755");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* What is built is used in the tests of whole clusters, on the site's behalf.
 */
static void who_is_not_root_can_check_as_well(void **state)
{
	psec_error_t err;
	pid_t pid;
	int status = -1;

	NEED_ROOT();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(SOMEBODY) != 0 || setuid(SOMEBODY) != 0)
			_exit(1);
		_exit((int)load("good/plugins", true, &err));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define on_folders(test)                                                       \
	cmocka_unit_test_setup_teardown(test, make_all, remove_all)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		on_folders(a_plugin_of_roots_is_loaded),
		on_folders(links_among_roots_folders_are_followed),
		on_folders(a_plugin_of_somebody_elses_is_refused),
		on_folders(a_plugin_that_others_can_write_is_refused),
		on_folders(a_folder_of_somebody_elses_is_refused),
		on_folders(a_folder_that_others_can_write_is_refused),
		on_folders(a_sticky_bit_makes_no_folder_good),
		on_folders(links_into_bad_folders_are_refused),
		on_folders(links_in_bad_folders_are_refused),
		on_folders(an_access_list_that_lets_others_write_is_refused),
		on_folders(paths_that_lead_nowhere_are_refused),
		on_folders(turning_links_back_and_forth_helps_nobody),
		on_folders(who_is_not_root_can_check_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
