/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mesh.c - several nodes' links in one process.
 */
#include "mesh.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <netdb.h>
#include <pthread.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytes.h"
#include "check.h"
#include "clock.h"
#include "invitation.h"
#include "log.h"
#include "slurm_extra.h"

#define WAIT_S	 20
#define PATH_LEN 108 /* of a unix socket */

struct node {
	mesh_t *mesh;
	uint32_t id;
	char name[16];
	char wire[PATH_LEN];
	int wire_fd;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct event_base *base;
	pthread_t thread;
	bool running; /* the loop; a break before that would be forgotten */
	workers_t *workers;
	psec_t *psec;
	links_t *links;
	coll_t *coll;
	mesh_msg_t *msgs;
	size_t nmsgs;
	mesh_lost_t lost[MESH_MAX];
	struct {
		int times;
		bool up;
	} settled[MESH_MAX];
};

struct mesh {
	uint32_t n;
	mesh_options_t opt;
	char dir[64];
	char wire_path[96];
	const char *names[MESH_MAX];
	struct node nodes[MESH_MAX];
};

/* What the doubles know; they get no pointer of ours. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *lines[4096];
	size_t nlines;
	uint16_t ports[MESH_MAX];
	atomic_uint forwards;
	atomic_uint redirect;
	atomic_uint resolver_ms;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .changed = PTHREAD_COND_INITIALIZER };

/* -- doubles ------------------------------------------------------------ */

void plog(plog_level_t level, const char *fmt, ...)
{
	char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (getenv("MESH_VERBOSE"))
		(void)fprintf(stderr, "%d %s\n", (int)level, line);
	pthread_mutex_lock(&seen.lock);
	if (seen.nlines < sizeof(seen.lines) / sizeof(seen.lines[0])) {
		seen.lines[seen.nlines++] = line;
		line = NULL;
	}
	pthread_cond_broadcast(&seen.changed);
	pthread_mutex_unlock(&seen.lock);
	free(line);
}

int getaddrinfo(const char *node, const char *service,
		const struct addrinfo *hints, struct addrinfo **res)
{
	(void)usleep(atomic_load(&seen.resolver_ms) * 1000);
	return EAI_NONAME;
}

/* As slurmd expands it. */
static void expand(char *out, size_t size, const char *path, const char *node)
{
	const char *mark = strstr(path, "%n");
	int n;

	assert_non_null(mark);
	n = snprintf(out, size, "%.*s%s%s", (int)(mark - path), path, node,
		     mark + 2);
	assert_in_range(n, 1, size - 1);
}

static int write_all(int fd, const void *data, size_t len)
{
	return write(fd, data, len) == (ssize_t)len ? 0 : -1;
}

static struct sockaddr_un unix_addr(const char path[PATH_LEN])
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memcpy(sun.sun_path, path, PATH_LEN);
	return sun;
}

static int hand_over(const char path[PATH_LEN], const void *data, uint32_t len)
{
	struct sockaddr_un sun = unix_addr(path);
	uint8_t prefix[8];
	int fd, rc = -1;

	put_u32(prefix, geteuid());
	put_u32(prefix + 4, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    write_all(fd, prefix, sizeof(prefix)) == 0 &&
	    write_all(fd, data, len) == 0)
		rc = 0;
	close(fd);
	return rc;
}

/* Note where the sender listens; put the redirection in. */
static size_t look_at(uint8_t *out, const char *data, uint32_t len)
{
	uint16_t redirect = (uint16_t)atomic_load(&seen.redirect);
	const char *why = "";
	invitation_t inv;

	if (invitation_decode(&inv, data, len, &why))
		fail_msg("a wrong invitation is sent: %s", why);
	pthread_mutex_lock(&seen.lock);
	seen.ports[inv.node] = inv.port;
	pthread_mutex_unlock(&seen.lock);
	if (redirect) {
		inv.port = redirect;
		inv.naddrs = 1;
		inv.addrs[0] = (invitation_addr_t){ 4, { 127, 0, 0, 1 } };
	}
	return invitation_encode(&inv, out);
}

typedef __typeof__(slurm_hostlist_create(NULL)) hostlist_ptr_t;

