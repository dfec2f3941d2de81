/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-spawn.c - starts a step for PMIx_Spawn.  Run by the plugin in srun, as
 * srun's user and with its environment and output, never by hand; and, as
 * `psec-spawn --run`, by a step's tasks where there are several programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawn_io.h"

static wire_t wire;
static volatile sig_atomic_t srun_pid;

/* -- the environment ------------------------------------------------------ */

/*
 * srun set variables for its own step: counts, layout, binding.  Most of them
 * are options for a next srun.  Those of the job stay.
 */
static bool is_stale(const char *name)
{
	static const char *const keep[] = { "SLURM_CONF", "SLURM_JOB_",
					    "SLURM_JOBID", "SLURM_CLUSTER_" };

	if (!strncmp(name, "PMIX_", 5) || !strncmp(name, "SLURMD_", 7))
		return strncmp(name, "PMIX_MCA_", 9) != 0;
	/* srun takes it for its own -N. */
	if (!strncmp(name, "SLURM_JOB_NUM_NODES=", 20))
		return true;
	if (strncmp(name, "SLURM_", 6) != 0)
		return false;
	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		if (!strncmp(name, keep[i], strlen(keep[i])))
			return false;
	return true;
}

static void clean_environment(void)
{
	char **to = environ;

	for (char **from = environ; *from; from++)
		if (!is_stale(*from))
			*to++ = *from;
	*to = NULL;
}

/* WORD is NAME=VALUE; join it with what there is: 'f' ahead, 'l' behind. */
static void set_variable(char *word, char how)
{
	char *value = strchr(word, '='), *joined = NULL;
	const char *old;

	if (!value || value == word)
		return;
	*value++ = '\0';
	old = how == 'e' ? NULL : getenv(word);
	if (old && *old &&
	    asprintf(&joined, "%s:%s", how == 'f' ? value : old,
		     how == 'f' ? old : value) < 0)
		joined = NULL;
	(void)setenv(word, joined ? joined : value, 1);
	free(joined);
}

/* -- srun ------------------------------------------------------------------ */

/* Arguments, which point into DATA, and environment from a SPAWN_LAUNCH. */
static char **take_launch(char *data, size_t len)
{
	char **argv = calloc(len + 2, sizeof(char *)), *next;
	size_t n = 0;

	if (!argv)
		return NULL;
	argv[n++] = (char *)(uintptr_t) "srun";
	for (char *p = data; p < data + len; p = next) {
		next = p + strlen(p) + 1;
		if (!strncmp(p, "arg=", 4))
			argv[n++] = p + 4;
		else if (!strncmp(p, "env=", 4))
			set_variable(p + 4, 'e');
		else if (!strncmp(p, "first=", 6))
			set_variable(p + 6, 'f');
		else if (!strncmp(p, "last=", 5))
			set_variable(p + 5, 'l');
		else if (!strncmp(p, "unset=", 6))
			(void)unsetenv(p + 6);
	}
	return argv;
}

static void pass_on(int sig)
{
	if (srun_pid > 0)
		(void)kill((pid_t)srun_pid, sig);
}

/* A terminal's interrupt reaches srun anyway. */
static void set_signals(void)
{
	struct sigaction forward = { .sa_handler = pass_on };

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &forward, NULL);
	sigaction(SIGHUP, &forward, NULL);
}

static pid_t start_srun(char **argv)
{
	pid_t self = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	/* Nobody else would end it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != self)
		_exit(127);
	execvp(argv[0], argv);
	fprintf(stderr,
		"psec-spawn: cannot execute srun: %s; it must be in "
		"the PATH of the step that calls PMIx_Spawn\n",
		strerror(errno));
	_exit(127);
}

/* Only to wake poll(). */
static void on_child(int sig)
{
}

/* Until srun ends; psec-pmixd may want it to, or be gone before. */
static int await_srun(void)
{
	struct pollfd pfd = { .fd = SPAWN_FD, .events = POLLIN };
	sigset_t block, open;
	int status = 0;
	uint8_t type;
	char *data;
	size_t len;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &open);
	for (;;) {
		pid_t pid = waitpid((pid_t)srun_pid, &status, WNOHANG);

		if (pid == (pid_t)srun_pid || (pid < 0 && errno != EINTR))
			return status;
		if (ppoll(&pfd, 1, NULL, &open) <= 0)
			continue;
		if (spawn_io_recv(SPAWN_FD, &wire, &type, &data, &len) != 0) {
			pfd.fd = -1;
			continue;
		}
		if (type == SPAWN_KILL)
			(void)kill((pid_t)srun_pid, SIGTERM);
		free(data);
	}
}

static int serve(void)
{
	struct sigaction child = { .sa_handler = on_child };
	uint8_t key[WIRE_KEY_LEN], type = 0;
	char *data = NULL, **argv;
	uint8_t out[4];
	size_t len = 0;
	int status;

	if (read(SPAWN_KEY_FD, key, sizeof(key)) != (ssize_t)sizeof(key)) {
		fprintf(stderr, "psec-spawn is started by srun, when a task "
				"calls PMIx_Spawn; see psec-spawn(8)\n");
		return 2;
	}
	close(SPAWN_KEY_FD);
	(void)fcntl(SPAWN_FD, F_SETFD, FD_CLOEXEC);
	if (wire_init(&wire, key, WIRE_SERVER) != 0)
		return 1;
	explicit_bzero(key, sizeof(key));
	clean_environment();
	if (spawn_io_recv(SPAWN_FD, &wire, &type, &data, &len) != 0)
		return 1;
	argv = type == SPAWN_LAUNCH ? take_launch(data, len) : NULL;
	if (!argv) {
		free(data);
		return 1;
	}
	set_signals();
	sigaction(SIGCHLD, &child, NULL);
	srun_pid = start_srun(argv);
	free(argv);
	free(data);
	status = srun_pid > 0 ? await_srun() : 127 << 8;
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)((unsigned)status >> (24 - 8 * i));
	(void)spawn_io_send(SPAWN_FD, &wire, SPAWN_EXIT, out, sizeof(out));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* -- several programs ------------------------------------------------------ */

/*
 * Arguments: for each program its number of tasks, of variables and of
 * arguments, its directory, and these.
 */
static int run(int argc, char **argv)
{
	const char *text = getenv("SLURM_PROCID");
	long rank = text ? strtol(text, NULL, 10) : 0;
	int i = 0;

	while (i + 4 <= argc) {
		long tasks = strtol(argv[i], NULL, 10);
		long nenv = strtol(argv[i + 1], NULL, 10);
		long nargs = strtol(argv[i + 2], NULL, 10);
		char **env = argv + i + 4, **args = env + nenv;

		if (nenv < 0 || nargs < 1 || nenv > argc || nargs > argc ||
		    i + 4 + nenv + nargs > argc)
			break;
		i += 4 + (int)(nenv + nargs);
		if (rank >= tasks) {
			rank -= tasks;
			continue;
		}
		for (long e = 0; e < nenv; e++)
			set_variable(env[e], 'e');
		args[nargs] = NULL;
		if (chdir(args[-nenv - 1]) != 0)
			fprintf(stderr, "psec-spawn: %s: %s\n", args[-nenv - 1],
				strerror(errno));
		execvp(args[0], args);
		fprintf(stderr, "psec-spawn: %s: %s\n", args[0],
			strerror(errno));
		return 127;
	}
	fprintf(stderr, "psec-spawn: there is no program for task %s\n",
		text ? text : "?");
	return 2;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "--run"))
		return run(argc - 2, argv + 2);
	return serve();
}
