/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sibling.c - see sibling.h.
 *
 * Who searches invites, and who is invited connects; on the connection both
 * may ask.  Two steps that invite each other at the same moment get two
 * connections, which does no harm.
 */
#include "sibling.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "conn.h"
#include "deadline.h"
#include "inbox.h"
#include "invitation.h"
#include "link.h"
#include "listener.h"
#include "log.h"
#include "pmixd.h"
#include "slurm_extra.h"
#include "slurmctld.h"
#include "tcp_listen.h"
#include "wire.h"

#define SIBLINGS_MAX  256  /* steps that are looked for at once */
#define SETUP_MS      5000 /* from invitation to connection */
#define CONNECT_MS    1000 /* to one address */
#define STRANGERS_MAX 64
#define INTRO_LEN     16
#define MECH	      "munge" /* as on links */

static const char purpose[] = "slurm-psec sibling 1";

/* slurm.h declared hostlist_t as a pointer before 23.02, as a struct since. */
typedef __typeof__(slurm_hostlist_create(NULL)) hostlist_ptr_t;

struct sibling {
	LIST_ENTRY(sibling) next;
	uint32_t job_id, step_id;
	bool up;
	bool invited; /* by us, and not there yet */
	conn_t *conn;
	deadline_t limit;
	invitation_t from; /* it has invited us */
	size_t next_addr;
};

/* Asking slurmctld. */
typedef struct {
	job_t job;
	uint32_t jobs[SIBLINGS_MAX]; /* of this step's components */
	size_t njobs;
	invitation_addr_t addrs[INVITATION_ADDRS_MAX];
	size_t naddrs;
	slurmctld_step_t steps[SIBLINGS_MAX];
	size_t n;
} search_t;

/* Having slurmd hand over an invitation. */
typedef struct {
	job_t job;
	uint32_t job_id, step_id;
	invitation_t own;
	char *path, *nodes;
	bool sent;
} invite_t;

/* Guarded by pmixd.lock. */
static struct {
	const sibling_ops_t *ops;
	LIST_HEAD(, sibling) list;
	conn_env_t env; /* made when it is first needed */
	jobs_t *jobs;
	listener_t *listener;
	uint16_t port;
	unsigned strangers; /* connections not introduced yet */
	bool asking;	    /* slurmctld */
	bool searching;
	int64_t searched_ms;
} self;

/* -- life of a sibling ---------------------------------------------------- */

static sibling_t *find(uint32_t job_id, uint32_t step_id, bool invited)
{
	sibling_t *s;

	LIST_FOREACH(s, &self.list, next)
	{
		if (s->job_id == job_id && s->step_id == step_id &&
		    (!invited || s->invited))
			return s;
	}
	return NULL;
}

static sibling_t *sibling_new(uint32_t job_id, uint32_t step_id,
			      deadline_fn limit)
{
	sibling_t *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->job_id = job_id;
	s->step_id = step_id;
	LIST_INSERT_HEAD(&self.list, s, next);
	deadline_set(&s->limit, SETUP_MS, limit);
	return s;
}

/* Has the search come to its end? */
static void check_searched(void)
{
	sibling_t *s;

	if (!self.searching || self.asking)
		return;
	LIST_FOREACH(s, &self.list, next)
	{
		if (s->invited)
			return;
	}
	self.searching = false;
	self.searched_ms = clock_ms();
	self.ops->searched();
}

/* Its connection is closed by the caller, or there is none. */
static void sibling_free(sibling_t *s)
{
	LIST_REMOVE(s, next);
	deadline_clear(&s->limit);
	if (s->up)
		self.ops->lost(s);
	free(s);
	check_searched();
}

static void sibling_up(sibling_t *s, conn_t *conn)
{
	plog_debug("a connection with step %u.%u, %s, is up", s->job_id,
		   s->step_id, conn_name(conn));
	deadline_clear(&s->limit);
	s->up = true;
	s->invited = false;
	self.ops->up(s);
	check_searched();
}

