/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_spawn.c - what servers of other steps say about spawned steps, what
 * srun's exit status is said to be, and the word in a step's environment that
 * names who spawned it.  All from processes of the same user.
 *
 * Input: commands.  a: a rank here has called PMIx_Spawn; m: UP or BEGUN of one
 * of these, or of none; r: a message of any bytes; k: a namespace is known, or
 * not to be had; e: srun has ended; t: the clock; l: a step is lost; p: the
 * environment's word; b: tasks of this step begin.  The others are doubles.
 *
 * Each call is answered once, and what it kept is released.  The source is
 * included: psec-spawn's thread is played here.
 */
#include "../../mpi_plugin/pmixd/spawn.c" /* NOLINT(bugprone-suspicious-include) */
#include "deadlines.h"
#include "fuzz.h"
#include "posted.h"

#define SPAWNS_MAX 8

pmixd_t pmixd;

static struct {
	peers_handler_fn handler;
	peers_lost_fn lost;
	spawn_t *spawns[SPAWNS_MAX]; /* NULL: its thread is over */
	int answers[SPAWNS_MAX];
	unsigned nspawns;
	struct {
		nspaces_ready_fn fn;
		void *arg;
	} needs[SPAWNS_MAX];
	unsigned nneeds;
	const char *parent; /* in the environment */
} world;

/* -- doubles ----------------------------------------------------------------
 */

void peers_register(peers_service_t service, peers_handler_fn fn, void *arg)
{
	MUST(service == PEERS_SPAWN);
	world.handler = fn;
}

void peers_on_lost(peers_lost_fn fn, void *arg)
{
	world.lost = fn;
}

int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt)
{
	MUST(service == PEERS_SPAWN && iovcnt == 2);
	MUST(to.step < PEERS_STEPS_MAX);
	MUST(iov[0].iov_len == 4 && iov[1].iov_len == ID_LEN);
	return 0;
}

bool peers_pending(void)
{
	return false;
}

void nspaces_name(uint32_t step, pmix_nspace_t nspace)
{
	MUST(step < PEERS_STEPS_MAX);
	(void)snprintf(nspace, PMIX_MAX_NSLEN, "slurm.pmix.1.%u", step);
}

void nspaces_prepare(uint32_t step, nspaces_ready_fn fn, void *arg)
{
	nspaces_need(step, fn, arg);
}

void nspaces_need(uint32_t step, nspaces_ready_fn fn, void *arg)
{
	MUST(step < PEERS_STEPS_MAX);
	if (fn == registered) { /* after the answer */
		fn(arg, true);
		return;
	}
	MUST(world.nneeds < SPAWNS_MAX);
	world.needs[world.nneeds].fn = fn;
	world.needs[world.nneeds++].arg = arg;
}

void ends_job(uint32_t step, int exit_code)
{
}

const char *stepconf_env(const stepconf_t *conf, const char *name)
{
	return world.parent;
}

int workers_post(workers_t *workers, void (*fn)(void *arg), void *arg)
{
	return 0;
}

void abort_kill_step(int sig, uint16_t flags)
{
}

int abort_call_srun(const void *intro, size_t intro_len, uint8_t *key,
		    psec_error_t *err)
{
	return -1;
}

pmix_status_t spawn_request_make(spawn_request_t *out,
				 const spawn_facts_t *facts,
				 const pmix_info_t info[], size_t ninfo,
				 const pmix_app_t apps[], size_t napps,
				 psec_error_t *err)
{
	return PMIX_ERR_NOT_SUPPORTED;
}

int spawn_io_send(int fd, wire_t *wire, uint8_t type, const void *data,
		  size_t len)
{
	MUST(type == SPAWN_KILL);
	return 0;
}

int spawn_io_recv(int fd, wire_t *wire, uint8_t *type, char **data, size_t *len)
{
	return -1;
}

/* -- commands ---------------------------------------------------------------
 */

static void spawned(pmix_status_t status, char nspace[], void *arg)
{
	MUST((status == PMIX_SUCCESS) == (nspace[0] != '\0'));
	(*(int *)arg)++;
}

