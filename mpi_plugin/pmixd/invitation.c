/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * invitation.c - invitations to bytes and back.
 */
#include "invitation.h"

#include <netinet/in.h>
#include <string.h>

#include "bytes.h"

static const char magic[4] = "psLI";
#define VERSION 1

size_t invitation_encode(const invitation_t *inv, uint8_t out[INVITATION_MAX])
{
	uint8_t *p = out + INVITATION_HEADER_LEN;

	memcpy(out, magic, sizeof(magic));
	out[4] = VERSION;
	out[5] = (uint8_t)inv->naddrs;
	put_u16(out + 6, inv->port);
	put_u32(out + 8, inv->job_id);
	put_u32(out + 12, inv->step_id);
	put_u32(out + 16, inv->node);
	for (size_t i = 0; i < inv->naddrs; i++, p += INVITATION_ADDR_LEN) {
		p[0] = inv->addrs[i].version;
		memcpy(p + 1, inv->addrs[i].bytes, sizeof(inv->addrs->bytes));
	}
	return (size_t)(p - out);
}

static int decode_addr(invitation_addr_t *addr, const uint8_t *p,
		       const char **why)
{
	static const uint8_t zero[12];

	addr->version = p[0];
	memcpy(addr->bytes, p + 1, sizeof(addr->bytes));
	if (addr->version == 6 ||
	    (addr->version == 4 &&
	     memcmp(addr->bytes + 4, zero, sizeof(zero)) == 0))
		return 0;
	*why = "an invitation has an address that is neither IPv4 nor IPv6";
	return -1;
}

int invitation_decode(invitation_t *inv, const void *buf, size_t len,
		      const char **why)
{
	const uint8_t *p = buf;

	if (len < INVITATION_HEADER_LEN ||
	    memcmp(p, magic, sizeof(magic)) != 0) {
		*why = "this is no invitation";
		return -1;
	}
	if (p[4] != VERSION) {
		*why = "an invitation has another version of the format";
		return -1;
	}
	inv->naddrs = p[5];
	if (inv->naddrs < 1 || inv->naddrs > INVITATION_ADDRS_MAX ||
	    len != INVITATION_HEADER_LEN +
			    inv->naddrs * (size_t)INVITATION_ADDR_LEN) {
		*why = "an invitation has the wrong length";
		return -1;
	}
	inv->port = get_u16(p + 6);
	inv->job_id = get_u32(p + 8);
	inv->step_id = get_u32(p + 12);
	inv->node = get_u32(p + 16);
	if (inv->port == 0) {
		*why = "an invitation has no port";
		return -1;
	}
	p += INVITATION_HEADER_LEN;
	for (size_t i = 0; i < inv->naddrs; i++, p += INVITATION_ADDR_LEN)
		if (decode_addr(&inv->addrs[i], p, why))
			return -1;
	return 0;
}

socklen_t invitation_sockaddr(const invitation_addr_t *addr, uint16_t port,
			      struct sockaddr_storage *ss)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (addr->version == 4) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, addr->bytes, sizeof(in4->sin_addr));
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr->bytes, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}
