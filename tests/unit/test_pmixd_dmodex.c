/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PMIx_Get of what belongs to another step whose namespace is not known yet.
 * The source is included; what it calls are doubles, so that the other step's
 * head can be silent.
 */
#include "../../mpi_plugin/pmixd/dmodex.c" /* NOLINT(bugprone-suspicious-include) */

#include "check.h"

#define OWN_STEP 0
#define STEP	 1
#define SECONDS	 2

pmixd_t pmixd;

static struct {
	nspaces_ready_fn known;
	void *arg;
	bool told;
	deadline_t *deadline;
	int64_t ms;
	unsigned asked, answers;
	pmix_status_t status;
} world;

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
}

void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
}

int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	return -1;
}

int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt)
{
	assert_int_equal(to.step, STEP);
	world.asked++;
	return 0;
}

void peers_register(peers_service_t service, peers_handler_fn fn, void *arg)
{
}

void peers_on_lost(peers_lost_fn fn, void *arg)
{
}

bool nspaces_step(const char *nspace, uint32_t *step)
{
	*step = STEP;
	return true;
}

void nspaces_need(uint32_t step, nspaces_ready_fn fn, void *arg)
{
	assert_null(world.known);
	world.known = fn;
	world.arg = arg;
}

bool nspaces_is_told(uint32_t step)
{
	return world.told;
}

bool nspaces_node_of(uint32_t step, uint32_t rank, uint32_t *node)
{
	*node = 0;
	return true;
}

pmix_status_t PMIx_server_dmodex_request(const pmix_proc_t *proc,
					 pmix_dmodex_response_fn_t fn,
					 void *arg)
{
	return PMIX_ERR_NOT_SUPPORTED;
}

void deadline_set(deadline_t *d, int64_t ms, deadline_fn fn)
{
	d->fn = fn;
	world.deadline = d;
	world.ms = ms;
}

void deadline_clear(deadline_t *d)
{
	world.deadline = NULL;
}

static void got(pmix_status_t status, const char *data, size_t len, void *arg,
		pmix_release_cbfunc_t release, void *release_arg)
{
	assert_ptr_equal(arg, &world);
	assert_int_equal(len, 0);
	world.answers++;
	world.status = status;
}

/* A rank asks, and waits for SECONDS. */
static void ask(void)
{
	const pmix_proc_t proc = { .nspace = "other", .rank = 3 };
	char key[] = PMIX_TIMEOUT;
	int timeout_s = SECONDS;
	pmix_info_t info;

	PMIX_INFO_LOAD(&info, key, &timeout_s, PMIX_INT);
	assert_int_equal(dmodex_upcall(&proc, &info, 1, got, &world),
			 PMIX_SUCCESS);
}

static int begin(void **state)
{
	memset(&world, 0, sizeof(world));
	pmixd.conf.step_id = OWN_STEP;
	memcpy(pmixd.nspace, "own", 4);
	return 0;
}

static void tick(void)
{
	deadline_t *d = world.deadline;

	if (!d)
		FAIL_MSG("the time is not counted");
	world.deadline = NULL;
	d->fn(d);
}

static void know(bool ok)
{
	nspaces_ready_fn fn = world.known;

	world.known = NULL;
	fn(world.arg, ok);
}

static void
a_silent_head_is_waited_for_no_longer_than_the_caller_says(void **state)
{
	ask();
	assert_int_equal(world.ms, SECONDS * 1000);
	tick();
	assert_int_equal(world.answers, 1);
	assert_int_equal(world.status, PMIX_ERR_TIMEOUT);
	/* Another question, for which libpmix may take the same memory. */
	nspaces_ready_fn first = world.known;
	void *arg = world.arg;

	world.known = NULL;
	ask();
	assert_non_null(world.known);
	first(arg, true);
	assert_int_equal(world.asked, 0);
	assert_int_equal(world.answers, 1);
	know(false);
	assert_int_equal(world.answers, 2);
	assert_int_equal(world.status, PMIX_ERR_NOT_FOUND);
	assert_null(abroad);
}

static void the_time_of_a_question_that_is_on_its_way_goes_on(void **state)
{
	ask();
	know(true);
	assert_int_equal(world.asked, 1);
	assert_int_equal(world.answers, 0);
	tick();
	assert_int_equal(world.answers, 1);
	assert_int_equal(world.status, PMIX_ERR_TIMEOUT);
	assert_null(asks);
}

/* While libpmix registers the namespace it may repeat the question. */
static void nothing_is_answered_while_the_namespace_is_registered(void **state)
{
	ask();
	world.told = true;
	tick();
	assert_int_equal(world.answers, 0);
	know(false);
	assert_int_equal(world.answers, 1);
	assert_null(world.deadline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_silent_head_is_waited_for_no_longer_than_the_caller_says,
			begin),
		cmocka_unit_test_setup(
			the_time_of_a_question_that_is_on_its_way_goes_on,
			begin),
		cmocka_unit_test_setup(
			nothing_is_answered_while_the_namespace_is_registered,
			begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
