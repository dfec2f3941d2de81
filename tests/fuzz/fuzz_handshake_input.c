/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_handshake_input.c - a handshake whose other end sends what it likes.
 *
 * Input: the role of our end, the setup, how the bytes are cut, the bytes.
 * Recorded handshakes (seeds.c) get to the end, because random numbers are
 * always the same.
 *
 * The pieces in which bytes come make no difference.
 */
#include "ends.h"

typedef struct {
	psec_hs_state_t state;
	psec_code_t rc;
	size_t used;	    /* bytes of the peer's */
	uint8_t said[4096]; /* ours */
	size_t said_len;
} result_t;

static void keep(result_t *r, const uint8_t *bytes, size_t len)
{
	if (len > sizeof(r->said) - r->said_len)
		len = sizeof(r->said) - r->said_len;
	memcpy(r->said + r->said_len, bytes, len);
	r->said_len += len;
}

/* Pieces as the numbers in CUTS say; 0: all there is. */
static void run(result_t *r, fuzz_who_t who, const setup_t *setup,
		const uint8_t cuts[4], feed_t bytes)
{
	uint8_t out[16384];
	const uint8_t *piece;
	unsigned turn = 0;
	size_t n, used;
	end_t end;

	memset(r, 0, sizeof(*r));
	end_open(&end, fuzz_psec(), who, setup);
	for (;;) {
		size_t cut = cuts[turn++ % 4];

		r->state = end_state(&end);
		if (r->state == PSEC_HS_OUTPUT) {
			n = end_output(&end, out, cut ? cut : sizeof(out));
			keep(r, out, n);
		} else if (r->state == PSEC_HS_WORK) {
			end_work(&end);
		} else if (r->state == PSEC_HS_INPUT && bytes.left > 0) {
			piece = bytes.pos;
			used = end_input(&end, piece,
					 cut && cut < bytes.left ? cut
								 : bytes.left);
			(void)feed_bytes(&bytes, used, &n);
			r->used += used;
		} else {
			break;
		}
	}
	r->rc = end.rc;
	end_close(&end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t whole[4] = { 0, 0, 0, 0 };
	feed_t feed = { data, size };
	fuzz_who_t who = feed_u8(&feed) & 1 ? FUZZ_SERVER : FUZZ_CLIENT;
	static result_t one, other;
	uint8_t cuts[4];
	setup_t setup;

	setup_read(&setup, &feed);
	for (int i = 0; i < 4; i++)
		cuts[i] = feed_u8(&feed);
	run(&one, who, &setup, cuts, feed);
	run(&other, who, &setup, whole, feed);
	MUST(one.state == other.state && one.rc == other.rc);
	MUST(one.said_len == other.said_len &&
	     memcmp(one.said, other.said, one.said_len) == 0);
	if (one.rc == PSEC_OK)
		MUST(one.used == other.used);
	fuzz_psec_clear();
	return 0;
}
