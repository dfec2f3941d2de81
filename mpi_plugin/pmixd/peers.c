/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peers.c - see peers.h.
 *
 * Every message has a head that says from whom to whom it is; a server that
 * it is not for passes it on.  Heads tell the others of their step which steps
 * are lost, by messages of service 0.
 */
#include "peers.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "abort.h"
#include "bytes.h"
#include "clock.h"
#include "deadline.h"
#include "error.h"
#include "jobs.h"
#include "log.h"
#include "pmixd.h"
#include "slurm_extra.h"
#include "slurmctld.h"

/* In place of a step id where links lead to other steps: no step has it. */
#define NO_STEP	     0xffffff00u
#define TIMEOUT_MS   15000 /* for a link to another step */
#define SEEK_MS	     5000  /* for a step to be known to slurmctld */
#define SEEK_PAUSE   200
#define HEAD_LEN     20
#define LOST_FNS_MAX 8
#define TEXT_MAX     256

/* Of service 0 there is one message: u32 KIND_LOST, step, orderly; why. */
#define KIND_LOST 1

typedef struct {
	uint32_t service;
	peers_addr_t from, to;
} head_t;

/* A message to a step whose head is being looked for, or to ourselves. */
typedef struct waiting {
	STAILQ_ENTRY(waiting) next;
	size_t len;
	uint8_t buf[];
} waiting_t;
typedef STAILQ_HEAD(, waiting) queue_t;

/* Looking for the head of STEP. */
typedef struct seek {
	job_t job;
	LIST_ENTRY(seek) next;
	uint32_t step;
	queue_t queue;
	deadline_t again;
	int64_t until_ms;
	char host[TEXT_MAX]; /* "": not found */
	char why[TEXT_MAX];
} seek_t;

/* Asking slurmctld which steps run. */
typedef struct {
	job_t job;
	slurmctld_step_t steps[PEERS_SEARCH_MAX];
	size_t n;
	bool failed;
	char why[TEXT_MAX];
} search_t;

/* Guarded by pmixd.lock. */
static struct {
	int fd; /* a head's socket for invitations; -1: it is no head */
	const char *path;
	struct event *first; /* somebody invites us before we have links */
	links_t *links;	     /* NULL: not needed yet */
	jobs_t *jobs;
	bool leaving;
	/* By step id; memory is used for those only that are set. */
	char **hosts, **paths;
	uint32_t *reached; /* steps */
	size_t nreached, reached_size;
	const peers_search_ops_t *search;
	bool searching, asking; /* ASKING: slurmctld */
	int64_t searched_ms;	/* 0: never */
	deadline_t search_limit;
	uint32_t
		tried[PEERS_SEARCH_MAX]; /* by this search, and not known yet */
	size_t ntried;
	bool *abroad; /* by own node: it has sent to other steps */
	LIST_HEAD(, seek) seeks;
	queue_t own; /* messages from this server to itself */
	deadline_t own_due;
	struct {
		peers_handler_fn fn;
		void *arg;
	} handlers[PEERS_SERVICE_MAX + 1];
	struct {
		peers_lost_fn fn;
		void *arg;
	} lost[LOST_FNS_MAX];
	unsigned nlost;
} self = { .fd = -1 };

static peers_addr_t own_addr(void)
{
	return (peers_addr_t){ pmixd.conf.step_id, pmixd.conf.node };
}

static bool is_head(void)
{
	return pmixd.conf.node == 0;
}

void peers_register(peers_service_t service, peers_handler_fn fn, void *arg)
{
	self.handlers[service].fn = fn;
	self.handlers[service].arg = arg;
}

void peers_on_lost(peers_lost_fn fn, void *arg)
{
	if (self.nlost == LOST_FNS_MAX)
		abort(); /* a mistake in our own program, seen at its start */
	self.lost[self.nlost].fn = fn;
	self.lost[self.nlost].arg = arg;
	self.nlost++;
}

/* -- messages ------------------------------------------------------------ */

