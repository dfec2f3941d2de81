/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eight threads share one context for a second, and do all that a context can
 * do: select, probe, list, credentials with a real munged, handshakes.  What
 * each gets must be right; ThreadSanitizer looks for the rest.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "munged.h"

#define THREADS	   8
#define RUN_MS	   1000
#define TIMEOUT_MS 20000

typedef struct {
	psec_t *psec;
	const char *socket;
	pthread_barrier_t start;
	atomic_uint failures;
	atomic_uint handshakes, credentials;
	psec_error_t first; /* of the first failure */
} shared_t;

/* One of the peers of a handshake. */
typedef struct {
	shared_t *shared;
	psec_role_t role;
	const char *mechs;
	int fd;
} end_t;

/* Not cmocka's assertions: they belong to the main thread. */
static void check(shared_t *s, bool ok, psec_code_t rc, const psec_error_t *err)
{
	if (rc == PSEC_OK && ok)
		return;
	if (atomic_fetch_add(&s->failures, 1) != 0)
		return;
	if (rc)
		s->first = *err;
	else
		(void)snprintf(s->first.text, sizeof(s->first.text),
			       "a result is wrong");
}

static void ask(shared_t *s)
{
	char list[PSEC_LIST_MAX] = "";
	const char *name = "";
	psec_mech_info_t info;
	psec_error_t err;
	psec_code_t rc;

	rc = psec_select(s->psec, "none,native", &name, &err);
	check(s, strcmp(name, "native") == 0, rc, &err);
	rc = psec_select(s->psec, "kerberos", &name, &err);
	check(s, rc == PSEC_ERR_NO_MECH && strstr(err.text, "'kerberos'"),
	      PSEC_OK, &err);
	rc = psec_mech_probe(s->psec, "munge", &err);
	check(s, true, rc, &err);
	rc = psec_server_list(s->psec, "native,munge,missing", list,
			      sizeof(list), &err);
	check(s, strcmp(list, "munge,native") == 0, rc, &err);
	check(s,
	      psec_mech_get(s->psec, 3, &info) && info.priority == -1 &&
		      strcmp(info.name, "missing") == 0,
	      PSEC_OK, &err);
}

static void pass_credential(shared_t *s, const char *mech, unsigned number)
{
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_cred_info_t *info = NULL;
	void *cred = NULL;
	psec_error_t err;
	size_t len = 0;
	psec_code_t rc;

	req.payload = &number;
	req.payload_len = sizeof(number);
	rc = psec_cred_create(s->psec, mech, &req, &cred, &len, &err);
	if (!rc)
		rc = psec_cred_validate(s->psec, mech, cred, len, &info, &err);
	check(s,
	      info && info->uid == geteuid() &&
		      info->payload_len == sizeof(number) &&
		      memcmp(info->payload, &number, sizeof(number)) == 0,
	      rc, &err);
	psec_cred_info_destroy(info);
	free(cred);
	atomic_fetch_add(&s->credentials, 1);
}

static void *run_end(void *arg)
{
	psec_handshake_options_t opt = { .size = sizeof(opt),
					 .mechs = "",
					 .expect_uid = geteuid() };
	psec_handshake_t *hs = NULL;
	psec_peer_t peer = { .uid = (uid_t)-1 };
	end_t *end = arg;
	psec_error_t err;
	psec_code_t rc;

	opt.role = end->role;
	opt.mechs = end->mechs;
	rc = psec_handshake_create(&hs, end->shared->psec, &opt, &err);
	if (!rc)
		rc = psec_handshake_run(hs, end->fd, TIMEOUT_MS, &err);
	if (!rc)
		rc = psec_handshake_peer(hs, &peer, &err);
	check(end->shared, peer.uid == geteuid(), rc, &err);
	psec_handshake_destroy(hs);
	(void)close(end->fd);
	return NULL;
}

static void shake_hands(shared_t *s, const char *mech)
{
	end_t client = { s, PSEC_CLIENT, mech, -1 };
	end_t server = { s, PSEC_SERVER, "munge,native", -1 };
	pthread_t thread;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		abort();
	client.fd = fds[0];
	server.fd = fds[1];
	if (pthread_create(&thread, NULL, run_end, &server) != 0)
		abort();
	(void)run_end(&client);
	(void)pthread_join(thread, NULL);
	atomic_fetch_add(&s->handshakes, 1);
}

static psec_code_t create(const char *socket, psec_t **psec, psec_error_t *err)
{
	psec_options_t opt = PSEC_OPTIONS_INIT;

	opt.plugin_dir = MECH_DIR;
	opt.mechs = "munge,native,none,missing";
	opt.munge_socket = socket;
	return psec_create(psec, &opt, err);
}

/* Others come and go beside the shared one. */
static void make_another(shared_t *s)
{
	psec_t *psec = NULL;
	psec_error_t err;
	psec_code_t rc = create(s->socket, &psec, &err);

	if (!rc)
		rc = psec_mech_probe(psec, "munge", &err);
	check(s, true, rc, &err);
	psec_destroy(psec);
}

static bool is_over(const struct timespec *began)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - began->tv_sec) * 1000 +
		       (now.tv_nsec - began->tv_nsec) / 1000000 >=
	       RUN_MS;
}

static void *use(void *arg)
{
	struct timespec began;
	shared_t *s = arg;
	unsigned i;

	(void)pthread_barrier_wait(&s->start);
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	for (i = 0; !is_over(&began); i++) {
		ask(s);
		pass_credential(s, "munge", i);
		pass_credential(s, "none", i);
		shake_hands(s, "native");
		if (i % 8 == 0)
			shake_hands(s, "munge");
		if (i % 16 == 0)
			make_another(s);
	}
	return NULL;
}

static void eight_threads_share_a_context(void **state)
{
	munged_t *munged = munged_start(NULL);
	shared_t s = { .socket = munged_socket(munged) };
	pthread_t threads[THREADS];
	psec_error_t err;
	int i;

	assert_ok(create(s.socket, &s.psec, &err), &err);
	assert_int_equal(pthread_barrier_init(&s.start, NULL, THREADS), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, &s), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	if (s.failures)
		FAIL_MSG("%u failures; the first: %s", s.failures,
			 s.first.text);
	print_message("%u handshakes, %u credentials\n", s.handshakes,
		      s.credentials);
	assert_true(s.handshakes >= THREADS && s.credentials >= THREADS);
	assert_int_equal(pthread_barrier_destroy(&s.start), 0);
	psec_destroy(s.psec);
	munged_stop(munged);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_threads_share_a_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
