/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawn.c - see spawn.h.
 *
 * Each request has a thread, which talks to psec-spawn until the new step has
 * ended; and an answer, which comes from the new step's head, or from a
 * failure.
 */
#include "spawn.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "abort.h"
#include "bytes.h"
#include "clock.h"
#include "ctl.h"
#include "deadline.h"
#include "ends.h"
#include "log.h"
#include "nspaces.h"
#include "peers.h"
#include "pmixd.h"
#include "progress.h"
#include "slurm_extra.h"
#include "spawn_io.h"
#include "spawn_request.h"

#define ID_LEN	 32   /* hex digits */
#define BEGIN_MS 1000 /* for a task to call PMIx_Init, or to fail to start */

#define UP_MS 2000 /* for the first message to leave */

/*
 * Messages: u32 kind, then the request's id.  UP comes before any task begins
 * its program, BEGUN when one has called PMIx_Init, or after a while.
 */
enum { KIND_UP = 1, KIND_BEGUN = 2 };

typedef struct spawn {
	progress_call_t call;
	struct spawn *next;
	char id[ID_LEN + 1];
	spawn_request_t request;
	pmix_spawn_cbfunc_t cbfunc;
	void *cbdata;
	deadline_t timeout;
	bool up, begun; /* the new step has said so */
	bool known;	/* its namespace, here */
	bool answered;	/* or is about to be */
	bool waiting;	/* for the namespace */
	bool over;	/* the thread is done with it */
	bool told;	/* the answer was delivered */
	pmix_status_t status;
	uint32_t step; /* once it is up */
	int fd;	       /* to psec-spawn; -1: not yet */
	wire_t wire;
} spawn_t;

/* Guarded by pmixd.lock. */
static spawn_t *spawns;

/* Of a step that was spawned. */
static struct {
	peers_addr_t parent;
	char id[ID_LEN + 1]; /* "": it was not, or this is no head */
	bool separate, told;
	deadline_t begin;
} child;

/* -- the rank that asked ----------------------------------------------------
 */

