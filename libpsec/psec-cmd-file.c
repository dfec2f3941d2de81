/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-file.c - see psec-cmd-file.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "psec-cmd-file.h"
#include "psec_mech.h"

static psec_code_t failed(const char *what, const char *path, psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_IO, "cannot %s %.200s: %s", what, path,
			 strerror(errno));
}

/* Up to SIZE bytes of FD; less only at its end.  -1: errno tells. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size) {
		n = read(fd, buf + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

/* At most MAX bytes of FD, which is called NAME, into BUF, which has more. */
static psec_code_t read_limited(int fd, const char *name, size_t max, char *buf,
				size_t *len, psec_error_t *err)
{
	/* A byte more than allowed tells that there are more. */
	ssize_t n = read_all(fd, buf, max + 1);

	if (n < 0)
		return failed("read", name, err);
	if ((size_t)n > max)
		return psec_fail(err, PSEC_ERR_TOO_BIG,
				 "%.200s has more than %zu bytes", name, max);
	buf[n] = '\0';
	*len = (size_t)n;
	return PSEC_OK;
}

psec_code_t cmd_read_file(const char *path, size_t max, void **buf, size_t *len,
			  psec_error_t *err)
{
	bool standard = strcmp(path, "-") == 0;
	const char *name = standard ? "standard input" : path;
	int fd = STDIN_FILENO;
	psec_code_t rc;
	char *bytes;

	bytes = malloc(max + 1);
	if (!bytes)
		return psec_fail(err, PSEC_ERR_NOMEM, "no memory for %.200s",
				 name);
	if (!standard)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		rc = failed("open", name, err);
	else
		rc = read_limited(fd, name, max, bytes, len, err);
	if (!standard && fd >= 0)
		(void)close(fd);
	if (rc)
		free(bytes);
	else
		*buf = bytes;
	return rc;
}

static bool write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_text(int fd, const void *buf, size_t len, bool newline)
{
	return write_all(fd, buf, len) && (!newline || write_all(fd, "\n", 1));
}

/* Somebody else's may have been put there, in /tmp, to be written to. */
static psec_code_t check_owner(int fd, const char *path, psec_error_t *err)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0))
		return PSEC_OK;
	return psec_fail(err, PSEC_ERR_IO,
			 "cannot write %.200s: it is a pipe or device of "
			 "another user, who could read what is written",
			 path);
}

/* A pipe or a device. */
static psec_code_t write_special(const char *path, const void *buf, size_t len,
				 bool newline, psec_error_t *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	psec_code_t rc;

	if (fd < 0)
		return failed("open", path, err);
	rc = check_owner(fd, path, err);
	if (!rc && !write_text(fd, buf, len, newline))
		rc = failed("write", path, err);
	if (close(fd) != 0 && !rc)
		rc = failed("write", path, err);
	return rc;
}

psec_code_t cmd_write_private(const char *path, const void *buf, size_t len,
			      bool newline, psec_error_t *err)
{
	char temp[PATH_MAX];
	psec_code_t rc = PSEC_OK;
	struct stat st;
	int fd, n;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return write_special(path, buf, len, newline, err);
	n = snprintf(temp, sizeof(temp), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(temp)) {
		errno = ENAMETOOLONG;
		return failed("make", path, err);
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return failed("make", path, err);
	/* The mode is 0600, whatever the umask. */
	if (!write_text(fd, buf, len, newline))
		rc = failed("write", path, err);
	if (close(fd) != 0 && !rc)
		rc = failed("write", path, err);
	if (!rc && rename(temp, path) != 0)
		rc = failed("make", path, err);
	if (rc)
		(void)unlink(temp);
	return rc;
}
