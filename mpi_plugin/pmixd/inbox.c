/* SPDX-License-Identifier: BSD-3-Clause */
/* inbox.c - see inbox.h. */
#include "inbox.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "listener.h"
#include "lograte.h"

/* Those being received at once.  Only our own uid and root get that far, each
 * for LETTER_MS at most; who is turned away tries again. */
#define LETTERS_MAX 1024
#define LETTER_MS   5000
#define PREFIX_LEN  8 /* what slurmd writes before the data: uid, length */

struct letter {
	LIST_ENTRY(letter) next;
	inbox_t *inbox;
	int fd;
	struct event *event;
	size_t len;
	uint8_t buf[PREFIX_LEN + INBOX_MAX + 1]; /* one more: too long */
};

struct inbox {
	struct event_base *base;
	pthread_mutex_t *lock;
	uid_t uid;
	inbox_fn fn;
	void *arg;
	listener_t *listener;
	LIST_HEAD(, letter) letters;
	unsigned nletters;
	lograte_t rate;
};

static void letter_free(struct letter *in)
{
	LIST_REMOVE(in, next);
	in->inbox->nletters--;
	if (in->event)
		event_free(in->event);
	close(in->fd);
	free(in);
}

static void refuse(inbox_t *w, const char *why)
{
	if (lograte_ok(&w->rate, "connections were dropped"))
		plog_info("an invitation was dropped: %s", why);
}

/* Says why what has come so far is refused, or NULL; *DONE: it is all. */
static const char *letter_check(struct letter *in, bool *done)
{
	size_t len;

	*done = false;
	if (in->len < PREFIX_LEN)
		return NULL;
	if (get_u32(in->buf) != in->inbox->uid)
		return "slurmd says that another user sent it";
	len = get_u32(in->buf + 4);
	if (len > INBOX_MAX || in->len > PREFIX_LEN + len)
		return "it is too long";
	if (in->len < PREFIX_LEN + len)
		return NULL;
	*done = true;
	return in->inbox->fn(in->inbox->arg, in->buf + PREFIX_LEN, len);
}

/* Take what is there.  Frees IN when it is over, one way or the other. */
static void letter_read(struct letter *in)
{
	const char *why = NULL;
	bool done = false;
	ssize_t n;

	do {
		n = read(in->fd, in->buf + in->len, sizeof(in->buf) - in->len);
		if (n > 0) {
			in->len += (size_t)n;
			why = letter_check(in, &done);
		} else if (n == 0) {
			why = "it ended early";
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			why = strerror(errno);
		}
	} while (!done && !why);
	if (why)
		refuse(in->inbox, why);
	letter_free(in);
}

static void on_letter(evutil_socket_t fd, short what, void *arg)
{
	struct letter *in = arg;
	pthread_mutex_t *lock = in->inbox->lock;

	pthread_mutex_lock(lock);
	if (what & EV_TIMEOUT) {
		refuse(in->inbox, "it did not come in time");
		letter_free(in);
	} else {
		letter_read(in);
	}
	pthread_mutex_unlock(lock);
}

/* Says why the process at the other end may not talk to us, or NULL. */
static const char *check_peer(const inbox_t *w, int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return strerror(errno);
	if (cred.uid != w->uid && cred.uid != 0)
		return "it came from another user";
	if (w->nletters >= LETTERS_MAX)
		return "too many at once";
	return NULL;
}

static void on_accept(void *arg, int fd)
{
	struct timeval tv = clock_timeval(LETTER_MS);
	inbox_t *w = arg;
	const char *why = check_peer(w, fd);
	struct letter *in = NULL;

	if (!why) {
		in = calloc(1, sizeof(*in));
		why = in ? NULL : "out of memory";
	}
	if (why) {
		refuse(w, why);
		close(fd);
		return;
	}
	in->inbox = w;
	in->fd = fd;
	LIST_INSERT_HEAD(&w->letters, in, next);
	w->nletters++;
	/* The time limit begins anew with each piece; the bytes are few. */
	in->event = event_new(w->base, fd, EV_READ | EV_PERSIST, on_letter, in);
	if (!in->event || event_add(in->event, &tv)) {
		refuse(w, "out of memory");
		letter_free(in);
		return;
	}
	letter_read(in); /* most often it is there already */
}

inbox_t *inbox_create(struct event_base *base, pthread_mutex_t *lock, int fd,
		      uid_t uid, inbox_fn fn, void *arg)
{
	inbox_t *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->base = base;
	w->lock = lock;
	w->uid = uid;
	w->fn = fn;
	w->arg = arg;
	LIST_INIT(&w->letters);
	w->listener = listener_create(base, lock, fd, on_accept, w);
	if (!w->listener) {
		free(w);
		return NULL;
	}
	return w;
}

void inbox_destroy(inbox_t *w)
{
	struct letter *in, *next;

	if (!w)
		return;
	listener_destroy(w->listener);
	for (in = LIST_FIRST(&w->letters); in; in = next) {
		next = LIST_NEXT(in, next);
		letter_free(in);
	}
	free(w);
}
