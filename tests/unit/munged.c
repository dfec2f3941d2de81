/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * munged.c - a munged of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "munged.h"

#define POLL_MS	  5
#define START_MS  10000
#define STOP_MS	  5000
#define KEY_LEN	  1024
#define PATH_LEN  108 /* of a unix socket */
#define NUM_FILES (sizeof(files) / sizeof(files[0]))

/* All that munged leaves in its directory. */
static const char *const files[] = { "key",  "log",    "pid",
				     "seed", "socket", "socket.lock" };

/* What the test tells the guardian; end of file is STOP too. */
enum { KILL = 'k', STOP = 's', DONE = 'd' };

struct munged {
	char dir[PATH_LEN];
	char socket[PATH_LEN];
	unsigned char key[KEY_LEN];
	pid_t guardian;
	int fd;	   /* to the guardian; in the guardian: to the test */
	pid_t pid; /* the guardian's: munged; 0: does not run */
};

/* Not exit(): a child must not run what the test registered. */
#define die(...)                                                               \
	do {                                                                   \
		(void)dprintf(2, "munged fixture: " __VA_ARGS__);              \
		(void)dprintf(2, "\n");                                        \
		_exit(99);                                                     \
	} while (0)

static void path_of(const munged_t *m, const char *file, char *path)
{
	int n = snprintf(path, PATH_LEN, "%s/%s", m->dir, file);

	if (n < 0 || n >= PATH_LEN)
		die("the path %s/%s is too long: set TMPDIR", m->dir, file);
}

static void sleep_ms(int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	(void)nanosleep(&ts, NULL);
}

/* A directory that munged finds safe and every user can reach. */
static void make_dir(munged_t *m)
{
	const char *tmp = getenv("TMPDIR");
	int n;

	n = snprintf(m->dir, sizeof(m->dir), "%s/munged-XXXXXX",
		     tmp && *tmp ? tmp : "/tmp");
	if (n < 0 || (size_t)n >= sizeof(m->dir))
		die("TMPDIR is too long");
	if (!mkdtemp(m->dir) || chmod(m->dir, 0711) != 0)
		die("cannot make %s: %s", m->dir, strerror(errno));
}

static void make_key(munged_t *m, const munged_t *same_key)
{
	char path[PATH_LEN];
	int fd;

	if (same_key)
		memcpy(m->key, same_key->key, KEY_LEN);
	else if (getentropy(m->key, 256) != 0)
		die("no random numbers: %s", strerror(errno));
	path_of(m, "key", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, m->key, KEY_LEN) != KEY_LEN || close(fd) != 0)
		die("cannot write %s: %s", path, strerror(errno));
}

