/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_frames.c - what arrives on a link after the handshake: frames, put
 * together to messages.
 *
 * Input: how the bytes are cut, then commands.  m and q send a message as
 * links do, at once or through a queue; f seals one frame of any shape, as
 * only a broken or hostile node of the same user could; x changes a byte on
 * its way, r is raw bytes.  What comes out must be what went in, up to the
 * point where something else was done.
 */
#include "fuzz.h"
#include "link.h"
#include "reader.h"
#include "txq.h"

#define STREAM_MAX   (1024 * 1024)
#define MESSAGES_MAX 64
#define LEN_MAX	     (3 * WIRE_PAYLOAD_MAX)

struct message {
	uint8_t type, fill;
	size_t len;
};

static struct {
	uint8_t stream[STREAM_MAX];
	size_t len;
	bool honest; /* nothing but whole messages so far */
	struct message sent[MESSAGES_MAX];
	unsigned nsent, narrived;
	bool refuse;
} line;

/* Bytes that tell a message from others and a place in it from others. */
static const uint8_t *body_of(const struct message *m)
{
	static uint8_t pattern[256 + LEN_MAX];

	if (!pattern[1])
		for (size_t i = 0; i < sizeof(pattern); i++)
			pattern[i] = (uint8_t)(i ^ (i >> 8) * 7);
	return pattern + m->fill;
}

static bool room(size_t len)
{
	return STREAM_MAX - line.len >= len + 8 * WIRE_OVERHEAD;
}

/* -- sending ----------------------------------------------------------------
 */

static void send_message(wire_t *tx, feed_t *feed, bool queued)
{
	struct message m = { .type = feed_u8(feed), .fill = feed_u8(feed) };
	struct iovec iov[2];
	txq_cursor_t c;
	const uint8_t *body;
	txq_t queue;
	bool done = true;
	size_t n;

	/* Most are short; a few have several frames. */
	m.len = feed_u8(feed);
	if (m.len >= 0xf0)
		m.len = (m.len - 0xf0) * (LEN_MAX / 16) + feed_u8(feed);
	if (line.nsent == MESSAGES_MAX || !room(m.len + WIRE_FRAME_MAX))
		return;
	body = body_of(&m);
	n = m.len ? feed_u16(feed) % m.len : 0;
	iov[0] = (struct iovec){ (void *)(uintptr_t)body, n };
	iov[1] = (struct iovec){ (void *)(uintptr_t)(body + n), m.len - n };
	MUST(txq_cursor(&c, iov, 2, LINK_MSG_MAX));
	txq_init(&queue);
	if (queued) {
		MUST(txq_push(&queue, m.type, &c) == 0);
		while ((n = txq_seal(&queue, tx, line.stream + line.len,
				     STREAM_MAX - line.len)) > 0)
			line.len += n;
		MUST(txq_empty(&queue));
	} else {
		do
			line.len += txq_seal_direct(tx, m.type, &c,
						    line.stream + line.len,
						    WIRE_FRAME_MAX, &done);
		while (!done);
	}
	if (line.honest)
		line.sent[line.nsent++] = m;
}

static void send_frame(wire_t *tx, feed_t *feed)
{
	struct message m = { .type = feed_u8(feed) };
	uint8_t flags = feed_u8(feed);

	m.len = feed_u8(feed);
	if (!room(m.len))
		return;
	line.len += wire_seal(tx, line.stream + line.len, m.type, flags,
			      body_of(&m), m.len);
	line.honest = false;
}

static void change(feed_t *feed)
{
	size_t back = feed_u16(feed);
	uint8_t bit = (uint8_t)(1 << feed_below(feed, 8));

	if (back >= line.len)
		return;
	line.stream[line.len - 1 - back] ^= bit;
	line.honest = false;
}

static void send_raw(feed_t *feed)
{
	size_t n;
	const uint8_t *bytes = feed_bytes(feed, feed_u8(feed), &n);

	if (!room(n) || n == 0)
		return;
	memcpy(line.stream + line.len, bytes, n);
	line.len += n;
	line.honest = false;
}

static void send_all(wire_t *tx, feed_t *feed)
{
	while (feed->left > 0) {
		switch (feed_u8(feed)) {
		case 'm':
			send_message(tx, feed, false);
			break;
		case 'q':
			send_message(tx, feed, true);
			break;
		case 'f':
			send_frame(tx, feed);
			break;
		case 'x':
			change(feed);
			break;
		case 'r':
			send_raw(feed);
			break;
		case 'R':
			line.refuse = true;
			break;
		default:
			break;
		}
	}
}

/* -- receiving --------------------------------------------------------------
 */

/* Messages arrive as sent, in order, each once. */
static int arrived(void *arg, uint8_t type, const void *msg, size_t len,
		   const char **why)
{
	const struct message *m = &line.sent[line.narrived];

	MUST(((uintptr_t)msg & 7) == 0);
	MUST(len <= LINK_MSG_MAX);
	if (line.narrived < line.nsent) {
		MUST(type == m->type && len == m->len);
		MUST(memcmp(msg, body_of(m), len) == 0);
		line.narrived++;
	}
	if (!line.refuse)
		return 0;
	*why = "it is refused";
	return -1;
}

/* 0, or -1 with a reason. */
static int receive(wire_t *rx, const uint8_t cuts[2])
{
	uint8_t *scratch = malloc(WIRE_PAYLOAD_MAX);
	const char *why = NULL;
	size_t at = 0, n, space;
	unsigned turn = 0;
	reader_t reader;
	uint8_t *to;
	int rc = 0;

	MUST(scratch && reader_init(&reader) == 0);
	while (at < line.len && rc == 0) {
		to = reader_space(&reader, &space);
		MUST(space > 0);
		n = cuts[turn++ % 2];
		n = n ? n * n : space;
		if (n > space)
			n = space;
		if (n > line.len - at)
			n = line.len - at;
		memcpy(to, line.stream + at, n);
		reader_added(&reader, n);
		at += n;
		rc = reader_parse(&reader, rx, scratch, arrived, NULL, &why);
		MUST(rc == 0 || why);
	}
	reader_clear(&reader);
	free(scratch);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[WIRE_KEY_LEN] = "a key that both ends know";
	feed_t feed = { data, size };
	uint8_t cuts[2];
	wire_t tx, rx;
	int rc;

	MUST(wire_init(&tx, key, WIRE_CLIENT) == 0);
	MUST(wire_init(&rx, key, WIRE_SERVER) == 0);
	line.len = line.nsent = line.narrived = 0;
	line.honest = true;
	line.refuse = false;
	cuts[0] = feed_u8(&feed);
	cuts[1] = feed_u8(&feed);
	send_all(&tx, &feed);
	rc = receive(&rx, cuts);
	if (line.honest && !line.refuse)
		MUST(rc == 0 && line.narrived == line.nsent);
	wire_wipe(&tx);
	wire_wipe(&rx);
	return 0;
}
