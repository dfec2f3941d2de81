/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.c - the peers, and how a link to one comes up and ends.
 *
 *   NONE ──wanted here──> INVITED ──it connects──────> UP ──> LOST
 *     └────invited by it──> CONNECTING ──it accepts──> UP
 *
 * A node connects when it is invited and has sent no invitation itself; if
 * two invite each other the higher one connects.  So of two nodes never both
 * connect: the lower one connects only if it has never invited, and then the
 * higher one has no invitation to follow.
 *
 * What is needed only while a link is coming up is in struct setup; those of
 * all such peers are in one list, which one timer walks.
 */
#include "link.h"

#include <errno.h>
#include <event2/event.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "conn.h"
#include "jobs.h"
#include "listener.h"
#include "lograte.h"
#include "tcp_listen.h"
#include "wire.h"
#include "wireup.h"

#define STRANGERS_MAX  64  /* connections accepted and not authenticated */
#define CONNECTS_MAX   64  /* connections being made */
#define CONNECT_MS     500 /* for one address at first; doubles */
#define CONNECT_MAX_MS 5000
#define RETRY_MS       10 /* first pause before trying again; doubles */
#define RETRY_MAX_MS   500
#define REINVITE_MS    10000 /* an invitation may have got lost */
#define FINISH_MS      1000  /* see links_destroy() */
#define INTRO_LEN      8     /* client's node, server's node */
#define WHY_LEN	       256
#define LOST_FNS_MAX   8
#define NEVER	       INT64_MAX

static const char purpose[] = "slurm-psec link 1";

enum peer_state {
	PEER_NONE = 0,
	PEER_INVITED = 1,
	PEER_CONNECTING = 2,
	PEER_UP = 3,
	PEER_LOST = 4
};

struct setup;

struct peer {
	enum peer_state state;
	bool said_goodbye;
	conn_t *conn;	     /* CONNECTING: may be NULL; UP */
	txq_t early;	     /* messages sent before it is UP */
	struct setup *setup; /* INVITED and CONNECTING */
	char *why;	     /* it was lost; NULL: it was not, or no memory */
};

/* A peer that is being set up. */
struct setup {
	LIST_ENTRY(setup) next;
	struct peer *peer;
	int64_t deadline_ms; /* then it is lost */
	int64_t due_ms;	     /* then invite, or connect, again */
	int retry_ms;	     /* the next pause */
	bool inviting;	     /* an invitation is on its way */
	bool invited;	     /* one was sent, or was tried to */
	bool tentative;	     /* nothing is to be sent: see links_try() */
	bool was_lost;	     /* before this attempt */
	bool has_from;	/* INVITED: FROM came, and it is for it to connect */
	int connect_ms; /* CONNECTING: for one address */
	size_t next_addr;
	invitation_t from; /* CONNECTING: its invitation */
	char why[WHY_LEN]; /* it is not up yet */
};

/* An accepted connection of which we do not know yet whose it is. */
struct stranger {
	TAILQ_ENTRY(stranger) next;
	conn_t *conn;
};

struct links {
	link_config_t cfg;
	conn_env_t env;
	jobs_t *jobs;
	int tcp_fd;
	listener_t *listener;
	wireup_t *wireup;
	uint16_t port;
	struct event *timer;
	int64_t wake_ms; /* when it runs; NEVER: it does not */
	lograte_t rate;
	bool leaving; /* good-bye was said */
	unsigned nconnects;
	LIST_HEAD(, setup) setups;
	TAILQ_HEAD(, stranger) strangers; /* oldest first */
	unsigned nstrangers;
	struct {
		link_handler_fn fn;
		void *arg;
	} handlers[LINK_TYPE_MAX + 1];
	struct {
		link_lost_fn fn;
		void *arg;
	} lost[LOST_FNS_MAX];
	unsigned nlost;
	struct {
		link_drained_fn fn;
		void *arg;
	} drained;
	struct {
		link_settled_fn fn;
		void *arg;
	} settled;
	uint32_t top;	     /* peers from here on were never looked at */
	struct peer peers[]; /* all zero from TOP on */
};

static uint32_t node_of(const links_t *links, const struct peer *peer)
{
	return (uint32_t)(peer - links->peers);
}

