/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.c - see relay.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <slurm/spank.h>

#include "lines.h"
#include "relay.h"

#define LINES_PER_S   200  /* more would fill slurmd's log */
#define LOST_GRACE_MS 1500 /* a killed step's tasks end with its server */

struct relay {
	int log_fd;
	int wake[2]; /* closing [1] ends the thread */
	void (*lost)(void);
	audit_t *audit; /* NULL: off */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool expected; /* relay_expect_end() was called */
	bool killed;   /* and the step was killed */
	bool ended;    /* psec-pmixd is gone */
	bool early;    /* it was before the tasks had ended */
	bool stopping; /* relay_stop() was called */
	lines_t lines;
	time_t second; /* lines in this second, for the limit */
	unsigned in_second, dropped;
};

static struct timespec after_ms(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (ms % 1000) * 1000000L;
	if (ts.tv_nsec >= 1000000000L) {
		ts.tv_nsec -= 1000000000L;
		ts.tv_sec++;
	}
	return ts;
}

/* Would this line be one too many in this second? */
static bool too_many(relay_t *r)
{
	time_t now = time(NULL);

	if (now != r->second) {
		if (r->dropped)
			slurm_info("mpi/pmix: %u lines of psec-pmixd dropped",
				   r->dropped);
		r->second = now;
		r->in_second = r->dropped = 0;
	}
	if (++r->in_second <= LINES_PER_S)
		return false;
	r->dropped++;
	return true;
}

static void write_line(void *arg, char *line)
{
	relay_t *r = arg;
	char level = line[0];

	if (level == AUDIT_MARK) {
		if (r->audit)
			audit_write(r->audit, line + 1);
		return;
	}
	if (!level || too_many(r))
		return;
	lines_clean(line);
	if (level == '1')
		slurm_error("psec-pmixd: %s", line + 1);
	else if (level == '2')
		slurm_info("psec-pmixd: %s", line + 1);
	else if (level == '3')
		slurm_verbose("psec-pmixd: %s", line + 1);
	else if (level == '4')
		slurm_debug("psec-pmixd: %s", line + 1);
	else if (level == '5')
		slurm_debug2("psec-pmixd: %s", line + 1);
	else /* libpmix and the C library write there as well */
		slurm_info("psec-pmixd: %s", line);
}

/* False when the last writer has closed the pipe. */
static bool read_log(relay_t *r)
{
	size_t len;
	char *space = lines_space(&r->lines, &len);
	ssize_t got = read(r->log_fd, space, len);

	if (got > 0) {
		lines_added(&r->lines, (size_t)got, write_line, r);
		return true;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	/* Its last words; whoever crashes may not end the line. */
	lines_end(&r->lines, write_line, r);
	return false;
}

/*
 * psec-pmixd is gone.  By our doing, by the step's end, or was it lost?  A
 * process tracker may kill it together with the tasks, whose ends slurmstepd
 * then learns of a little later.
 */
static bool was_lost(relay_t *r)
{
	struct timespec until = after_ms(LOST_GRACE_MS);
	bool lost = false;

	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_broadcast(&r->changed);
	if (!r->expected) {
		while (!r->expected && !r->stopping)
			if (pthread_cond_timedwait(&r->changed, &r->lock,
						   &until))
				break;
		lost = !r->stopping && !(r->expected && r->killed);
	}
	lost = lost || r->early;
	pthread_mutex_unlock(&r->lock);
	return lost;
}

static void *relay_main(void *arg)
{
	relay_t *r = arg;
	struct pollfd pfds[2] = { { .fd = r->log_fd, .events = POLLIN },
				  { .fd = r->wake[0], .events = POLLIN } };

	for (;;) {
		if (poll(pfds, 2, -1) < 0)
			continue;
		if (pfds[0].revents && !read_log(r))
			break;
		if (pfds[1].revents)
			return NULL;
	}
	if (was_lost(r))
		r->lost();
	return NULL;
}

static int start_thread(relay_t *r)
{
	sigset_t all, old;
	int rc;

	/* slurmstepd's signals are for slurmstepd's threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&r->thread, NULL, relay_main, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

relay_t *relay_start(int log_fd, void (*lost)(void), audit_t *audit)
{
	relay_t *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r)
		return NULL;
	r->log_fd = log_fd;
	r->lost = lost;
	r->audit = audit;
	if (pipe2(r->wake, O_CLOEXEC) != 0) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (start_thread(r) != 0) {
		close(r->wake[0]);
		close(r->wake[1]);
		free(r);
		return NULL;
	}
	return r;
}

/* Has psec-pmixd closed its end of the pipe?  The thread may not know yet. */
static bool is_gone(const relay_t *r)
{
	struct pollfd pfd = { .fd = r->log_fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP);
}

void relay_expect_end(relay_t *r, bool killed)
{
	pthread_mutex_lock(&r->lock);
	if (!r->expected) {
		r->killed = killed;
		/* Tasks that fail for lack of it may be quicker than we. */
		r->early = !killed && is_gone(r);
	}
	r->expected = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

bool relay_wait(relay_t *r, int timeout_ms)
{
	struct timespec until = after_ms(timeout_ms);
	bool ended;

	pthread_mutex_lock(&r->lock);
	while (!r->ended)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &until))
			break;
	ended = r->ended;
	pthread_mutex_unlock(&r->lock);
	return ended;
}

void relay_stop(relay_t *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	close(r->wake[1]);
	pthread_join(r->thread, NULL);
	close(r->wake[0]);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
