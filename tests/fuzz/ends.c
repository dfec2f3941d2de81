/* SPDX-License-Identifier: BSD-3-Clause */
/* ends.c - see ends.h. */
#include "ends.h"

#include "abort_msg.h"

static const char binding[] = "one purpose", other[] = "another";

/* The role that two bits stand for; most are clients. */
static psec_role_t role_of(unsigned bits)
{
	static const psec_role_t roles[] = { PSEC_CLIENT, PSEC_TOOL,
					     PSEC_CLIENT, PSEC_LEGACY };

	return roles[bits & 3];
}

void setup_read(setup_t *setup, feed_t *feed)
{
	static const char *const lists[] = { "token", "clear", "empty",
					     FUZZ_MECHS };
	uint8_t mechs = feed_u8(feed), bits = feed_u8(feed);

	memset(setup, 0, sizeof(*setup));
	fuzz_empty_does(mechs >> 6);
	setup->role = role_of(bits >> 5);
	setup->client_mechs = lists[mechs & 3];
	if (setup->role == PSEC_LEGACY && (mechs & 3) == 3)
		setup->client_mechs = "clear";
	/* All but rarely the server takes what the client chooses. */
	setup->server_mechs = FUZZ_MECHS;
	if (mechs & 4)
		setup->server_mechs = lists[(mechs >> 3) & 3];
	else if (mechs & 8)
		setup->default_mech = "clear";
	if (bits & 0x80)
		setup->refuse = PSEC_REFUSE_TOOLS | PSEC_REFUSE_LEGACY;
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

/* The best that LIST and, unless it is NULL, ALSO have. */
static const char *best_of(const char *list, const char *also)
{
	static const char *const names[] = { "token", "clear", "empty" };

	for (int i = 0; i < 3; i++)
		if (psec_list_has(list, names[i]) &&
		    (!also || psec_list_has(also, names[i])))
			return names[i];
	return "none in common";
}

/* What RFC0011 makes of the two lists. */
static const char *mech_of(const setup_t *setup)
{
	const char *taken = setup->default_mech
				    ? setup->default_mech
				    : best_of(setup->server_mechs, NULL);

	switch (setup->role) {
	case PSEC_TOOL:
		return best_of(setup->client_mechs, setup->server_mechs);
	case PSEC_LEGACY:
		return strcmp(taken, setup->client_mechs) == 0
			       ? taken
			       : "none in common";
	default:
		return best_of(setup->client_mechs, NULL);
	}
}

bool setup_agrees(const setup_t *setup)
{
	const char *mech = mech_of(setup);

	return !setup->other_binding && !setup->wrong_uid[0] &&
	       !setup->wrong_uid[1] && strcmp(mech, "empty") != 0 &&
	       psec_list_has(setup->server_mechs, mech) &&
	       (setup->role == PSEC_CLIENT || !setup->refuse);
}

void end_open(end_t *end, psec_t *psec, fuzz_who_t who, const setup_t *setup)
{
	psec_handshake_options_t opt = {
		.size = sizeof(opt),
		.role = who == FUZZ_CLIENT ? setup->role : PSEC_SERVER,
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
	} else {
		opt.default_mech = setup->default_mech;
		opt.refuse = setup->refuse;
	}
	if (who == FUZZ_SERVER && setup->other_binding) {
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
