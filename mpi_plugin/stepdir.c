/* SPDX-License-Identifier: BSD-3-Clause */
/* stepdir.c - see stepdir.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

#include <slurm/spank.h>

#include "clock.h"
#include "launch.h"
#include "stepdir.h"

#define REMOVE_TIMEOUT_MS 5000
#define SWEEP_TIMEOUT_MS  2000 /* for all left-overs of others */
#define STALE_TIMEOUT_MS  1000 /* for one of them */
#define PAUSE_US	  50000
#define NEW_MARK	  ".new."
#define STALE_MARK	  "stale."

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/*
 * The entry NAME of the site's directory.  What a user has mounted on his step
 * directory (FUSE needs no more than to own it) is not entered: a file system
 * of his need not answer.
 */
static int open_entry(int base_fd, const char *name)
{
#if defined(SYS_openat2) && defined(RESOLVE_NO_XDEV)
	struct open_how how = { .flags = DIR_FLAGS,
				.resolve = RESOLVE_NO_XDEV };
	long fd = syscall(SYS_openat2, base_fd, name, &how, sizeof(how));

	/* Kernels before 5.6, and filters of system calls that are as old. */
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return (int)fd;
#endif
	return openat(base_fd, name, DIR_FLAGS);
}

/* The site's directory; refuse one that others could play tricks in. */
static int open_base(const char *path, char *text, size_t size)
{
	struct stat st;
	int fd;

	if (mkdir(path, 0755) != 0 && errno != EEXIST) {
		snprintf(text, size,
			 "cannot make the directory %s for step directories: "
			 "%s; make it, or set stepdir= in plugstack.conf",
			 path, strerror(errno));
		return -1;
	}
	fd = open(path, DIR_FLAGS);
	if (fd < 0 || fstat(fd, &st) != 0) {
		snprintf(text, size, "cannot open %s (stepdir): %s", path,
			 strerror(errno));
		goto fail;
	}
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		snprintf(text, size,
			 "%s (stepdir) must belong to root and be writable by "
			 "nobody else: it belongs to uid %u, mode %04o",
			 path, (unsigned)st.st_uid,
			 (unsigned)(st.st_mode & 07777));
		goto fail;
	}
	return fd;
fail:
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Have ARGV do its work in the directory FD with the rights of its owner. */
static void run_as_owner(int fd, char *const argv[], int timeout_ms)
{
	psec_step_t owner = { 0 };
	launch_t finder = LAUNCH_INIT;
	struct stat st;

	/* Root gave it to this owner, who cannot give it away. */
	if (fstat(fd, &st) != 0 || st.st_uid == 0)
		return;
	owner.uid = st.st_uid;
	owner.gid = st.st_gid;
	if (launch_start(&owner, fd, argv, &finder) == 0)
		launch_end(&finder, timeout_ms);
}

static void empty_as_owner(int fd, int timeout_ms)
{
	static char *const argv[] = { (char *)"/usr/bin/find",
				      (char *)".",
				      (char *)"-xdev",
				      (char *)"-mindepth",
				      (char *)"1",
				      (char *)"-delete",
				      NULL };

	run_as_owner(fd, argv, timeout_ms);
}

/* Its owner may have closed it, or directories in it, to himself. */
static void open_up_as_owner(int fd, int timeout_ms)
{
	static char *const argv[] = { (char *)"/usr/bin/find",
				      (char *)".",
				      (char *)"-xdev",
				      (char *)"-mindepth",
				      (char *)"1",
				      (char *)"-type",
				      (char *)"d",
				      (char *)"!",
				      (char *)"-perm",
				      (char *)"-700",
				      (char *)"-exec",
				      (char *)"/usr/bin/chmod",
				      (char *)"u+rwx",
				      (char *)"{}",
				      (char *)";",
				      NULL };

	if (fchmod(fd, 0700) == 0)
		run_as_owner(fd, argv, timeout_ms);
}

