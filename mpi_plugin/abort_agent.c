/* SPDX-License-Identifier: BSD-3-Clause */
/* abort_agent.c - see abort_agent.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h> /* its struct tcp_info has more than libc's */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abort_agent.h"
#include "abort_msg.h"
#include "psec.h"
#include "slurm_extra.h"
#include "spawn_io.h"
#include "tcp_listen.h"

#define HANDSHAKE_TIMEOUT_MS 2000
#define MAX_STRANGERS	     16 /* being authenticated */
#define MAX_CONNECTIONS	     64 /* with those that are just ending */

typedef struct connection connection_t;

struct abort_agent {
	uint32_t job_id, step_id;
	int fd;
	int wake[2]; /* closing [1] ends the thread */
	uint16_t port;
	char *mechdir, *munge_socket;
	psec_t *psec; /* made when the first peer comes */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned connections;		    /* threads that serve one */
	TAILQ_HEAD(, connection) strangers; /* oldest first */
	unsigned nstrangers;
	int status;	/* the first one that came; 0 none */
	pid_t *spawned; /* psec-spawn processes */
	unsigned nspawned;
};

struct connection {
	TAILQ_ENTRY(connection) next;
	bool stranger; /* it is in that list */
	abort_agent_t *agent;
	int fd;
};

/* A process with descriptors 3 and 4 from FD and KEY_FD; 0, or an errno. */
static int start_helper(pid_t *pid, int fd, int key_fd)
{
	char *const argv[] = { (char *)(uintptr_t)PSEC_SPAWN, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t set;
	int rc;

	posix_spawn_file_actions_init(&files);
	/* Out of each other's way first. */
	posix_spawn_file_actions_adddup2(&files, fd, SPAWN_KEY_FD + 1);
	posix_spawn_file_actions_adddup2(&files, key_fd, SPAWN_KEY_FD);
	posix_spawn_file_actions_adddup2(&files, SPAWN_KEY_FD + 1, SPAWN_FD);
	posix_spawn_file_actions_addclose(&files, SPAWN_KEY_FD + 1);
	posix_spawnattr_init(&attr);
	/* This thread has all signals blocked. */
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attr, &set);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(pid, PSEC_SPAWN, &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* A rank calls PMIx_Spawn: what follows on FD is for psec-spawn. */
static void spawn(abort_agent_t *agent, int fd, const uint8_t *key)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_KEY_FD + 2);
	int key_pipe[2] = { -1, -1 }, low = -1, rc = EMFILE;
	pid_t pid, *more;

	if (high < 0 || pipe2(key_pipe, O_CLOEXEC) != 0)
		goto fail;
	low = fcntl(key_pipe[0], F_DUPFD_CLOEXEC, SPAWN_KEY_FD + 2);
	/* A pipe has room for it. */
	if (low < 0 || write(key_pipe[1], key, PSEC_KEY_LEN) != PSEC_KEY_LEN)
		goto fail;
	pthread_mutex_lock(&agent->lock);
	more = realloc(agent->spawned,
		       (agent->nspawned + 1) * sizeof(*agent->spawned));
	rc = more ? start_helper(&pid, high, low) : ENOMEM;
	if (more)
		agent->spawned = more;
	if (rc == 0)
		agent->spawned[agent->nspawned++] = pid;
	pthread_mutex_unlock(&agent->lock);
fail:
	if (rc != 0)
		slurm_error("mpi/pmix: PMIx_Spawn cannot start %s: %s",
			    PSEC_SPAWN, strerror(rc));
	for (int i = 0; i < 2; i++)
		if (key_pipe[i] >= 0)
			close(key_pipe[i]);
	if (low >= 0)
		close(low);
	if (high >= 0)
		close(high);
}

/* CONN is authenticated, or has to go. */
static void no_stranger(connection_t *conn)
{
	if (!conn->stranger)
		return;
	conn->stranger = false;
	TAILQ_REMOVE(&conn->agent->strangers, conn, next);
	conn->agent->nstrangers--;
}

static void locked_no_stranger(connection_t *conn)
{
	pthread_mutex_lock(&conn->agent->lock);
	no_stranger(conn);
	pthread_mutex_unlock(&conn->agent->lock);
}

