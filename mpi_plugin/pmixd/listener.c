/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listener.c - accepting in the event loop.
 */
#include "listener.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define BATCH	 64  /* connections accepted before others get a turn */
#define PAUSE_MS 100 /* when descriptors run out */

struct listener {
	pthread_mutex_t *lock;
	int fd;
	struct event *readable;
	struct event *pause; /* runs while accepting is suspended */
	listener_fn fn;
	void *arg;
};

/*
 * accept() failed.  Out of descriptors or memory, the socket stays readable
 * and the loop would spin: leave it alone for a moment.
 */
static void on_error(listener_t *l, int error)
{
	struct timeval tv = clock_timeval(PAUSE_MS);

	if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
		return;
	plog_info("cannot accept a connection: %s", strerror(error));
	(void)event_del(l->readable);
	(void)event_add(l->pause, &tv);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	listener_t *l = arg;
	int conn;

	pthread_mutex_lock(l->lock);
	for (int i = 0; i < BATCH; i++) {
		conn = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (conn < 0) {
			on_error(l, errno);
			break;
		}
		l->fn(l->arg, conn);
	}
	pthread_mutex_unlock(l->lock);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	listener_t *l = arg;

	(void)event_add(l->readable, NULL);
}

listener_t *listener_create(struct event_base *base, pthread_mutex_t *lock,
			    int fd, listener_fn fn, void *arg)
{
	listener_t *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->lock = lock;
	l->fd = fd;
	l->fn = fn;
	l->arg = arg;
	l->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, l);
	l->pause = evtimer_new(base, on_pause_over, l);
	if (!l->readable || !l->pause || event_add(l->readable, NULL)) {
		listener_destroy(l);
		return NULL;
	}
	return l;
}

void listener_destroy(listener_t *l)
{
	if (!l)
		return;
	if (l->readable)
		event_free(l->readable);
	if (l->pause)
		event_free(l->pause);
	free(l);
}