/* As spawn_upcall() does; its id is no secret here. */
static void ask(void)
{
	unsigned i = world.nspawns;
	spawn_t *s;

	if (i == SPAWNS_MAX)
		return;
	s = calloc(1, sizeof(*s));
	MUST(s);
	(void)snprintf(s->id, sizeof(s->id), "%032x", i);
	s->fd = -1;
	s->cbfunc = spawned;
	s->cbdata = &world.answers[i];
	s->request.text = fuzz_string("arg=true", 8);
	s->next = spawns;
	spawns = s;
	deadline_set(&s->timeout, 1000, timed_out);
	world.spawns[world.nspawns++] = s;
}

static void give(uint32_t step, uint32_t node, const uint8_t *msg, size_t len)
{
	uint8_t *copy = fuzz_copy(msg, len);

	world.handler(NULL, (peers_addr_t){ step, node }, copy, len);
	free(copy);
}

static void message(feed_t *feed)
{
	char id[ID_LEN + 1];
	uint8_t msg[4 + ID_LEN];
	uint32_t step = feed_below(feed, 4);

	put_u32(msg, feed_below(feed, 4));
	(void)snprintf(id, sizeof(id), "%032x", feed_below(feed, SPAWNS_MAX));
	memcpy(msg + 4, id, ID_LEN);
	give(step, feed_below(feed, 2), msg, sizeof(msg) - feed_below(feed, 2));
}

static void raw(feed_t *feed)
{
	uint32_t step = feed_below(feed, 4);
	size_t len;
	const uint8_t *msg = feed_bytes(feed, feed_u8(feed), &len);

	give(step, 0, msg, len);
}

static void learn(bool ok)
{
	if (world.nneeds == 0)
		return;
	world.nneeds--;
	world.needs[world.nneeds].fn(world.needs[world.nneeds].arg, ok);
}

/* The thread's end. */
static void end_srun(unsigned i, const uint8_t *bytes, size_t len)
{
	spawn_t *s = i < world.nspawns ? world.spawns[i] : NULL;
	char *copy;

	if (!s)
		return;
	world.spawns[i] = NULL;
	copy = fuzz_copy(bytes, len);
	srun_ended(s, exit_status(copy, len));
	free(copy);
	s->over = true;
	free_if_done(s);
}

static void end_command(feed_t *feed)
{
	unsigned i = feed_below(feed, SPAWNS_MAX);
	size_t len;
	const uint8_t *bytes = feed_bytes(feed, feed_below(feed, 6), &len);

	end_srun(i, bytes, len);
}

static void parent(feed_t *feed)
{
	char *text = feed_text(feed, '\n');

	deadline_clear(&child.begin);
	memset(&child, 0, sizeof(child));
	world.parent = text;
	spawn_read_parent();
	world.parent = NULL;
	free(text);
	if (!child.id[0])
		return;
	MUST(strlen(child.id) == ID_LEN);
	MUST(strspn(child.id, "0123456789abcdef") == ID_LEN);
	MUST(child.parent.step < PEERS_STEPS_MAX);
	spawn_up();
}

static void command(feed_t *feed)
{
	switch (feed_u8(feed)) {
	case 'a':
		ask();
		break;
	case 'm':
		message(feed);
		break;
	case 'r':
		raw(feed);
		break;
	case 'k':
		learn(feed_below(feed, 2));
		break;
	case 'e':
		end_command(feed);
		break;
	case 't':
		deadlines_fire(feed);
		break;
	case 'l':
		world.lost(NULL, feed_below(feed, 4), feed_below(feed, 2),
			   "it is gone");
		break;
	case 'p':
		parent(feed);
		break;
	case 'b':
		spawn_tasks_begin();
		break;
	case 'c':
		spawn_client_connected();
		break;
	default:
		break;
	}
	posted_run();
}

/* -- the step ---------------------------------------------------------------
 */

static void open_world(void)
{
	memset(&world, 0, sizeof(world));
	memset(&child, 0, sizeof(child));
	deadlines_begin(1);
	pmixd.layout.apps.leader = pmixd.conf.job_id = 1;
	spawn_init();
}

/* srun has ended, and all is known that ever will be. */
static void close_world(void)
{
	while (world.nneeds > 0)
		learn(false);
	for (unsigned i = 0; i < world.nspawns; i++)
		end_srun(i, NULL, 0);
	while (deadlines_waits())
		deadlines_fire(&(feed_t){ NULL, 0 });
	posted_run();
	for (unsigned i = 0; i < world.nspawns; i++)
		MUST(world.answers[i] == 1);
	MUST(!spawns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };

	open_world();
	while (feed.left > 0)
		command(&feed);
	close_world();
	return 0;
}