int slurm_forward_data(char **nodelist, char *address, uint32_t len,
		       const char *data)
{
	hostlist_ptr_t hl = slurm_hostlist_create(*nodelist);
	hostlist_ptr_t failed = slurm_hostlist_create(NULL);
	int count = slurm_hostlist_count(hl), nfailed = 0;
	uint8_t copy[INVITATION_MAX];
	char path[PATH_LEN] = "", *name;

	atomic_fetch_add(&seen.forwards, 1);
	len = (uint32_t)look_at(copy, data, len);
	while ((name = slurm_hostlist_shift(hl))) {
		expand(path, sizeof(path), address, name);
		if (hand_over(path, copy, len)) {
			nfailed++;
			(void)slurm_hostlist_push_host(failed, name);
		}
		free(name);
	}
	if (nfailed && count > 1) {
		slurm_xfree((void **)nodelist);
		*nodelist = slurm_hostlist_ranged_string_xmalloc(failed);
	}
	slurm_hostlist_destroy(hl);
	slurm_hostlist_destroy(failed);
	return nfailed ? ENOENT : SLURM_SUCCESS;
}

/* -- waiting ------------------------------------------------------------ */

static struct timespec wait_until(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += WAIT_S;
	return t;
}

static unsigned count_lines(const char *words)
{
	unsigned n = 0;

	for (size_t i = 0; i < seen.nlines; i++)
		n += strstr(seen.lines[i], words) != NULL;
	return n;
}

unsigned mesh_logged(const char *words)
{
	unsigned n;

	pthread_mutex_lock(&seen.lock);
	n = count_lines(words);
	pthread_mutex_unlock(&seen.lock);
	return n;
}

void mesh_await_log(const char *words)
{
	struct timespec until = wait_until();
	int rc = 0;

	pthread_mutex_lock(&seen.lock);
	while (count_lines(words) == 0 && rc == 0)
		rc = pthread_cond_timedwait(&seen.changed, &seen.lock, &until);
	pthread_mutex_unlock(&seen.lock);
	if (rc)
		fail_msg("nobody logged '%s'", words);
}

mesh_msg_t mesh_await(mesh_t *m, uint32_t i, size_t k)
{
	struct timespec until = wait_until();
	struct node *node = &m->nodes[i];
	mesh_msg_t msg = { 0 };
	int rc = 0;

	pthread_mutex_lock(&node->lock);
	while (node->nmsgs <= k && rc == 0)
		rc = pthread_cond_timedwait(&node->changed, &node->lock,
					    &until);
	if (rc == 0)
		msg = node->msgs[k];
	pthread_mutex_unlock(&node->lock);
	if (rc)
		fail_msg("message %zu did not come to node %u", k, i);
	return msg;
}

size_t mesh_received(mesh_t *m, uint32_t i)
{
	size_t n;

	mesh_lock(m, i);
	n = m->nodes[i].nmsgs;
	mesh_unlock(m, i);
	return n;
}

mesh_lost_t mesh_lost(mesh_t *m, uint32_t i, uint32_t whom)
{
	mesh_lost_t lost;

	mesh_lock(m, i);
	lost = m->nodes[i].lost[whom];
	mesh_unlock(m, i);
	return lost;
}

mesh_lost_t mesh_await_lost(mesh_t *m, uint32_t i, uint32_t whom)
{
	struct timespec until = wait_until();
	struct node *node = &m->nodes[i];
	mesh_lost_t lost;
	int rc = 0;

	pthread_mutex_lock(&node->lock);
	while (node->lost[whom].times == 0 && rc == 0)
		rc = pthread_cond_timedwait(&node->changed, &node->lock,
					    &until);
	lost = node->lost[whom];
	pthread_mutex_unlock(&node->lock);
	if (rc)
		fail_msg("node %u did not lose node %u", i, whom);
	return lost;
}

bool mesh_await_settled(mesh_t *m, uint32_t i, uint32_t whom, int k)
{
	struct timespec until = wait_until();
	struct node *node = &m->nodes[i];
	bool up;
	int rc = 0;

	pthread_mutex_lock(&node->lock);
	while (node->settled[whom].times < k && rc == 0)
		rc = pthread_cond_timedwait(&node->changed, &node->lock,
					    &until);
	up = node->settled[whom].up;
	pthread_mutex_unlock(&node->lock);
	if (rc)
		fail_msg("node %u was not told of node %u", i, whom);
	return up;
}

int64_t mesh_now_ms(void)
{
	return clock_ms();
}

/* -- nodes -------------------------------------------------------------- */

