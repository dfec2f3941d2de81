/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * door.c - who may connect to libpmix's port: processes of the step's user.
 *
 * libpmix listens on loopback TCP, where every user of the node can connect,
 * and its code that greets a newcomer trusts what he says of himself: up to
 * 6.1 "native" believes his uid, and a refused newcomer leaves freed memory
 * behind.  So strangers must not get as far as that code.  libpmix offers no
 * hook there; but it calls accept(2), and a program's own accept() comes
 * before the C library's.  Ours asks the kernel who has connected.
 *
 * Nothing else in this process calls accept(): our own listeners use
 * accept4() and authenticate with libpsec.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "door.h"
#include "log.h"
#include "lograte.h"
#include "psec.h"

/* Only libpmix's one listening thread gets here. */
static lograte_t rate;
static unsigned long refused;
static atomic_bool in_use;

bool door_in_use(void)
{
	return atomic_load(&in_use);
}

/* glibc's prototype takes any kind of address under _GNU_SOURCE. */
#ifndef __GLIBC__
#define __SOCKADDR_ARG struct sockaddr *restrict
#endif

static void refuse(int fd, const char *who)
{
	close(fd);
	refused++;
	if (lograte_ok(&rate, "connections were refused"))
		plog_info("a connection to the PMIx server was refused: %s "
			  "(%lu in all)",
			  who, refused);
}

__attribute__((visibility("default"))) int accept(int fd, __SOCKADDR_ARG addr,
						  socklen_t *restrict len)
{
	char who[PSEC_ERROR_TEXT_MAX];
	psec_error_t err;
	uid_t uid = 0;
	int conn = accept4(fd, addr, len, SOCK_CLOEXEC);

	if (conn < 0) {
		if (errno == ECONNABORTED)
			errno = EAGAIN;
		return conn;
	}
	atomic_store(&in_use, true);
	if (psec_peer_uid(conn, &uid, &err) == PSEC_OK) {
		if (uid == geteuid())
			return conn;
		snprintf(who, sizeof(who),
			 "it comes from a process of uid %u, and the step is "
			 "of uid %u",
			 (unsigned)uid, (unsigned)geteuid());
		refuse(conn, who);
	} else {
		refuse(conn, err.text);
	}
	/*
	 * As if nobody were there.  It is the one error after which every
	 * libpmix goes on: 4.2 stops listening after EINTR, and 5.0 and 6.0
	 * close their socket after ECONNABORTED.
	 */
	errno = EAGAIN;
	return -1;
}
