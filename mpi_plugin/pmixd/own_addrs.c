/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * own_addrs.c - which addresses of this machine go into an invitation.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "invitation.h"

/* Addresses without repetition. */
struct list {
	size_t n;
	invitation_addr_t addrs[INVITATION_ADDRS_MAX];
};

static bool is_loopback(const invitation_addr_t *a)
{
	static const uint8_t ipv6_loopback[16] = { [15] = 1 };

	if (a->version == 4)
		return a->bytes[0] == 127;
	return memcmp(a->bytes, ipv6_loopback, sizeof(ipv6_loopback)) == 0;
}

/* IPv6 addresses of one link need the name of the receiver's interface. */
static bool is_link_local(const invitation_addr_t *a)
{
	return a->version == 6 && a->bytes[0] == 0xfe &&
	       (a->bytes[1] & 0xc0) == 0x80;
}

static bool from_sockaddr(invitation_addr_t *a, const struct sockaddr *sa)
{
	memset(a, 0, sizeof(*a));
	if (sa && sa->sa_family == AF_INET) {
		a->version = 4;
		memcpy(a->bytes, &((const struct sockaddr_in *)sa)->sin_addr,
		       4);
	} else if (sa && sa->sa_family == AF_INET6) {
		a->version = 6;
		memcpy(a->bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr,
		       16);
	}
	return a->version != 0;
}

static bool has(const struct list *l, const invitation_addr_t *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (memcmp(&l->addrs[i], a, sizeof(*a)) == 0)
			return true;
	return false;
}

static void add(struct list *l, const invitation_addr_t *a)
{
	if (l->n < INVITATION_ADDRS_MAX && !has(l, a))
		l->addrs[l->n++] = *a;
}

/* Add those of MORE that FILTER has (or has not, as WANTED says). */
static void add_list(struct list *l, const struct list *more,
		     const struct list *filter, bool wanted)
{
	for (size_t i = 0; i < more->n; i++)
		if (has(filter, &more->addrs[i]) == wanted)
			add(l, &more->addrs[i]);
}

static void add_sockaddr(struct list *l, const struct sockaddr *sa,
			 bool loopback)
{
	invitation_addr_t a;

	if (from_sockaddr(&a, sa) && is_loopback(&a) == loopback &&
	    !is_link_local(&a))
		add(l, &a);
}

static void resolve(struct list *l, const char *name)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	if (getaddrinfo(name, NULL, &hints, &found))
		return;
	for (struct addrinfo *ai = found; ai; ai = ai->ai_next)
		add_sockaddr(l, ai->ai_addr, false);
	freeaddrinfo(found);
}

static void ask_interfaces(struct list *l, bool loopback)
{
	struct ifaddrs *found = NULL;

	if (getifaddrs(&found))
		return;
	for (struct ifaddrs *i = found; i; i = i->ifa_next)
		if (i->ifa_flags & IFF_UP)
			add_sockaddr(l, i->ifa_addr, loopback);
	freeifaddrs(found);
}

size_t invitation_own_addrs(invitation_addr_t addrs[INVITATION_ADDRS_MAX],
			    const char *node_name)
{
	struct list named = { 0 }, own = { 0 }, all = { 0 };

	if (node_name)
		resolve(&named, node_name);
	ask_interfaces(&own, false);
	add_list(&all, &named, &own, true);
	add_list(&all, &own, &named, false);
	add_list(&all, &named, &own, false);
	if (all.n == 0)
		ask_interfaces(&all, true);
	memcpy(addrs, all.addrs, sizeof(all.addrs));
	return all.n;
}
