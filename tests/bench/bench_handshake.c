/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_handshake - how long libpsec's handshake takes, beside what cannot be
 * avoided; for scripts/bench --handshake.  Prints one JSON object, times in
 * microseconds.
 *
 * What a sample is:
 *
 * bare       munge_encode() and munge_decode() by libmunge, one after the
 *            other, of as many bytes as a handshake's first proof has,
 *            restricted to one uid.
 * bare-two   the same twice: what a handshake with two credentials cannot
 *            avoid.
 * bare-sent  munge_encode() in one thread, the credential through a unix
 *            socket, munge_decode() in the other: what a service does that
 *            takes credentials and has no handshake.
 * munge      A handshake of two threads over a unix socket, from the moment
 *            the client makes its object to the moment the later one is done.
 *            The server waits already, as one does who has accepted a
 *            connection.  The client knows the server's uid.
 * munge-any  Likewise, but the client takes a server of any uid.
 * native,    Likewise with mechanism native, over a unix socket and over
 * native-tcp loopback TCP.
 *
 * All are measured in turn, one of each per round, with the same munged: this
 * kind of machine is noisy, and only neighbours can be compared.  munged is
 * started for this, or named with --socket.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <munge.h>

#include "munged.h"
#include "psec.h"

#define DEADLINE_MS 10000
#define BINDING	    "bench: job 1, step 0" /* as long as a real one */
#define ROUNDS_MAX  100000

static const char *socket_path;
static psec_t *psec;

#define die(...)                                                               \
	do {                                                                   \
		(void)fprintf(stderr, "bench_handshake: " __VA_ARGS__);        \
		(void)fprintf(stderr, "\n");                                   \
		exit(1);                                                       \
	} while (0)

static double now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* -- what is measured -------------------------------------------------------
 */

typedef struct bench bench_t;

struct bench {
	const char *name, *title;
	/* Takes one sample; negative: it failed, WHY is set. */
	double (*sample)(bench_t *b);
	const char *against; /* the bare one that it is compared with */
	bool sent;	     /* also with bare-sent */
	double ratio_max;    /* wanted; 0: nothing */
	double median_max;   /* likewise, in microseconds */
	const char *mechs;
	uid_t expect_uid; /* by the client */
	void (*connect)(int fds[2]);
	int times; /* bare: how often */
	bool skip; /* it does not work here */
	char why[PSEC_ERROR_TEXT_MAX];
	double *samples;
	size_t n;
};

static double failed(bench_t *b, const char *why)
{
	(void)snprintf(b->why, sizeof(b->why), "%s", why);
	b->skip = true;
	return -1;
}

/* -- bare -------------------------------------------------------------------
 */

static size_t payload_len; /* of a handshake's first proof */

static munge_ctx_t new_context(void)
{
	munge_ctx_t ctx = munge_ctx_create();

	if (!ctx || munge_ctx_set(ctx, MUNGE_OPT_SOCKET, socket_path))
		die("libmunge gives no context");
	return ctx;
}

/* As a mechanism must: a context for each call, and a restriction. */
static munge_err_t encode(char **cred)
{
	static const uint8_t payload[4096];
	munge_ctx_t ctx = new_context();
	munge_err_t e;

	e = munge_ctx_set(ctx, MUNGE_OPT_UID_RESTRICTION, geteuid());
	if (!e)
		e = munge_encode(cred, ctx, payload, (int)payload_len);
	munge_ctx_destroy(ctx);
	return e;
}

static munge_err_t decode(const char *cred)
{
	munge_ctx_t ctx = new_context();
	void *payload = NULL;
	munge_err_t e;
	int len = 0;
	uid_t uid;
	gid_t gid;

	e = munge_decode(cred, ctx, &payload, &len, &uid, &gid);
	munge_ctx_destroy(ctx);
	free(payload);
	return e;
}

static munge_err_t bare_once(void)
{
	char *cred = NULL;
	munge_err_t e = encode(&cred);

	if (!e)
		e = decode(cred);
	free(cred);
	return e;
}

/* So that the server is in its poll() and not on its way there; and before
 * the bare ones, so that they too find a munged that sleeps. */
static void settle(void)
{
	const struct timespec ts = { .tv_nsec = 200000 };

	(void)nanosleep(&ts, NULL);
}

static double sample_bare(bench_t *b)
{
	double begin;

	settle();
	begin = now_us();
	for (int i = 0; i < b->times; i++) {
		munge_err_t e = bare_once();

		if (e)
			return failed(b, munge_strerror(e));
	}
	return now_us() - begin;
}

/* -- connections ------------------------------------------------------------
 */

/* Client's end, server's end.  A pair's peer is this process; so is the
 * kernel's word about any other unix socket here. */
