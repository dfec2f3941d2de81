/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launch.c - see launch.h.
 *
 * slurmstepd has threads, so the child of fork() calls nothing but
 * async-signal-safe functions until it executes the program: all it needs is
 * computed before.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "ctl.h"
#include "launch.h"

/* The steps of the child, in their order; a failed one is reported. */
enum stage {
	STAGE_FDS = 1,
	STAGE_CHDIR,
	STAGE_GROUPS,
	STAGE_GID,
	STAGE_UID,
	STAGE_NOT_ROOT,
	STAGE_NO_NEW_PRIVS,
	STAGE_EXEC,
};

static const char *const stage_names[] = {
	[STAGE_FDS] = "set up its descriptors",
	[STAGE_CHDIR] = "enter the step directory",
	[STAGE_GROUPS] = "take the user's groups",
	[STAGE_GID] = "take the user's gid",
	[STAGE_UID] = "take the user's uid",
	[STAGE_NOT_ROOT] = "make sure that root is out of reach",
	[STAGE_NO_NEW_PRIVS] = "set no_new_privs",
	[STAGE_EXEC] = "execute it",
};

const char *launch_stage_name(unsigned stage)
{
	if (stage < STAGE_FDS || stage > STAGE_EXEC)
		return "start it";
	return stage_names[stage];
}

typedef struct {
	const psec_step_t *step;
	char *const *argv;
	char *const *envp;
	int dirfd, ctl_fd, log_fd, null_fd;
	int max_fd;
} child_t;

/* Our own daemon parents ignore, block and catch signals; it must not. */
static void child_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool child_fds(const child_t *c)
{
	/* Out of the way first: any of them may lie on 0 to 3. */
	int ctl = fcntl(c->ctl_fd, F_DUPFD, CTL_FIRST_FREE + 1);
	int log = fcntl(c->log_fd, F_DUPFD, CTL_FIRST_FREE + 1);
	int null = fcntl(c->null_fd, F_DUPFD, CTL_FIRST_FREE + 1);

	if (ctl < 0 || log < 0 || null < 0)
		return false;
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(log, CTL_LOG_FD) < 0 || dup2(ctl, CTL_FD) < 0)
		return false;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, CTL_FIRST_FREE, ~0U, 0) == 0)
		return true;
#endif
	for (int fd = CTL_FIRST_FREE; fd < c->max_fd; fd++)
		close(fd);
	return true;
}

/* slurmstepd is exempt from the OOM killer; a user's process must not be. */
static void child_limits(void)
{
	const struct rlimit no_core = { 0, 0 };
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, "0", 1) < 0) { /* as it was, then */
		}
		close(fd);
	}
	setrlimit(RLIMIT_CORE, &no_core);
	umask(077);
}

static int child_become_user(const psec_step_t *step)
{
	if (setgroups((size_t)step->ngids, step->gids) != 0)
		return STAGE_GROUPS;
	if (setresgid(step->gid, step->gid, step->gid) != 0)
		return STAGE_GID;
	if (setresuid(step->uid, step->uid, step->uid) != 0)
		return STAGE_UID;
	if (setuid(0) == 0 || getuid() != step->uid || geteuid() != step->uid)
		return STAGE_NOT_ROOT;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return STAGE_NO_NEW_PRIVS;
	return 0;
}

static void child_report(int fd, unsigned stage, int err)
{
	struct {
		ctl_head_t head;
		ctl_exec_t body;
	} msg = { { CTL_EXEC, sizeof(ctl_exec_t) }, { stage, err } };

	if (write(fd, &msg, sizeof(msg)) < 0) { /* nobody left to tell */
	}
}

static void child_run(const child_t *c) __attribute__((noreturn));
static void child_run(const child_t *c)
{
	int report_fd = c->ctl_fd;
	int stage = STAGE_CHDIR;

	/*
	 * Not a session of its own: Linux shares the processors fairly among
	 * sessions, and this one alone would interrupt the tasks for each
	 * message that one of them sends, instead of taking several at once.
	 */
	(void)setpgid(0, 0);
	child_signals();
	if (fchdir(c->dirfd) != 0)
		goto fail;
	stage = STAGE_FDS;
	child_limits();
	if (!child_fds(c))
		goto fail;
	report_fd = CTL_FD;
	stage = child_become_user(c->step);
	if (stage)
		goto fail;
	stage = STAGE_EXEC;
	execve(c->argv[0], c->argv, c->envp);
fail:
	child_report(report_fd, (unsigned)stage, errno);
	_exit(127);
}