static void put_head(uint8_t *p, const head_t *h)
{
	put_u32(p, h->service);
	put_u32(p + 4, h->from.step);
	put_u32(p + 8, h->from.node);
	put_u32(p + 12, h->to.step);
	put_u32(p + 16, h->to.node);
}

static head_t get_head(const uint8_t *p)
{
	return (head_t){ get_u32(p),
			 { get_u32(p + 4), get_u32(p + 8) },
			 { get_u32(p + 12), get_u32(p + 16) } };
}

static int queue_push(queue_t *q, const uint8_t *msg, size_t len)
{
	waiting_t *w = malloc(sizeof(*w) + len);

	if (!w)
		return -1;
	w->len = len;
	memcpy(w->buf, msg, len);
	STAILQ_INSERT_TAIL(q, w, next);
	return 0;
}

static void queue_clear(queue_t *q)
{
	waiting_t *w;

	while ((w = STAILQ_FIRST(q))) {
		STAILQ_REMOVE_HEAD(q, next);
		free(w);
	}
}

static void take_own(const head_t *h, const uint8_t *msg, size_t len);

static void deliver(const uint8_t *msg, size_t len)
{
	head_t h = get_head(msg);

	msg += HEAD_LEN;
	len -= HEAD_LEN;
	if (h.service == 0)
		take_own(&h, msg, len);
	else if (h.service <= PEERS_SERVICE_MAX && self.handlers[h.service].fn)
		self.handlers[h.service].fn(self.handlers[h.service].arg,
					    h.from, msg, len);
	else
		plog_info("a message of step %u is for a service that nobody "
			  "here has",
			  h.from.step);
}

static void deliver_own(deadline_t *d)
{
	waiting_t *w;

	while ((w = STAILQ_FIRST(&self.own))) {
		STAILQ_REMOVE_HEAD(&self.own, next);
		deliver(w->buf, w->len);
		free(w);
	}
}

static int send_abroad(uint32_t step, const uint8_t *msg, size_t len);

/* One hop on. */
static int route(const head_t *h, const uint8_t *msg, size_t len)
{
	const struct iovec iov = { (void *)(uintptr_t)msg, len };
	bool here = h->to.step == pmixd.conf.step_id;
	uint32_t node = here ? h->to.node : 0;

	if (node != pmixd.conf.node)
		return pmixd.links ? links_send(pmixd.links, node, LINK_PEERS,
						&iov, 1)
				   : -1;
	if (!here)
		return send_abroad(h->to.step, msg, len);
	if (queue_push(&self.own, msg, len) != 0)
		return -1;
	deadline_set(&self.own_due, 0, deliver_own);
	return 0;
}

static int send_from_here(peers_addr_t to, uint32_t service,
			  const struct iovec *iov, int iovcnt)
{
	const head_t h = { service, own_addr(), to };
	size_t len = HEAD_LEN;
	uint8_t *msg, *p;
	int rv;

	for (int i = 0; i < iovcnt; i++)
		len += iov[i].iov_len;
	msg = malloc(len);
	if (!msg || len > LINK_MSG_MAX) {
		free(msg);
		return -1;
	}
	put_head(msg, &h);
	p = msg + HEAD_LEN;
	for (int i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len)
			memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	rv = route(&h, msg, len);
	free(msg);
	return rv;
}

int peers_send(peers_addr_t to, peers_service_t service,
	       const struct iovec *iov, int iovcnt)
{
	if (to.step >= PEERS_STEPS_MAX)
		return -1;
	return send_from_here(to, service, iov, iovcnt);
}

/* Should what must be passed on not go on, its sender learns that. */
static void say_unreachable(const head_t *h);

/* A node speaks for itself; the head passes on what other steps say. */
static bool may_say(uint32_t node, const head_t *h)
{
	if (h->from.step == pmixd.conf.step_id)
		return h->from.node == node;
	return node == 0 && h->service != 0 && h->to.step == pmixd.conf.step_id;
}

