/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_dmodex.c - messages of the direct modex and notices, which other nodes
 * of the step send: processes of the same user, who may run what he likes.
 *
 * Input: commands.  a: a rank here asks for a remote one's data; m: a message
 * made of plausible numbers; r: one of any bytes; n: a notice; s: libpmix
 * answers; t: the clock; l: a node is lost.  links.h, deadline.h and libpmix
 * are doubles.
 *
 * Each question is answered exactly once, and nothing is kept for ever.
 */
#include <pmix_server.h>

#include "bytes.h"
#include "dmodex.h"
#include "deadlines.h"
#include "fuzz.h"
#include "notice.h"
#include "nspaces.h"
#include "peers.h"
#include "pmixd.h"

#define NODES	  3
#define RANKS	  6 /* two on each node; ours is node 0 */
#define ASKS_MAX  32
#define SERVE_MAX 64

pmixd_t pmixd;

static struct {
	link_handler_fn handlers[LINK_TYPE_MAX + 1];
	link_lost_fn lost;
	bool gone[NODES];
	int answers[ASKS_MAX]; /* how often each was answered */
	bool pending[ASKS_MAX];
	uint32_t rank[ASKS_MAX]; /* whose data */
	uint32_t from;		 /* whose message is being handled; 0: none */
	unsigned nasks;
	struct {
		pmix_dmodex_response_fn_t fn;
		void *arg;
	} serving[SERVE_MAX]; /* what libpmix was asked */
	unsigned nserving;
	unsigned asked, answered; /* of us, by other nodes; to them */
	uint32_t last_id;	  /* of our own questions */
} world;

/* -- doubles ----------------------------------------------------------------
 */

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
	world.handlers[type] = fn;
}

void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
	world.lost = fn;
}

int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	uint8_t head[16];

	MUST(node < NODES && node != 0);
	MUST(type == LINK_DMODEX && iovcnt >= 1 && iov[0].iov_len == 16);
	memcpy(head, iov[0].iov_base, sizeof(head));
	if (iovcnt == 2)
		free(fuzz_copy(iov[1].iov_base, iov[1].iov_len));
	if (get_u32(head) == 1)
		world.last_id = get_u32(head + 4);
	if (get_u32(head) == 2)
		world.answered++;
	return world.gone[node] ? -1 : 0;
}

/* Other steps of the job are not tried here. */

int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt)
{
	MUST(false);
	return -1;
}

void peers_register(peers_service_t service, peers_handler_fn fn, void *arg)
{
}

void peers_on_lost(peers_lost_fn fn, void *arg)
{
}

bool nspaces_step(const char *nspace, uint32_t *step)
{
	return false;
}

void nspaces_need(uint32_t step, nspaces_ready_fn fn, void *arg)
{
	MUST(false);
}

bool nspaces_is_told(uint32_t step)
{
	return false;
}

bool nspaces_node_of(uint32_t step, uint32_t rank, uint32_t *node)
{
	return false;
}

size_t coll_partners(uint32_t self, uint32_t nnodes, uint32_t *nodes,
		     size_t max)
{
	return 0;
}

pmix_status_t PMIx_server_dmodex_request(const pmix_proc_t *proc,
					 pmix_dmodex_response_fn_t fn,
					 void *arg)
{
	MUST(proc->rank == 0 || proc->rank == 1);
	if (world.nserving == SERVE_MAX)
		return PMIX_ERR_OUT_OF_RESOURCE;
	world.serving[world.nserving].fn = fn;
	world.serving[world.nserving].arg = arg;
	world.nserving++;
	return PMIX_SUCCESS;
}

/* -- commands ---------------------------------------------------------------
 */

static void got(pmix_status_t status, const char *data, size_t len, void *arg,
		pmix_release_cbfunc_t release, void *release_arg)
{
	size_t i = (size_t)((int *)arg - world.answers);

	MUST(i < world.nasks && world.pending[i]);
	/* Only the node of that rank can answer for it. */
	MUST(!world.from || world.from == world.rank[i] / 2);
	MUST((len > 0) == (data != NULL));
	world.pending[i] = false;
	world.answers[i]++;
	if (release)
		release(release_arg);
}

static void ask(feed_t *feed)
{
	char key[] = PMIX_REQUIRED_KEY, wait[] = PMIX_TIMEOUT;
	pmix_proc_t proc = { .rank = feed_below(feed, RANKS + 2) };
	int timeout_s = (int)feed_below(feed, 3);
	pmix_info_t info[2];
	unsigned i = world.nasks;

	if (i == ASKS_MAX)
		return;
	memcpy(proc.nspace, pmixd.nspace, sizeof(proc.nspace));
	PMIX_INFO_LOAD(&info[0], key, "the.key", PMIX_STRING);
	PMIX_INFO_LOAD(&info[1], wait, &timeout_s, PMIX_INT);
	world.nasks++;
	world.pending[i] = true;
	world.rank[i] = proc.rank;
	if (dmodex_upcall(&proc, info, 2, got, &world.answers[i]) !=
	    PMIX_SUCCESS) {
		/* An error instead of a callback, never both. */
		MUST(world.answers[i] == 0);
		world.pending[i] = false;
		world.answers[i] = 1;
	}
	PMIX_INFO_DESTRUCT(&info[0]);
	PMIX_INFO_DESTRUCT(&info[1]);
}