static const char *name_of(const links_t *links, const struct peer *peer)
{
	const char *name = links->cfg.node_names[node_of(links, peer)];

	return name ? name : "not known";
}

/* Where there may be many nodes and few are used, no memory is touched for the
 * others. */
static struct peer *peer_at(links_t *links, uint32_t node)
{
	for (; links->top <= node; links->top++)
		txq_init(&links->peers[links->top].early);
	return &links->peers[node];
}

/* -- a peer's setup ----------------------------------------------------- */

/* Have the timer run at AT_MS, or earlier if it would already. */
static void wake_at(links_t *links, int64_t at_ms)
{
	struct timeval tv;

	if (at_ms >= links->wake_ms)
		return;
	tv = clock_timeval(at_ms - clock_ms());
	if (event_add(links->timer, &tv) == 0)
		links->wake_ms = at_ms;
}

/* Begin; NULL: no memory. */
static struct setup *setup_begin(links_t *links, struct peer *peer,
				 enum peer_state state, int64_t due_ms)
{
	struct setup *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->peer = peer;
	s->was_lost = peer->state == PEER_LOST;
	peer->said_goodbye = false;
	s->deadline_ms = clock_ms() + links->cfg.timeout_ms;
	s->due_ms = due_ms;
	s->retry_ms = RETRY_MS;
	s->connect_ms = CONNECT_MS;
	LIST_INSERT_HEAD(&links->setups, s, next);
	peer->setup = s;
	peer->state = state;
	wake_at(links, due_ms);
	return s;
}

static void setup_end(struct peer *peer)
{
	if (!peer->setup)
		return;
	LIST_REMOVE(peer->setup, next);
	free(peer->setup);
	peer->setup = NULL;
}

/* It did not work because of WHY; try again after a pause. */
static void retry_later(links_t *links, struct setup *s, const char *why)
{
	if (why)
		(void)snprintf(s->why, sizeof(s->why), "%s", why);
	s->due_ms = clock_ms() + s->retry_ms;
	if (s->retry_ms < RETRY_MAX_MS)
		s->retry_ms *= 2;
	wake_at(links, s->due_ms);
}

/* -- losing a peer ------------------------------------------------------ */

/* The peer's connection has been or is being closed by the caller. */
static void lose(links_t *links, struct peer *peer, const char *why)
{
	char text[WHY_LEN + 128], reason[WHY_LEN + 64];

	(void)snprintf(text, sizeof(text), "node n%u (%s) %s: %s",
		       (unsigned)node_of(links, peer), name_of(links, peer),
		       peer->said_goodbye ? "has left" : "is lost", why);
	setup_end(peer);
	txq_clear(&peer->early);
	peer->conn = NULL;
	peer->state = PEER_LOST;
	free(peer->why);
	(void)snprintf(reason, sizeof(reason), "%s%s",
		       peer->said_goodbye ? "its tasks had finalised; " : "",
		       why);
	peer->why = strdup(reason);
	plog_debug("%s", text);
	for (unsigned i = 0; i < links->nlost; i++)
		links->lost[i].fn(links->lost[i].arg, node_of(links, peer),
				  peer->said_goodbye, text);
}

static void settle(links_t *links, struct peer *peer, bool up)
{
	if (links->settled.fn)
		links->settled.fn(links->settled.arg, node_of(links, peer), up);
}

/* Nobody wants to send anything to it: all is as before. */
static void give_up(links_t *links, struct setup *s, const char *why)
{
	struct peer *peer = s->peer;

	plog_debug("no link with node n%u (%s): %s",
		   (unsigned)node_of(links, peer), name_of(links, peer), why);
	peer->state = s->was_lost ? PEER_LOST : PEER_NONE;
	setup_end(peer);
	settle(links, peer, false);
}

static void lose_late(links_t *links, struct setup *s)
{
	struct peer *peer = s->peer;
	char why[WHY_LEN + 64];

	(void)snprintf(why, sizeof(why), "no link within %d ms: %s",
		       links->cfg.timeout_ms,
		       s->why[0] ? s->why : "it could not be invited");
	if (peer->conn) {
		links->nconnects--;
		conn_destroy(peer->conn);
		peer->conn = NULL;
	}
	if (s->tentative)
		give_up(links, s, why);
	else
		lose(links, peer, why);
}

