/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_handshake_msg.c - a message of the handshake, as far as it has come.
 *
 * Input: the type awaited, then the message's bytes.
 */
#include "fuzz.h"
#include "handshake_msg.h"

/* A well-formed HELLO has one form only. */
static void check_hello(const uint8_t *body, size_t len)
{
	uint8_t again[HS_HELLO_MAX];
	hs_hello_t hello;
	char list[PSEC_LIST_MAX + 1];
	size_t n;

	if (!hs_hello_read((hs_reader_t){ body, len }, &hello))
		return;
	MUST(hello.role == PSEC_CLIENT || hello.role == PSEC_TOOL ||
	     hello.role == PSEC_LEGACY);
	MUST(psec_list_filter(hello.mechs, NULL, list, sizeof(list), NULL) ==
	     PSEC_OK);
	MUST((hello.role == PSEC_LEGACY) == !list[0]);
	MUST(hello.role != PSEC_CLIENT || !strchr(list, ','));
	MUST(hello.intro_len <= PSEC_INTRO_MAX);
	n = hs_hello_write(again, &hello);
	MUST(n == len && memcmp(again, body, len) == 0);
}

static void check_choice(const uint8_t *body, size_t len)
{
	char mech[PSEC_NAME_MAX + 1];

	if (!hs_choice_read((hs_reader_t){ body, len }, mech))
		return;
	MUST(strlen(mech) == len && memcmp(mech, body, len) == 0);
	MUST(list_name_ok(mech, len));
}

static void check_body(hs_reader_t body)
{
	uint8_t *copy = fuzz_copy(body.pos, body.left);

	check_hello(copy, body.left);
	check_choice(copy, body.left);
	free(copy);
}

static void check_readers(hs_reader_t body)
{
	size_t before = body.left, n;
	const uint8_t *bytes;

	while (hs_take_u8(&body, &n)) {
		MUST(body.left == before - 1 && n <= 255);
		if (hs_take_bytes(&body, &bytes, n))
			MUST(bytes + n == body.pos);
		else
			MUST(body.left == before - 1 && body.left < n);
		if (body.left < 2)
			MUST(!hs_take_u16(&body, &n));
		before = body.left;
	}
	MUST(body.left == 0);
}

/* Byte for byte, as they come: what is accepted once stays accepted. */
static void check_frame(hs_type_t expect, const uint8_t *bytes, size_t len)
{
	hs_frame_t *frame = calloc(1, sizeof(*frame));
	psec_code_t rc = PSEC_OK;
	psec_error_t err;
	bool stranger = false;

	MUST(frame);
	while (!rc && len > 0 &&
	       (frame->len == 0 || hs_frame_missing(frame) > 0)) {
		MUST(frame->len < sizeof(frame->bytes));
		frame->bytes[frame->len++] = *bytes++;
		len--;
		rc = hs_frame_check(frame, expect, &stranger, &err);
	}
	if (rc) {
		must_be_told(rc, &err);
		MUST(stranger == (frame->len <= 4));
	} else if (frame->len > 0 && hs_frame_missing(frame) == 0) {
		MUST(hs_frame_type(frame) == expect ||
		     hs_frame_type(frame) == HS_REFUSE);
		check_readers(hs_frame_body(frame));
		check_body(hs_frame_body(frame));
	}
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	hs_type_t expect = (hs_type_t)(1 + feed_below(&feed, 8));

	check_frame(expect, feed.pos, feed.left);
	check_body((hs_reader_t){ .pos = feed.pos, .left = feed.left });
	return 0;
}