/* On the loop's thread, as all deadlines. */
static void too_late(deadline_t *d)
{
	sibling_t *s = deadline_owner(d, sibling_t, limit);

	plog_debug("no connection with step %u.%u within %d ms", s->job_id,
		   s->step_id, SETUP_MS);
	conn_destroy(s->conn);
	sibling_free(s);
}

sibling_t *sibling_next(sibling_t *s)
{
	s = s ? LIST_NEXT(s, next) : LIST_FIRST(&self.list);
	while (s && !s->up)
		s = LIST_NEXT(s, next);
	return s;
}

void sibling_send(sibling_t *s, const void *msg, size_t len)
{
	const struct iovec iov = { (void *)(uintptr_t)msg, len };
	txq_cursor_t c;

	if (txq_cursor(&c, &iov, 1, LINK_MSG_MAX))
		conn_send(s->conn, LINK_PUBLISH, &c);
}

/* -- connections ---------------------------------------------------------- */

static void put_intro(uint8_t *intro, uint32_t job_id, uint32_t step_id)
{
	put_u32(intro, pmixd.layout.apps.leader);
	put_u32(intro + 4, pmixd.conf.step_id);
	put_u32(intro + 8, job_id);
	put_u32(intro + 12, step_id);
}

static const char *on_introduced(void *arg, conn_t *conn, const uint8_t *intro,
				 size_t len)
{
	sibling_t *s;

	if (len != INTRO_LEN)
		return "its introduction has the wrong length";
	if (get_u32(intro + 8) != pmixd.layout.apps.leader ||
	    get_u32(intro + 12) != pmixd.conf.step_id)
		return "it was meant for another step";
	s = find(get_u32(intro), get_u32(intro + 4), true);
	if (!s || s->conn)
		return "its step was not invited";
	self.strangers--;
	s->conn = conn;
	conn_set_owner(conn, s);
	return NULL;
}

static void on_up(void *arg, conn_t *conn)
{
	sibling_up(conn_owner(conn), conn);
}

static int on_message(void *arg, conn_t *conn, uint8_t type, const void *msg,
		      size_t len, const char **why)
{
	*why = type == LINK_PUBLISH
		       ? self.ops->message(conn_owner(conn), msg, len)
		       : "a message has a type that nobody here handles";
	return *why ? -1 : 0;
}

static void on_drained(void *arg, conn_t *conn)
{
}

static void connect_next(sibling_t *s);

static void on_closed(void *arg, conn_t *conn, const char *why)
{
	sibling_t *s = conn_owner(conn);

	plog_debug("a connection with %s, for another step, has ended: %s",
		   conn_name(conn), why);
	if (!s) {
		self.strangers--;
		return;
	}
	s->conn = NULL;
	if (s->up || s->invited)
		sibling_free(s);
	else
		connect_next(s);
}

static const conn_ops_t conn_ops = {
	.introduced = on_introduced,
	.up = on_up,
	.message = on_message,
	.drained = on_drained,
	.closed = on_closed,
};

static void on_accept(void *arg, int fd)
{
	if (self.strangers < STRANGERS_MAX && conn_accept(&self.env, fd))
		self.strangers++;
	else if (self.strangers >= STRANGERS_MAX)
		close(fd);
}

/* What connections need, and a port to be connected to. */
static bool open_env(void)
{
	conn_env_t *env = &self.env;

	if (env->ops)
		return true;
	if (!env->txbuf)
		env->txbuf = malloc(CONN_TXBUF_SIZE);
	if (!env->scratch)
		env->scratch = malloc(WIRE_PAYLOAD_MAX);
	if (!self.jobs)
		self.jobs = jobs_create(pmixd.base, &pmixd.lock,
					pmixd.link_workers);
	if (!env->txbuf || !env->scratch || !self.jobs)
		return false;
	env->base = pmixd.base;
	env->lock = &pmixd.lock;
	env->jobs = self.jobs;
	env->psec = pmixd.psec;
	env->mechs = MECH;
	env->uid = geteuid();
	memcpy(env->binding, purpose, sizeof(purpose));
	env->binding_len = sizeof(purpose);
	env->ops = &conn_ops;
	return true;
}

