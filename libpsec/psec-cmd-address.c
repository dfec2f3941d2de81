/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-address.c - see psec-cmd-address.h. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "psec-cmd-address.h"
#include "psec_mech.h"

#define UNIX_PREFIX "unix:"
#define BACKLOG	    16

static psec_code_t bad_address(const char *text, const char *why,
			       psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_ARG,
			 "'%.128s' is no address such as unix:PATH or "
			 "HOST:PORT: %s",
			 text, why);
}

static bool copy(char *out, size_t size, const char *text, size_t len)
{
	if (len >= size)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

psec_code_t cmd_address_parse(cmd_address_t *addr, const char *text,
			      psec_error_t *err)
{
	const char *host = text, *path, *colon = strrchr(text, ':');
	size_t len;

	memset(addr, 0, sizeof(*addr));
	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		path = text + strlen(UNIX_PREFIX);
		if (!path[0])
			return bad_address(text, "it has no path", err);
		if (!copy(addr->path, sizeof(addr->path), path, strlen(path)))
			return bad_address(text, "the path is too long", err);
		return PSEC_OK;
	}
	if (!colon || !colon[1])
		return bad_address(text, "it has no port", err);
	len = (size_t)(colon - text);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	} else if (memchr(host, ':', len)) {
		return bad_address(text, "an IPv6 address is in brackets", err);
	}
	if (!copy(addr->host, sizeof(addr->host), host, len) ||
	    !copy(addr->port, sizeof(addr->port), colon + 1, strlen(colon + 1)))
		return bad_address(text, "it is too long", err);
	return PSEC_OK;
}

static void fill_unix(const cmd_address_t *addr, struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, addr->path, sizeof(sun->sun_path));
}

static psec_code_t resolve(const cmd_address_t *addr, int flags,
			   struct addrinfo **list, psec_error_t *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = flags };
	int rc;

	rc = getaddrinfo(addr->host[0] ? addr->host : NULL, addr->port, &hints,
			 list);
	if (rc == 0)
		return PSEC_OK;
	return psec_fail(err, PSEC_ERR_IO, "cannot find %s, port %s: %s",
			 addr->host[0] ? addr->host : "this host", addr->port,
			 rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
}

static psec_code_t failed(const char *what, const char *where,
			  psec_error_t *err)
{
	return psec_fail(err, PSEC_ERR_IO, "cannot %s %.200s: %s", what, where,
			 strerror(errno));
}

/* -- connect -------------------------------------------------------------- */

/* A socket that is connected to the address, or -1. */
static int try_connect(int family, const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	if (fd < 0 || connect(fd, sa, len) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static int connect_any(const struct addrinfo *ai)
{
	int fd = -1, one = 1;

	for (; ai && fd < 0; ai = ai->ai_next)
		fd = try_connect(ai->ai_family, ai->ai_addr, ai->ai_addrlen);
	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one));
	return fd;
}

psec_code_t cmd_connect(const cmd_address_t *addr, int *fd, psec_error_t *err)
{
	struct addrinfo *list = NULL;
	struct sockaddr_un sun;
	char name[300];
	psec_code_t rc;

	if (addr->path[0]) {
		fill_unix(addr, &sun);
		*fd = try_connect(AF_UNIX, (struct sockaddr *)&sun,
				  sizeof(sun));
		(void)snprintf(name, sizeof(name), "%s", addr->path);
	} else {
		rc = resolve(addr, 0, &list, err);
		if (rc)
			return rc;
		*fd = connect_any(list);
		(void)snprintf(name, sizeof(name), "%s, port %s",
			       addr->host[0] ? addr->host : "this host",
			       addr->port);
	}
	rc = *fd < 0 ? failed("connect to", name, err) : PSEC_OK;
	if (list)
		freeaddrinfo(list);
	return rc;
}

/* -- listen --------------------------------------------------------------- */

static psec_code_t listen_unix(const cmd_address_t *addr, cmd_listener_t *l,
			       psec_error_t *err)
{
	struct sockaddr_un sun;
	struct stat st;

	fill_unix(addr, &sun);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		return failed("listen on", addr->path, err);
	memcpy(l->path, addr->path, sizeof(l->path));
	if (lstat(l->path, &st) != 0 || chmod(l->path, 0666) != 0 ||
	    listen(l->fd, BACKLOG) != 0)
		return failed("listen on", addr->path, err);
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	(void)snprintf(l->name, sizeof(l->name), UNIX_PREFIX "%s", l->path);
	return PSEC_OK;
}

static void name_of(const struct sockaddr *sa, socklen_t len, char *out,
		    size_t size)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (sa->sa_family == AF_UNIX ||
	    getnameinfo(sa, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		(void)snprintf(out, size, "unix");
	else
		(void)snprintf(out, size,
			       sa->sa_family == AF_INET6 ? "[%.200s]:%s"
							 : "%.200s:%s",
			       host, port);
}

static int try_listen(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1, saved;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static psec_code_t listen_tcp(const cmd_address_t *addr, cmd_listener_t *l,
			      psec_error_t *err)
{
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	struct addrinfo *list = NULL;
	const struct addrinfo *ai;
	psec_code_t rc;

	memset(&bound, 0, sizeof(bound));
	rc = resolve(addr, AI_PASSIVE, &list, err);
	if (rc)
		return rc;
	for (ai = list; ai && l->fd < 0; ai = ai->ai_next)
		l->fd = try_listen(ai);
	if (l->fd < 0 ||
	    getsockname(l->fd, (struct sockaddr *)&bound, &len) != 0)
		rc = psec_fail(err, PSEC_ERR_IO,
			       "cannot listen on %s, port %s: %s",
			       addr->host[0] ? addr->host : "any address",
			       addr->port, strerror(errno));
	else
		name_of((struct sockaddr *)&bound, len, l->name,
			sizeof(l->name));
	freeaddrinfo(list);
	return rc;
}

psec_code_t cmd_listen(const cmd_address_t *addr, cmd_listener_t *listener,
		       psec_error_t *err)
{
	psec_code_t rc;

	memset(listener, 0, sizeof(*listener));
	listener->fd = -1;
	rc = addr->path[0] ? listen_unix(addr, listener, err)
			   : listen_tcp(addr, listener, err);
	if (rc)
		cmd_listener_close(listener);
	return rc;
}

void cmd_listener_close(cmd_listener_t *listener)
{
	struct stat st;

	if (listener->fd >= 0)
		(void)close(listener->fd);
	listener->fd = -1;
	/* Ours, and not what has taken its place. */
	if (listener->path[0] && lstat(listener->path, &st) == 0 &&
	    st.st_dev == listener->dev && st.st_ino == listener->ino)
		(void)unlink(listener->path);
	listener->path[0] = '\0';
}

void cmd_peer_name(int fd, char *out, size_t size)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	memset(&peer, 0, sizeof(peer));
	if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
		(void)snprintf(out, size, "unknown");
	else
		name_of((struct sockaddr *)&peer, len, out, size);
}