/* From a server of this step. */
static void on_near(void *arg, uint32_t from, const void *data, size_t len)
{
	const uint8_t *msg = data;
	head_t h;

	if (len < HEAD_LEN) {
		links_drop(pmixd.links, from, "it sent a message too short");
		return;
	}
	h = get_head(msg);
	if (!may_say(from, &h)) {
		links_drop(pmixd.links, from, "it sent a message of another's");
		return;
	}
	if (h.to.step == pmixd.conf.step_id) {
		deliver(msg, len);
		return;
	}
	if (!is_head() || h.to.step >= PEERS_STEPS_MAX)
		return;
	self.abroad[from] = true;
	if (send_abroad(h.to.step, msg, len) != 0)
		say_unreachable(&h);
}

/* From the head of another step. */
static void on_far(void *arg, uint32_t from, const void *data, size_t len)
{
	const uint8_t *msg = data;
	head_t h;

	if (len < HEAD_LEN) {
		links_drop(self.links, from, "it sent a message too short");
		return;
	}
	h = get_head(msg);
	if (h.from.step != from || h.to.step != pmixd.conf.step_id ||
	    h.to.node >= pmixd.conf.nnodes || h.service == 0) {
		links_drop(self.links, from, "it sent a message to others");
		return;
	}
	if (h.to.node == pmixd.conf.node)
		deliver(msg, len);
	else if (route(&h, msg, len) != 0)
		plog_info("a message of step %u for node %s is lost", from,
			  pmixd_node_name(h.to.node));
}

/* -- who is lost --------------------------------------------------------- */

static void tell_lost(uint32_t step, bool orderly, const char *why)
{
	/* What came before comes first. */
	deliver_own(&self.own_due);
	plog_debug("step %u %s: %s", step, orderly ? "has ended" : "is lost",
		   why);
	for (unsigned i = 0; i < self.nlost; i++)
		self.lost[i].fn(self.lost[i].arg, step, orderly, why);
}

static void send_lost(uint32_t node, uint32_t step, bool orderly,
		      const char *why)
{
	uint8_t msg[12];
	const struct iovec iov[] = { { msg, sizeof(msg) },
				     { (void *)(uintptr_t)why, strlen(why) } };

	put_u32(msg, KIND_LOST);
	put_u32(msg + 4, step);
	put_u32(msg + 8, orderly);
	(void)send_from_here((peers_addr_t){ pmixd.conf.step_id, node }, 0, iov,
			     2);
}

static void say_unreachable(const head_t *h)
{
	send_lost(h->from.node, h->to.step, false, "it cannot be reached");
}

/* Here and on the nodes that have to do with other steps. */
static void spread_lost(uint32_t step, bool orderly, const char *why)
{
	for (uint32_t n = 1; n < pmixd.conf.nnodes; n++)
		if (self.abroad[n])
			send_lost(n, step, orderly, why);
	tell_lost(step, orderly, why);
}

/* -- who is in reach ------------------------------------------------------ */

size_t peers_reached(void)
{
	return self.nreached;
}

uint32_t peers_reached_step(size_t i)
{
	return self.reached[i];
}

static void reached_add(uint32_t step)
{
	size_t size = self.reached_size ? 2 * self.reached_size : 16;
	uint32_t *more = self.reached;

	if (self.nreached == self.reached_size) {
		more = realloc(more, size * sizeof(*more));
		if (!more)
			return; /* nobody looks for anything there */
		self.reached = more;
		self.reached_size = size;
	}
	self.reached[self.nreached++] = step;
}

static void reached_remove(uint32_t step)
{
	for (size_t i = 0; i < self.nreached; i++)
		if (self.reached[i] == step) {
			self.reached[i] = self.reached[--self.nreached];
			return;
		}
}

static void check_searched(void)
{
	if (!self.searching || self.asking || self.ntried > 0)
		return;
	deadline_clear(&self.search_limit);
	self.searching = false;
	self.searched_ms = clock_ms();
	self.search->searched();
}

/* Is STEP in reach, or not?  It is known now. */
static void settled(uint32_t step)
{
	for (size_t i = 0; i < self.ntried; i++)
		if (self.tried[i] == step) {
			self.tried[i] = self.tried[--self.ntried];
			break;
		}
	check_searched();
}

