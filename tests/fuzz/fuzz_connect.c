/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_connect.c - what servers of this step and of the job's other steps say
 * about PMIx_Connect, PMIx_Disconnect and fences across steps: processes of the
 * same user, who may run what he likes.
 *
 * Input: first which node of its step this server is; then commands.  a: a rank
 * here takes part; m: a message made of plausible numbers; r: one of any bytes;
 * s: what this server has sent to itself arrives; t: the clock; l: a step is
 * lost; w: this server's way to the others is.  peers.h, nspaces.h, assembly.h,
 * ends.h, deadline.h and libpmix's thread are doubles.
 *
 * Each call is answered exactly once, at the latest when all others are lost;
 * and what is sent on is well-formed.  The source is included, so that what it
 * keeps for members that never come can be counted and released.
 */
#include "../../mpi_plugin/pmixd/connect.c" /* NOLINT(bugprone-suspicious-include) */
#include "deadlines.h"
#include "fuzz.h"
#include "posted.h"

#define STEPS	 4 /* ours is number 1 */
#define OWN_STEP 1
#define NODES	 3
#define RANKS	 6 /* two on each node */
#define ASKS_MAX 32
#define SENT_MAX 256

pmixd_t pmixd;

static struct {
	peers_handler_fn handler;
	peers_lost_fn lost;
	bool gone[STEPS];
	unsigned nasks;
	int answers[ASKS_MAX];
	struct {
		uint8_t *msg;
		size_t len;
	} sent[SENT_MAX]; /* to this server itself */
	unsigned nsent;
	struct {
		nspaces_ready_fn fn;
		void *arg;
	} needs[ASKS_MAX * STEPS];
	unsigned nneeds;
	name_t seen; /* of the last message sent */
} world;

/* -- doubles ----------------------------------------------------------------
 */

void peers_register(peers_service_t service, peers_handler_fn fn, void *arg)
{
	MUST(service == PEERS_CONNECT);
	world.handler = fn;
}

void peers_on_lost(peers_lost_fn fn, void *arg)
{
	world.lost = fn;
}

