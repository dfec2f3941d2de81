/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spawn_io.h - what psec-pmixd and the user's srun say to each other when a
 * rank calls PMIx_Spawn.
 *
 * psec-pmixd connects to the port where srun awaits the status of an abort and
 * does the same handshake; as its intro it sends SPAWN_INTRO.  srun then hands
 * the connection and its key over to the program psec-spawn, and they go on in
 * frames (pmixd/wire.h) with the messages below.
 */
#ifndef PSEC_SPAWN_IO_H
#define PSEC_SPAWN_IO_H

#include <stddef.h>
#include <stdint.h>

#include "pmixd/wire.h"

#define SPAWN_INTRO	"PMIx_Spawn 1" /* without its NUL */
#define SPAWN_INTRO_LEN (sizeof(SPAWN_INTRO) - 1)

/* psec-spawn's descriptors. */
#define SPAWN_FD     3 /* the connection */
#define SPAWN_KEY_FD 4 /* a pipe with WIRE_KEY_LEN bytes */

typedef enum {
	/*
	 * psec-pmixd to psec-spawn: strings, each with its NUL.
	 *   "arg=TEXT"          srun's next argument
	 *   "env=NAME=VALUE"    into srun's environment, and so the tasks'
	 *   "first=NAME=VALUE"  ahead of what the variable has, with a colon
	 *   "last=NAME=VALUE"   behind it
	 *   "unset=NAME"
	 */
	SPAWN_LAUNCH = 1,
	SPAWN_EXIT = 2, /* psec-spawn to psec-pmixd: u32, srun's wait status */
	SPAWN_KILL = 3, /* psec-pmixd to psec-spawn: end srun; no body */
} spawn_type_t;

#define SPAWN_MAX (16 * 1024 * 1024) /* bytes of a message */

/* Blocks.  0, or -1: the connection is over. */
int spawn_io_send(int fd, wire_t *wire, uint8_t type, const void *data,
		  size_t len);

/*
 * Wait for a message.  *DATA is malloc()ed and ends with a NUL that *LEN does
 * not count.  0, or -1: the connection is over, or somebody changed it.
 */
int spawn_io_recv(int fd, wire_t *wire, uint8_t *type, char **data,
		  size_t *len);

#endif
