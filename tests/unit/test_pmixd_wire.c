/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pmixd_wire.c - frames, and messages made of frames.
 */
#include "check.h"

#include <sodium.h>
#include <stdlib.h>

#include "link.h"
#include "reader.h"
#include "txq.h"
#include "wire.h"

/* Both ends of a connection, and the messages that came out at the server. */
typedef struct {
	wire_t client, server;
	reader_t reader;
	uint8_t *scratch;
	size_t count;
	uint8_t type;
	uint8_t *msg;
	size_t len;
	bool keeps; /* messages, by reader_keep() */
} line_t;

static const uint8_t key[WIRE_KEY_LEN] = "0123456789abcdef0123456789abcde";

static int setup(void **state)
{
	line_t *line = calloc(1, sizeof(*line));

	assert_non_null(line);
	assert_int_equal(wire_init(&line->client, key, WIRE_CLIENT), 0);
	assert_int_equal(wire_init(&line->server, key, WIRE_SERVER), 0);
	assert_int_equal(reader_init(&line->reader), 0);
	line->scratch = malloc(WIRE_PAYLOAD_MAX);
	assert_non_null(line->scratch);
	*state = line;
	return 0;
}

static int teardown(void **state)
{
	line_t *line = *state;

	reader_clear(&line->reader);
	wire_wipe(&line->client);
	wire_wipe(&line->server);
	free(line->scratch);
	free(line->msg);
	free(line);
	return 0;
}

/* Open a frame of LEN bytes that is alone in BUF. */
static wire_status_t open_frame(wire_t *w, const uint8_t *buf, size_t len,
				void *payload)
{
	const char *why = NULL;
	wire_frame_t frame;
	wire_status_t status = wire_next(buf, len, &frame, &why);

	if (status == WIRE_OK)
		status = wire_open(w, buf, &frame, payload, &why);
	if (status == WIRE_BAD)
		assert_non_null(why);
	return status;
}

static void a_frame_arrives_as_it_was_sent(void **state)
{
	static const size_t lens[] = { 0, 1, 63, 64, 1000, WIRE_PAYLOAD_MAX };
	line_t *line = *state;
	uint8_t *in = calloc(1, WIRE_PAYLOAD_MAX);
	uint8_t *buf = malloc(WIRE_FRAME_MAX);
	const char *why;
	wire_frame_t f;
	size_t size;

	assert_non_null(in);
	assert_non_null(buf);
	randombytes_buf(in, WIRE_PAYLOAD_MAX);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size = wire_seal(&line->client, buf, 7, WIRE_MORE, in, lens[i]);
		assert_int_equal(size, lens[i] + WIRE_OVERHEAD);
		assert_int_equal(wire_next(buf, size, &f, &why), WIRE_OK);
		assert_int_equal(f.type, 7);
		assert_int_equal(f.flags, WIRE_MORE);
		assert_int_equal(f.size, size);
		assert_int_equal(
			wire_open(&line->server, buf, &f, line->scratch, &why),
			WIRE_OK);
		assert_memory_equal(line->scratch, in, lens[i]);
	}
	free(in);
	free(buf);
}