/* -- connecting to a peer that has invited us --------------------------- */

static void set_why(struct setup *s, const char *where, const char *why)
{
	(void)snprintf(s->why, sizeof(s->why), "%s: %s", where, why);
}

/* Start connecting to the next address; after the last one, pause. */
static void connect_next(links_t *links, struct peer *peer)
{
	struct setup *s = peer->setup;
	struct sockaddr_storage ss;
	uint8_t intro[INTRO_LEN];
	socklen_t len;

	if (links->nconnects >= CONNECTS_MAX) {
		s->due_ms = clock_ms() + RETRY_MS;
		wake_at(links, s->due_ms);
		return;
	}
	put_u32(intro, links->cfg.node);
	put_u32(intro + 4, node_of(links, peer));
	while (s->next_addr < s->from.naddrs) {
		len = invitation_sockaddr(&s->from.addrs[s->next_addr++],
					  s->from.port, &ss);
		peer->conn = conn_connect(&links->env, &ss, len, s->connect_ms,
					  intro, sizeof(intro));
		if (peer->conn) {
			links->nconnects++;
			conn_set_owner(peer->conn, peer);
			s->due_ms = NEVER;
			return;
		}
		set_why(s, "cannot connect", strerror(errno));
	}
	s->next_addr = 0;
	if (s->connect_ms < CONNECT_MAX_MS)
		s->connect_ms *= 2;
	retry_later(links, s, NULL);
}

/* Has PEER no link, and may get one? */
static bool is_free(const links_t *links, const struct peer *peer)
{
	return peer->state == PEER_NONE ||
	       (peer->state == PEER_LOST && links->cfg.apart);
}

/* An invitation has arrived. */
static void on_invited(void *arg, const invitation_t *inv)
{
	links_t *links = arg;
	struct peer *peer = peer_at(links, inv->node);
	struct setup *s = peer->setup;

	if (is_free(links, peer)) {
		s = setup_begin(links, peer, PEER_CONNECTING, clock_ms());
		if (!s) {
			if (peer->state == PEER_NONE)
				lose(links, peer, "out of memory");
			return;
		}
		s->tentative = links->cfg.apart;
	} else if (peer->state != PEER_INVITED) {
		return; /* on the way already */
	} else if (s->invited && links->cfg.node < inv->node) {
		s->from = *inv;
		s->has_from = true;
		return; /* it is for it to connect */
	}
	peer->state = PEER_CONNECTING;
	s->from = *inv;
	connect_next(links, peer);
}

/* -- inviting ----------------------------------------------------------- */

/* One invitation was handed over, or not. */
static void on_sent(void *arg, uint32_t node, const char *failure)
{
	links_t *links = arg;
	struct peer *peer = &links->peers[node];
	struct setup *s = peer->setup;

	if (peer->state != PEER_INVITED)
		return; /* it was up before the answer was here, or is lost */
	s->inviting = false;
	if (failure && s->tentative && s->has_from) {
		/* It came up at this moment, and waits for us. */
		peer->state = PEER_CONNECTING;
		connect_next(links, peer);
		return;
	}
	if (failure && s->tentative) {
		give_up(links, s, failure);
		return;
	}
	if (failure) {
		retry_later(links, s, failure);
		return;
	}
	(void)snprintf(s->why, sizeof(s->why),
		       "it was invited and did not connect to port %u here",
		       (unsigned)links->port);
	s->due_ms = clock_ms() + REINVITE_MS;
	wake_at(links, s->due_ms);
}

/* When S wants the timer. */
static int64_t due_of(const links_t *links, const struct setup *s)
{
	if (s->peer->state == PEER_INVITED && !wireup_ready(links->wireup))
		return NEVER; /* on_ready() will wake it */
	return s->due_ms;
}

static void invite(links_t *links, const uint32_t *nodes, size_t n)
{
	int rc = wireup_invite(links->wireup, nodes, n);
	struct setup *s;

	for (size_t i = 0; i < n; i++) {
		s = links->peers[nodes[i]].setup;
		if (rc) {
			retry_later(links, s,
				    "this node is too busy to invite it");
		} else {
			s->inviting = s->invited = true;
			s->due_ms = NEVER;
		}
	}
}

