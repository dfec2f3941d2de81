/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_nspaces.c - what the job's other steps say of their namespaces: where
 * their tasks are, and who spawned them.  Processes of the same user, who may
 * run what he likes.
 *
 * Input: commands.  n: somebody here needs a step's namespace; m: a step tells
 * it, with plausible numbers; r: a message of any bytes; q: a step asks for
 * ours; p: libpmix has registered one; l: a step is lost; w: all are; s: a
 * namespace's name, as a client gives it.  peers.h and libpmix are doubles.
 *
 * Who needs a namespace is told once.  What libpmix is given is whole: each
 * rank is on one node and each node has a name.  The source is included, so
 * that what is kept for good can be released.
 */
#include "../../mpi_plugin/pmixd/nspaces.c" /* NOLINT(bugprone-suspicious-include) */
#include "fuzz.h"

#define STEPS	  4 /* ours is number 1 */
#define OWN_STEP  1
#define NEEDS_MAX 64

pmixd_t pmixd;

static struct {
	peers_handler_fn handler;
	peers_lost_fn lost;
	int answers[NEEDS_MAX];
	unsigned nneeds;
	foreign_t *registering[STEPS];
	bool gone[STEPS];
} world;

/* -- doubles ----------------------------------------------------------------
 */

void peers_register(peers_service_t service, peers_handler_fn fn, void *arg)
{
	MUST(service == PEERS_NSPACE);
	world.handler = fn;
}

void peers_on_lost(peers_lost_fn fn, void *arg)
{
	world.lost = fn;
}

int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt)
{
	uint8_t *copy = fuzz_copy(iov[0].iov_base, iov[0].iov_len);
	uint32_t kind;

	MUST(service == PEERS_NSPACE && iovcnt == 1 && iov[0].iov_len >= 4);
	kind = get_u32(copy);
	MUST(kind == KIND_TELL || (kind == KIND_ASK && to.node == 0));
	free(copy);
	return to.step < STEPS && !world.gone[to.step] ? 0 : -1;
}

infolist_t infolist_new(void)
{
	return (infolist_t){ NULL, 0, 0, PMIX_SUCCESS };
}

pmix_status_t infolist_take(infolist_t *l, pmix_data_array_t *out)
{
	memset(out, 0, sizeof(*out));
	return PMIX_SUCCESS;
}

/* The real one reads all of this. */
void jobinfo_add(infolist_t *list, const pmixd_t *view)
{
	const layout_t *l = &view->layout;
	uint32_t n = 0;

	for (uint32_t r = 0; r < l->ntasks; r++) {
		MUST(l->node_of[r] < l->nnodes);
		MUST(l->local_of[r] < l->node_tasks[l->node_of[r]]);
		MUST(l->node_ranks[l->node_of[r]][l->local_of[r]] == r);
	}
	for (uint32_t i = 0; i < l->nnodes; i++) {
		MUST(l->node_names[i] && *l->node_names[i]);
		free(fuzz_copy(l->node_names[i], strlen(l->node_names[i]) + 1));
		n += l->node_tasks[i] + (l->node_slots[i] & 0);
	}
	MUST(n == l->ntasks && l->apps.n == 1);
	MUST(l->apps.list[0].size == l->ntasks);
	MUST(memchr(view->parent.nspace, '\0', sizeof(view->parent.nspace)));
	MUST(view->conf.node < l->nnodes || view->conf.node == UINT32_MAX);
}

pmix_status_t PMIx_server_register_nspace(const pmix_nspace_t nspace,
					  int nlocalprocs, pmix_info_t info[],
					  size_t ninfo, pmix_op_cbfunc_t cbfunc,
					  void *cbdata)
{
	foreign_t *f = cbdata;

	MUST(f->step < STEPS && !world.registering[f->step]);
	world.registering[f->step] = f;
	return PMIX_SUCCESS;
}

/* -- commands ---------------------------------------------------------------
 */

static void ready(void *arg, bool ok)
{
	(*(int *)arg)++;
}

static void wish(feed_t *feed)
{
	uint32_t step = feed_below(feed, STEPS);
	bool early = feed_below(feed, 2);

	if (world.nneeds < NEEDS_MAX)
		(early ? nspaces_prepare : nspaces_need)(
			step, ready, &world.answers[world.nneeds++]);
}

static void give(uint32_t step, uint32_t node, const uint8_t *msg, size_t len)
{
	uint8_t *copy = fuzz_copy(msg, len);

	if (!world.gone[step])
		world.handler(NULL, (peers_addr_t){ step, node }, copy, len);
	free(copy);
}

