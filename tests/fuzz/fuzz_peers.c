/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_peers.c - how messages find their way between the steps of a job, and
 * which steps can be reached.  Nodes of the own step, heads of others and what
 * slurmctld says of steps: all from the same user, but the last.
 *
 * Input: first whether this is the head; then commands.  n: a message of a node
 * of this step; f: of the head of another; r, R: likewise, of any bytes; s: one
 * is sent from here; o: what this server has sent to itself arrives; k: a
 * worker has asked slurmctld; t: the search's time is up; q: a search; u, g: a
 * link to a step comes up, or does not; l: it is lost; L: a node is.
 * links.h, jobs.h and deadline.h are doubles.
 *
 * What arrives is of whom it says, or was passed on by the head; each search
 * ends once; nothing is sent to a step that is none, and to each in order.  The
 * source is included, so that what it keeps can be released.
 */
#include "peers.h"

/* Tables of the real number would take most of the time. */
#undef PEERS_STEPS_MAX
#define PEERS_STEPS_MAX 16

#include "../../mpi_plugin/pmixd/peers.c" /* NOLINT(bugprone-suspicious-include) */
#include "deadlines.h"
#include "fuzz.h"

#define NODES	 3
#define STEPS	 5 /* ours is number 1 */
#define OWN_STEP 1
#define JOBS_MAX 64

pmixd_t pmixd;

static struct {
	link_handler_fn near, far;
	link_lost_fn near_lost, far_lost;
	link_settled_fn settled;
	enum { DOWN, COMING, TRIED, UP, GONE } state[STEPS];
	job_t *jobs[JOBS_MAX];
	unsigned njobs;
	unsigned begun, ended; /* searches */
	/* Numbers of messages from here: the last one, and that to a step. */
	uint32_t sent, passed[PEERS_STEPS_MAX];
	uint32_t from; /* the node whose message is handled */
	enum { NOBODY, NODE, STEP, SELF } giver;
	const uint8_t *given; /* that message */
	size_t given_len;
} world;

static links_t *const near_links = (links_t *)&world.near;
static links_t *const far_links = (links_t *)&world.far;

/* -- doubles ----------------------------------------------------------------
 */

links_t *links_create(const link_config_t *cfg)
{
	MUST(is_head() && cfg->apart && cfg->node == OWN_STEP);
	return far_links;
}

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
	MUST(type == LINK_PEERS);
	if (links == near_links)
		world.near = fn;
	else
		world.far = fn;
}

void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
	if (links == near_links)
		world.near_lost = fn;
	else
		world.far_lost = fn;
}

void links_on_settled(links_t *links, link_settled_fn fn, void *arg)
{
	world.settled = fn;
}

int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	uint8_t *copy = fuzz_copy(iov->iov_base, iov->iov_len);
	head_t h;

	MUST(iovcnt == 1 && iov->iov_len >= HEAD_LEN && type == LINK_PEERS);
	h = get_head(copy);
	if (links == near_links) {
		free(copy);
		MUST(node != pmixd.conf.node);
		return node < NODES ? 0 : -1;
	}
	/* Of this step, for that one. */
	MUST(is_head() && h.from.step == OWN_STEP && h.to.step == node);
	MUST(node != OWN_STEP && node < PEERS_STEPS_MAX);
	if (h.from.node == pmixd.conf.node) {
		uint32_t number = get_u32(copy + HEAD_LEN);

		MUST(number > world.passed[node]);
		world.passed[node] = number;
	}
	free(copy);
	if (node >= STEPS || world.state[node] == GONE)
		return -1;
	if (world.state[node] != UP)
		world.state[node] = COMING;
	return 0;
}

void links_drop(links_t *links, uint32_t node, const char *why)
{
	MUST(why && *why);
}

bool links_try(links_t *links, uint32_t node)
{
	MUST(node != OWN_STEP && self.hosts[node] && self.paths[node]);
	if (node >= STEPS || world.state[node] == UP)
		return false;
	if (world.state[node] != COMING)
		world.state[node] = TRIED;
	return true;
}

bool links_is_set_up(const links_t *links, uint32_t node)
{
	return node < STEPS && world.state[node] != DOWN;
}

bool links_pending(const links_t *links)
{
	return false;
}

void links_goodbye(links_t *links)
{
}

void slurm_ready(void)
{
}

int slurmctld_steps(uint32_t job_id, slurmctld_step_t *steps, size_t max)
{
	MUST(false);
	return -1;
}