static void on_far_settled(void *arg, uint32_t step, bool up)
{
	if (up) {
		reached_add(step);
		if (self.search)
			self.search->reached(step);
	} else {
		/* It may be over, which slurmctld will say. */
		free(self.hosts[step]);
		self.hosts[step] = NULL;
	}
	settled(step);
}

static void on_far_lost(void *arg, uint32_t step, int orderly, const char *why)
{
	reached_remove(step);
	spread_lost(step, orderly, why);
	settled(step);
}

void peers_drop(uint32_t step, const char *why)
{
	if (self.links)
		links_drop(self.links, step, why);
}

static void on_near_lost(void *arg, uint32_t node, int orderly, const char *why)
{
	if (node == 0)
		tell_lost(PEERS_ALL, orderly, why);
}

/* -- links to other steps ------------------------------------------------ */

/* slurmd expands %n in it, so paths are alike on all nodes. */
static char *path_of(uint32_t step)
{
	int base = (int)(strrchr(pmixd.conf.dir, '/') - pmixd.conf.dir);
	char *path;

	if (asprintf(&path, "%.*s/%u.%u/" PEERS_SOCKET, base, pmixd.conf.dir,
		     pmixd.layout.apps.leader, step) < 0)
		return NULL;
	return path;
}

static int open_links(void)
{
	link_config_t cfg = {
		.base = pmixd.base,
		.lock = &pmixd.lock,
		.workers = pmixd.link_workers,
		.psec = pmixd.psec,
		.mechs = LINK_MECH,
		.uid = geteuid(),
		.job_id = pmixd.layout.apps.leader,
		.step_id = NO_STEP,
		.node = pmixd.conf.step_id,
		.nnodes = PEERS_STEPS_MAX,
		.wire_fd = self.fd,
		.wire_path = self.path,
		.port_min = pmixd.conf.port_min,
		.port_max = pmixd.conf.port_max,
		.timeout_ms = TIMEOUT_MS,
		.silence_ms = pmixd.conf.timeout_s * 1000,
		.apart = true,
	};

	if (self.links)
		return 0;
	if (self.fd < 0)
		return -1;
	slurm_ready();
	self.hosts = calloc(PEERS_STEPS_MAX, sizeof(char *));
	self.paths = calloc(PEERS_STEPS_MAX, sizeof(char *));
	self.jobs = jobs_create(pmixd.base, &pmixd.lock, pmixd.link_workers);
	if (!self.hosts || !self.paths || !self.jobs)
		return -1;
	self.hosts[cfg.node] = strdup(pmixd_node_name(pmixd.conf.node));
	if (!self.hosts[cfg.node])
		return -1;
	cfg.node_names = (const char *const *)self.hosts;
	cfg.wire_paths = (const char *const *)self.paths;
	self.links = links_create(&cfg);
	if (!self.links)
		return -1;
	links_register(self.links, LINK_PEERS, on_far, NULL);
	links_on_lost(self.links, on_far_lost, NULL);
	links_on_settled(self.links, on_far_settled, NULL);
	if (self.leaving)
		links_goodbye(self.links);
	return 0;
}

/* From now on the links themselves listen to the socket. */
static void on_first(evutil_socket_t fd, short what, void *arg)
{
	pthread_mutex_lock(&pmixd.lock);
	if (open_links() != 0)
		plog_error("the servers of other steps cannot be answered");
	pthread_mutex_unlock(&pmixd.lock);
}

/* STEP's head is on HOST.  False: no memory. */
static bool set_host(uint32_t step, const char *host)
{
	if (!self.hosts[step])
		self.hosts[step] = strdup(host);
	if (!self.paths[step])
		self.paths[step] = path_of(step);
	return self.hosts[step] && self.paths[step];
}

/* The first of NODES, malloc()ed, or NULL. */
static char *first_of(const char *nodes)
{
	__typeof__(slurm_hostlist_create(NULL)) list;
	char *host = NULL;

	list = slurm_hostlist_create(nodes);
	if (!list)
		return NULL;
	host = slurm_hostlist_shift(list);
	slurm_hostlist_destroy(list);
	return host;
}