int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt)
{
	size_t len = iov[0].iov_len + iov[1].iov_len;
	uint8_t *msg = malloc(len);
	static msg_t m;

	MUST(service == PEERS_CONNECT && iovcnt == 2 && msg);
	memcpy(msg, iov[0].iov_base, iov[0].iov_len);
	if (iov[1].iov_len)
		memcpy(msg + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	MUST(get_msg(&m, msg, len));
	MUST(m.kind >= KIND_JOIN && m.kind <= KIND_PROBE);
	MUST(m.len == iov[1].iov_len);
	world.seen = m.name;
	if (to.step != OWN_STEP) {
		free(msg);
		return to.step >= STEPS || world.gone[to.step] ? -1 : 0;
	}
	if (to.node != pmixd.conf.node || world.nsent == SENT_MAX) {
		free(msg);
		return to.node < NODES ? 0 : -1;
	}
	world.sent[world.nsent].msg = msg;
	world.sent[world.nsent++].len = len;
	return 0;
}

bool nspaces_step(const char *nspace, uint32_t *step)
{
	if (strlen(nspace) != 1 || *nspace < '0' || *nspace >= '0' + STEPS)
		return false;
	*step = (uint32_t)(*nspace - '0');
	return true;
}

void nspaces_need(uint32_t step, nspaces_ready_fn fn, void *arg)
{
	if (step == OWN_STEP || step >= STEPS || world.gone[step] ||
	    world.nneeds == ASKS_MAX * STEPS) {
		fn(arg, step == OWN_STEP);
		return;
	}
	world.needs[world.nneeds].fn = fn;
	world.needs[world.nneeds++].arg = arg;
}

void assembly_connected(const uint8_t sig[ASSEMBLY_SIG_LEN],
			const uint32_t *steps, uint32_t n, bool *locals)
{
	MUST(locals && n > 0 && n <= STEPS);
	for (uint32_t i = 0; i < n; i++)
		MUST(steps[i] < STEPS);
	free(locals);
}

void assembly_disconnected(const uint8_t sig[ASSEMBLY_SIG_LEN])
{
}

void ends_connected_lost(uint32_t step)
{
	MUST(step < STEPS);
}

pmix_status_t fence_upcall(const pmix_proc_t procs[], size_t nprocs,
			   const pmix_info_t info[], size_t ninfo, char *data,
			   size_t ndata, pmix_modex_cbfunc_t cbfunc,
			   void *cbdata)
{
	free(data);
	return PMIX_ERR_NOT_SUPPORTED; /* another file's */
}

/* -- commands ---------------------------------------------------------------
 */

static void op_over(pmix_status_t status, void *arg)
{
	(*(int *)arg)++;
}

static void fence_over(pmix_status_t status, const char *data, size_t len,
		       void *arg, pmix_release_cbfunc_t release,
		       void *release_arg)
{
	MUST(len == 0 || data);
	free(fuzz_copy(data, len));
	if (release)
		release(release_arg);
	(*(int *)arg)++;
}

/* Some ranks of some steps, ours among them, or not. */
static size_t make_procs(feed_t *feed, pmix_proc_t *procs)
{
	size_t n = 1 + feed_below(feed, 4);

	for (size_t i = 0; i < n; i++) {
		uint32_t rank = feed_below(feed, RANKS + 2);

		memset(&procs[i], 0, sizeof(procs[i]));
		procs[i].nspace[0] = (char)('0' + feed_below(feed, STEPS + 1));
		procs[i].rank = rank > RANKS ? PMIX_RANK_WILDCARD : rank;
	}
	return n;
}

static void ask(feed_t *feed)
{
	char key[] = PMIX_TIMEOUT;
	pmix_proc_t procs[4];
	size_t nprocs = make_procs(feed, procs), len;
	uint32_t op = feed_below(feed, 3);
	int timeout_s = (int)feed_below(feed, 3);
	const uint8_t *bytes = feed_bytes(feed, feed_below(feed, 32), &len);
	pmix_info_t info;
	pmix_status_t rc;
	int *answers;

	if (world.nasks == ASKS_MAX)
		return;
	answers = &world.answers[world.nasks++];
	PMIX_INFO_LOAD(&info, key, &timeout_s, PMIX_INT);
	if (op == 0)
		rc = connect_upcall(procs, nprocs, &info, 1, op_over, answers);
	else if (op == 1)
		rc = connect_disconnect_upcall(procs, nprocs, &info, 1, op_over,
					       answers);
	else
		rc = connect_fence_upcall(procs, nprocs, &info, 1,
					  (char *)fuzz_copy(bytes, len), len,
					  fence_over, answers);
	if (rc == PMIX_SUCCESS)
		return;
	/* An error instead of a callback, never both. */
	MUST(*answers == 0);
	*answers = 1;
}

static void give(peers_addr_t from, const uint8_t *msg, size_t len)
{
	uint8_t *copy = fuzz_copy(msg, len);

	if (from.step == OWN_STEP || !world.gone[from.step])
		world.handler(NULL, from, copy, len);
	free(copy);
}

static peers_addr_t sender(feed_t *feed)
{
	uint32_t step = feed_below(feed, STEPS);

	/* Nodes are a word of the peer's own. */
	return (peers_addr_t){ step, feed_below(feed, NODES + 2) };
}

static void message(feed_t *feed)
{
	static const pmix_status_t statuses[] = { PMIX_SUCCESS, PMIX_ERROR,
						  PMIX_ERR_TIMEOUT };
	peers_addr_t from = sender(feed);
	uint8_t msg[HEAD_LEN + 4 * STEPS + 64];
	uint32_t nsteps;
	const uint8_t *rest;
	size_t len;

	put_u32(msg, feed_below(feed, 7));
	put_u32(msg + 4, feed_below(feed, 5));
	put_u32(msg + 8, (uint32_t)statuses[feed_below(feed, 3)]);
	put_u32(msg + 12, feed_below(feed, NODES + 2));
	memset(msg + 16, (int)feed_below(feed, 3), SIG_LEN);
	/* Of an operation that is under way. */
	if (feed_below(feed, 2)) {
		put_u32(msg + 4, world.seen.op);
		memcpy(msg + 16, world.seen.sig, SIG_LEN);
	}
	nsteps = feed_below(feed, STEPS + 1);
	put_u32(msg + 16 + SIG_LEN, nsteps);
	for (uint32_t i = 0; i < nsteps; i++)
		put_u32(msg + HEAD_LEN + (size_t)i * 4,
			feed_below(feed, STEPS + 1));
	rest = feed_bytes(feed, feed_below(feed, 64), &len);
	if (len)
		memcpy(msg + HEAD_LEN + (size_t)nsteps * 4, rest, len);
	give(from, msg, HEAD_LEN + (size_t)nsteps * 4 + len);
}

static void raw(feed_t *feed)
{
	peers_addr_t from = sender(feed);
	size_t len;
	const uint8_t *msg = feed_bytes(feed, feed_u16(feed) % 512, &len);

	give(from, msg, len);
}

static void arrive(void)
{
	const peers_addr_t own = { OWN_STEP, pmixd.conf.node };
	unsigned n = world.nsent;

	for (unsigned i = 0; i < n; i++) {
		uint8_t *msg = world.sent[i].msg;

		world.handler(NULL, own, msg, world.sent[i].len);
		free(msg);
	}
	world.nsent -= n;
	memmove(world.sent, world.sent + n,
		world.nsent * sizeof(world.sent[0]));
}

static void lose(uint32_t step)
{
	if (step != PEERS_ALL && (step == OWN_STEP || world.gone[step]))
		return;
	for (uint32_t i = 0; i < STEPS; i++)
		if (step == PEERS_ALL || step == i)
			world.gone[i] = true;
	world.lost(NULL, step, false, "it is gone");
	/* What was to be learned of it is not. */
	while (world.nneeds > 0) {
		world.nneeds--;
		world.needs[world.nneeds].fn(world.needs[world.nneeds].arg,
					     step != PEERS_ALL);
	}
}

static void command(feed_t *feed)
{
	switch (feed_u8(feed)) {
	case 'a':
		ask(feed);
		break;
	case 'm':
		message(feed);
		break;
	case 'r':
		raw(feed);
		break;
	case 's':
		arrive();
		break;
	case 't':
		deadlines_fire(feed);
		break;
	case 'l':
		lose(feed_below(feed, STEPS));
		break;
	case 'w':
		lose(PEERS_ALL);
		break;
	default:
		break;
	}
	posted_run();
}

/* -- the step ---------------------------------------------------------------
 */

static void open_world(feed_t *feed)
{
	static uint32_t node_of[RANKS] = { 0, 0, 1, 1, 2, 2 };
	static uint32_t node_tasks[NODES] = { 2, 2, 2 };

	memset(&world, 0, sizeof(world));
	deadlines_begin(1);
	pmixd.conf.step_id = OWN_STEP;
	pmixd.conf.node = feed_below(feed, NODES);
	pmixd.conf.nnodes = pmixd.layout.nnodes = NODES;
	pmixd.layout.ntasks = RANKS;
	pmixd.layout.node_of = node_of;
	pmixd.layout.node_tasks = node_tasks;
	pmixd.nspace[0] = '0' + OWN_STEP;
	connect_init();
}

/* All others are gone: nobody may still wait. */
static void close_world(void)
{
	for (uint32_t i = 0; i < STEPS; i++)
		lose(i);
	lose(PEERS_ALL);
	posted_run();
	MUST(!members);
	for (unsigned i = 0; i < world.nasks; i++)
		MUST(world.answers[i] == 1);
	/* Some of these are kept for members that are still to come. */
	while (gathers) {
		MUST(gathers->ended && !gathers->heads);
		gather_free(gathers);
	}
	while (world.nsent > 0)
		free(world.sent[--world.nsent].msg);
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
