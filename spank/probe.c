/* SPDX-License-Identifier: BSD-3-Clause */
/* probe.c - see probe.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "probe.h"
#include "psec.h"

#define LIBMUNGE  "libmunge.so.2"
#define CACHE_MAX (8L * 1024 * 1024) /* bytes; real ones have some 100 KiB */

/* libmunge's default when this was built, and what it is nearly everywhere. */
static const char *const munge_sockets[] = { PSEC_MUNGE_DEFAULT_SOCKET,
					     "/run/munge/munge.socket.2",
					     "/var/run/munge/munge.socket.2",
					     NULL };

/* Where a dynamic linker looks without a cache. */
static const char *const usual_dirs[] = {
	"/usr/lib/" PSEC_MULTIARCH, "/usr/lib64",	"/usr/lib",
	"/lib/" PSEC_MULTIARCH,	    "/lib64",		"/lib",
	"/usr/local/lib",	    "/usr/local/lib64", NULL
};

void probe_init(probe_t *probe, uid_t uid, gid_t gid, const char *library_path)
{
	*probe = (probe_t){
		.uid = uid,
		.gid = gid,
		.library_path = library_path,
		.sockets = munge_sockets,
		.lib_dirs = usual_dirs,
		.ld_cache = "/etc/ld.so.cache",
	};
}

/* -- libmunge ------------------------------------------------------------ */

static bool in_dir(const char *dir, size_t len)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%.*s/" LIBMUNGE, (int)len, dir);

	return len > 0 && n > 0 && (size_t)n < sizeof(path) &&
	       access(path, R_OK) == 0;
}

static bool in_usual_dirs(const probe_t *probe)
{
	for (const char *const *dir = probe->lib_dirs; *dir; dir++)
		if (in_dir(*dir, strlen(*dir)))
			return true;
	return false;
}

static bool in_library_path(const probe_t *probe)
{
	const char *dir = probe->library_path;

	while (dir && *dir) {
		size_t len = strcspn(dir, ":;");

		if (len < PATH_MAX && in_dir(dir, len))
			return true;
		dir += len + (dir[len] != '\0');
	}
	return false;
}

/*
 * The cache holds the paths of all libraries as strings.  It is searched, not
 * parsed: it may be anything.  A path may lie across two reads.
 */
static bool in_cache(const probe_t *probe)
{
	static const char wanted[] = "/" LIBMUNGE; /* with its NUL */
	char buf[64 * 1024];
	size_t kept = 0;
	long total = 0;
	bool found = false;
	int fd = open(probe->ld_cache,
		      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return false;
	while (!found && total < CACHE_MAX) {
		ssize_t n = read(fd, buf + kept, sizeof(buf) - kept);
		size_t have = kept + (size_t)n;

		if (n <= 0)
			break;
		total += n;
		found = memmem(buf, have, wanted, sizeof(wanted)) != NULL;
		kept = have < sizeof(wanted) ? have : sizeof(wanted);
		memmove(buf, buf + have - kept, kept);
	}
	close(fd);
	return found;
}

/* -- munged -------------------------------------------------------------- */

/* 0: a process listens on the socket PATH; otherwise an error number. */
static int ask_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err = ENAMETOOLONG;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	/* A datagram socket, and so none of munged's. */
	err = ESOCKTNOSUPPORT;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		err = errno == EPROTOTYPE ? 0 : errno;
	close(fd);
	return err;
}

static bool ask_munged(const probe_t *probe, char *why)
{
	const char *where = probe->sockets[0];
	int err = ENOENT;

	for (const char *const *path = probe->sockets; *path; path++) {
		int e = ask_socket(*path);

		if (!e)
			return true;
		/* That there is none elsewhere tells nothing. */
		if (err == ENOENT && e != ENOENT) {
			err = e;
			where = *path;
		}
	}
	if (err == ENOENT)
		snprintf(why, PROBE_WHY_MAX, "there is no socket %s", where);
	else if (err == ECONNREFUSED)
		snprintf(why, PROBE_WHY_MAX, "no munged listens on %s", where);
	else
		snprintf(why, PROBE_WHY_MAX, "munged's socket %s: %s", where,
			 strerror(err));
	return false;
}

/* -- mechanisms ---------------------------------------------------------- */

static bool munge_works(const probe_t *probe, char *why)
{
	if (in_usual_dirs(probe) || in_cache(probe) || in_library_path(probe))
		return ask_munged(probe, why);
	snprintf(why, PROBE_WHY_MAX,
		 LIBMUNGE " is in none of the places where a dynamic linker "
			  "looks");
	return false;
}

static bool native_works(const probe_t *probe, char *why)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == probe->uid && gid == probe->gid)
		return true;
	snprintf(why, PROBE_WHY_MAX,
		 "in this user namespace the task has uid %u and gid %u, and "
		 "its PMIx server knows it by %u and %u",
		 (unsigned)uid, (unsigned)gid, (unsigned)probe->uid,
		 (unsigned)probe->gid);
	return false;
}

static const struct {
	const char *name;
	bool (*works)(const probe_t *probe, char *why);
} mechs[] = {
	{ "munge", munge_works },
	{ "native", native_works },
};

bool probe_mech(const probe_t *probe, const char *name, char *why)
{
	for (size_t i = 0; i < sizeof(mechs) / sizeof(mechs[0]); i++)
		if (!strcmp(name, mechs[i].name))
			return mechs[i].works(probe, why);
	return true;
}

void probe_list(const probe_t *probe, const char *list, char *works,
		void (*dropped)(void *arg, const char *name, const char *why),
		void *arg)
{
	char name[PSEC_NAME_MAX + 1], why[PROBE_WHY_MAX];
	size_t used = 0;

	works[0] = '\0';
	while (*list) {
		size_t len = strcspn(list, ",");

		snprintf(name, sizeof(name), "%.*s", (int)len, list);
		if (probe_mech(probe, name, why)) {
			if (used)
				works[used++] = ',';
			memcpy(works + used, list, len);
			used += len;
			works[used] = '\0';
		} else {
			dropped(arg, name, why);
		}
		list += len + (list[len] == ',');
	}
}