static bool open_port(void)
{
	int fd;

	if (self.listener)
		return true;
	fd = tcp_listen(pmixd.conf.port_min, pmixd.conf.port_max, &self.port);
	if (fd < 0)
		return false;
	self.listener =
		listener_create(pmixd.base, &pmixd.lock, fd, on_accept, NULL);
	if (!self.listener)
		close(fd);
	return self.listener != NULL;
}

/* -- being invited -------------------------------------------------------- */

/* To the next address; after the last one it is over. */
static void connect_next(sibling_t *s)
{
	struct sockaddr_storage ss;
	uint8_t intro[INTRO_LEN];
	socklen_t len;

	put_intro(intro, s->job_id, s->step_id);
	while (s->next_addr < s->from.naddrs) {
		len = invitation_sockaddr(&s->from.addrs[s->next_addr++],
					  s->from.port, &ss);
		s->conn = conn_connect(&self.env, &ss, len, CONNECT_MS, intro,
				       sizeof(intro));
		if (s->conn) {
			conn_set_owner(s->conn, s);
			return;
		}
	}
	sibling_free(s);
}

static const char *on_invited(void *arg, const uint8_t *data, size_t len)
{
	const char *why = NULL;
	invitation_t inv;
	sibling_t *s;

	if (invitation_decode(&inv, data, len, &why) != 0)
		return why;
	if (!open_env())
		return "out of memory";
	s = sibling_new(inv.job_id, inv.step_id, too_late);
	if (!s)
		return "out of memory";
	s->from = inv;
	connect_next(s);
	return NULL;
}

/* -- inviting ------------------------------------------------------------- */

static void invite_free(job_t *job)
{
	invite_t *i = (invite_t *)job;

	free(i->path);
	free(i->nodes);
	free(i);
}

/* How many nodes a list names. */
static int count(const char *nodes)
{
	hostlist_ptr_t hl = slurm_hostlist_create(nodes);
	int n = hl ? slurm_hostlist_count(hl) : 0;

	if (hl)
		slurm_hostlist_destroy(hl);
	return n;
}

/* The first of *NODES, allocated as slurm_forward_data() wants it. */
static char *first_of(const char *nodes)
{
	hostlist_ptr_t hl = slurm_hostlist_create(nodes), one = NULL;
	char *name = hl ? slurm_hostlist_shift(hl) : NULL, *text = NULL;

	one = name ? slurm_hostlist_create(name) : NULL;
	if (one) {
		text = slurm_hostlist_ranged_string_xmalloc(one);
		slurm_hostlist_destroy(one);
	}
	if (hl)
		slurm_hostlist_destroy(hl);
	free(name);
	return text;
}

static char *all_of(const char *nodes)
{
	hostlist_ptr_t hl = slurm_hostlist_create(nodes);
	char *text = hl ? slurm_hostlist_ranged_string_xmalloc(hl) : NULL;

	if (hl)
		slurm_hostlist_destroy(hl);
	return text;
}

/* Was it handed over on at least one of *NODES? */
static bool forward(invite_t *i, char *nodes)
{
	uint8_t data[INVITATION_MAX];
	size_t len = invitation_encode(&i->own, data);
	int n = nodes ? count(nodes) : 0;
	bool sent;

	if (n == 0)
		return false;
	sent = slurm_forward_data(&nodes, i->path, (uint32_t)len,
				  (const char *)data) == SLURM_SUCCESS ||
	       (n > 1 && nodes && count(nodes) < n);
	slurm_xfree((void **)&nodes);
	return sent;
}

/*
 * On a worker.  A step's first node is the first of its list, but for tasks
 * in an arbitrary order; then all are asked, and one has the socket.
 */
static void invite_work(job_t *job)
{
	invite_t *i = (invite_t *)job;

	i->sent = forward(i, first_of(i->nodes)) ||
		  (count(i->nodes) > 1 && forward(i, all_of(i->nodes)));
}

static void invite_done(job_t *job)
{
	invite_t *i = (invite_t *)job;
	sibling_t *s = find(i->job_id, i->step_id, true);

	/* It has no server of ours, or not yet. */
	if (!i->sent && s && !s->conn)
		sibling_free(s);
	invite_free(job);
}