/* Put those whose sockets have the path of the first one's to the front;
 * returns how many they are. */
static size_t same_path(const links_t *links, uint32_t *nodes, size_t n)
{
	const char *const *paths = links->cfg.wire_paths;
	size_t same = 1;

	if (!paths)
		return n;
	for (size_t i = 1; i < n; i++) {
		uint32_t node = nodes[i];

		if (paths[node] != paths[nodes[0]])
			continue;
		nodes[i] = nodes[same];
		nodes[same++] = node;
	}
	return same;
}

/* Invite all whose time has come, in as few calls as can be. */
static void invite_due(links_t *links, int64_t now)
{
	uint32_t nodes[64];
	size_t n = 0, same;
	struct setup *s;

	LIST_FOREACH(s, &links->setups, next)
	{
		if (s->peer->state == PEER_INVITED && !s->inviting &&
		    due_of(links, s) <= now &&
		    n < sizeof(nodes) / sizeof(nodes[0]))
			nodes[n++] = node_of(links, s->peer);
	}
	for (size_t i = 0; i < n; i += same) {
		same = same_path(links, nodes + i, n - i);
		invite(links, nodes + i, same);
	}
}

/* Lose the first peer whose time is over.  The handlers may begin setups of
 * others, so the walk starts anew after each. */
static bool lose_one_late(links_t *links, int64_t now)
{
	struct setup *s;

	LIST_FOREACH(s, &links->setups, next)
	{
		if (s->deadline_ms <= now) {
			lose_late(links, s);
			return true;
		}
	}
	return false;
}

static void connect_due(links_t *links, int64_t now)
{
	struct setup *s;

	LIST_FOREACH(s, &links->setups, next)
	{
		if (s->peer->state == PEER_CONNECTING && s->due_ms <= now)
			connect_next(links, s->peer);
	}
}

/* Invitations can be sent. */
static void on_ready(void *arg)
{
	links_t *links = arg;

	if (!LIST_EMPTY(&links->setups))
		wake_at(links, clock_ms());
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	links_t *links = arg;
	int64_t now, next = NEVER;
	struct setup *s;

	pthread_mutex_lock(links->cfg.lock);
	links->wake_ms = NEVER;
	now = clock_ms();
	while (lose_one_late(links, now))
		;
	invite_due(links, now);
	connect_due(links, now);
	LIST_FOREACH(s, &links->setups, next)
	{
		if (due_of(links, s) < next)
			next = due_of(links, s);
		if (s->deadline_ms < next)
			next = s->deadline_ms;
	}
	wake_at(links, next);
	pthread_mutex_unlock(links->cfg.lock);
}

/* -- connections -------------------------------------------------------- */

static struct stranger *stranger_of(links_t *links, const conn_t *conn)
{
	struct stranger *s;

	TAILQ_FOREACH(s, &links->strangers, next)
	{
		if (s->conn == conn)
			return s;
	}
	return NULL;
}

static void forget_stranger(links_t *links, struct stranger *s)
{
	if (!s)
		return;
	TAILQ_REMOVE(&links->strangers, s, next);
	links->nstrangers--;
	free(s);
}

static void log_dropped(links_t *links, const conn_t *conn, const char *why)
{
	if (lograte_ok(&links->rate, "connections were dropped"))
		plog_info("a connection from %s was dropped: %s",
			  conn_name(conn), why);
}

/* Make room: the oldest that has said nothing, or else the oldest, goes. */
static void drop_stranger(links_t *links)
{
	struct stranger *s;

	TAILQ_FOREACH(s, &links->strangers, next)
	{
		if (conn_silent(s->conn))
			break;
	}
	if (!s)
		s = TAILQ_FIRST(&links->strangers);
	log_dropped(links, s->conn, "too many that are not authenticated");
	conn_destroy(s->conn);
	forget_stranger(links, s);
}

static void on_accept(void *arg, int fd)
{
	links_t *links = arg;
	struct stranger *s = calloc(1, sizeof(*s));

	if (!s) {
		close(fd);
		return;
	}
	if (links->nstrangers >= STRANGERS_MAX)
		drop_stranger(links);
	s->conn = conn_accept(&links->env, fd);
	if (!s->conn) {
		free(s);
		return;
	}
	TAILQ_INSERT_TAIL(&links->strangers, s, next);
	links->nstrangers++;
}