static void on_message(void *arg, uint32_t from, const void *msg, size_t len)
{
	struct node *node = arg;
	mesh_msg_t *copy;

	if (node->nmsgs % 64 == 0) {
		node->msgs = realloc(node->msgs,
				     (node->nmsgs + 64) * sizeof(*node->msgs));
		assert_non_null(node->msgs);
	}
	copy = &node->msgs[node->nmsgs++];
	copy->from = from;
	copy->len = len;
	copy->msg = malloc(len + 1);
	assert_non_null(copy->msg);
	memcpy(copy->msg, msg, len);
	pthread_cond_broadcast(&node->changed);
}

static void on_settled(void *arg, uint32_t whom, bool up)
{
	struct node *node = arg;

	node->settled[whom].times++;
	node->settled[whom].up = up;
	pthread_cond_broadcast(&node->changed);
}

static void on_lost(void *arg, uint32_t whom, int orderly, const char *why)
{
	struct node *node = arg;
	mesh_lost_t *lost = &node->lost[whom];

	lost->times++;
	lost->orderly = orderly;
	(void)snprintf(lost->why, sizeof(lost->why), "%s", why);
	pthread_cond_broadcast(&node->changed);
}

static void on_running(evutil_socket_t fd, short what, void *arg)
{
	struct node *node = arg;

	pthread_mutex_lock(&node->lock);
	node->running = true;
	pthread_cond_broadcast(&node->changed);
	pthread_mutex_unlock(&node->lock);
}

