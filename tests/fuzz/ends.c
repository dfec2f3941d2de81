/* SPDX-License-Identifier: BSD-3-Clause */
/* ends.c - see ends.h. */
#include "ends.h"

#include "abort_msg.h"

static const char binding[] = "one purpose", other[] = "another";

void setup_read(setup_t *setup, feed_t *feed)
{
	static const char *const lists[] = { "token", "clear", "empty",
					     FUZZ_MECHS };
	uint8_t mechs = feed_u8(feed), bits = feed_u8(feed);

	memset(setup, 0, sizeof(*setup));
	fuzz_empty_does(mechs >> 6);
	setup->client_mechs = lists[mechs & 3];
	/* All but rarely the server takes what the client chooses. */
	setup->server_mechs = FUZZ_MECHS;
	if (mechs & 4)
		setup->server_mechs = lists[(mechs >> 3) & 3];
	setup->other_binding = bits & 1;
	for (int i = 0; i < 2; i++) {
		setup->known_uid[i] = bits & (2 << i);
		setup->wrong_uid[i] = bits & (8 << i);
	}
	setup->intro_len = feed_u8(feed);
	for (size_t i = 0; i < setup->intro_len; i++)
		setup->intro[i] = (uint8_t)(i ^ bits);
	/* Of that length it is the status of an abort. */
	if (setup->intro_len == ABORT_INTRO_LEN)
		abort_intro(setup->intro, SETUP_STATUS);
}

bool setup_agrees(const setup_t *setup)
{
	const char *chosen = setup->client_mechs;

	if (psec_list_has(chosen, "token"))
		chosen = "token";
	return !setup->other_binding && !setup->wrong_uid[0] &&
	       !setup->wrong_uid[1] && strcmp(chosen, "empty") != 0 &&
	       psec_list_has(setup->server_mechs, chosen);
}

void end_open(end_t *end, psec_t *psec, fuzz_who_t who, const setup_t *setup)
{
	psec_handshake_options_t opt = {
		.size = sizeof(opt),
		.role = who == FUZZ_CLIENT ? PSEC_CLIENT : PSEC_SERVER,
		.mechs = who == FUZZ_CLIENT ? setup->client_mechs
					    : setup->server_mechs,
		.binding = binding,
		.binding_len = sizeof(binding),
		.expect_uid = (uid_t)-1,
	};

	memset(end, 0, sizeof(*end));
	end->who = who;
	if (who == FUZZ_CLIENT) {
		opt.intro = setup->intro;
		opt.intro_len = setup->intro_len;
	} else if (setup->other_binding) {
		opt.binding = other;
		opt.binding_len = sizeof(other);
	}
	if (setup->wrong_uid[who])
		opt.expect_uid = 4711;
	else if (setup->known_uid[who])
		opt.expect_uid = fuzz_uid(who == FUZZ_CLIENT ? FUZZ_SERVER
							     : FUZZ_CLIENT);
	fuzz_become(who);
	end->rc = psec_handshake_create(&end->hs, psec, &opt, &end->err);
	MUST(end->rc == PSEC_OK);
}

void end_close(end_t *end)
{
	psec_handshake_destroy(end->hs);
	end->hs = NULL;
}

psec_hs_state_t end_state(const end_t *end)
{
	psec_hs_state_t state = psec_handshake_state(end->hs);

	MUST(state >= PSEC_HS_INPUT && state <= PSEC_HS_FAILED);
	return state;
}

/* A failure is told, and leaves nothing to do but to refuse. */
static void note(end_t *end, psec_code_t rc, const psec_error_t *err)
{
	psec_hs_state_t state = end_state(end);
	psec_peer_t peer;

	if (state != PSEC_HS_DONE)
		MUST(psec_handshake_peer(end->hs, &peer, NULL) != PSEC_OK);
	if (rc == PSEC_OK) {
		MUST(state != PSEC_HS_FAILED);
		return;
	}
	must_be_told(rc, err);
	MUST(state == PSEC_HS_OUTPUT || state == PSEC_HS_FAILED);
	MUST(end->rc == PSEC_OK);
	end->rc = rc;
	end->err = *err;
}

size_t end_input(end_t *end, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = fuzz_copy(bytes, len);
	psec_error_t err;
	psec_code_t rc;
	size_t used = SIZE_MAX;

	fuzz_become(end->who);
	rc = psec_handshake_input(end->hs, copy, len, &used, &err);
	free(copy);
	MUST(used <= len);
	note(end, rc, &err);
	/* What it does not take belongs to the next message. */
	MUST(used == len || end_state(end) != PSEC_HS_INPUT);
	return used;
}

void end_work(end_t *end)
{
	psec_error_t err;

	fuzz_become(end->who);
	note(end, psec_handshake_work(end->hs, &err), &err);
	MUST(end_state(end) != PSEC_HS_WORK);
}

size_t end_output(end_t *end, uint8_t *out, size_t max)
{
	const void *bytes;
	size_t len = 0;

	bytes = psec_handshake_output(end->hs, &len);
	MUST(bytes && len > 0);
	if (len > max)
		len = max;
	memcpy(out, bytes, len);
	psec_handshake_sent(end->hs, len);
	/* After a failure there is a short refusal at most. */
	if (end->rc != PSEC_OK)
		MUST(len <= 16);
	return len;
}