static const char *on_introduced(void *arg, conn_t *conn, const uint8_t *intro,
				 size_t len)
{
	links_t *links = arg;
	struct peer *peer;
	uint32_t from;

	if (len != INTRO_LEN)
		return "its introduction has the wrong length";
	from = get_u32(intro);
	if (get_u32(intro + 4) != links->cfg.node)
		return "it was meant for another node";
	if (from >= links->cfg.nnodes || from == links->cfg.node)
		return "its node is no other node of this step";
	peer = peer_at(links, from);
	if (peer->state != PEER_INVITED)
		return "its node was not invited, or has a link already";
	conn_set_owner(conn, peer);
	return NULL;
}

static void on_drained(void *arg, conn_t *conn)
{
	links_t *links = arg;

	if (links->drained.fn)
		links->drained.fn(links->drained.arg,
				  node_of(links, conn_owner(conn)));
}

static void on_up(void *arg, conn_t *conn)
{
	links_t *links = arg;
	struct peer *peer = conn_owner(conn);
	txq_cursor_t nothing = { NULL, 0, 0 };
	bool waited;

	if (peer->state == PEER_CONNECTING)
		links->nconnects--;
	else
		forget_stranger(links, stranger_of(links, conn));
	setup_end(peer);
	peer->conn = conn;
	peer->state = PEER_UP;
	plog_debug("link with node n%u (%s), %s, is up",
		   (unsigned)node_of(links, peer), name_of(links, peer),
		   conn_name(conn));
	waited = !txq_empty(&peer->early);
	conn_send_queue(conn, &peer->early);
	if (links->leaving)
		conn_send(conn, WIRE_GOODBYE, &nothing);
	if (waited && !conn_pending(conn))
		on_drained(links, conn);
	settle(links, peer, true);
}

static int on_message(void *arg, conn_t *conn, uint8_t type, const void *msg,
		      size_t len, const char **why)
{
	links_t *links = arg;
	struct peer *peer = conn_owner(conn);

	if (type == WIRE_GOODBYE) {
		peer->said_goodbye = true;
		return 0;
	}
	if (type > LINK_TYPE_MAX || !links->handlers[type].fn) {
		*why = "a message has a type that nobody here handles";
		return -1;
	}
	links->handlers[type].fn(links->handlers[type].arg,
				 node_of(links, peer), msg, len);
	return 0;
}

static void on_closed(void *arg, conn_t *conn, const char *why)
{
	links_t *links = arg;
	struct peer *peer = conn_owner(conn);

	if (!peer || peer->conn != conn) {
		log_dropped(links, conn, why);
		forget_stranger(links, stranger_of(links, conn));
	} else if (peer->state == PEER_CONNECTING) {
		links->nconnects--;
		peer->conn = NULL;
		set_why(peer->setup, conn_name(conn), why);
		plog_debug("connecting to node n%u (%s): %s",
			   (unsigned)node_of(links, peer), name_of(links, peer),
			   peer->setup->why);
		connect_next(links, peer);
	} else {
		lose(links, peer, why);
	}
}

static const conn_ops_t conn_ops = {
	.introduced = on_introduced,
	.up = on_up,
	.message = on_message,
	.drained = on_drained,
	.closed = on_closed,
};

/* -- setting up --------------------------------------------------------- */

/* What both ends of a handshake must know: what it is for, and which step. */
static void set_binding(conn_env_t *env, const link_config_t *cfg)
{
	uint8_t *p = env->binding;

	memcpy(p, purpose, sizeof(purpose)); /* with its NUL */
	put_u32(p + sizeof(purpose), cfg->job_id);
	put_u32(p + sizeof(purpose) + 4, cfg->step_id);
	env->binding_len = sizeof(purpose) + 8;
}