/* The socket of another step: its directory lies beside ours. */
static char *path_of(uint32_t job_id, uint32_t step_id)
{
	const char *slash = strrchr(pmixd.conf.dir, '/');
	char *path;

	if (!slash || asprintf(&path, "%.*s/%u.%u/" SIBLING_SOCKET,
			       (int)(slash - pmixd.conf.dir), pmixd.conf.dir,
			       job_id, step_id) < 0)
		return NULL;
	return path;
}

static void invite(const search_t *found, const slurmctld_step_t *step)
{
	invite_t *i = calloc(1, sizeof(*i));
	sibling_t *s;

	if (!i)
		return;
	i->job = (job_t){ .work = invite_work,
			  .done = invite_done,
			  .drop = invite_free };
	i->job_id = step->job_id;
	i->step_id = step->step_id;
	i->own.job_id = pmixd.layout.apps.leader;
	i->own.step_id = pmixd.conf.step_id;
	i->own.port = self.port;
	i->own.naddrs = found->naddrs;
	memcpy(i->own.addrs, found->addrs, sizeof(i->own.addrs));
	i->path = path_of(step->job_id, step->step_id);
	i->nodes = strdup(step->nodes);
	s = i->path && i->nodes
		    ? sibling_new(step->job_id, step->step_id, too_late)
		    : NULL;
	if (!s || jobs_post(self.jobs, &i->job) != 0) {
		if (s)
			sibling_free(s);
		invite_free(&i->job);
		return;
	}
	s->invited = true;
}

/* -- searching ------------------------------------------------------------ */

static void search_free(job_t *job)
{
	search_t *f = (search_t *)job;

	for (size_t i = 0; i < f->n; i++)
		free(f->steps[i].nodes);
	free(f);
}

/* On a worker. */
static void search_work(job_t *job)
{
	search_t *f = (search_t *)job;

	f->naddrs = invitation_own_addrs(f->addrs,
					 pmixd_node_name(pmixd.conf.node));
	for (size_t i = 0; i < f->njobs; i++) {
		int n = slurmctld_steps(f->jobs[i], f->steps + f->n,
					SIBLINGS_MAX - f->n);

		if (n < 0)
			plog_info("slurmctld does not tell the steps of job "
				  "%u: %s",
				  f->jobs[i], slurm_strerror(errno));
		else
			f->n += (size_t)n;
	}
}

static void search_done(job_t *job)
{
	search_t *f = (search_t *)job;

	/* The step of a heterogeneous job has a record in each component. */
	for (size_t i = 0; i < f->n; i++)
		if (f->steps[i].step_id != pmixd.conf.step_id &&
		    !find(f->steps[i].job_id, f->steps[i].step_id, false))
			invite(f, &f->steps[i]);
	self.asking = false;
	check_searched();
	search_free(job);
}

bool sibling_search(void)
{
	const apps_t *apps = &pmixd.layout.apps;
	search_t *f;

	if (self.searching)
		return true;
	if (!self.ops || !psec_list_has(pmixd.conf.mechs, MECH) ||
	    (self.searched_ms &&
	     clock_ms() - self.searched_ms < SIBLING_FRESH_MS) ||
	    !open_env() || !open_port())
		return false;
	f = calloc(1, sizeof(*f));
	if (!f)
		return false;
	f->job = (job_t){ .work = search_work,
			  .done = search_done,
			  .drop = search_free };
	for (uint32_t i = 0; i < apps->n && f->njobs < SIBLINGS_MAX; i++)
		if (i == 0 || apps->list[i].job_id != f->jobs[f->njobs - 1])
			f->jobs[f->njobs++] = apps->list[i].job_id;
	if (jobs_post(self.jobs, &f->job) != 0) {
		free(f);
		return false;
	}
	self.searching = self.asking = true;
	return true;
}

bool sibling_init(int fd, const sibling_ops_t *ops)
{
	self.ops = ops;
	return inbox_create(pmixd.base, &pmixd.lock, fd, geteuid(), on_invited,
			    NULL) != NULL;
}