jobs_t *jobs_create(struct event_base *base, pthread_mutex_t *lock,
		    workers_t *workers)
{
	return (jobs_t *)&world.jobs;
}

int jobs_post(jobs_t *jobs, job_t *job)
{
	if (world.njobs == JOBS_MAX)
		return -1;
	world.jobs[world.njobs++] = job;
	return 0;
}

/* -- services ---------------------------------------------------------------
 */

static void take(void *arg, peers_addr_t from, const void *msg, size_t len)
{
	const uint8_t *p = msg;
	bool given = world.given && p >= world.given &&
		     p <= world.given + world.given_len;

	free(fuzz_copy(msg, len));
	/* What we have sent to ourselves comes before a loss is told. */
	if (world.giver == NODE && !given)
		MUST(from.step == OWN_STEP && from.node == pmixd.conf.node);
	else if (world.giver == NODE && from.step == OWN_STEP)
		MUST(from.node == world.from);
	else if (world.giver == NODE)
		MUST(world.from == 0);
	else if (world.giver == STEP)
		MUST(from.step == world.from);
	else
		MUST(from.step == OWN_STEP && from.node == pmixd.conf.node);
}

static void lost(void *arg, uint32_t step, bool orderly, const char *why)
{
	MUST(memchr(why, '\0', TEXT_MAX));
}

static void reached(uint32_t step)
{
	MUST(step < STEPS && world.state[step] == UP);
}

static void searched(void)
{
	MUST(++world.ended == world.begun);
	for (size_t i = 0; i < peers_reached(); i++)
		MUST(world.state[peers_reached_step(i)] == UP);
}

static const peers_search_ops_t ops = { .reached = reached,
					.searched = searched };

/* -- commands ---------------------------------------------------------------
 */

static void give(bool of_step, uint32_t from, const uint8_t *msg, size_t len)
{
	uint8_t *copy = fuzz_copy(msg, len);

	world.from = from;
	world.giver = of_step ? STEP : NODE;
	world.given = copy;
	world.given_len = len;
	if (!of_step && world.near)
		world.near(NULL, from, copy, len);
	else if (of_step && world.far && world.state[from] == UP)
		world.far(NULL, from, copy, len);
	world.giver = NOBODY;
	world.given = NULL;
	world.given_len = 0;
	free(copy);
}

static uint32_t whom(feed_t *feed, bool of_step)
{
	if (of_step)
		return (OWN_STEP + 1 + feed_below(feed, STEPS - 1)) % STEPS;
	return (pmixd.conf.node + 1 + feed_below(feed, NODES - 1)) % NODES;
}

static void message(feed_t *feed, bool of_step)
{
	uint32_t from = whom(feed, of_step);
	head_t h = { feed_below(feed, 8),
		     { OWN_STEP, from },
		     { feed_below(feed, STEPS + 1),
		       feed_below(feed, NODES + 1) } };
	uint8_t msg[HEAD_LEN + 64];
	const uint8_t *rest;
	size_t len;

	if (of_step)
		h.from = (peers_addr_t){ from, feed_below(feed, NODES) };
	if (feed_below(feed, 8) == 7)
		h.from.step = feed_below(feed, STEPS);
	put_head(msg, &h);
	rest = feed_bytes(feed, feed_below(feed, 65), &len);
	if (len)
		memcpy(msg + HEAD_LEN, rest, len);
	give(of_step, from, msg, HEAD_LEN + len);
}

static void raw(feed_t *feed, bool of_step)
{
	uint32_t from = whom(feed, of_step);
	size_t len;
	const uint8_t *msg = feed_bytes(feed, feed_u8(feed), &len);

	give(of_step, from, msg, len);
}

static void send_one(feed_t *feed)
{
	peers_addr_t to = { feed_below(feed, STEPS + 1),
			    feed_below(feed, NODES + 1) };
	uint8_t word[4];
	const struct iovec iov = { word, sizeof(word) };

	put_u32(word, ++world.sent);
	if (to.step == STEPS)
		to.step = feed_u32(feed);
	(void)peers_send(to, PEERS_CONNECT, &iov, 1);
}