static void give(link_type_t type, uint32_t from, const uint8_t *msg,
		 size_t len)
{
	uint8_t *copy = fuzz_copy(msg, len);

	world.from = from;
	if (!world.gone[from])
		world.handlers[type](NULL, from, copy, len);
	world.from = 0;
	free(copy);
}

static void message(feed_t *feed)
{
	uint32_t from = 1 + feed_below(feed, NODES - 1);
	uint8_t msg[16 + 1024];
	uint32_t kind = feed_below(feed, 5);
	const uint8_t *rest;
	size_t len;

	put_u32(msg, kind);
	/* Near our own, which grow from input to input. */
	put_u32(msg + 4, world.last_id - feed_below(feed, 4));
	put_u32(msg + 8, feed_below(feed, RANKS + 1));
	put_u32(msg + 12, feed_below(feed, 2) ? (uint32_t)PMIX_ERROR : 0);
	rest = feed_bytes(feed, feed_u16(feed) % 1024, &len);
	if (len > 0)
		memcpy(msg + 16, rest, len);
	if (kind == 1 && !world.gone[from])
		world.asked++;
	give(LINK_DMODEX, from, msg, 16 + len);
}

static void raw(feed_t *feed, link_type_t type)
{
	uint32_t from = 1 + feed_below(feed, NODES - 1);
	size_t len;
	const uint8_t *msg = feed_bytes(feed, feed_u16(feed) % 512, &len);

	if (type == LINK_DMODEX && len >= 16 && get_u32(msg) == 1 &&
	    !world.gone[from])
		world.asked++;
	give(type, from, msg, len);
}

static void serve(feed_t *feed, pmix_status_t status)
{
	static const char with_key[] = "x\0the.key\0value";
	unsigned i = world.nserving ? feed_u8(feed) % world.nserving : 0;
	pmix_dmodex_response_fn_t fn;
	size_t len = feed_below(feed, sizeof(with_key) + 1);
	char *data;
	void *arg;

	if (world.nserving == 0)
		return;
	fn = world.serving[i].fn;
	arg = world.serving[i].arg;
	world.serving[i] = world.serving[--world.nserving];
	data = fuzz_copy(with_key, len);
	fn(status, status == PMIX_SUCCESS ? data : NULL,
	   status == PMIX_SUCCESS ? len : 0, arg);
	free(data);
}

static void lose(uint32_t node)
{
	if (world.gone[node])
		return;
	world.gone[node] = true;
	world.lost(NULL, node, 0, "it is gone");
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
		raw(feed, LINK_DMODEX);
		break;
	case 'n':
		raw(feed, LINK_NOTICE);
		break;
	case 's':
		serve(feed, PMIX_SUCCESS);
		break;
	case 'e':
		serve(feed, PMIX_ERR_NOT_FOUND);
		break;
	case 't':
		deadlines_fire(feed);
		break;
	case 'l':
		lose(1 + feed_below(feed, NODES - 1));
		break;
	default:
		break;
	}
}

/* -- the step ---------------------------------------------------------------
 */

static void open_world(void)
{
	static uint32_t node_of[RANKS] = { 0, 0, 1, 1, 2, 2 };
	static char *names[NODES] = { (char *)"n0", (char *)"n1",
				      (char *)"n2" };
	static links_t *const links = (links_t *)&world;

	memset(&world, 0, sizeof(world));
	deadlines_begin(1);
	pmixd.links = links;
	pmixd.conf.nnodes = pmixd.layout.nnodes = NODES;
	pmixd.layout.ntasks = RANKS;
	pmixd.layout.node_of = node_of;
	pmixd.layout.node_names = names;
	memcpy(pmixd.nspace, "slurm.pmix.1.0", 15);
	dmodex_init();
	notice_init();
}

/* All others are gone and libpmix has answered: nobody may still wait. */
static void close_world(void)
{
	feed_t nothing = { NULL, 0 };

	for (uint32_t i = 1; i < NODES; i++)
		lose(i);
	while (world.nserving > 0 || deadlines_waits()) {
		while (world.nserving > 0)
			serve(&nothing, PMIX_ERR_NOT_FOUND);
		if (deadlines_waits())
			deadlines_fire(&nothing);
	}
	for (unsigned i = 0; i < world.nasks; i++)
		MUST(world.answers[i] == 1);
	MUST(world.answered <= world.asked);
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
