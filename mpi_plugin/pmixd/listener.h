/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listener.h - accept connections in the event loop, from a TCP port or a
 * unix socket.
 */
#ifndef PMIXD_LISTENER_H
#define PMIXD_LISTENER_H

#include <pthread.h>
#include <stdint.h>

struct event_base;

typedef struct listener listener_t;

/* FD, non-blocking and close-on-exec, becomes the callee's.  Called in the
 * event loop with the lock held. */
typedef void (*listener_fn)(void *arg, int fd);

/* Accept on FD, a listening non-blocking socket.  NULL: no memory. */
listener_t *listener_create(struct event_base *base, pthread_mutex_t *lock,
			    int fd, listener_fn fn, void *arg);
/* Does not close the socket.  From the loop's thread or after the loop. */
void listener_destroy(listener_t *l);

#endif
