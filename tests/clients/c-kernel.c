/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-kernel - what the kernel alone takes for that of which PMIx's services are
 * made, for scripts/bench: messages between processes, and the switches from
 * one to the other that they cost.
 *
 * Prints two lines of JSON, microseconds: "loopback", a byte to another process
 * and back, by TCP on the loopback device; and "switch", from one process to
 * another on the same processor, half of a byte's way through pipes and back.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

#define TRIPS  50 /* in one sample */
#define WARMUP 5  /* samples */

static long iters = 100;

/* Both ends' way to the other. */
typedef struct {
	int out, in;
} ends_t;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void echo(ends_t e)
{
	char byte;

	while (read(e.in, &byte, 1) == 1)
		need(write(e.out, &byte, 1) == 1, "write");
	_exit(0);
}

/* Of one trip. */
static double sample(ends_t e)
{
	int64_t start = now_us();
	char byte = 'x';

	for (int i = 0; i < TRIPS; i++)
		need(write(e.out, &byte, 1) == 1 && read(e.in, &byte, 1) == 1,
		     "a trip");
	return (double)(now_us() - start) / TRIPS;
}

/* THEIRS is for a process of its own; both are closed then. */
static void measure(const char *name, ends_t ours, ends_t theirs, double part)
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid == 0) {
		close(ours.out);
		close(ours.in);
		echo(theirs);
	}
	close(theirs.in);
	close(theirs.out);
	for (int i = 0; i < WARMUP; i++)
		(void)sample(ours);
	(void)printf("{\"what\":\"%s\",\"samples\":[", name);
	for (long i = 0; i < iters; i++)
		(void)printf("%s%.2f", i ? "," : "", sample(ours) * part);
	(void)printf("]}\n");
	(void)fflush(stdout);
	close(ours.out);
	close(ours.in);
	(void)waitpid(pid, NULL, 0);
}

static void no_delay(int fd)
{
	int on = 1;

	need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0,
	     "TCP_NODELAY");
}

static void loopback(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int ours = socket(AF_INET, SOCK_STREAM, 0), theirs;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(bind(listener, (struct sockaddr *)&sin, len) == 0 &&
		     listen(listener, 1) == 0 &&
		     getsockname(listener, (struct sockaddr *)&sin, &len) == 0,
	     "listen");
	need(connect(ours, (struct sockaddr *)&sin, len) == 0, "connect");
	theirs = accept(listener, NULL, NULL);
	need(theirs >= 0, "accept");
	close(listener);
	no_delay(ours);
	no_delay(theirs);
	measure("loopback", (ends_t){ ours, dup(ours) },
		(ends_t){ theirs, dup(theirs) }, 1);
}

static void one_processor(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	need(sched_getaffinity(0, sizeof(all), &all) == 0, "affinity");
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	need(sched_setaffinity(0, sizeof(one), &one) == 0, "affinity");
}

static void process_switch(void)
{
	int there[2], back[2];

	one_processor();
	need(pipe(there) == 0 && pipe(back) == 0, "pipe");
	measure("switch", (ends_t){ there[1], back[0] },
		(ends_t){ back[1], there[0] }, 0.5);
}

int main(int argc, char **argv)
{
	const option_t options[] = {
		{ "--iters", OPT_NUMBER, &iters, "samples" },
		{ NULL, OPT_FLAG, NULL, NULL },
	};

	client_options(argc, argv, options);
	if (iters < 1)
		return 2;
	loopback();
	process_switch();
	return 0;
}
