/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * invitation.h - the few bytes by which a node tells others, through slurmd,
 * where it listens: "node N of step J.S awaits you at one of these addresses".
 * It holds no secret and proves nothing: who connects is authenticated then.
 * Specification: doc/link-format.md.
 */
#ifndef PMIXD_INVITATION_H
#define PMIXD_INVITATION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define INVITATION_ADDRS_MAX  16
#define INVITATION_HEADER_LEN 20
#define INVITATION_ADDR_LEN   17
#define INVITATION_MAX                                                         \
	(INVITATION_HEADER_LEN + INVITATION_ADDRS_MAX * INVITATION_ADDR_LEN)

typedef struct {
	uint8_t version;   /* of IP: 4 or 6 */
	uint8_t bytes[16]; /* IPv4: the first four, the others 0 */
} invitation_addr_t;

typedef struct {
	uint32_t job_id;
	uint32_t step_id;
	uint32_t node; /* the sender */
	uint16_t port;
	size_t naddrs; /* in the order in which to try them */
	invitation_addr_t addrs[INVITATION_ADDRS_MAX];
} invitation_t;

/* Returns the bytes written. */
size_t invitation_encode(const invitation_t *inv, uint8_t out[INVITATION_MAX]);

/* 0, or -1 with *WHY, a static sentence. */
int invitation_decode(invitation_t *inv, const void *buf, size_t len,
		      const char **why);

/*
 * The addresses of this machine, best first: those of its interfaces that
 * its node's name resolves to, its others, and then those that the name
 * resolves to and that no interface has.  Without repetition; loopback only
 * where there is nothing else.  Asks the resolver, which may block; NODE_NAME
 * NULL does not ask.  Returns how many there are.
 */
size_t invitation_own_addrs(invitation_addr_t addrs[INVITATION_ADDRS_MAX],
			    const char *node_name);

/* A socket address to connect to; returns its length. */
socklen_t invitation_sockaddr(const invitation_addr_t *addr, uint16_t port,
			      struct sockaddr_storage *ss);

#endif