/* Who is there?  Only a process of our own uid gets through. */
static int receive_status(connection_t *conn, int *status)
{
	abort_agent_t *agent = conn->agent;
	uint8_t binding[ABORT_BINDING_LEN];
	psec_handshake_options_t opt = { .size = sizeof(opt),
					 .role = PSEC_SERVER,
					 .mechs = "munge",
					 .binding = binding,
					 .binding_len = sizeof(binding),
					 .expect_uid = geteuid() };
	psec_handshake_t *hs = NULL;
	psec_error_t err;
	psec_peer_t peer;
	int rv = -1;

	abort_binding(binding, agent->job_id, agent->step_id);
	/* The peer has no part in this: srun's host lacks the mechanism. */
	if (psec_handshake_create(&hs, agent->psec, &opt, &err) != PSEC_OK) {
		slurm_error("mpi/pmix: srun cannot be told the status of an "
			    "abort: %s",
			    err.text);
		goto done;
	}
	if (psec_handshake_run(hs, conn->fd, HANDSHAKE_TIMEOUT_MS, &err) !=
		    PSEC_OK ||
	    psec_handshake_peer(hs, &peer, &err) != PSEC_OK) {
		slurm_debug("mpi/pmix: a connection to srun's abort port was "
			    "refused: %s",
			    err.text);
		goto done;
	}
	locked_no_stranger(conn);
	if (abort_status(peer.intro, peer.intro_len, status))
		rv = 0;
	else if (peer.key && peer.intro_len == SPAWN_INTRO_LEN &&
		 !memcmp(peer.intro, SPAWN_INTRO, SPAWN_INTRO_LEN))
		spawn(agent, conn->fd, peer.key);
done:
	psec_handshake_destroy(hs);
	return rv;
}

static void *serve(void *arg)
{
	connection_t *conn = arg;
	abort_agent_t *agent = conn->agent;
	int status = 0;
	bool ok = receive_status(conn, &status) == 0;

	/* From now on nobody else knows its descriptor. */
	locked_no_stranger(conn);
	close(conn->fd);
	free(conn);
	pthread_mutex_lock(&agent->lock);
	if (ok && !agent->status)
		agent->status = status;
	agent->connections--;
	pthread_cond_broadcast(&agent->idle);
	pthread_mutex_unlock(&agent->lock);
	return NULL;
}

static bool is_silent(const connection_t *conn)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_bytes_received == 0;
}

/* Make room: the oldest that has said nothing, or else the oldest, goes. */
static void drop_stranger(abort_agent_t *agent)
{
	connection_t *conn;

	TAILQ_FOREACH(conn, &agent->strangers, next)
	{
		if (is_silent(conn))
			break;
	}
	if (!conn)
		conn = TAILQ_FIRST(&agent->strangers);
	no_stranger(conn);
	/* Its thread will notice. */
	shutdown(conn->fd, SHUT_RDWR);
}

/* Whoever keeps 16 connections open must not keep psec-pmixd's out. */
static bool take_place(abort_agent_t *agent, connection_t *conn)
{
	bool taken = false;

	pthread_mutex_lock(&agent->lock);
	if (agent->nstrangers >= MAX_STRANGERS)
		drop_stranger(agent);
	if (agent->connections < MAX_CONNECTIONS) {
		agent->connections++;
		conn->stranger = true;
		TAILQ_INSERT_TAIL(&agent->strangers, conn, next);
		agent->nstrangers++;
		taken = true;
	}
	pthread_mutex_unlock(&agent->lock);
	return taken;
}

static void give_place(connection_t *conn)
{
	pthread_mutex_lock(&conn->agent->lock);
	no_stranger(conn);
	conn->agent->connections--;
	pthread_mutex_unlock(&conn->agent->lock);
}

/* When the first one comes. */
static bool have_psec(abort_agent_t *agent)
{
	const psec_options_t opt = {
		.size = sizeof(opt),
		.plugin_dir = agent->mechdir,
		.mechs = "munge",
		.munge_socket = agent->munge_socket,
		.site = true,
	};
	psec_error_t err;

	return agent->psec || psec_create(&agent->psec, &opt, &err) == PSEC_OK;
}