static int env_init(links_t *links)
{
	const link_config_t *cfg = &links->cfg;
	conn_env_t *env = &links->env;

	env->base = cfg->base;
	env->lock = cfg->lock;
	env->jobs = links->jobs;
	env->psec = cfg->psec;
	env->mechs = cfg->mechs;
	env->uid = cfg->uid;
	env->silence_ms = cfg->silence_ms;
	env->ops = &conn_ops;
	env->arg = links;
	env->txbuf = malloc(CONN_TXBUF_SIZE);
	env->scratch = malloc(WIRE_PAYLOAD_MAX);
	set_binding(env, cfg);
	return env->txbuf && env->scratch ? 0 : -1;
}

static int listen_init(links_t *links)
{
	const link_config_t *cfg = &links->cfg;
	wireup_config_t wireup = {
		.base = cfg->base,
		.lock = cfg->lock,
		.jobs = links->jobs,
		.fd = cfg->wire_fd,
		.path = cfg->wire_path,
		.paths = cfg->wire_paths,
		.uid = cfg->uid,
		.job_id = cfg->job_id,
		.step_id = cfg->step_id,
		.node = cfg->node,
		.nnodes = cfg->nnodes,
		.node_names = cfg->node_names,
		.ready = on_ready,
		.received = on_invited,
		.sent = on_sent,
		.arg = links,
	};

	links->tcp_fd = tcp_listen(cfg->port_min, cfg->port_max, &wireup.port);
	if (links->tcp_fd < 0) {
		plog_error("cannot listen on a TCP port of %u-%u: %s",
			   (unsigned)cfg->port_min, (unsigned)cfg->port_max,
			   strerror(errno));
		return -1;
	}
	links->port = wireup.port;
	links->listener = listener_create(cfg->base, cfg->lock, links->tcp_fd,
					  on_accept, links);
	links->wireup = wireup_create(&wireup);
	if (links->listener && links->wireup)
		return 0;
	plog_error("cannot set up links: out of memory");
	return -1;
}

links_t *links_create(const link_config_t *cfg)
{
	links_t *links = NULL;

	if (sodium_init() < 0) {
		plog_error("libsodium does not work here");
		return NULL;
	}
	links = calloc(1, sizeof(*links) + cfg->nnodes * sizeof(struct peer));
	if (!links)
		goto nomem;
	links->cfg = *cfg;
	links->tcp_fd = -1;
	links->wake_ms = NEVER;
	LIST_INIT(&links->setups);
	TAILQ_INIT(&links->strangers);
	if (cfg->nnodes < 2)
		return links; /* nobody to talk to */
	links->jobs = jobs_create(cfg->base, cfg->lock, cfg->workers);
	links->timer = evtimer_new(cfg->base, on_timer, links);
	if (!links->jobs || !links->timer || env_init(links))
		goto nomem;
	if (listen_init(links))
		goto fail;
	return links;
nomem:
	plog_error("cannot set up links: out of memory");
fail:
	links_destroy(links);
	return NULL;
}

static void destroy_peer(struct peer *peer, int64_t deadline_ms)
{
	if (peer->state == PEER_UP)
		conn_finish(peer->conn, deadline_ms);
	conn_destroy(peer->conn);
	setup_end(peer);
	txq_clear(&peer->early);
	free(peer->why);
}

void links_destroy(links_t *links)
{
	int64_t deadline_ms = clock_ms() + FINISH_MS;
	int saved = errno;

	if (!links)
		return;
	links_goodbye(links);
	for (uint32_t i = 0; i < links->top; i++)
		destroy_peer(&links->peers[i], deadline_ms);
	while (!TAILQ_EMPTY(&links->strangers)) {
		conn_destroy(TAILQ_FIRST(&links->strangers)->conn);
		forget_stranger(links, TAILQ_FIRST(&links->strangers));
	}
	wireup_destroy(links->wireup);
	listener_destroy(links->listener);
	if (links->tcp_fd >= 0)
		close(links->tcp_fd);
	if (links->timer)
		event_free(links->timer);
	jobs_destroy(links->jobs);
	free(links->env.txbuf);
	free(links->env.scratch);
	free(links);
	errno = saved;
}

/* -- services ----------------------------------------------------------- */

void links_register(links_t *links, link_type_t type, link_handler_fn fn,
		    void *arg)
{
	links->handlers[type].fn = fn;
	links->handlers[type].arg = arg;
}

