/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-address.h - sockets for 'psec handshake': unix:PATH or HOST:PORT.
 */
#ifndef PSEC_CMD_ADDRESS_H
#define PSEC_CMD_ADDRESS_H

#include <sys/types.h>

#include "psec-cmd.h"

typedef struct {
	char path[108]; /* of a unix socket; "": TCP */
	char host[256]; /* "": any address, to listen on */
	char port[32];
} cmd_address_t;

/* PSEC_ERR_ARG where TEXT is none; an IPv6 address is in brackets. */
psec_code_t cmd_address_parse(cmd_address_t *addr, const char *text,
			      psec_error_t *err);

/* A connected socket in *FD.  Blocks.  PSEC_ERR_IO. */
psec_code_t cmd_connect(const cmd_address_t *addr, int *fd, psec_error_t *err);

typedef struct {
	int fd;
	char name[300]; /* where, in the form that --connect takes */
	char path[108]; /* the socket to be removed, or "" */
	dev_t dev;
	ino_t ino;
} cmd_listener_t;

/*
 * Everybody may connect: it is the handshake that tells who it is.
 * PSEC_ERR_IO; also where PATH exists, as it may be somebody's.
 */
psec_code_t cmd_listen(const cmd_address_t *addr, cmd_listener_t *listener,
		       psec_error_t *err);
void cmd_listener_close(cmd_listener_t *listener);

/* Where the peer of the connected FD is. */
void cmd_peer_name(int fd, char *out, size_t size);

#endif