static void accept_one(abort_agent_t *agent)
{
	int fd = accept4(agent->fd, NULL, NULL, SOCK_CLOEXEC);
	connection_t *conn;
	pthread_t thread;

	if (fd < 0)
		return;
	conn = have_psec(agent) ? malloc(sizeof(*conn)) : NULL;
	if (!conn)
		goto refuse;
	*conn = (connection_t){ .agent = agent, .fd = fd };
	if (!take_place(agent, conn))
		goto refuse;
	if (pthread_create(&thread, NULL, serve, conn) == 0) {
		pthread_detach(thread);
		return;
	}
	give_place(conn);
refuse:
	free(conn);
	close(fd);
}

static void *agent_main(void *arg)
{
	abort_agent_t *agent = arg;
	struct pollfd pfds[2] = { { .fd = agent->fd, .events = POLLIN },
				  { .fd = agent->wake[0], .events = POLLIN } };

	for (;;) {
		if (poll(pfds, 2, -1) < 0)
			continue;
		if (pfds[1].revents)
			return NULL;
		if (pfds[0].revents)
			accept_one(agent);
	}
}

/* Within slurm.conf's SrunPortRange, where there is one. */
static int listen_for_abort(uint16_t *port)
{
	const uint16_t *range = slurm_get_srun_port_range();

	return tcp_listen(range ? range[0] : 0, range ? range[1] : 0, port);
}

static int start_thread(abort_agent_t *agent)
{
	sigset_t all, old;
	int rc;

	/* srun handles its signals itself. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&agent->thread, NULL, agent_main, agent);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static bool copy_option(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

static void agent_free(abort_agent_t *agent)
{
	free(agent->mechdir);
	free(agent->munge_socket);
	free(agent);
}

abort_agent_t *abort_agent_start(uint32_t job_id, uint32_t step_id,
				 const char *mechdir, const char *munge_socket)
{
	abort_agent_t *agent = calloc(1, sizeof(*agent));

	if (!agent)
		return NULL;
	agent->job_id = job_id;
	agent->step_id = step_id;
	agent->wake[0] = agent->wake[1] = -1;
	TAILQ_INIT(&agent->strangers);
	pthread_mutex_init(&agent->lock, NULL);
	pthread_cond_init(&agent->idle, NULL);
	agent->fd = listen_for_abort(&agent->port);
	if (!copy_option(&agent->mechdir, mechdir) ||
	    !copy_option(&agent->munge_socket, munge_socket) || agent->fd < 0 ||
	    pipe2(agent->wake, O_CLOEXEC) != 0 || start_thread(agent) != 0)
		goto fail;
	return agent;
fail:
	if (agent->fd >= 0)
		close(agent->fd);
	if (agent->wake[0] >= 0) {
		close(agent->wake[0]);
		close(agent->wake[1]);
	}
	agent_free(agent);
	return NULL;
}

uint16_t abort_agent_port(const abort_agent_t *agent)
{
	return agent->port;
}

/*
 * Steps that this one spawned have their output here: wait for them, as mpirun
 * does.  After an abort they are ended.
 */
static void await_spawned(abort_agent_t *agent)
{
	for (unsigned i = 0; i < agent->nspawned; i++) {
		if (agent->status)
			(void)kill(agent->spawned[i], SIGTERM);
		while (waitpid(agent->spawned[i], NULL, 0) < 0 &&
		       errno == EINTR)
			;
	}
	free(agent->spawned);
}

int abort_agent_stop(abort_agent_t *agent)
{
	int status;

	if (!agent)
		return 0;
	close(agent->wake[1]);
	pthread_join(agent->thread, NULL);
	close(agent->wake[0]);
	close(agent->fd);
	pthread_mutex_lock(&agent->lock);
	while (agent->connections)
		pthread_cond_wait(&agent->idle, &agent->lock);
	status = agent->status;
	pthread_mutex_unlock(&agent->lock);
	await_spawned(agent);
	psec_destroy(agent->psec);
	pthread_cond_destroy(&agent->idle);
	pthread_mutex_destroy(&agent->lock);
	agent_free(agent);
	return status;
}