/* What a worker finds out, and then the loop. */
static void end_job(feed_t *feed)
{
	uint32_t n = feed_below(feed, 4);
	job_t *job;

	if (world.njobs == 0)
		return;
	job = world.jobs[0];
	world.njobs--;
	for (unsigned i = 0; i < world.njobs; i++)
		world.jobs[i] = world.jobs[i + 1];
	if (job->done == search_done) {
		search_t *f = (search_t *)job;

		for (f->n = 0; f->n < n; f->n++) {
			f->steps[f->n].step_id = feed_below(feed, STEPS);
			f->steps[f->n].nodes = fuzz_string("n[3-4]", 6);
		}
		f->failed = n == 0;
	} else {
		seek_t *s = (seek_t *)job;

		if (n > 0)
			memcpy(s->host, "n3", 3);
		else
			s->until_ms = 0;
	}
	job->done(job);
}

static void tick(feed_t *feed)
{
	world.giver = SELF;
	deadlines_fire(feed);
	world.giver = NOBODY;
}

static void start_search(void)
{
	bool running = self.searching;

	if (!is_head())
		return;
	self.searched_ms = 0;
	if (peers_search() && !running)
		world.begun++;
}

static void settle(uint32_t step, bool up)
{
	if (!world.settled || world.state[step] == UP || step == OWN_STEP ||
	    (!up && world.state[step] != TRIED))
		return;
	world.state[step] = up ? UP : DOWN;
	world.settled(NULL, step, up);
}

static void lose(uint32_t step)
{
	if (!world.far_lost || step == OWN_STEP ||
	    (world.state[step] != UP && world.state[step] != COMING))
		return;
	world.state[step] = GONE;
	world.far_lost(NULL, step, 0, "it is gone");
}

static void command(feed_t *feed)
{
	switch (feed_u8(feed)) {
	case 'n':
		message(feed, false);
		break;
	case 'f':
		message(feed, true);
		break;
	case 'r':
		raw(feed, false);
		break;
	case 'R':
		raw(feed, true);
		break;
	case 's':
		send_one(feed);
		break;
	case 't':
		tick(feed);
		break;
	case 'k':
		end_job(feed);
		break;
	case 'q':
		start_search();
		break;
	case 'u':
		settle(feed_below(feed, STEPS), true);
		break;
	case 'g':
		settle(feed_below(feed, STEPS), false);
		break;
	case 'l':
		lose(feed_below(feed, STEPS));
		break;
	case 'L':
		if (world.near_lost)
			world.near_lost(NULL, whom(feed, false), 0,
					"it is gone");
		break;
	default:
		break;
	}
}

/* -- the step ---------------------------------------------------------------
 */

static void open_world(feed_t *feed)
{
	static char *names[NODES] = { (char *)"n0", (char *)"n1",
				      (char *)"n2" };
	psec_error_t err;

	memset(&world, 0, sizeof(world));
	memset(&self, 0, sizeof(self));
	deadlines_begin(0);
	pmixd.links = near_links;
	pmixd.conf.step_id = OWN_STEP;
	pmixd.conf.node = feed_below(feed, 2);
	pmixd.conf.nnodes = pmixd.layout.nnodes = NODES;
	pmixd.conf.dir = (char *)"/run/psec/7.1";
	pmixd.layout.node_names = names;
	pmixd.layout.apps.leader = 7;
	MUST(peers_init(-1, "/run/psec/7.1/steps", &err) == 0);
	self.fd = is_head() ? 0 : -1; /* as if there were a socket */
	peers_register(PEERS_CONNECT, take, NULL);
	peers_register(PEERS_PUBLISH, take, NULL);
	peers_on_lost(lost, NULL);
	peers_on_search(&ops);
}

static void close_world(void)
{
	feed_t nothing = { NULL, 0 };

	for (uint32_t i = 0; i < STEPS; i++) {
		settle(i, false);
		lose(i);
	}
	/* A search ends when slurmctld has answered and its time is up. */
	while (world.njobs > 0 || deadlines_waits()) {
		while (world.njobs > 0)
			end_job(&nothing);
		tick(&nothing);
	}
	MUST(!self.searching && world.begun == world.ended);
	MUST(LIST_EMPTY(&self.seeks) && STAILQ_EMPTY(&self.own));
	for (uint32_t i = 0; self.hosts && i < PEERS_STEPS_MAX; i++) {
		free(self.hosts[i]);
		free(self.paths[i]);
	}
	free(self.hosts);
	free(self.paths);
	free(self.reached);
	free(self.abroad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };

	open_world(&feed);
	while (feed.left > 0)
		command(&feed);
	close_world();
	return 0;
}