/* Trusted values only: slurmstepd's own environment comes from slurmd. */
static int build_env(char **envp, size_t max)
{
	static const char *const keep[] = { "SLURM_CONF", "TZ" };
	size_t n = 0;

	envp[n++] = strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++) {
		const char *value = getenv(keep[i]);

		if (!value || n + 2 > max)
			continue;
		if (asprintf(&envp[n], "%s=%s", keep[i], value) < 0)
			envp[n] = NULL;
		n++;
	}
	envp[n] = NULL;
	for (size_t i = 0; i < n; i++)
		if (!envp[i])
			return -1;
	return 0;
}

static void free_env(char **envp)
{
	for (; *envp; envp++)
		free(*envp);
}

static int open_channels(int ctl[2], int log[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl) != 0)
		return -1;
	if (pipe2(log, O_CLOEXEC) != 0)
		return -1;
	if (fcntl(ctl[0], F_SETFL, O_NONBLOCK) != 0 ||
	    fcntl(log[0], F_SETFL, O_NONBLOCK) != 0)
		return -1;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int launch_start(const psec_step_t *step, int dirfd, char *const argv[],
		 launch_t *out)
{
	int rv = -1, saved;
	int ctl[2] = { -1, -1 }, log[2] = { -1, -1 };
	char *envp[8] = { NULL };
	child_t child = { .step = step, .argv = argv, .envp = envp };
	pid_t pid;

	child.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	child.max_fd = (int)sysconf(_SC_OPEN_MAX);
	if (child.null_fd < 0 || open_channels(ctl, log) != 0 ||
	    build_env(envp, sizeof(envp) / sizeof(envp[0])) != 0)
		goto done;
	child.dirfd = dirfd;
	child.ctl_fd = ctl[1];
	child.log_fd = log[1];
	pid = fork();
	if (pid == 0)
		child_run(&child);
	if (pid < 0)
		goto done;
	out->pid = pid;
	out->ctl_fd = ctl[0];
	out->log_fd = log[0];
	ctl[0] = log[0] = -1;
	rv = 0;
done:
	saved = errno;
	free_env(envp);
	close_fd(&child.null_fd);
	for (int i = 0; i < 2; i++) {
		close_fd(&ctl[i]);
		close_fd(&log[i]);
	}
	errno = saved;
	return rv;
}

void launch_kill(const launch_t *launch)
{
	siginfo_t info;

	/*
	 * slurmstepd reaps every child it meets, and a reaped pid may belong
	 * to a stranger by now.  While it is still our child it cannot.
	 */
	if (launch->pid > 0 && waitid(P_PID, (id_t)launch->pid, &info,
				      WEXITED | WNOHANG | WNOWAIT) == 0)
		kill(launch->pid, SIGKILL);
}

/*
 * Until the last writer has closed the pipe; what it says is dropped.  One
 * deadline for all of it: the pipe may have got into other hands of the user's,
 * which write for ever.
 */
static bool drained(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t end_ms = clock_ms() + timeout_ms;
	char buf[4096];

	for (;;) {
		int64_t left_ms = end_ms - clock_ms();
		int n = poll(&pfd, 1, left_ms > 0 ? (int)left_ms : 0);
		ssize_t got;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		got = read(fd, buf, sizeof(buf));
		if (got == 0)
			return true;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return true;
		if (left_ms <= 0)
			return false;
	}
}

int launch_end(launch_t *launch, int timeout_ms)
{
	int rv = 0;

	if (launch->pid <= 0)
		return 0;
	if (launch->log_fd >= 0 && !drained(launch->log_fd, timeout_ms)) {
		rv = -1;
		launch_kill(launch);
		drained(launch->log_fd, 1000);
	}
	/* ECHILD: slurmstepd was faster. */
	if (waitpid(launch->pid, NULL, WNOHANG) == 0) {
		launch_kill(launch);
		waitpid(launch->pid, NULL, 0);
	}
	launch->pid = -1;
	close_fd(&launch->log_fd);
	close_fd(&launch->ctl_fd);
	return rv;
}