/* With the lock held. */
static void free_if_done(spawn_t *s)
{
	if (!s->over || !s->told || s->waiting)
		return;
	for (spawn_t **p = &spawns; *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	wire_wipe(&s->wire);
	free(s->request.text);
	free(s);
}

static void registered(void *arg, bool ok)
{
}

/*
 * What libpmix knows of the new namespace when it is answered goes to the rank
 * with the answer, and to it alone: nothing that is given to the others, or to
 * the spawned ones, says who shares a node with whom across steps.  Open MPI
 * 5's processes must agree on that or hang.  So libpmix is told after the
 * answer, and ahead of any question of the rank's.
 *
 * With libpmix 4 the rank must get it so: its shared memory would not find what
 * is asked of single new ranks later (PMIX_LOCAL_RANK, ...).
 */
#if PMIX_VERSION_MAJOR >= 5
#define nspaces_learn nspaces_prepare
#else
#define nspaces_learn nspaces_need
#endif

/* On libpmix's thread. */
static void deliver(progress_call_t *call)
{
	spawn_t *s = (spawn_t *)call;
	pmix_nspace_t nspace = "";

	if (s->status == PMIX_SUCCESS)
		nspaces_name(s->step, nspace);
	s->cbfunc(s->status, nspace, s->cbdata);
	pthread_mutex_lock(&pmixd.lock);
	if (s->status == PMIX_SUCCESS)
		nspaces_need(s->step, registered, NULL);
	s->told = true;
	free_if_done(s);
	pthread_mutex_unlock(&pmixd.lock);
}

/* With the lock held. */
static void answer(spawn_t *s, pmix_status_t status)
{
	if (s->answered)
		return;
	s->answered = true;
	deadline_clear(&s->timeout);
	s->status = status;
	progress_post(&s->call, deliver);
}

static void timed_out(deadline_t *d)
{
	spawn_t *s = deadline_owner(d, spawn_t, timeout);

	plog_info("PMIx_Spawn: no step has begun in time; srun is ended");
	if (s->fd >= 0)
		(void)spawn_io_send(s->fd, &s->wire, SPAWN_KILL, NULL, 0);
	answer(s, PMIX_ERR_TIMEOUT);
}

static void answer_if_begun(spawn_t *s)
{
	if (s->begun && s->known)
		answer(s, PMIX_SUCCESS);
}

/* The new namespace is known here, or cannot be, where the step was short. */
static void known(void *arg, bool ok)
{
	spawn_t *s = arg;

	s->known = true;
	answer_if_begun(s);
	s->waiting = false;
	free_if_done(s);
}

static void take_word(uint32_t kind, uint32_t step, const char *id, size_t len)
{
	spawn_t *s = spawns;

	while (s && (len != ID_LEN || memcmp(s->id, id, ID_LEN) != 0))
		s = s->next;
	if (!s || s->answered)
		return;
	if (kind == KIND_BEGUN && s->up && s->step == step) {
		s->begun = true;
		answer_if_begun(s);
	} else if (kind == KIND_UP && !s->up) {
		s->up = s->waiting = true;
		s->step = step;
		plog_verbose("PMIx_Spawn has started step %u.%u",
			     pmixd.layout.apps.leader, step);
		nspaces_learn(step, known, s);
	}
}

static void handle(void *arg, peers_addr_t from, const void *msg, size_t len)
{
	const uint8_t *p = msg;

	if (len >= 4 && from.node == 0)
		take_word(get_u32(p), from.step, (const char *)p + 4, len - 4);
}

/* srun's exit status; -1: a signal, or it is not known. */
static int exit_status(const char *data, size_t len)
{
	int status = len == 4 ? (int)get_u32((const uint8_t *)data) : -1;

	return len == 4 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Until srun has ended, or is out of reach; returns how it ended. */
static int converse(spawn_t *s)
{
	uint8_t type = 0;
	char *data = NULL;
	size_t len = 0;
	int status;

	while (spawn_io_recv(s->fd, &s->wire, &type, &data, &len) == 0 &&
	       type != SPAWN_EXIT) {
		free(data);
		data = NULL;
		len = 0;
	}
	status = exit_status(data, type == SPAWN_EXIT ? len : 0);
	free(data);
	return status;
}

/* With the lock held. */
static void srun_ended(spawn_t *s, int status)
{
	if (s->begun || s->answered)
		return;
	if (status == 0 && s->up) { /* a short one */
		s->begun = true;
		answer_if_begun(s);
		return;
	}
	plog_info("PMIx_Spawn: srun ended (status %d) before the new step's "
		  "tasks had begun; its own words are in the output of this "
		  "step",
		  status);
	answer(s, PMIX_ERR_JOB_FAILED_TO_LAUNCH);
}

static void *spawn_main(void *arg)
{
	uint8_t key[PSEC_KEY_LEN];
	spawn_t *s = arg;
	bool tell;
	uint32_t step;
	psec_error_t err = { PSEC_ERR_IO, "out of memory" };
	int fd = abort_call_srun(SPAWN_INTRO, SPAWN_INTRO_LEN, key, &err);
	bool ok = fd >= 0 && wire_init(&s->wire, key, WIRE_CLIENT) == 0;
	bool late;
	int status = -1;

	explicit_bzero(key, sizeof(key));
	pthread_mutex_lock(&pmixd.lock);
	s->fd = ok ? fd : -1;
	/* Its time is over already: srun is not asked any more. */
	late = s->answered;
	if (ok && !late)
		ok = spawn_io_send(fd, &s->wire, SPAWN_LAUNCH, s->request.text,
				   s->request.len) == 0;
	pthread_mutex_unlock(&pmixd.lock);
	if (!ok)
		plog_info("PMIx_Spawn: srun could not be asked to start a "
			  "step: %s",
			  err.text);
	else if (!late)
		status = converse(s);
	pthread_mutex_lock(&pmixd.lock);
	s->fd = -1;
	srun_ended(s, status);
	tell = s->begun && !s->request.silent;
	step = s->step;
	s->over = true;
	free_if_done(s);
	pthread_mutex_unlock(&pmixd.lock);
	if (tell)
		ends_job(step, status);
	if (fd >= 0)
		close(fd);
	return NULL;
}

static bool start_thread(spawn_t *s)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ok = pthread_create(&thread, &attr, spawn_main, s) == 0;
	pthread_attr_destroy(&attr);
	return ok;
}

static void make_id(char id[ID_LEN + 1])
{
	uint8_t random[ID_LEN / 2];

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(id, ID_LEN + 1, random, sizeof(random));
}

/* A component's jobs are several, and a step of one is in none of ours. */
static bool is_het_job(void)
{
	return stepconf_env(&pmixd.conf, "SLURM_HET_SIZE") != NULL ||
	       pmixd.layout.apps.leader != pmixd.conf.job_id;
}

static pmix_status_t make_request(spawn_t *s, const pmix_proc_t *proc,
				  const pmix_info_t info[], size_t ninfo,
				  const pmix_app_t apps[], size_t napps)
{
	char parent[ID_LEN + 64];
	const spawn_facts_t facts = { .job_id = pmixd.conf.job_id,
				      .nalloc = pmixd.layout.nalloc,
				      .parent = parent };
	psec_error_t err = { PSEC_OK, "" };
	pmix_status_t rc;

	make_id(s->id);
	snprintf(parent, sizeof(parent), "%u.%u.%u.%s", pmixd.conf.step_id,
		 pmixd.conf.node, proc->rank, s->id);
	rc = spawn_request_make(&s->request, &facts, info, ninfo, apps, napps,
				&err);
	if (rc != PMIX_SUCCESS)
		plog_info("rank %u: %s", proc->rank, err.text);
	return rc;
}

pmix_status_t spawn_upcall(const pmix_proc_t *proc, const pmix_info_t info[],
			   size_t ninfo, const pmix_app_t apps[], size_t napps,
			   pmix_spawn_cbfunc_t cbfunc, void *cbdata)
{
	int timeout_s = pmixd.conf.timeout_s;
	pmix_status_t rc;
	spawn_t *s;

	if (is_het_job() || !psec_list_has(pmixd.conf.mechs, "munge")) {
		plog_info("rank %u: PMIx_Spawn: not in heterogeneous jobs, and "
			  "not without the mechanism munge",
			  proc->rank);
		return PMIX_ERR_NOT_SUPPORTED;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return PMIX_ERR_NOMEM;
	s->fd = -1;
	s->cbfunc = cbfunc;
	s->cbdata = cbdata;
	rc = make_request(s, proc, info, ninfo, apps, napps);
	if (rc != PMIX_SUCCESS) {
		free(s);
		return rc;
	}
	if (s->request.timeout_s)
		timeout_s = s->request.timeout_s;
	pthread_mutex_lock(&pmixd.lock);
	s->next = spawns;
	spawns = s;
	deadline_set(&s->timeout, timeout_s * 1000LL, timed_out);
	if (!start_thread(s)) {
		deadline_clear(&s->timeout);
		s->over = s->told = true;
		free_if_done(s);
		rc = PMIX_ERR_OUT_OF_RESOURCE;
	}
	pthread_mutex_unlock(&pmixd.lock);
	return rc;
}

/* -- the new step -----------------------------------------------------------
 */

void spawn_read_parent(void)
{
	const char *text = stepconf_env(&pmixd.conf, PSEC_ENV_PARENT);
	uint32_t rank;
	int separate;

	if (!text)
		return;
	/* The user's own word, about his own steps. */
	if (sscanf(text, "%u.%u.%u.%32[0-9a-f].%d", &child.parent.step,
		   &child.parent.node, &rank, child.id, &separate) != 5 ||
	    child.parent.step >= PEERS_STEPS_MAX ||
	    strlen(child.id) != ID_LEN) {
		child.id[0] = '\0';
		return;
	}
	child.separate = separate != 0;
	nspaces_name(child.parent.step, pmixd.parent.nspace);
	pmixd.parent.rank = rank;
	if (pmixd.conf.node != 0)
		child.id[0] = '\0';
}

/* With the lock held. */
static void tell_parent(uint32_t word)
{
	uint8_t kind[4];
	const struct iovec iov[] = { { kind, sizeof(kind) },
				     { child.id, ID_LEN } };

	if (!child.id[0] || child.told)
		return;
	child.told = word == KIND_BEGUN;
	put_u32(kind, word);
	if (peers_send(child.parent, PEERS_SPAWN, iov, 2) != 0)
		plog_info("step %u, which spawned this one, cannot be told",
			  child.parent.step);
}

static void begin_over(deadline_t *d)
{
	tell_parent(KIND_BEGUN);
}

static bool is_pending(void)
{
	bool pending;

	pthread_mutex_lock(&pmixd.lock);
	pending = peers_pending();
	pthread_mutex_unlock(&pmixd.lock);
	return pending;
}

void spawn_await_up(void)
{
	int64_t until_ms = clock_ms() + UP_MS;

	while (child.id[0] && is_pending() && clock_ms() < until_ms)
		usleep(1000);
}

void spawn_tasks_begin(void)
{
	pthread_mutex_lock(&pmixd.lock);
	if (child.id[0] && !child.told)
		deadline_set(&child.begin, BEGIN_MS, begin_over);
	pthread_mutex_unlock(&pmixd.lock);
}

void spawn_client_connected(void)
{
	pthread_mutex_lock(&pmixd.lock);
	deadline_clear(&child.begin);
	tell_parent(KIND_BEGUN);
	pthread_mutex_unlock(&pmixd.lock);
}

void spawn_up(void)
{
	pthread_mutex_lock(&pmixd.lock);
	tell_parent(KIND_UP);
	pthread_mutex_unlock(&pmixd.lock);
}

static void kill_work(void *arg)
{
	abort_kill_step(PSEC_SIG_TERM_KILL, 0);
}

static void lost(void *arg, uint32_t step, bool orderly, const char *why)
{
	if (!child.id[0] || step != child.parent.step || orderly ||
	    child.separate)
		return;
	plog_error("step %u, which spawned this one, has failed; step %u.%u is "
		   "killed",
		   step, pmixd.conf.job_id, pmixd.conf.step_id);
	(void)workers_post(pmixd.link_workers, kill_work, NULL);
}

void spawn_init(void)
{
	peers_register(PEERS_SPAWN, handle, NULL);
	peers_on_lost(lost, NULL);
}
