/* SPDX-License-Identifier: BSD-3-Clause */
/* spawn_io.c - see spawn_io.h. */
#include <stdlib.h>
#include <string.h>

#include "sock_io.h"
#include "spawn_io.h"

int spawn_io_send(int fd, wire_t *wire, uint8_t type, const void *data,
		  size_t len)
{
	uint8_t *frame = malloc(WIRE_FRAME_MAX);
	const uint8_t *p = data;
	int rv = frame ? 0 : -1;
	size_t n;

	do {
		n = len < WIRE_PAYLOAD_MAX ? len : WIRE_PAYLOAD_MAX;
		len -= n;
		if (rv == 0)
			rv = sock_send_all(fd, frame,
					   wire_seal(wire, frame, type,
						     len ? WIRE_MORE : 0, p,
						     n));
		if (n)
			p += n;
	} while (len && rv == 0);
	free(frame);
	return rv;
}

/* One frame into BUF, which has WIRE_FRAME_MAX bytes. */
static int recv_frame(int fd, wire_t *wire, uint8_t *buf, wire_frame_t *frame,
		      uint8_t *payload)
{
	const char *why;

	if (sock_recv_all(fd, buf, WIRE_HEADER_LEN) != 0 ||
	    wire_next(buf, WIRE_HEADER_LEN, frame, &why) == WIRE_BAD ||
	    frame->size > WIRE_FRAME_MAX ||
	    sock_recv_all(fd, buf + WIRE_HEADER_LEN,
			  frame->size - WIRE_HEADER_LEN) != 0 ||
	    wire_next(buf, frame->size, frame, &why) != WIRE_OK ||
	    wire_open(wire, buf, frame, payload, &why) != WIRE_OK)
		return -1;
	return 0;
}

int spawn_io_recv(int fd, wire_t *wire, uint8_t *type, char **data, size_t *len)
{
	uint8_t *buf = malloc(WIRE_FRAME_MAX);
	wire_frame_t frame = { 0 };
	char *body = calloc(1, 1), *more;
	size_t n = 0;

	do {
		if (!buf || !body || n > SPAWN_MAX)
			goto fail;
		more = realloc(body, n + WIRE_PAYLOAD_MAX + 1);
		if (!more)
			goto fail;
		body = more;
		if (recv_frame(fd, wire, buf, &frame, (uint8_t *)body + n) != 0)
			goto fail;
		n += frame.payload_len;
	} while (frame.flags & WIRE_MORE);
	free(buf);
	body[n] = '\0';
	*type = frame.type;
	*data = body;
	*len = n;
	return 0;
fail:
	free(buf);
	free(body);
	return -1;
}