/* Is it known where STEP's head is, or has that one told us? */
static bool is_in_reach(uint32_t step)
{
	return self.hosts[step] || links_is_set_up(self.links, step);
}

/* On a worker. */
static void seek_work(job_t *job)
{
	seek_t *s = (seek_t *)job;
	slurm_step_id_t id = PSEC_STEP_ID_INIT;
	slurm_step_layout_t *layout;
	char *host;

	id.job_id = pmixd.layout.apps.leader;
	id.step_id = s->step;
	layout = slurm_job_step_layout_get(&id);
	if (!layout) {
		(void)snprintf(s->why, sizeof(s->why), "slurmctld: %s",
			       slurm_strerror(errno));
		return;
	}
	host = first_of(layout->node_list);
	if (host && strlen(host) < sizeof(s->host))
		(void)snprintf(s->host, sizeof(s->host), "%s", host);
	else
		(void)snprintf(s->why, sizeof(s->why),
			       "slurmctld names no node of it");
	free(host);
	slurm_job_step_layout_free(layout);
}

static void seek_drop(job_t *job)
{
	seek_t *s = (seek_t *)job;

	queue_clear(&s->queue);
	free(s);
}

static void seek_send(seek_t *s)
{
	waiting_t *w;
	bool ok = true;

	STAILQ_FOREACH(w, &s->queue, next)
	{
		const struct iovec iov = { w->buf, w->len };

		if (links_send(self.links, s->step, LINK_PEERS, &iov, 1) != 0)
			ok = false;
	}
	if (!ok)
		spread_lost(s->step, false, "it cannot be reached");
}

static void seek_again(deadline_t *d)
{
	seek_t *s = deadline_owner(d, seek_t, again);

	if (jobs_post(self.jobs, &s->job) != 0)
		deadline_set(d, SEEK_PAUSE, seek_again);
}

static void seek_done(job_t *job)
{
	seek_t *s = (seek_t *)job;

	/* Steps that are to meet are often started at the same time. */
	if (!s->host[0] && !is_in_reach(s->step) && clock_ms() < s->until_ms) {
		deadline_set(&s->again, SEEK_PAUSE, seek_again);
		return;
	}
	LIST_REMOVE(s, next);
	if (is_in_reach(s->step) || (s->host[0] && set_host(s->step, s->host)))
		seek_send(s);
	else
		spread_lost(s->step, false, s->why);
	seek_drop(job);
}

static seek_t *seek_of(uint32_t step)
{
	seek_t *s;

	LIST_FOREACH(s, &self.seeks, next)
	{
		if (s->step == step)
			return s;
	}
	return NULL;
}

/* Look for the head of STEP.  NULL: no memory. */
static seek_t *seek_begin(uint32_t step)
{
	seek_t *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->job.work = seek_work;
	s->job.done = seek_done;
	s->job.drop = seek_drop;
	s->step = step;
	s->until_ms = clock_ms() + SEEK_MS;
	STAILQ_INIT(&s->queue);
	if (jobs_post(self.jobs, &s->job) != 0) {
		free(s);
		return NULL;
	}
	LIST_INSERT_HEAD(&self.seeks, s, next);
	return s;
}

/* Of a head. */
static int send_abroad(uint32_t step, const uint8_t *msg, size_t len)
{
	const struct iovec iov = { (void *)(uintptr_t)msg, len };
	seek_t *s;

	if (open_links() != 0)
		return -1;
	/* Behind those that wait already, also if it has invited us since. */
	s = seek_of(step);
	if (!s && is_in_reach(step))
		return links_send(self.links, step, LINK_PEERS, &iov, 1);
	if (!s)
		s = seek_begin(step);
	return s ? queue_push(&s->queue, msg, len) : -1;
}

/* -- searching ------------------------------------------------------------ */