static void put_word(uint8_t *msg, size_t *at, uint32_t value)
{
	put_u32(msg + *at, value);
	*at += 4;
}

static void tell_us(feed_t *feed)
{
	uint32_t step = feed_below(feed, STEPS), tasks, nodes, len;
	uint8_t msg[1024];
	const uint8_t *rest;
	size_t at = 0, n;

	tasks = feed_below(feed, 6);
	nodes = feed_below(feed, 4);
	len = feed_below(feed, 8);
	put_word(msg, &at, KIND_TELL);
	put_word(msg, &at, tasks);
	put_word(msg, &at, nodes);
	put_word(msg, &at, feed_u8(feed));
	put_word(msg, &at, len);
	memset(msg + at, 'p', len);
	at += len;
	put_word(msg, &at, feed_u8(feed));
	for (uint32_t r = 0; r < tasks; r++)
		put_word(msg, &at, feed_below(feed, 4));
	rest = feed_bytes(feed, feed_below(feed, 64), &n);
	if (n)
		memcpy(msg + at, rest, n);
	give(step, feed_below(feed, 2), msg, at + n);
}

static void raw(feed_t *feed)
{
	uint32_t step = feed_below(feed, STEPS);
	size_t len;
	const uint8_t *msg = feed_bytes(feed, feed_u16(feed) % 512, &len);

	give(step, 0, msg, len);
}

static void ask_us(feed_t *feed)
{
	uint8_t msg[4];

	put_u32(msg, KIND_ASK);
	give(feed_below(feed, STEPS), feed_u8(feed), msg, sizeof(msg));
}

static void libpmix_has(uint32_t step, pmix_status_t status)
{
	foreign_t *f = world.registering[step];

	world.registering[step] = NULL;
	if (f)
		registered(status, f);
}

static void lose(uint32_t step)
{
	for (uint32_t i = 0; i < STEPS; i++)
		if (i != OWN_STEP && (step == PEERS_ALL || step == i))
			world.gone[i] = true;
	world.lost(NULL, step, false, "it is gone");
}

/* What is taken for a step has the name of that step, and of no other. */
static void name_step(feed_t *feed)
{
	size_t len;
	const uint8_t *bytes = feed_bytes(feed, feed_below(feed, 40), &len);
	char *text = fuzz_string(bytes, len);
	pmix_nspace_t again;
	uint32_t step = 0;

	if (nspaces_step(text, &step)) {
		MUST(step < PEERS_STEPS_MAX);
		nspaces_name(step, again);
		MUST(strcmp(again, text) == 0);
	}
	free(text);
}

static void command(feed_t *feed)
{
	uint32_t node = 0;

	switch (feed_u8(feed)) {
	case 'n':
		wish(feed);
		break;
	case 'm':
		tell_us(feed);
		break;
	case 'r':
		raw(feed);
		break;
	case 'q':
		ask_us(feed);
		break;
	case 'p':
		libpmix_has(feed_below(feed, STEPS),
			    feed_below(feed, 4) ? PMIX_SUCCESS : PMIX_ERROR);
		break;
	case 'l':
		lose(feed_below(feed, STEPS));
		break;
	case 'w':
		lose(PEERS_ALL);
		break;
	case 's':
		name_step(feed);
		break;
	case 'o':
		/* A rank of a step that may be known. */
		(void)nspaces_node_of(feed_below(feed, STEPS), feed_u8(feed),
				      &node);
		break;
	default:
		break;
	}
}

/* -- the step ---------------------------------------------------------------
 */

static void open_world(void)
{
	static uint32_t node_of[2] = { 0, 1 };
	static char *names[2] = { (char *)"n0", (char *)"n1" };

	memset(&world, 0, sizeof(world));
	pmixd.conf.step_id = OWN_STEP;
	pmixd.conf.nnodes = pmixd.layout.nnodes = 2;
	pmixd.layout.ntasks = 2;
	pmixd.layout.node_of = node_of;
	pmixd.layout.node_names = names;
	pmixd.layout.apps.leader = 7;
	nspaces_init();
}

static void close_world(void)
{
	for (uint32_t i = 0; i < STEPS; i++)
		libpmix_has(i, PMIX_SUCCESS);
	lose(PEERS_ALL);
	for (unsigned i = 0; i < world.nneeds; i++)
		MUST(world.answers[i] == 1);
	while (foreigns) {
		/* Known, or only to us where libpmix was not to be told. */
		MUST(foreigns->ready ||
		     (foreigns->told && !foreigns->registering));
		finish(foreigns, false);
	}
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
