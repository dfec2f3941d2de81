/* SPDX-License-Identifier: BSD-3-Clause */
/* abort.c - see abort.h. */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abort.h"
#include "abort_msg.h"
#include "clock.h"
#include "ctl.h"
#include "ends.h"
#include "error.h"
#include "log.h"
#include "pmixd.h"
#include "progress.h"
#include "slurm_extra.h"

#define SRUN_TIMEOUT_MS 2000
#define PAUSE_US	20000 /* before it is tried again */

static bool called; /* guarded by pmixd.lock */

typedef struct {
	progress_call_t call;
	int status;
	pmix_op_cbfunc_t cbfunc;
	void *cbdata;
} abort_t;

static int connect_srun(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct timeval tv = { SRUN_TIMEOUT_MS / 1000, 0 };
	struct addrinfo *list = NULL;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

/* Prove to srun that we are its user; the intro rides along. */
static int tell(int fd, const void *intro, size_t intro_len, uint8_t *key,
		psec_error_t *err)
{
	uint8_t binding[ABORT_BINDING_LEN];
	const psec_handshake_options_t opt = {
		.size = sizeof(opt),
		.role = PSEC_CLIENT,
		.mechs = "munge",
		.binding = binding,
		.binding_len = sizeof(binding),
		.intro = intro,
		.intro_len = intro_len,
		.expect_uid = geteuid(),
	};
	psec_handshake_t *hs = NULL;
	psec_peer_t peer;
	psec_code_t rc;

	abort_binding(binding, pmixd.conf.job_id, pmixd.conf.step_id);
	rc = psec_handshake_create(&hs, pmixd.psec, &opt, err);
	if (rc == PSEC_OK)
		rc = psec_handshake_run(hs, fd, SRUN_TIMEOUT_MS, err);
	if (rc == PSEC_OK && key)
		rc = psec_handshake_peer(hs, &peer, err);
	if (rc == PSEC_OK && key && !peer.key) {
		error_set(err, PSEC_ERR_NO_MECH, "there is no key");
		rc = PSEC_ERR_NO_MECH;
	}
	if (rc == PSEC_OK && key)
		memcpy(key, peer.key, PSEC_KEY_LEN);
	psec_handshake_destroy(hs);
	return rc == PSEC_OK ? 0 : -1;
}

int abort_call_srun(const void *intro, size_t intro_len, uint8_t *key,
		    psec_error_t *err)
{
	const char *host = stepconf_env(&pmixd.conf, "SLURM_SRUN_COMM_HOST");
	const char *port = stepconf_env(&pmixd.conf, PSEC_ENV_ABORT);
	psec_error_t why = { PSEC_ERR_IO, "no connection" };
	int64_t until_ms = clock_ms() + SRUN_TIMEOUT_MS;

	/* In a crowd at its port srun may have shut us out, too. */
	while (host && port && clock_ms() < until_ms) {
		int fd = connect_srun(host, port);

		if (fd < 0)
			break;
		if (tell(fd, intro, intro_len, key, &why) == 0)
			return fd;
		close(fd);
		if (why.code != PSEC_ERR_IO)
			break;
		usleep(PAUSE_US);
	}
	error_set(err, why.code, "srun (%s, port %s) cannot be reached: %s",
		  host ? host : "?", port ? port : "?", why.text);
	return -1;
}

/* So that srun exits with the status; without it, with SIGKILL's. */
static void tell_srun(int status)
{
	uint8_t intro[ABORT_INTRO_LEN];
	psec_error_t err;
	int fd;

	abort_intro(intro, status);
	fd = abort_call_srun(intro, sizeof(intro), NULL, &err);
	if (fd < 0)
		plog_info("the status of the abort could not be told: %s",
			  err.text);
	else
		close(fd);
}

static void init_slurm(void)
{
	slurm_init(NULL);
}

void slurm_ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init_slurm);
}

void abort_kill_step(int sig, uint16_t flags)
{
	const apps_t *apps = &pmixd.layout.apps;

	slurm_ready();
	/* The components in one job are killed together. */
	for (uint32_t i = 0; i < apps->n; i++) {
		uint32_t job_id = apps->list[i].job_id;

		if (i > 0 && job_id == apps->list[i - 1].job_id)
			continue;
		if (psec_signal_step(job_id, pmixd.conf.step_id, sig, flags) !=
		    0)
			plog_error("cannot kill step %u.%u: %s", job_id,
				   pmixd.conf.step_id, slurm_strerror(errno));
	}
}

/* On the progress thread. */
static void aborted(progress_call_t *call)
{
	abort_t *a = (abort_t *)call;

	if (a->cbfunc)
		a->cbfunc(PMIX_SUCCESS, a->cbdata);
	free(a);
}

/* On a worker: talking to srun and slurmctld blocks. */
static void abort_work(void *arg)
{
	abort_t *a = arg;

	tell_srun(a->status);
	/* As after mpirun's abort, tasks may put their house in order. */
	abort_kill_step(PSEC_SIG_TERM_KILL, a->status ? 0 : PSEC_KILL_NO_FAIL);
	pthread_mutex_lock(&pmixd.lock);
	progress_post(&a->call, aborted);
	pthread_mutex_unlock(&pmixd.lock);
}

bool abort_called(void)
{
	return called;
}

/* Is it a tool, and does it name no process of the step either? */
static bool is_strangers(const pmix_proc_t *proc, const pmix_proc_t procs[],
			 size_t nprocs)
{
	if (PMIX_CHECK_NSPACE(proc->nspace, pmixd.nspace))
		return false;
	for (size_t i = 0; i < nprocs; i++)
		if (PMIX_CHECK_NSPACE(procs[i].nspace, pmixd.nspace))
			return false;
	return true;
}

pmix_status_t abort_upcall(const pmix_proc_t *proc, void *object, int status,
			   const char msg[], pmix_proc_t procs[], size_t nprocs,
			   pmix_op_cbfunc_t cbfunc, void *cbdata)
{
	abort_t *a;

	if (is_strangers(proc, procs, nprocs)) {
		plog_info("a tool called PMIx_Abort, which is about its own "
			  "processes: the step goes on");
		return PMIX_ERR_NOT_SUPPORTED;
	}
	a = calloc(1, sizeof(*a));
	plog_error("rank %u on node %s called PMIx_Abort with status %d%s%s; "
		   "step %u.%u is killed",
		   proc->rank, pmixd_node_name(pmixd.conf.node), status,
		   msg && *msg ? ": " : "", msg ? msg : "",
		   pmixd.layout.apps.leader, pmixd.conf.step_id);
	if (!a)
		return PMIX_ERR_NOMEM;
	pthread_mutex_lock(&pmixd.lock);
	called = true;
	pthread_mutex_unlock(&pmixd.lock);
	/* They hear of it before the step ends, which takes a moment. */
	ends_abort(proc, status);
	a->status = status;
	a->cbfunc = cbfunc;
	a->cbdata = cbdata;
	if (workers_post(pmixd.link_workers, abort_work, a) != 0) {
		free(a);
		return PMIX_ERR_OUT_OF_RESOURCE;
	}
	return PMIX_SUCCESS;
}