static void connect_unix(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		die("socketpair: %s", strerror(errno));
}

static void connect_tcp(int fds[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
	    listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) != 0)
		die("cannot listen on loopback: %s", strerror(errno));
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds[0] < 0 ||
	    connect(fds[0], (struct sockaddr *)&in, sizeof(in)) != 0 ||
	    (fds[1] = accept(fd, NULL, NULL)) < 0)
		die("cannot connect over loopback: %s", strerror(errno));
	for (int i = 0; i < 2; i++)
		(void)setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));
	(void)close(fd);
}

/* -- handshakes -------------------------------------------------------------
 */

/* The server's thread: one handshake for each order. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { IDLE, ORDERED, WAITING, DONE } state;
	const bench_t *bench;
	int fd;
	double end_us;
	psec_code_t rc;
	psec_error_t err;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER,
	     .changed = PTHREAD_COND_INITIALIZER };

static void server_becomes(int state)
{
	pthread_mutex_lock(&server.lock);
	server.state = state;
	pthread_cond_broadcast(&server.changed);
	pthread_mutex_unlock(&server.lock);
}

static void await_server(int state)
{
	pthread_mutex_lock(&server.lock);
	while ((int)server.state != state)
		pthread_cond_wait(&server.changed, &server.lock);
	pthread_mutex_unlock(&server.lock);
}

static psec_code_t run_end(psec_role_t role, const char *mechs, uid_t expect,
			   int fd, double *end_us, psec_error_t *err)
{
	const psec_handshake_options_t opt = {
		.size = sizeof(opt),
		.role = role,
		.mechs = mechs,
		.binding = BINDING,
		.binding_len = sizeof(BINDING),
		.intro = role == PSEC_CLIENT ? "intro..." : NULL,
		.intro_len = role == PSEC_CLIENT ? 8 : 0,
		.expect_uid = expect,
	};
	psec_handshake_t *hs = NULL;
	psec_code_t rc;

	rc = psec_handshake_create(&hs, psec, &opt, err);
	if (!rc && role == PSEC_SERVER)
		server_becomes(WAITING);
	if (!rc)
		rc = psec_handshake_run(hs, fd, DEADLINE_MS, err);
	*end_us = now_us();
	psec_handshake_destroy(hs);
	return rc;
}

/* Its length first, as four bytes are enough for a service. */
static psec_code_t send_cred(int fd, double *end_us, psec_error_t *err)
{
	char *cred = NULL;
	munge_err_t e = encode(&cred);
	uint32_t len = e ? 0 : (uint32_t)strlen(cred);
	char text[4096];

	memcpy(text, &len, sizeof(len));
	if (len > 0 && len < sizeof(text) - sizeof(len))
		memcpy(text + sizeof(len), cred, len);
	free(cred);
	if (!e && send(fd, text, sizeof(len) + len, MSG_NOSIGNAL) !=
			  (ssize_t)(sizeof(len) + len))
		e = EMUNGE_SOCKET;
	*end_us = now_us();
	if (!e)
		return PSEC_OK;
	err->code = PSEC_ERR_IO;
	(void)snprintf(err->text, sizeof(err->text), "%s", munge_strerror(e));
	return err->code;
}

static psec_code_t take_cred(int fd, double *end_us, psec_error_t *err)
{
	char cred[4096] = "";
	munge_err_t e = EMUNGE_BAD_CRED;
	uint32_t len = 0;

	server_becomes(WAITING);
	if (recv(fd, &len, sizeof(len), MSG_WAITALL) == sizeof(len) &&
	    len < sizeof(cred) &&
	    recv(fd, cred, len, MSG_WAITALL) == (ssize_t)len)
		e = decode(cred);
	*end_us = now_us();
	if (!e)
		return PSEC_OK;
	err->code = PSEC_ERR_IO;
	(void)snprintf(err->text, sizeof(err->text), "%s", munge_strerror(e));
	return err->code;
}

static void *serve(void *arg)
{
	for (;;) {
		await_server(ORDERED);
		if (server.bench->mechs)
			server.rc = run_end(PSEC_SERVER, server.bench->mechs,
					    geteuid(), server.fd,
					    &server.end_us, &server.err);
		else
			server.rc = take_cred(server.fd, &server.end_us,
					      &server.err);
		server_becomes(DONE);
	}
	return NULL;
}

