/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * txq.c - messages to frames.
 */
#include "txq.h"

#include <stdlib.h>
#include <string.h>

struct txq_msg {
	STAILQ_ENTRY(txq_msg) next;
	size_t len;
	size_t sealed; /* bytes that are in frames already */
	uint8_t type;
	uint8_t data[];
};

bool txq_cursor(txq_cursor_t *c, const struct iovec *iov, int iovcnt,
		size_t max)
{
	c->iov = iov;
	c->offset = 0;
	c->len = 0;
	for (int i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len > max - c->len)
			return false;
		c->len += iov[i].iov_len;
	}
	return true;
}

/* Copy the next LEN bytes, LEN <= C->len, to OUT. */
static void gather(txq_cursor_t *c, uint8_t *out, size_t len)
{
	size_t n;

	while (len > 0) {
		n = c->iov->iov_len - c->offset;
		if (n > len)
			n = len;
		if (n > 0)
			memcpy(out,
			       (const uint8_t *)c->iov->iov_base + c->offset,
			       n);
		out += n;
		len -= n;
		c->len -= n;
		c->offset += n;
		if (c->offset == c->iov->iov_len) {
			c->iov++;
			c->offset = 0;
		}
	}
}

int txq_push(txq_t *q, uint8_t type, const txq_cursor_t *c)
{
	txq_cursor_t cursor = *c;
	struct txq_msg *m = malloc(sizeof(*m) + c->len);

	if (!m)
		return -1;
	m->type = type;
	m->len = c->len;
	m->sealed = 0;
	gather(&cursor, m->data, c->len);
	STAILQ_INSERT_TAIL(q, m, next);
	return 0;
}

void txq_clear(txq_t *q)
{
	struct txq_msg *m;

	while ((m = STAILQ_FIRST(q))) {
		STAILQ_REMOVE_HEAD(q, next);
		free(m);
	}
}

size_t txq_seal_direct(wire_t *wire, uint8_t type, txq_cursor_t *c,
		       uint8_t *out, size_t size, bool *done)
{
	size_t used = 0;

	do {
		size_t len =
			c->len < WIRE_PAYLOAD_MAX ? c->len : WIRE_PAYLOAD_MAX;
		uint8_t *frame = out + used;

		/* Gathered where the ciphertext will be: in place. */
		gather(c, frame + WIRE_HEADER_LEN, len);
		used += wire_seal(wire, frame, type, c->len ? WIRE_MORE : 0,
				  frame + WIRE_HEADER_LEN, len);
	} while (c->len > 0 && size - used >= WIRE_FRAME_MAX);
	*done = c->len == 0;
	return used;
}

/* Bytes of M that the next frame takes. */
static size_t next_part(const struct txq_msg *m)
{
	size_t left = m->len - m->sealed;

	return left < WIRE_PAYLOAD_MAX ? left : WIRE_PAYLOAD_MAX;
}

size_t txq_seal(txq_t *q, wire_t *wire, uint8_t *out, size_t size)
{
	struct txq_msg *m;
	size_t used = 0;

	while ((m = STAILQ_FIRST(q))) {
		size_t len = next_part(m);
		const uint8_t *part = m->data + m->sealed;

		if (size - used < len + WIRE_OVERHEAD)
			break;
		m->sealed += len;
		used += wire_seal(wire, out + used, m->type,
				  m->sealed < m->len ? WIRE_MORE : 0, part,
				  len);
		if (m->sealed == m->len) {
			STAILQ_REMOVE_HEAD(q, next);
			free(m);
		}
	}
	return used;
}
