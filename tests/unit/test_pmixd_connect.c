/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PMIx_Connect across steps, where it fails: what the head of a step tells its
 * members.  The source is included; what it calls are doubles, so that the
 * other steps can be out of reach at the right moment.
 */
#include "../../mpi_plugin/pmixd/connect.c" /* NOLINT(bugprone-suspicious-include) */

#include "check.h"

#define OWN_STEP 2
#define LOWEST	 1 /* the step that unites both, and is gone */
#define NODES	 3

pmixd_t pmixd;

/* What each node of the own step has been told. */
static struct {
	peers_handler_fn handler;
	unsigned ends[NODES];
	pmix_status_t status[NODES];
} world;

void peers_register(peers_service_t service, peers_handler_fn fn, void *arg)
{
	world.handler = fn;
}

void peers_on_lost(peers_lost_fn fn, void *arg)
{
}

int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt)
{
	static msg_t m;

	if (to.step != OWN_STEP)
		return -1;
	assert_true(get_msg(&m, iov[0].iov_base, iov[0].iov_len));
	assert_int_equal(m.kind, KIND_END);
	assert_true(to.node < NODES);
	world.ends[to.node]++;
	world.status[to.node] = m.status;
	return 0;
}

bool nspaces_step(const char *nspace, uint32_t *step)
{
	return false;
}

void nspaces_need(uint32_t step, nspaces_ready_fn fn, void *arg)
{
}

void assembly_connected(const uint8_t sig[ASSEMBLY_SIG_LEN],
			const uint32_t *steps, uint32_t n, bool *locals)
{
}

void assembly_disconnected(const uint8_t sig[ASSEMBLY_SIG_LEN])
{
}

void ends_connected_lost(uint32_t step)
{
}

pmix_status_t fence_upcall(const pmix_proc_t procs[], size_t nprocs,
			   const pmix_info_t info[], size_t ninfo, char *data,
			   size_t ndata, pmix_modex_cbfunc_t cbfunc,
			   void *cbdata)
{
	return PMIX_ERR_NOT_SUPPORTED;
}

void progress_post(progress_call_t *call, void (*fn)(progress_call_t *call))
{
}

void deadline_set(deadline_t *d, int64_t ms, deadline_fn fn)
{
}

void deadline_clear(deadline_t *d)
{
}

static int begin(void **state)
{
	memset(&world, 0, sizeof(world));
	pmixd.conf.step_id = OWN_STEP;
	pmixd.conf.node = 0;
	pmixd.conf.nnodes = pmixd.layout.nnodes = NODES;
	connect_init();
	return 0;
}

/* The members of NODE join, of two nodes that take part. */
static void join_of(uint32_t node, pmix_status_t status)
{
	uint8_t msg[HEAD_LEN + 8] = { 0 };

	put_u32(msg, KIND_JOIN);
	put_u32(msg + 4, OP_CONNECT);
	put_u32(msg + 8, (uint32_t)status);
	put_u32(msg + 12, 2);
	put_u32(msg + 16 + SIG_LEN, 2);
	put_u32(msg + HEAD_LEN, LOWEST);
	put_u32(msg + HEAD_LEN + 4, OWN_STEP);
	world.handler(NULL, (peers_addr_t){ OWN_STEP, node }, msg, sizeof(msg));
}

static void all_members_learn_that_the_other_step_is_out_of_reach(void **state)
{
	join_of(1, PMIX_SUCCESS);
	assert_int_equal(world.ends[1], 0);
	join_of(2, PMIX_SUCCESS);
	for (uint32_t node = 1; node < NODES; node++) {
		assert_int_equal(world.ends[node], 1);
		assert_int_equal(world.status[node], PMIX_ERR_UNREACH);
	}
	assert_null(gathers);
}

/* A rank of node 1 ended before it joined: that is told at once. */
static void members_that_come_after_a_failure_learn_it_too(void **state)
{
	join_of(1, PMIX_ERR_LOST_CONNECTION);
	assert_int_equal(world.ends[1], 1);
	join_of(2, PMIX_SUCCESS);
	assert_int_equal(world.ends[2], 1);
	assert_int_not_equal(world.status[2], PMIX_SUCCESS);
	assert_null(gathers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			all_members_learn_that_the_other_step_is_out_of_reach,
			begin),
		cmocka_unit_test_setup(
			members_that_come_after_a_failure_learn_it_too, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