static void *run_loop(void *arg)
{
	struct node *node = arg;

	(void)event_base_loop(node->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void start_loop(struct node *node)
{
	struct timeval now = { 0, 0 };

	node->running = false;
	assert_int_equal(event_base_once(node->base, -1, EV_TIMEOUT, on_running,
					 node, &now),
			 0);
	assert_int_equal(pthread_create(&node->thread, NULL, run_loop, node),
			 0);
	pthread_mutex_lock(&node->lock);
	while (!node->running)
		pthread_cond_wait(&node->changed, &node->lock);
	pthread_mutex_unlock(&node->lock);
}

static void open_wire(struct node *node)
{
	struct sockaddr_un sun = unix_addr(node->wire);

	node->wire_fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(node->wire_fd >= 0);
	assert_int_equal(
		bind(node->wire_fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(node->wire_fd, SOMAXCONN), 0);
}

static void open_psec(struct node *node)
{
	const char *const *sockets = node->mesh->opt.munge_sockets;
	psec_options_t opt = { .size = sizeof(opt),
			       .plugin_dir = MECH_DIR,
			       .mechs = "munge",
			       .munge_socket = sockets[node->id] };
	psec_error_t err;

	if (!opt.munge_socket)
		opt.munge_socket = sockets[0];
	assert_ok(psec_create(&node->psec, &opt, &err), &err);
}

static link_config_t make_config(struct node *node)
{
	const mesh_t *m = node->mesh;

	return (link_config_t){
		.base = node->base,
		.lock = &node->lock,
		.workers = node->workers,
		.psec = node->psec,
		.mechs = "munge",
		.uid = geteuid(),
		.job_id = MESH_JOB,
		.step_id = MESH_STEP,
		.node = node->id,
		.nnodes = m->n,
		.node_names = m->names,
		.wire_fd = node->wire_fd,
		.wire_path = m->wire_path,
		.port_min = m->opt.port_min,
		.port_max = m->opt.port_max,
		.timeout_ms = m->opt.timeout_ms ? m->opt.timeout_ms : 10000,
		.silence_ms = 60000,
		.apart = m->opt.apart,
	};
}

static void node_end(struct node *node)
{
	pthread_mutex_lock(&node->lock);
	coll_destroy(node->coll);
	links_destroy(node->links);
	pthread_mutex_unlock(&node->lock);
	node->coll = NULL;
	node->links = NULL;
	workers_destroy(node->workers);
	psec_destroy(node->psec);
	event_base_free(node->base);
	close(node->wire_fd);
	(void)unlink(node->wire);
	node->base = NULL;
}

links_t *mesh_start(mesh_t *m, uint32_t i)
{
	struct node *node = &m->nodes[i];
	link_config_t cfg;

	node->base = event_base_new();
	node->workers = workers_create(2, 64);
	assert_non_null(node->base);
	assert_non_null(node->workers);
	open_psec(node);
	open_wire(node);
	cfg = make_config(node);
	pthread_mutex_lock(&node->lock);
	node->links = links_create(&cfg);
	if (node->links) {
		node->coll = coll_create(node->links, i, m->n);
		links_register(node->links, LINK_DMODEX, on_message, node);
		links_on_lost(node->links, on_lost, node);
		links_on_settled(node->links, on_settled, node);
		if (m->opt.on_start)
			m->opt.on_start(m->opt.arg, i, node->links);
	}
	pthread_mutex_unlock(&node->lock);
	if (!node->links) {
		node_end(node);
		return NULL;
	}
	start_loop(node);
	return node->links;
}

void mesh_start_all(mesh_t *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		assert_non_null(mesh_start(m, i));
}

void mesh_stop(mesh_t *m, uint32_t i)
{
	struct node *node = &m->nodes[i];

	if (!node->base)
		return;
	(void)event_base_loopbreak(node->base);
	pthread_join(node->thread, NULL);
	node_end(node);
}

mesh_t *mesh_open(uint32_t n, const mesh_options_t *opt)
{
	mesh_t *m = calloc(1, sizeof(*m));
	const char *tmp = getenv("TMPDIR");

	assert_non_null(m);
	assert_int_equal(evthread_use_pthreads(), 0);
	m->n = n;
	m->opt = *opt;
	(void)snprintf(m->dir, sizeof(m->dir), "%s/mesh-XXXXXX",
		       tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(m->dir));
	(void)snprintf(m->wire_path, sizeof(m->wire_path), "%s/%%n.wire",
		       m->dir);
	for (uint32_t i = 0; i < n; i++) {
		struct node *node = &m->nodes[i];

		node->mesh = m;
		node->id = i;
		(void)snprintf(node->name, sizeof(node->name), "host%u", i);
		m->names[i] = node->name;
		expand(node->wire, sizeof(node->wire), m->wire_path,
		       node->name);
		pthread_mutex_init(&node->lock, NULL);
		pthread_cond_init(&node->changed, NULL);
	}
	mesh_redirect(0);
	mesh_slow_resolver(0);
	return m;
}

void mesh_close(mesh_t *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		struct node *node = &m->nodes[i];

		mesh_stop(m, i);
		for (size_t k = 0; k < node->nmsgs; k++)
			free(node->msgs[k].msg);
		free(node->msgs);
		pthread_cond_destroy(&node->changed);
		pthread_mutex_destroy(&node->lock);
	}
	(void)rmdir(m->dir);
	free(m);
	pthread_mutex_lock(&seen.lock);
	while (seen.nlines > 0)
		free(seen.lines[--seen.nlines]);
	pthread_mutex_unlock(&seen.lock);
}

pthread_mutex_t *mesh_mutex(mesh_t *m, uint32_t i)
{
	return &m->nodes[i].lock;
}

void mesh_lock(mesh_t *m, uint32_t i)
{
	pthread_mutex_lock(&m->nodes[i].lock);
}

void mesh_unlock(mesh_t *m, uint32_t i)
{
	pthread_mutex_unlock(&m->nodes[i].lock);
}

links_t *mesh_links(mesh_t *m, uint32_t i)
{
	return m->nodes[i].links;
}

coll_t *mesh_coll(mesh_t *m, uint32_t i)
{
	return m->nodes[i].coll;
}

int mesh_send(mesh_t *m, uint32_t from, uint32_t to, const void *msg,
	      size_t len)
{
	struct iovec iov = { (void *)msg, len };
	int rc;

	mesh_lock(m, from);
	rc = links_send(m->nodes[from].links, to, LINK_DMODEX, &iov, 1);
	mesh_unlock(m, from);
	return rc;
}

uint16_t mesh_port(mesh_t *m, uint32_t i)
{
	uint16_t port;

	pthread_mutex_lock(&seen.lock);
	port = seen.ports[i];
	pthread_mutex_unlock(&seen.lock);
	assert_int_not_equal(port, 0);
	return port;
}

const char *mesh_wire(mesh_t *m, uint32_t i)
{
	return m->nodes[i].wire;
}

unsigned mesh_forwards(void)
{
	return atomic_load(&seen.forwards);
}

void mesh_redirect(uint16_t port)
{
	atomic_store(&seen.redirect, port);
}

void mesh_slow_resolver(unsigned ms)
{
	atomic_store(&seen.resolver_ms, ms);
}
