/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trust.c - can others than root change what a path leads to?
 *
 * The path is walked from "/" as the kernel would walk it, symbolic links
 * included, and each folder is judged before a name is looked up in it.  A
 * folder that has passed can be changed by root only, so what was found in it
 * stays what it was: whoever opens the same path later gets the file that was
 * judged here, or what root has put in its place.  There is nothing to win
 * for others between the two.
 *
 * Where a link stands counts as much as where it leads: who can replace it
 * chooses among all files of root's, such as an older plugin with a known
 * hole.  The same goes for folders that all can write with a sticky bit, like
 * /tmp: nobody can remove root's entries there, but everybody can be first to
 * make one, a link for instance, after a clean-up or before an installation.
 * So these are refused, too.
 *
 * The owner of a link says nothing: nobody can change a link in place, only
 * replace it, and that is up to its folder.  Access control lists need no
 * look of their own: where they let somebody write, the group bits of the
 * mode show it (acl(5), the mask).
 *
 * Not judged: the libraries that a plugin is linked with.  The loader takes
 * them from the system's own folders; LD_LIBRARY_PATH can change that, but who
 * sets it has LD_PRELOAD, too.  "Root" is uid 0 as this process sees it: in a
 * user namespace that has no root of the host, files of his belong to nobody,
 * and are refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "psec_private.h"

#define MAX_LINKS 40 /* as the kernel */

typedef struct {
	const char *name, *path; /* mechanism, and its plugin as asked for */
	char left[PATH_MAX];	 /* what is still to be walked */
	char here[PATH_MAX];	 /* the folder of FD, without a last slash */
	int fd;			 /* of a folder that has passed; -1: none */
	unsigned links;
	psec_error_t *err;
} walk_t;

static psec_code_t cannot_look(const walk_t *w, int error)
{
	return psec_fail(w->err, PSEC_ERR_PLUGIN,
			 "mechanism %s is refused: who can change %.150s "
			 "cannot be found out: %s",
			 w->name, w->path, strerror(error));
}

/* Judge what was found: FILE in w->here, or the folder itself (NULL). */
static psec_code_t judge(const walk_t *w, const char *file,
			 const struct stat *st)
{
	const unsigned mode = st->st_mode & 07777;

	if (st->st_uid == 0 && !(mode & (S_IWGRP | S_IWOTH)))
		return PSEC_OK;
	if (file)
		return psec_fail(w->err, PSEC_ERR_PLUGIN,
				 "mechanism %s is refused: its plugin "
				 "%.100s/%.60s belongs to uid %u and has mode "
				 "%04o, so others than root can change it; "
				 "cure: chown root, chmod go-w",
				 w->name, w->here, file, (unsigned)st->st_uid,
				 mode);
	return psec_fail(w->err, PSEC_ERR_PLUGIN,
			 "mechanism %s is refused: the folder %.120s belongs "
			 "to uid %u and has mode %04o, so others than root can "
			 "decide what psec_%s.so is; cure: chown root, chmod "
			 "go-w, or the mechanisms elsewhere",
			 w->name, w->here[0] ? w->here : "/",
			 (unsigned)st->st_uid, mode, w->name);
}

/* FD becomes the folder that is walked from; it is closed in any case. */
static psec_code_t enter(walk_t *w, int fd)
{
	struct stat st;
	psec_code_t rc;

	if (fstat(fd, &st) != 0)
		rc = cannot_look(w, errno);
	else
		rc = judge(w, NULL, &st);
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = fd;
	return rc;
}

static psec_code_t enter_root(walk_t *w)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return cannot_look(w, errno);
	w->here[0] = '\0';
	return enter(w, fd);
}

/* Take the first name off w->left; false: there is none. */
static bool next_name(walk_t *w, char *name, size_t size)
{
	size_t start, len;

	for (;;) {
		start = strspn(w->left, "/");
		len = strcspn(w->left + start, "/");
		if (len == 0 || len >= size)
			return false;
		memcpy(name, w->left + start, len);
		name[len] = '\0';
		memmove(w->left, w->left + start + len,
			strlen(w->left + start + len) + 1);
		if (strcmp(name, ".") != 0)
			return true;
	}
}

/* Where the link FD leads is what is to be walked next. */
static psec_code_t follow(walk_t *w, int fd)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t len;
	int n;

	if (++w->links > MAX_LINKS)
		return cannot_look(w, ELOOP);
	len = readlinkat(fd, "", target, sizeof(target) - 1);
	if (len <= 0)
		return cannot_look(w, len < 0 ? errno : ENOENT);
	target[len] = '\0';
	memcpy(rest, w->left, strlen(w->left) + 1);
	n = snprintf(w->left, sizeof(w->left), "%s/%s", target, rest);
	if (n < 0 || (size_t)n >= sizeof(w->left))
		return cannot_look(w, ENAMETOOLONG);
	return target[0] == '/' ? enter_root(w) : PSEC_OK;
}

/* For people: w->here and NAME, a folder. */
static void note_folder(walk_t *w, const char *name)
{
	size_t used = strlen(w->here);
	char *slash;

	if (strcmp(name, "..") == 0) {
		slash = strrchr(w->here, '/');
		if (slash)
			*slash = '\0';
	} else {
		(void)snprintf(w->here + used, sizeof(w->here) - used, "/%s",
			       name);
	}
}

/* One name further; *DONE: it was the plugin. */
static psec_code_t step(walk_t *w, const char *name, bool *done)
{
	struct stat st;
	psec_code_t rc;
	int fd;

	fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return cannot_look(w, errno);
	if (fstat(fd, &st) != 0) {
		rc = cannot_look(w, errno);
	} else if (S_ISDIR(st.st_mode)) {
		note_folder(w, name);
		return enter(w, fd);
	} else if (S_ISLNK(st.st_mode)) {
		rc = follow(w, fd);
	} else {
		rc = judge(w, name, &st);
		*done = true;
	}
	(void)close(fd);
	return rc;
}

psec_code_t trust_check(const char *name, const char *path, psec_error_t *err)
{
	walk_t w = { .name = name, .path = path, .fd = -1, .err = err };
	char next[NAME_MAX + 1];
	bool done = false;
	psec_code_t rc;

	if (strlen(path) >= sizeof(w.left))
		return cannot_look(&w, ENAMETOOLONG);
	memcpy(w.left, path, strlen(path) + 1);
	rc = enter_root(&w);
	while (!rc && !done) {
		if (next_name(&w, next, sizeof(next)))
			rc = step(&w, next, &done);
		else
			rc = cannot_look(&w, EISDIR);
	}
	/* A file in the place of a folder: the loader would not go on. */
	if (!rc && w.left[strspn(w.left, "/")] != '\0')
		rc = cannot_look(&w, ENOTDIR);
	if (w.fd >= 0)
		(void)close(w.fd);
	return rc;
}