static void each_flipped_bit_is_refused(void **state)
{
	line_t *line = *state;
	uint8_t buf[WIRE_OVERHEAD + 40], out[40] = "forty bytes of payload";
	size_t size = wire_seal(&line->client, buf, 1, 0, out, sizeof(out));
	wire_t server;

	for (size_t bit = 0; bit < size * 8; bit++) {
		server = line->server;
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* A longer frame is not refused before it is all there. */
		assert_int_not_equal(
			open_frame(&server, buf, size, line->scratch), WIRE_OK);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(open_frame(&line->server, buf, size, line->scratch),
			 WIRE_OK);
}

static void a_truncated_frame_is_awaited(void **state)
{
	line_t *line = *state;
	uint8_t buf[WIRE_OVERHEAD + 40], payload[40] = "";
	size_t size = wire_seal(&line->client, buf, 1, 0, payload, 40);
	const char *why;
	wire_frame_t f;

	for (size_t len = 0; len < size; len++)
		assert_int_equal(wire_next(buf, len, &f, &why), WIRE_SHORT);
}

static void a_replayed_frame_is_refused(void **state)
{
	line_t *line = *state;
	uint8_t buf[WIRE_OVERHEAD + 8];
	size_t size = wire_seal(&line->client, buf, 1, 0, "payload", 8);

	assert_int_equal(open_frame(&line->server, buf, size, line->scratch),
			 WIRE_OK);
	assert_int_equal(open_frame(&line->server, buf, size, line->scratch),
			 WIRE_BAD);
}

static void reordered_and_missing_frames_are_refused(void **state)
{
	line_t *line = *state;
	uint8_t first[WIRE_OVERHEAD], second[WIRE_OVERHEAD];

	(void)wire_seal(&line->client, first, 1, 0, NULL, 0);
	(void)wire_seal(&line->client, second, 1, 0, NULL, 0);
	assert_int_equal(open_frame(&line->server, second, sizeof(second),
				    line->scratch),
			 WIRE_BAD);
}

static void a_frame_sent_back_to_its_maker_is_refused(void **state)
{
	line_t *line = *state;
	uint8_t buf[WIRE_OVERHEAD];

	(void)wire_seal(&line->client, buf, 1, 0, NULL, 0);
	assert_int_equal(
		open_frame(&line->client, buf, sizeof(buf), line->scratch),
		WIRE_BAD);
}

static void another_key_is_refused(void **state)
{
	static const uint8_t other[WIRE_KEY_LEN] = "another";
	line_t *line = *state;
	uint8_t buf[WIRE_OVERHEAD];

	(void)wire_seal(&line->client, buf, 1, 0, NULL, 0);
	wire_wipe(&line->server);
	assert_int_equal(wire_init(&line->server, other, WIRE_SERVER), 0);
	assert_int_equal(
		open_frame(&line->server, buf, sizeof(buf), line->scratch),
		WIRE_BAD);
}

static void the_payload_is_not_readable_on_the_wire(void **state)
{
	line_t *line = *state;
	uint8_t buf[WIRE_OVERHEAD + 32];
	static const char secret[32] = "this must not be seen";

	(void)wire_seal(&line->client, buf, 1, 0, secret, sizeof(secret));
	assert_null(memmem(buf, sizeof(buf), secret, 8));
}

static void a_huge_length_is_refused_at_once(void **state)
{
	uint8_t buf[WIRE_HEADER_LEN] = { 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };
	const char *why = NULL;
	wire_frame_t f;

	assert_int_equal(wire_next(buf, sizeof(buf), &f, &why), WIRE_BAD);
	assert_string_equal(why, "a frame is longer than the limit");
}

static void unknown_flags_are_refused(void **state)
{
	const char *why = NULL;
	wire_frame_t f;

	for (int byte = 1; byte < 4; byte++) {
		for (int bit = 0; bit < 8; bit++) {
			uint8_t buf[WIRE_HEADER_LEN] = { 1 };

			if (byte == 1 && bit == 0)
				continue; /* WIRE_MORE */
			buf[byte] = (uint8_t)(1 << bit);
			assert_int_equal(wire_next(buf, sizeof(buf), &f, &why),
					 WIRE_BAD);
			assert_string_equal(why, "a frame has an unknown flag");
		}
	}
}

/* -- messages ----------------------------------------------------------- */

static int got(void *arg, uint8_t type, const void *msg, size_t len,
	       const char **why)
{
	line_t *line = arg;

	assert_int_equal((uintptr_t)msg % _Alignof(max_align_t), 0);
	line->count++;
	line->type = type;
	line->len = len;
	free(line->msg);
	if (line->keeps) {
		line->msg = reader_keep(&line->reader, msg, len);
		assert_non_null(line->msg);
		return 0;
	}
	line->msg = malloc(len + 1);
	assert_non_null(line->msg);
	memcpy(line->msg, msg, len);
	return 0;
}

/* Give the server LEN bytes in pieces of at most CHUNK. */
static int feed(line_t *line, const uint8_t *buf, size_t len, size_t chunk,
		const char **why)
{
	uint8_t *space;
	size_t n;

	while (len > 0) {
		space = reader_space(&line->reader, &n);
		assert_true(n > 0);
		n = n < chunk ? n : chunk;
		n = n < len ? n : len;
		memcpy(space, buf, n);
		reader_added(&line->reader, n);
		buf += n;
		len -= n;
		if (reader_parse(&line->reader, &line->server, line->scratch,
				 got, line, why))
			return -1;
	}
	return 0;
}

/* Send what is queued, in pieces of CHUNK. */
static void send_queue(line_t *line, txq_t *q, size_t chunk)
{
	size_t size = 4 * (size_t)WIRE_FRAME_MAX, len;
	uint8_t *buf = malloc(size);
	const char *why;

	assert_non_null(buf);
	while ((len = txq_seal(q, &line->client, buf, size)) > 0)
		assert_int_equal(feed(line, buf, len, chunk, &why), 0);
	assert_true(txq_empty(q));
	free(buf);
}

static void messages_of_any_size_arrive_whole(void **state)
{
	static const size_t lens[] = { 0,
				       1,
				       WIRE_PAYLOAD_MAX - 1,
				       WIRE_PAYLOAD_MAX,
				       WIRE_PAYLOAD_MAX + 1,
				       10 * WIRE_PAYLOAD_MAX,
				       1000003 };
	static const size_t chunks[] = { 7919, 65536, SIZE_MAX };
	line_t *line = *state;
	uint8_t *msg = malloc(1000003);
	txq_cursor_t c;
	txq_t q;

	assert_non_null(msg);
	randombytes_buf(msg, 1000003);
	txq_init(&q);
	for (size_t i = 0; i < 7 * 3; i++) {
		/* In three pieces, the second of them empty. */
		size_t len = lens[i % 7];
		struct iovec iov[3] = { { msg, len / 3 },
					{ NULL, 0 },
					{ msg + len / 3, len - len / 3 } };

		assert_true(txq_cursor(&c, iov, 3, LINK_MSG_MAX));
		assert_int_equal(txq_push(&q, 3, &c), 0);
		send_queue(line, &q, chunks[i / 7]);
		assert_int_equal(line->count, i + 1);
		assert_int_equal(line->type, 3);
		assert_int_equal(line->len, len);
		assert_memory_equal(line->msg, msg, len);
	}
	free(msg);
}

/* A message of LEN bytes of FILL arrives. */
static void send_filled(line_t *line, int fill, size_t len)
{
	uint8_t *msg = malloc(len);
	struct iovec iov = { msg, len };
	txq_cursor_t c;
	txq_t q;

	assert_non_null(msg);
	memset(msg, fill, len);
	txq_init(&q);
	assert_true(txq_cursor(&c, &iov, 1, LINK_MSG_MAX));
	assert_int_equal(txq_push(&q, 3, &c), 0);
	send_queue(line, &q, SIZE_MAX);
	assert_int_equal(line->len, len);
	assert_memory_equal(line->msg, msg, len);
	free(msg);
}

static void a_kept_message_outlives_those_behind_it(void **state)
{
	static const size_t lens[] = { 1, WIRE_PAYLOAD_MAX,
				       3 * WIRE_PAYLOAD_MAX };
	line_t *line = *state;
	uint8_t *first;

	line->keeps = true;
	for (size_t i = 0; i < 3; i++) {
		send_filled(line, 1, lens[i]);
		first = line->msg;
		line->msg = NULL;
		send_filled(line, 2, lens[i]);
		for (size_t k = 0; k < lens[i]; k++)
			assert_int_equal(first[k], 1);
		free(first);
	}
}

static void a_message_is_sealed_directly_then_from_the_queue(void **state)
{
	line_t *line = *state;
	size_t size = 2 * (size_t)WIRE_FRAME_MAX, len = 300000, sealed;
	uint8_t *msg = malloc(len), *buf = malloc(size);
	struct iovec iov = { msg, len };
	txq_cursor_t c;
	const char *why;
	bool done;
	txq_t q;

	assert_non_null(msg);
	assert_non_null(buf);
	randombytes_buf(msg, len);
	txq_init(&q);
	assert_true(txq_cursor(&c, &iov, 1, LINK_MSG_MAX));
	sealed = txq_seal_direct(&line->client, 2, &c, buf, size, &done);
	assert_false(done);
	assert_int_equal(sealed, size);
	assert_int_equal(txq_push(&q, 2, &c), 0);
	assert_int_equal(feed(line, buf, sealed, 5000, &why), 0);
	send_queue(line, &q, 5000);
	assert_int_equal(line->count, 1);
	assert_int_equal(line->len, len);
	assert_memory_equal(line->msg, msg, len);
	free(msg);
	free(buf);
}

static void a_message_over_the_limit_is_not_begun(void **state)
{
	struct iovec iov[2] = { { NULL, LINK_MSG_MAX }, { NULL, 1 } };
	struct iovec wraps[2] = { { NULL, SIZE_MAX }, { NULL, 2 } };
	txq_cursor_t c;

	assert_true(txq_cursor(&c, iov, 1, LINK_MSG_MAX));
	assert_false(txq_cursor(&c, iov, 2, LINK_MSG_MAX));
	assert_false(txq_cursor(&c, wraps, 2, LINK_MSG_MAX));
}

static void a_received_message_over_the_limit_is_refused(void **state)
{
	line_t *line = *state;
	uint8_t *buf = calloc(1, WIRE_FRAME_MAX);
	const char *why = NULL;
	size_t size, frames = 0;
	int rc;

	assert_non_null(buf);
	do {
		size = wire_seal(&line->client, buf, 1, WIRE_MORE,
				 line->scratch, WIRE_PAYLOAD_MAX);
		rc = feed(line, buf, size, SIZE_MAX, &why);
		frames++;
	} while (rc == 0);
	assert_int_equal(frames, LINK_MSG_MAX / WIRE_PAYLOAD_MAX + 1);
	assert_string_equal(why, "a message is longer than the limit");
	free(buf);
}

static void a_part_of_another_type_is_refused(void **state)
{
	line_t *line = *state;
	uint8_t buf[WIRE_OVERHEAD + 1];
	const char *why = NULL;

	(void)wire_seal(&line->client, buf, 1, WIRE_MORE, "x", 1);
	assert_int_equal(feed(line, buf, sizeof(buf), SIZE_MAX, &why), 0);
	(void)wire_seal(&line->client, buf, 2, 0, "x", 1);
	assert_int_equal(feed(line, buf, sizeof(buf), SIZE_MAX, &why), -1);
	assert_string_equal(why,
			    "a frame of another type came within a message");
}

static void an_empty_part_is_refused(void **state)
{
	line_t *line = *state;
	uint8_t buf[WIRE_OVERHEAD];
	const char *why = NULL;

	(void)wire_seal(&line->client, buf, 1, WIRE_MORE, NULL, 0);
	assert_int_equal(feed(line, buf, sizeof(buf), SIZE_MAX, &why), -1);
	assert_string_equal(why, "a message has an empty part");
}

static void random_bytes_never_become_a_message(void **state)
{
	line_t *line = *state;
	uint8_t buf[600];
	const char *why;

	for (int i = 0; i < 2000; i++) {
		randombytes_buf(buf, sizeof(buf));
		if (i % 2) /* a plausible header */
			memcpy(buf, "\1\0\0\0\0\0\0\x20", 8);
		(void)feed(line, buf, 1 + randombytes_uniform(600), 100, &why);
		assert_int_equal(line->count, 0);
		reader_clear(&line->reader);
		assert_int_equal(reader_init(&line->reader), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		T(a_frame_arrives_as_it_was_sent),
		T(each_flipped_bit_is_refused),
		T(a_truncated_frame_is_awaited),
		T(a_replayed_frame_is_refused),
		T(reordered_and_missing_frames_are_refused),
		T(a_frame_sent_back_to_its_maker_is_refused),
		T(another_key_is_refused),
		T(the_payload_is_not_readable_on_the_wire),
		T(a_huge_length_is_refused_at_once),
		T(unknown_flags_are_refused),
		T(messages_of_any_size_arrive_whole),
		T(a_kept_message_outlives_those_behind_it),
		T(a_message_is_sealed_directly_then_from_the_queue),
		T(a_message_over_the_limit_is_not_begun),
		T(a_received_message_over_the_limit_is_refused),
		T(a_part_of_another_type_is_refused),
		T(an_empty_part_is_refused),
		T(random_bytes_never_become_a_message),
#undef T
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
