/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reader.c - frames to messages.
 */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#include "link.h"

/* Two frames: while one is incomplete, a large read still fits behind it. */
#define BUF_SIZE (2 * WIRE_FRAME_MAX)

int reader_init(reader_t *r)
{
	memset(r, 0, sizeof(*r));
	r->buf = malloc(BUF_SIZE);
	return r->buf ? 0 : -1;
}

void reader_clear(reader_t *r)
{
	free(r->buf);
	free(r->msg);
	memset(r, 0, sizeof(*r));
}

uint8_t *reader_space(reader_t *r, size_t *len)
{
	if (r->start == r->end) {
		r->start = r->end = 0;
	} else if (r->start > 0 && BUF_SIZE - r->end < WIRE_FRAME_MAX) {
		memmove(r->buf, r->buf + r->start, r->end - r->start);
		r->end -= r->start;
		r->start = 0;
	}
	*len = BUF_SIZE - r->end;
	return r->buf + r->end;
}

void reader_added(reader_t *r, size_t len)
{
	r->end += len;
}

const uint8_t *reader_bytes(const reader_t *r, size_t *len)
{
	*len = r->end - r->start;
	return r->buf + r->start;
}

void reader_consume(reader_t *r, size_t len)
{
	r->start += len;
}

/* Room for LEN more bytes of the message in progress. */
static int reserve(reader_t *r, size_t len, const char **why)
{
	size_t size = r->msg_size ? r->msg_size : 2 * (size_t)WIRE_PAYLOAD_MAX;
	uint8_t *grown;

	if (len > LINK_MSG_MAX - r->msg_len) {
		*why = "a message is longer than the limit";
		return -1;
	}
	while (size < r->msg_len + len)
		size *= 2;
	if (size == r->msg_size)
		return 0;
	grown = realloc(r->msg, size);
	if (!grown) {
		*why = "out of memory for a message";
		return -1;
	}
	r->msg = grown;
	r->msg_size = size;
	return 0;
}

void *reader_keep(reader_t *r, const void *msg, size_t len)
{
	void *copy = r->msg;

	if (msg == copy) {
		r->msg = NULL; /* end_message() will do the rest */
		return copy;
	}
	copy = malloc(len);
	if (copy)
		memcpy(copy, msg, len);
	return copy;
}

static void end_message(reader_t *r)
{
	free(r->msg);
	r->msg = NULL;
	r->msg_len = 0;
	r->msg_size = 0;
}

/* A frame of a message that has several. */
static int add_part(reader_t *r, wire_t *wire, const wire_frame_t *frame,
		    reader_fn fn, void *arg, const char **why)
{
	int rc;

	if (reserve(r, frame->payload_len, why))
		return -1;
	if (wire_open(wire, r->buf + r->start, frame, r->msg + r->msg_len,
		      why) != WIRE_OK)
		return -1;
	if (r->msg_len == 0) {
		r->msg_type = frame->type;
	} else if (r->msg_type != frame->type) {
		*why = "a frame of another type came within a message";
		return -1;
	}
	/* Each frame must bring something, or "more" could go on for ever. */
	if (frame->payload_len == 0) {
		*why = "a message has an empty part";
		return -1;
	}
	r->msg_len += frame->payload_len;
	if (frame->flags & WIRE_MORE)
		return 0;
	rc = fn(arg, r->msg_type, r->msg, r->msg_len, why);
	end_message(r);
	return rc ? -1 : 0;
}

static int take_frame(reader_t *r, wire_t *wire, const wire_frame_t *frame,
		      uint8_t *scratch, reader_fn fn, void *arg,
		      const char **why)
{
	if (r->msg_len > 0 || (frame->flags & WIRE_MORE))
		return add_part(r, wire, frame, fn, arg, why);
	if (wire_open(wire, r->buf + r->start, frame, scratch, why) != WIRE_OK)
		return -1;
	return fn(arg, frame->type, scratch, frame->payload_len, why) ? -1 : 0;
}

int reader_parse(reader_t *r, wire_t *wire, uint8_t *scratch, reader_fn fn,
		 void *arg, const char **why)
{
	wire_status_t status;
	wire_frame_t frame;

	for (;;) {
		status = wire_next(r->buf + r->start, r->end - r->start, &frame,
				   why);
		if (status != WIRE_OK)
			return status == WIRE_SHORT ? 0 : -1;
		if (take_frame(r, wire, &frame, scratch, fn, arg, why))
			return -1;
		r->start += frame.size;
	}
}