void peers_on_search(const peers_search_ops_t *ops)
{
	self.search = ops;
}

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
	int n = slurmctld_steps(pmixd.layout.apps.leader, f->steps,
				PEERS_SEARCH_MAX);

	f->failed = n < 0;
	if (n < 0)
		(void)snprintf(f->why, sizeof(f->why), "%s",
			       slurm_strerror(errno));
	else
		f->n = (size_t)n;
}

/* Nodes are named in the order in which the step counts them. */
static void try_step(const slurmctld_step_t *found)
{
	uint32_t step = found->step_id;
	char *host;

	if (step == pmixd.conf.step_id || step >= PEERS_STEPS_MAX)
		return;
	host = first_of(found->nodes);
	if (host && set_host(step, host) && links_try(self.links, step))
		self.tried[self.ntried++] = step;
	free(host);
}

static void search_too_late(deadline_t *d)
{
	plog_debug("%zu steps have not answered within %d ms", self.ntried,
		   PEERS_SEARCH_MS);
	self.ntried = 0;
	check_searched();
}

static void search_done(job_t *job)
{
	search_t *f = (search_t *)job;

	if (f->failed)
		plog_info("slurmctld does not tell the steps of job %u: %s",
			  pmixd.layout.apps.leader, f->why);
	for (size_t i = 0; i < f->n; i++)
		try_step(&f->steps[i]);
	search_free(job);
	self.asking = false;
	deadline_set(&self.search_limit, PEERS_SEARCH_MS, search_too_late);
	check_searched();
}

bool peers_search(void)
{
	search_t *f;

	if (self.searching)
		return true;
	if (self.fd < 0 || !self.search ||
	    (self.searched_ms &&
	     clock_ms() - self.searched_ms < PEERS_FRESH_MS) ||
	    open_links() != 0)
		return false;
	f = calloc(1, sizeof(*f));
	if (!f)
		return false;
	f->job = (job_t){ .work = search_work,
			  .done = search_done,
			  .drop = search_free };
	if (jobs_post(self.jobs, &f->job) != 0) {
		free(f);
		return false;
	}
	self.searching = self.asking = true;
	return true;
}

/* Service 0: within this step only. */
static void take_own(const head_t *h, const uint8_t *msg, size_t len)
{
	char why[TEXT_MAX];

	if (h->from.step != pmixd.conf.step_id || h->from.node != 0 ||
	    len < 12 || get_u32(msg) != KIND_LOST)
		return;
	(void)snprintf(why, sizeof(why), "%.*s", (int)(len - 12),
		       (const char *)msg + 12);
	tell_lost(get_u32(msg + 4), get_u32(msg + 8), why);
}

/* -- beginning and end --------------------------------------------------- */

bool peers_listens(void)
{
	/* Without MUNGE nobody could prove who he is. */
	return is_head() && pmixd.conf.step_id < PEERS_STEPS_MAX &&
	       psec_list_has(pmixd.conf.mechs, LINK_MECH);
}

int peers_init(int fd, const char *path, psec_error_t *err)
{
	STAILQ_INIT(&self.own);
	self.fd = fd;
	self.path = path;
	self.abroad = calloc((size_t)pmixd.conf.nnodes + 1, sizeof(bool));
	if (!self.abroad)
		return error_set(err, PSEC_ERR_NOMEM, "out of memory");
	if (pmixd.links) {
		links_register(pmixd.links, LINK_PEERS, on_near, NULL);
		links_on_lost(pmixd.links, on_near_lost, NULL);
	}
	if (fd < 0)
		return 0;
	self.first = event_new(pmixd.base, fd, EV_READ, on_first, NULL);
	if (!self.first || event_add(self.first, NULL) != 0)
		return error_set(err, PSEC_ERR_NOMEM, "out of memory");
	return 0;
}

bool peers_pending(void)
{
	return !LIST_EMPTY(&self.seeks) ||
	       (self.links && links_pending(self.links));
}

void peers_goodbye(void)
{
	if (self.leaving)
		return;
	self.leaving = true;
	if (self.links)
		links_goodbye(self.links);
}
