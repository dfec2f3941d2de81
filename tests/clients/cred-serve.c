/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cred-serve.c - a mode of c-cred: a service that runs for long and is shown
 * the credentials of others, with files in place of connections.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "c-cred.h"
#include "client.h"

#define BLOB_MAX (128 * 1024)
#define MARK	 ".cred"

/* The bytes of the file NAME in DIR, less a newline of the shell's. */
static size_t load(int dir, const char *name, char *blob)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, blob, BLOB_MAX);

	if (len < 0)
		client_fail("'%s': %s", name, strerror(errno));
	(void)close(fd);
	return len > 0 && blob[len - 1] == '\n' ? (size_t)len - 1 : (size_t)len;
}

/* At once whole, for those who wait for it. */
static void tell(int dir, const char *name, const cred_t *answer)
{
	int fd = openat(dir, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			0644);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out)
		client_fail("an answer cannot be written: %s", strerror(errno));
	(void)fprintf(out, "{\"status\":\"%s\",\"ms\":%" PRId64,
		      status_name(answer->status), cred_us(answer) / 1000);
	show_keys(out, answer->info, answer->ninfo);
	(void)fprintf(out, "}\n");
	if (fclose(out) != 0 || renameat(dir, "new", dir, name) != 0)
		client_fail("'%s': %s", name, strerror(errno));
}

static void serve(const cred_mode_t *mode, int dir, const char *name)
{
	static char blob[BLOB_MAX];
	char json[NAME_MAX + 1];
	pmix_info_t info[4];
	cred_t answer;
	size_t len;

	(void)snprintf(json, sizeof(json), "%.*s.json",
		       (int)(strlen(name) - sizeof(MARK) + 1), name);
	if (faccessat(dir, json, F_OK, 0) == 0)
		return;
	len = load(dir, name, blob);
	client_doing("validating '%s'", name);
	(void)cred_validate(&answer, blob, len, info,
			    mode_directives(mode, info));
	tell(dir, json, &answer);
	cred_clear(&answer);
}

static bool is_credential(const char *name)
{
	size_t len = strlen(name), mark = sizeof(MARK) - 1;

	return len > mark && strcmp(name + len - mark, MARK) == 0;
}

/*
 * Each file NAME.cred in DIR is validated once, and NAME.json has the
 * answer, until there is a file "over".
 */
void mode_serve(const cred_mode_t *mode)
{
	DIR *dir = opendir(mode->value);
	struct dirent *entry;
	int fd;

	if (!dir)
		client_fail("'%s': %s", mode->value, strerror(errno));
	fd = dirfd(dir);
	client_doing("waiting for credentials");
	while (faccessat(fd, "over", F_OK, 0) != 0) {
		rewinddir(dir);
		while ((entry = readdir(dir)))
			if (is_credential(entry->d_name))
				serve(mode, fd, entry->d_name);
		sleep_ms(5);
	}
	(void)closedir(dir);
}