/* 0, or an errno. */
static int remove_empty(int base_fd, const char *name)
{
	return unlinkat(base_fd, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

static bool not_empty(int error)
{
	return error == ENOTEMPTY || error == EEXIST;
}

/*
 * Remove the directory NAME, whose lock we hold through FD.  What empties it
 * is a child of slurmstepd, and where processes are tracked by their parents
 * a step that is being killed takes it along: then it is started again.
 */
static void remove_entry(int base_fd, const char *name, int fd, int timeout_ms)
{
	int64_t end_ms = clock_ms() + timeout_ms;
	int error = remove_empty(base_fd, name);
	int64_t left_ms;

	while (not_empty(error) && (left_ms = end_ms - clock_ms()) > 0) {
		empty_as_owner(fd, (int)left_ms);
		error = remove_empty(base_fd, name);
		left_ms = end_ms - clock_ms();
		if (!not_empty(error) || left_ms <= 0)
			break;
		open_up_as_owner(fd, (int)left_ms);
		usleep(PAUSE_US);
	}
	if (error && error != ENOENT)
		slurm_info("mpi/pmix: step directory %s is left behind: %s; "
			   "a later step will try again",
			   name, strerror(error));
}

/* "4.0", "stale.4.0.1234" or ".new.4.0.1234": no other name is ours. */
static bool is_step_name(const char *name)
{
	unsigned numbers = 2;

	if (!strncmp(name, NEW_MARK, strlen(NEW_MARK))) {
		name += strlen(NEW_MARK);
		numbers = 3;
	} else if (!strncmp(name, STALE_MARK, strlen(STALE_MARK))) {
		name += strlen(STALE_MARK);
		numbers = 3;
	}
	for (; numbers; numbers--) {
		size_t digits = strspn(name, "0123456789");

		if (!digits || name[digits] != (numbers > 1 ? '.' : '\0'))
			return false;
		name += digits + 1;
	}
	return true;
}

/*
 * Is the directory NAME, which is FD, a step's that is dead, if nobody holds
 * its lock?  In make_locked() it is root's and has none for some moments.
 */
static bool may_be_dead(const char *name, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	return name[0] == '.' ? time(NULL) - st.st_mtime >= 60 : st.st_uid != 0;
}

static void sweep_entry(int base_fd, const char *name, int timeout_ms)
{
	int fd = is_step_name(name) ? open_entry(base_fd, name) : -1;

	if (fd < 0)
		return;
	if (may_be_dead(name, fd) && flock(fd, LOCK_EX | LOCK_NB) == 0)
		remove_entry(base_fd, name, fd, timeout_ms);
	close(fd);
}

/*
 * Directories whose slurmstepd was killed: nobody holds their lock.  Their
 * users may see to it that they cannot be emptied; the step that ends here is
 * another's, and does not wait for that.
 */
static void sweep(int base_fd)
{
	int64_t end_ms = clock_ms() + SWEEP_TIMEOUT_MS;
	int dup_fd = open_entry(base_fd, ".");
	DIR *dir = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	struct dirent *entry;
	int64_t left_ms;

	if (!dir) {
		if (dup_fd >= 0)
			close(dup_fd);
		return;
	}
	while ((entry = readdir(dir)) && (left_ms = end_ms - clock_ms()) > 0)
		sweep_entry(base_fd, entry->d_name,
			    left_ms < STALE_TIMEOUT_MS ? (int)left_ms
						       : STALE_TIMEOUT_MS);
	closedir(dir);
}

/* Put a dead step's directory of our name out of the way. */
static int displace(const stepdir_t *dir, char *text, size_t size)
{
	char aside[96];
	int fd = open_entry(dir->base_fd, dir->name);
	int rv = -1;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		snprintf(text, size,
			 "the step directory %s is in use by another slurmd "
			 "on this host; give each slurmd its own stepdir= in "
			 "plugstack.conf",
			 dir->name);
		goto done;
	}
	snprintf(aside, sizeof(aside), STALE_MARK "%s.%ld", dir->name,
		 (long)getpid());
	if (renameat(dir->base_fd, dir->name, dir->base_fd, aside) != 0) {
		snprintf(text, size,
			 "cannot move the old step directory %s aside: %s",
			 dir->name, strerror(errno));
		goto done;
	}
	rv = 0;
done:
	if (fd >= 0)
		close(fd);
	return rv;
}

/*
 * Made under a temporary name that only this process uses, so that a sweep
 * on the same node never meets it without its lock.
 */
static int make_locked(stepdir_t *dir, const psec_step_t *step)
{
	char temp[96];

	snprintf(temp, sizeof(temp), NEW_MARK "%s.%ld", dir->name,
		 (long)getpid());
	if (mkdirat(dir->base_fd, temp, 0700) != 0)
		return -1;
	dir->fd = open_entry(dir->base_fd, temp);
	if (dir->fd < 0 || flock(dir->fd, LOCK_EX | LOCK_NB) != 0 ||
	    fchown(dir->fd, step->uid, step->gid) != 0 ||
	    renameat2(dir->base_fd, temp, dir->base_fd, dir->name,
		      RENAME_NOREPLACE) != 0) {
		int saved = errno;

		unlinkat(dir->base_fd, temp, AT_REMOVEDIR);
		if (dir->fd >= 0)
			close(dir->fd);
		dir->fd = -1;
		errno = saved;
		return -1;
	}
	return 0;
}

int stepdir_create(stepdir_t *dir, const psec_step_t *step, char *text,
		   size_t size)
{
	bool stale = false;

	snprintf(dir->name, sizeof(dir->name), "%u.%u", step->job_id,
		 step->step_id);
	dir->base_fd = open_base(step->site.stepdir, text, size);
	if (dir->base_fd < 0)
		return -1;
	while (make_locked(dir, step) != 0) {
		if (errno != EEXIST || stale) {
			snprintf(text, size,
				 "cannot make the step directory %s/%s: %s",
				 step->site.stepdir, dir->name,
				 strerror(errno));
			goto fail;
		}
		stale = true;
		if (displace(dir, text, size) != 0)
			goto fail;
	}
	return 0;
fail:
	close(dir->base_fd);
	dir->base_fd = -1;
	return -1;
}

void stepdir_remove(stepdir_t *dir, const psec_step_t *step)
{
	if (dir->fd >= 0) {
		remove_entry(dir->base_fd, dir->name, dir->fd,
			     REMOVE_TIMEOUT_MS);
		close(dir->fd);
	}
	if (dir->base_fd >= 0) {
		sweep(dir->base_fd);
		close(dir->base_fd);
	}
	dir->fd = dir->base_fd = -1;
}
