/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conn.h - one TCP connection to another node: connect or accept, libpsec's
 * handshake, then messages in frames.  Knows no peers: what a connection is
 * for is its owner's business.
 *
 * The client introduces itself in the handshake; the server, when it agrees,
 * answers with the frame WIRE_ACCEPT.  Only then is the connection up for the
 * client: so it never takes a connection for good that the server drops.
 *
 * All functions are called with the server's lock held; so are the
 * callbacks, from the event loop's thread.
 */
#ifndef PMIXD_CONN_H
#define PMIXD_CONN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "jobs.h"
#include "psec.h"
#include "txq.h"

struct event_base;

typedef struct conn conn_t;

typedef struct {
	/* Server: may this client come in?  NULL, or why not. */
	const char *(*introduced)(void *arg, conn_t *conn, const uint8_t *intro,
				  size_t len);
	/* From now on conn_send() works. */
	void (*up)(void *arg, conn_t *conn);
	/* Nonzero drops the connection with *WHY. */
	int (*message)(void *arg, conn_t *conn, uint8_t type, const void *msg,
		       size_t len, const char **why);
	/* Nothing is queued any more: conn_pending() has just become false. */
	void (*drained)(void *arg, conn_t *conn);
	/* It is over; CONN is freed when this returns. */
	void (*closed)(void *arg, conn_t *conn, const char *why);
} conn_ops_t;

/* What all connections share.  Must outlive them. */
typedef struct {
	struct event_base *base;
	pthread_mutex_t *lock;
	jobs_t *jobs;
	psec_t *psec;
	const char *mechs;
	uid_t uid;	/* the peer must prove this one */
	int silence_ms; /* the other end is gone if it says nothing for it */
	uint8_t binding[PSEC_BINDING_MAX];
	size_t binding_len;
	uint8_t *txbuf;	  /* CONN_TXBUF_SIZE bytes */
	uint8_t *scratch; /* WIRE_PAYLOAD_MAX bytes, from malloc() */
	const conn_ops_t *ops;
	void *arg;
} conn_env_t;

#define CONN_TXBUF_SIZE	  (4 * WIRE_FRAME_MAX)
#define CONN_HANDSHAKE_MS 10000 /* from TCP connection to link */

/* Accept: FD becomes the connection's; closed when NULL (no memory). */
conn_t *conn_accept(const conn_env_t *env, int fd);

/*
 * Connect to SS within TIMEOUT_MS, with the INTRO_LEN bytes of INTRO (at most
 * CONN_INTRO_MAX).  NULL with errno.
 */
#define CONN_INTRO_MAX 16
conn_t *conn_connect(const conn_env_t *env, const struct sockaddr_storage *ss,
		     socklen_t ss_len, int timeout_ms, const uint8_t *intro,
		     size_t intro_len);

/* Close and free without calling closed().  Not from within message(). */
void conn_destroy(conn_t *conn);

void conn_set_owner(conn_t *conn, void *owner);
void *conn_owner(const conn_t *conn);
/* "10.1.2.3 port 4711". */
const char *conn_name(const conn_t *conn);
/* Has it received anything yet?  Strangers that say nothing go first. */
bool conn_silent(const conn_t *conn);

/*
 * Send, or queue a copy.  Any thread.  An error shows later, as closed().
 */
void conn_send(conn_t *conn, uint8_t type, txq_cursor_t *c);
/* Queue the messages of Q behind those that wait; leaves Q empty. */
void conn_send_queue(conn_t *conn, txq_t *q);

/* From message(): its LEN bytes, in memory that is the caller's; see
 * links_keep(). */
void *conn_keep(conn_t *conn, const void *msg, size_t len);

/* Is something queued that the kernel has not taken yet? */
bool conn_pending(const conn_t *conn);

/* Have closed() called soon from the event loop with WHY (copied). */
void conn_fail(conn_t *conn, const char *why);

/* Before conn_destroy(): try to send what is queued until clock_ms() is
 * DEADLINE_MS.  Blocks. */
void conn_finish(conn_t *conn, int64_t deadline_ms);

#endif
