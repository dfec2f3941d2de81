/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp_listen.h - a listening TCP socket on a port within a site's range. */
#ifndef PSEC_TCP_LISTEN_H
#define PSEC_TCP_LISTEN_H

#include <stdint.h>

/*
 * Listen on all addresses at one TCP port of PORT_MIN..PORT_MAX (0: any that
 * is free); *PORT tells which.  A non-blocking,
 * close-on-exec descriptor, or -1 with errno.
 */
int tcp_listen(uint16_t port_min, uint16_t port_max, uint16_t *port);

#endif