/* The child: become munged.  Does not return. */
static void exec_munged(const munged_t *m, int clock_offset_s)
{
	char arg[4][PATH_LEN + 32];
	char path[PATH_LEN], offset[16];
	int log;

	path_of(m, "log", path);
	log = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		die("cannot write %s: %s", path, strerror(errno));
	/* munged shall not outlive its guardian. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		die("prctl: %s", strerror(errno));
	if (clock_offset_s != 0) {
		(void)snprintf(offset, sizeof(offset), "%d", clock_offset_s);
		(void)setenv("PSEC_TEST_CLOCK_OFFSET_S", offset, 1);
		(void)setenv("LD_PRELOAD", CLOCKSHIFT, 1);
	}
	(void)snprintf(arg[0], sizeof(arg[0]), "--socket=%s", m->socket);
	(void)snprintf(arg[1], sizeof(arg[1]), "--key-file=%s/key", m->dir);
	(void)snprintf(arg[2], sizeof(arg[2]), "--pid-file=%s/pid", m->dir);
	(void)snprintf(arg[3], sizeof(arg[3]), "--seed-file=%s/seed", m->dir);
	(void)execl(MUNGED, MUNGED, "--foreground", "--origin=127.0.0.1",
		    "--num-threads=2", arg[0], arg[1], arg[2], arg[3],
		    (char *)NULL);
	die("cannot run %s: %s", MUNGED, strerror(errno));
}

static bool answers(const munged_t *m)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	bool ok;
	int fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket: %s", strerror(errno));
	memcpy(addr.sun_path, m->socket, strlen(m->socket) + 1);
	ok = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	(void)close(fd);
	return ok;
}

static void show_log(const munged_t *m)
{
	char path[PATH_LEN], line[512];
	FILE *f;

	path_of(m, "log", path);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		(void)fputs(line, stderr);
	(void)fclose(f);
}

static bool wait_until_it_answers(munged_t *m)
{
	int waited_ms;

	for (waited_ms = 0; waited_ms < START_MS; waited_ms += POLL_MS) {
		if (answers(m))
			return true;
		if (waitpid(m->pid, NULL, WNOHANG) == m->pid) {
			m->pid = 0;
			break;
		}
		sleep_ms(POLL_MS);
	}
	show_log(m);
	return false;
}

static void end_munged(munged_t *m)
{
	int waited_ms;

	if (m->pid == 0)
		return;
	(void)kill(m->pid, SIGTERM);
	for (waited_ms = 0; waited_ms < STOP_MS; waited_ms += POLL_MS) {
		if (waitpid(m->pid, NULL, WNOHANG) == m->pid) {
			m->pid = 0;
			return;
		}
		sleep_ms(POLL_MS);
	}
	(void)kill(m->pid, SIGKILL);
	(void)waitpid(m->pid, NULL, 0);
	m->pid = 0;
}

static void remove_dir(const munged_t *m)
{
	char path[PATH_LEN];
	size_t i;

	for (i = 0; i < NUM_FILES; i++) {
		path_of(m, files[i], path);
		if (unlink(path) != 0 && errno != ENOENT)
			die("cannot remove %s: %s", path, strerror(errno));
	}
	if (rmdir(m->dir) != 0)
		die("cannot remove %s: %s", m->dir, strerror(errno));
}

static void tell(const munged_t *m, char word)
{
	if (send(m->fd, &word, 1, MSG_NOSIGNAL) != 1 && errno != EPIPE)
		die("send: %s", strerror(errno));
}

/* STOP where the other side is gone. */
static char hear(const munged_t *m)
{
	char word;
	ssize_t n;

	do
		n = recv(m->fd, &word, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		word = STOP;
	return word;
}

/* The guardian: out of the reach of signals to the test's group. */
static void guard(munged_t *m, int clock_offset_s)
{
	(void)setsid();
	m->pid = fork();
	if (m->pid < 0)
		die("fork: %s", strerror(errno));
	if (m->pid == 0)
		exec_munged(m, clock_offset_s);
	if (wait_until_it_answers(m)) {
		tell(m, DONE);
		while (hear(m) == KILL) {
			end_munged(m);
			tell(m, DONE);
		}
	}
	end_munged(m);
	remove_dir(m);
	_exit(0);
}

static void start_guardian(munged_t *m, int clock_offset_s)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		die("socketpair: %s", strerror(errno));
	m->guardian = fork();
	if (m->guardian < 0)
		die("fork: %s", strerror(errno));
	m->fd = fds[m->guardian == 0];
	(void)close(fds[m->guardian != 0]);
	if (m->guardian == 0)
		guard(m, clock_offset_s);
	if (hear(m) != DONE)
		die("%s does not answer", MUNGED);
}

munged_t *munged_start(const munged_options_t *opt)
{
	static const munged_options_t none;
	munged_t *m = calloc(1, sizeof(*m));

	if (!opt)
		opt = &none;
	if (!m)
		die("out of memory");
	make_dir(m);
	path_of(m, "socket", m->socket);
	make_key(m, opt->same_key);
	start_guardian(m, opt->clock_offset_s);
	return m;
}

const char *munged_socket(const munged_t *m)
{
	return m->socket;
}

void munged_kill(munged_t *m)
{
	tell(m, KILL);
	if (hear(m) != DONE)
		die("the guardian of %s is gone", m->dir);
}

void munged_stop(munged_t *m)
{
	int status = 0;

	if (!m)
		return;
	tell(m, STOP);
	if (waitpid(m->guardian, &status, 0) != m->guardian || status != 0)
		die("the guardian of %s failed", m->dir);
	(void)close(m->fd);
	free(m);
}
