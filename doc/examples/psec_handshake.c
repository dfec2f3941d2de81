/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec_handshake.c - two processes prove to each other who they are, over a
 * unix socket, with libpsec.
 *
 *   ./psec_handshake server PATH [LIST]     takes one peer and ends
 *   ./psec_handshake client PATH [LIST]
 *
 * LIST names the mechanisms that the server allows, or that the client may
 * choose from; the default is "munge,native".
 *
 *   cc -o psec_handshake psec_handshake.c $(pkg-config --cflags --libs libpsec)
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <psec.h>

#define TIMEOUT_MS 10000

/* Both ends must mean the same: a proof for this program is none elsewhere. */
static const char purpose[] = "psec_handshake example";

static int server_socket(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;

	if (fd < 0 || bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) ||
	    chmod(addr->sun_path, 0666) || listen(fd, 1))
		err(EXIT_FAILURE, "%s", addr->sun_path);
	/* Everybody may come: the handshake tells who it is. */
	peer = accept(fd, NULL, NULL);
	if (peer < 0)
		err(EXIT_FAILURE, "accept");
	close(fd);
	unlink(addr->sun_path);
	return peer;
}

static int client_socket(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		err(EXIT_FAILURE, "%s", addr->sun_path);
	return fd;
}

static void shake_hands(psec_t *psec, psec_role_t role, const char *list,
			int fd)
{
	psec_handshake_options_t opt;
	psec_handshake_t *hs;
	psec_peer_t peer;
	psec_error_t why;

	memset(&opt, 0, sizeof(opt));
	opt.size = sizeof(opt);
	opt.role = role;
	opt.mechs = list;
	opt.binding = purpose;
	opt.binding_len = sizeof(purpose);
	opt.expect_uid = (uid_t)-1; /* anybody; 0 would be root only */
	if (role == PSEC_CLIENT) {
		opt.intro = "hello";
		opt.intro_len = 5;
	}
	if (psec_handshake_create(&hs, psec, &opt, &why) != PSEC_OK ||
	    psec_handshake_run(hs, fd, TIMEOUT_MS, &why) != PSEC_OK ||
	    psec_handshake_peer(hs, &peer, &why) != PSEC_OK)
		errx(why.code, "%s", why.text);
	printf("%s: the peer has uid %u, by %s",
	       role == PSEC_CLIENT ? "client" : "server", (unsigned)peer.uid,
	       peer.mech);
	if (peer.intro_len > 0)
		printf("; it says '%.*s'", (int)peer.intro_len,
		       (const char *)peer.intro);
	printf("%s\n", peer.key ? "; there is a key" : "");
	psec_handshake_destroy(hs);
}

int main(int argc, char **argv)
{
	const char *list = argc > 3 ? argv[3] : "munge,native";
	psec_options_t opt = PSEC_OPTIONS_INIT;
	struct sockaddr_un addr;
	psec_error_t why;
	psec_t *psec;
	int is_server, fd;

	if (argc < 3 || strlen(argv[2]) >= sizeof(addr.sun_path))
		errx(EXIT_FAILURE, "usage: %s server|client PATH [LIST]",
		     argv[0]);
	is_server = strcmp(argv[1], "server") == 0;
	memset(&addr, 0, sizeof(addr));
	addr.sun_family = AF_UNIX;
	memcpy(addr.sun_path, argv[2], strlen(argv[2]));

	opt.mechs = list;
	if (psec_create(&psec, &opt, &why) != PSEC_OK)
		errx(why.code, "%s", why.text);
	fd = is_server ? server_socket(&addr) : client_socket(&addr);
	shake_hands(psec, is_server ? PSEC_SERVER : PSEC_CLIENT, list, fd);
	/* From here on the two talk as they like, with the key if need be. */
	close(fd);
	psec_destroy(psec);
	return EXIT_SUCCESS;
}