void links_on_lost(links_t *links, link_lost_fn fn, void *arg)
{
	if (links->nlost == LOST_FNS_MAX)
		abort(); /* a mistake in our own program, seen at its start */
	links->lost[links->nlost].fn = fn;
	links->lost[links->nlost].arg = arg;
	links->nlost++;
}

const char *links_why_lost(const links_t *links, uint32_t node)
{
	const char *why = node < links->top ? links->peers[node].why : NULL;

	return why ? why : "the reason was not kept";
}

void links_on_drained(links_t *links, link_drained_fn fn, void *arg)
{
	links->drained.fn = fn;
	links->drained.arg = arg;
}

static struct peer *peer_of(links_t *links, uint32_t node)
{
	if (node >= links->cfg.nnodes || node == links->cfg.node)
		return NULL;
	return peer_at(links, node);
}

/* Begin to set up a link that is wanted from AT_MS on.  -1: no memory. */
static int want(links_t *links, struct peer *peer, int64_t at_ms)
{
	if (peer->state != PEER_NONE)
		return 0;
	return setup_begin(links, peer, PEER_INVITED, at_ms) ? 0 : -1;
}

int links_send(links_t *links, uint32_t node, link_type_t type,
	       const struct iovec *iov, int iovcnt)
{
	struct peer *peer = peer_of(links, node);
	txq_cursor_t c;

	if (!peer || peer->state == PEER_LOST ||
	    !txq_cursor(&c, iov, iovcnt, LINK_MSG_MAX))
		return -1;
	if (peer->state == PEER_UP) {
		conn_send(peer->conn, (uint8_t)type, &c);
		return 0;
	}
	if (want(links, peer, clock_ms()))
		return -1;
	if (peer->setup->tentative) {
		peer->setup->tentative = false;
		peer->setup->deadline_ms = clock_ms() + links->cfg.timeout_ms;
	}
	return txq_push(&peer->early, (uint8_t)type, &c);
}

bool links_try(links_t *links, uint32_t node)
{
	struct peer *peer = peer_of(links, node);
	struct setup *s;

	if (!peer || peer->state == PEER_UP)
		return false;
	if (!is_free(links, peer))
		return true;
	s = setup_begin(links, peer, PEER_INVITED, clock_ms());
	if (!s)
		return false;
	s->tentative = true;
	return true;
}

void links_connect(links_t *links, const uint32_t *nodes, size_t n)
{
	int64_t now = clock_ms();
	struct peer *peer;

	for (size_t i = 0; i < n; i++) {
		peer = peer_of(links, nodes[i]);
		if (peer)
			(void)want(links, peer,
				   nodes[i] > links->cfg.node
					   ? now
					   : now + LINK_GRACE_MS);
	}
}

void links_on_settled(links_t *links, link_settled_fn fn, void *arg)
{
	links->settled.fn = fn;
	links->settled.arg = arg;
}

bool links_is_set_up(const links_t *links, uint32_t node)
{
	return node < links->top && links->peers[node].state != PEER_NONE;
}

void *links_keep(links_t *links, uint32_t from, const void *msg, size_t len)
{
	return conn_keep(links->peers[from].conn, msg, len);
}

void links_drop(links_t *links, uint32_t node, const char *why)
{
	struct peer *peer = peer_of(links, node);

	if (peer && peer->state == PEER_UP)
		conn_fail(peer->conn, why);
}

bool links_pending_to(const links_t *links, uint32_t node)
{
	const struct peer *peer = &links->peers[node];

	if (node >= links->top)
		return false;
	return peer->state != PEER_LOST &&
	       (!txq_empty(&peer->early) ||
		(peer->state == PEER_UP && conn_pending(peer->conn)));
}

bool links_pending(const links_t *links)
{
	for (uint32_t i = 0; i < links->top; i++)
		if (links_pending_to(links, i))
			return true;
	return false;
}

void links_goodbye(links_t *links)
{
	txq_cursor_t nothing = { NULL, 0, 0 };

	if (links->leaving)
		return;
	links->leaving = true;
	for (uint32_t i = 0; i < links->top; i++)
		if (links->peers[i].state == PEER_UP)
			conn_send(links->peers[i].conn, WIRE_GOODBYE, &nothing);
}
