/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-deadline.c - see psec-cmd-deadline.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "psec-cmd-deadline.h"
#include "psec-cmd-output.h"

/* The one process context: one piece of work at a time. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	void (*work)(void *);
	void *arg;
	bool done;
	bool abandoned; /* something runs on that must not be waited for */
} self = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *body(void *unused)
{
	self.work(self.arg);
	(void)pthread_mutex_lock(&self.lock);
	self.done = true;
	(void)pthread_cond_signal(&self.done_cond);
	(void)pthread_mutex_unlock(&self.lock);
	return NULL;
}

static void init_cond(void)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&self.done_cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

static bool wait_until(const struct timespec *end)
{
	int rc = 0;

	(void)pthread_mutex_lock(&self.lock);
	while (!self.done && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&self.done_cond, &self.lock, end);
	self.abandoned = !self.done;
	(void)pthread_mutex_unlock(&self.lock);
	return !self.abandoned;
}

bool cmd_within(int timeout_s, void (*work)(void *arg), void *arg)
{
	struct timespec end;
	pthread_t thread;

	/* The one before runs on, and would be taken for this one. */
	if (self.abandoned)
		return false;
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_s;
	init_cond();
	self.work = work;
	self.arg = arg;
	self.done = false;
	if (pthread_create(&thread, NULL, body, NULL) != 0) {
		/* Better without a deadline than not at all. */
		work(arg);
		return true;
	}
	if (!wait_until(&end))
		return false;
	(void)pthread_join(thread, NULL);
	(void)pthread_cond_destroy(&self.done_cond);
	return true;
}

bool cmd_abandoned(void)
{
	return self.abandoned;
}

int cmd_end(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cmd_say("cannot write to standard output: %s", strerror(errno));
		if (status == 0)
			status = PSEC_ERR_IO;
	}
	if (self.abandoned)
		_exit(status);
	return status;
}