static double sample_both_ends(bench_t *b)
{
	psec_error_t err;
	double begin, end;
	psec_code_t rc;
	int fds[2];

	b->connect(fds);
	server.fd = fds[1];
	server.bench = b;
	server_becomes(ORDERED);
	await_server(WAITING);
	settle();
	begin = now_us();
	rc = b->mechs ? run_end(PSEC_CLIENT, b->mechs, b->expect_uid, fds[0],
				&end, &err)
		      : send_cred(fds[0], &end, &err);
	if (rc) /* the server shall not wait for its deadline */
		(void)shutdown(fds[0], SHUT_RDWR);
	await_server(DONE);
	if (server.end_us > end)
		end = server.end_us;
	(void)close(fds[0]);
	(void)close(fds[1]);
	if (rc)
		return failed(b, err.text);
	if (server.rc)
		return failed(b, server.err.text);
	return end - begin;
}

static bench_t benches[] = {
	{ .name = "bare",
	  .title = "munge_encode + munge_decode",
	  .sample = sample_bare,
	  .times = 1 },
	{ .name = "munge",
	  .title = "munge handshake, server's uid known",
	  .sample = sample_both_ends,
	  .against = "bare",
	  .sent = true,
	  .ratio_max = 1.15,
	  .mechs = "munge",
	  .connect = connect_unix },
	{ .name = "bare-two",
	  .title = "munge_encode + munge_decode, twice",
	  .sample = sample_bare,
	  .times = 2 },
	{ .name = "bare-sent",
	  .title = "munge_encode, sent, munge_decode",
	  .sample = sample_both_ends,
	  .connect = connect_unix },
	{ .name = "munge-any",
	  .title = "munge handshake, server of any uid",
	  .sample = sample_both_ends,
	  .against = "bare-two",
	  .mechs = "munge",
	  .connect = connect_unix,
	  .expect_uid = (uid_t)-1 },
	{ .name = "native",
	  .title = "native handshake, unix socket",
	  .sample = sample_both_ends,
	  .median_max = 150,
	  .mechs = "native",
	  .connect = connect_unix },
	{ .name = "native-tcp",
	  .title = "native handshake, loopback TCP",
	  .sample = sample_both_ends,
	  .mechs = "native",
	  .connect = connect_tcp },
};
#define N_BENCHES (sizeof(benches) / sizeof(benches[0]))

/* -- the payload's length ---------------------------------------------------
 */

/* Drive a handshake by hand up to its first PROOF and look into it. */
static size_t proof_payload(void)
{
	const psec_handshake_options_t client = {
		.size = sizeof(client),
		.role = PSEC_CLIENT,
		.mechs = "munge",
		.binding = BINDING,
		.binding_len = sizeof(BINDING),
		.intro = "intro...",
		.intro_len = 8,
		.expect_uid = geteuid(),
	};
	psec_handshake_options_t other = client;
	psec_handshake_t *hs[2] = { NULL, NULL };
	psec_error_t err;
	char text[PSEC_CRED_MAX] = "", *cred = NULL;
	void *payload = NULL;
	munge_ctx_t ctx;
	uid_t uid;
	gid_t gid;
	int len = 0;

	other.role = PSEC_SERVER;
	other.intro = NULL;
	other.intro_len = 0;
	if (psec_handshake_create(&hs[0], psec, &client, &err) ||
	    psec_handshake_create(&hs[1], psec, &other, &err))
		die("%s", err.text);
	for (int turn = 0; !cred && turn < 32; turn++) {
		psec_handshake_t *h = hs[turn % 2], *peer = hs[!(turn % 2)];
		const void *out;
		size_t n, used;

		if (psec_handshake_state(h) == PSEC_HS_WORK &&
		    psec_handshake_work(h, &err))
			die("%s", err.text);
		if (psec_handshake_state(h) != PSEC_HS_OUTPUT)
			continue;
		out = psec_handshake_output(h, &n);
		memcpy(text, out, n);
		text[n] = '\0';
		cred = memmem(text, n, "MUNGE:", 6);
		if (psec_handshake_input(peer, text, n, &used, &err))
			die("%s", err.text);
		psec_handshake_sent(h, n);
	}
	if (!cred)
		die("a handshake has no proof of munge");
	ctx = new_context();
	if (munge_decode(cred, ctx, &payload, &len, &uid, &gid))
		die("a handshake's proof: %s", munge_ctx_strerror(ctx));
	munge_ctx_destroy(ctx);
	free(payload);
	psec_handshake_destroy(hs[0]);
	psec_handshake_destroy(hs[1]);
	return (size_t)len;
}

/* -- report -----------------------------------------------------------------
 */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value below which P % of the N sorted SAMPLES are. */
static double percentile(const bench_t *b, size_t p)
{
	size_t at = (b->n * p + 99) / 100;

	return b->samples[at ? at - 1 : 0];
}

static const bench_t *find(const char *name)
{
	for (size_t i = 0; name && i < N_BENCHES; i++)
		if (strcmp(benches[i].name, name) == 0)
			return &benches[i];
	return NULL;
}

static void print_text(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar((unsigned char)*text < ' ' ? '?' : *text);
	}
	putchar('"');
}

static void print_bench(const bench_t *b)
{
	const bench_t *bare = find(b->against), *sent = find("bare-sent");
	double median, ratio;

	printf("{\"what\":\"%s\",\"title\":\"%s\",\"n\":%zu", b->name, b->title,
	       b->n);
	if (b->skip || b->n == 0) {
		printf(",\"failed\":");
		print_text(b->why);
		printf("}");
		return;
	}
	median = percentile(b, 50);
	printf(",\"median\":%.1f,\"p10\":%.1f,\"p90\":%.1f", median,
	       percentile(b, 10), percentile(b, 90));
	if (bare && bare->n > 0) {
		ratio = median / percentile(bare, 50);
		printf(",\"against\":\"%s\",\"ratio\":%.3f", bare->name, ratio);
		if (b->ratio_max > 0)
			printf(",\"ratio_max\":%.2f,\"met\":%s", b->ratio_max,
			       ratio <= b->ratio_max ? "true" : "false");
	}
	if (b->sent && sent->n > 0)
		printf(",\"ratio_sent\":%.3f", median / percentile(sent, 50));
	if (b->median_max > 0)
		printf(",\"median_max\":%.0f,\"met\":%s", b->median_max,
		       median < b->median_max ? "true" : "false");
	printf("}");
}

static void print_all(long rounds)
{
	printf("{\"rounds\":%ld,\"payload\":%zu,\"results\":[", rounds,
	       payload_len);
	for (size_t i = 0; i < N_BENCHES; i++) {
		if (i)
			putchar(',');
		print_bench(&benches[i]);
	}
	printf("]}\n");
}

/* -- main -------------------------------------------------------------------
 */

/* Each once, in an order that moves on. */
static void one_round(long round, bool counted, const char *only)
{
	for (size_t k = 0; k < N_BENCHES; k++) {
		bench_t *b = &benches[(k + (size_t)round) % N_BENCHES];
		double us;

		if (b->skip || (only && strcmp(only, b->name) != 0))
			continue;
		us = b->sample(b);
		if (us >= 0 && counted)
			b->samples[b->n++] = us;
	}
}

static long number(const char *option, const char *text)
{
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : 0;

	if (!text || *end || n < 1 || n > ROUNDS_MAX)
		die("%s wants a number from 1 to %d", option, ROUNDS_MAX);
	return n;
}

static void start_server(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve, NULL) != 0)
		die("no thread for the server");
	pthread_detach(thread);
}

int main(int argc, char **argv)
{
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = MECH_DIR,
			       .mechs = "munge,native" };
	long rounds = 2000, warmup = 100;
	const char *only = NULL;
	munged_t *munged = NULL;
	psec_error_t err;
	bool failure = false;

	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--rounds") == 0)
			rounds = number(argv[i], value);
		else if (strcmp(argv[i], "--warmup") == 0)
			warmup = number(argv[i], value);
		else if (strcmp(argv[i], "--socket") == 0 && value)
			socket_path = value;
		else if (strcmp(argv[i], "--mechdir") == 0 && value)
			opt.plugin_dir = value;
		else if (strcmp(argv[i], "--only") == 0 && value)
			only = value;
		else
			die("usage: bench_handshake [--rounds N] [--warmup N] "
			    "[--socket PATH] [--mechdir DIR] [--only NAME]");
	}
	if (!socket_path) {
		munged = munged_start(NULL);
		socket_path = munged_socket(munged);
	}
	opt.munge_socket = socket_path;
	if (psec_create(&psec, &opt, &err))
		die("%s", err.text);
	payload_len = proof_payload();
	start_server();
	for (size_t i = 0; i < N_BENCHES; i++) {
		bench_t *b = &benches[i];

		b->samples = calloc((size_t)rounds, sizeof(double));
		if (!b->samples)
			die("no memory for %ld samples", rounds);
		if (b->sample == sample_both_ends && b->expect_uid == 0)
			b->expect_uid = geteuid();
	}
	for (long r = 0; r < warmup; r++)
		one_round(r, false, only);
	for (long r = 0; r < rounds; r++)
		one_round(r, true, only);
	for (size_t i = 0; i < N_BENCHES; i++) {
		qsort(benches[i].samples, benches[i].n, sizeof(double),
		      ascending);
		failure |= benches[i].skip &&
			   strcmp(benches[i].name, "native-tcp") != 0;
	}
	print_all(rounds);
	munged_stop(munged);
	return failure;
}
