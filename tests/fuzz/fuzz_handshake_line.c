/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_handshake_line.c - a whole handshake with somebody on the line who can
 * read, change, drop, repeat and send back everything, but owns no uid.
 *
 * Input: the setup of both ends, then what happens on the line, a few bytes
 * for each piece of a message.  When it is used up nobody disturbs any more.
 *
 * With a mechanism that cannot be forged an end is done only with the other
 * one and only if both mean the same.
 */
#include "abort_msg.h"
#include "ends.h"

#define QUEUE_MAX 32768

typedef struct {
	uint8_t bytes[QUEUE_MAX];
	size_t len;
} queue_t;

static struct {
	end_t ends[2];
	queue_t queues[2]; /* to the end of that number */
	bool disturbed;
} line;

static void put(queue_t *q, const uint8_t *bytes, size_t len)
{
	if (len > QUEUE_MAX - q->len)
		len = QUEUE_MAX - q->len;
	if (len > 0)
		memcpy(q->bytes + q->len, bytes, len);
	q->len += len;
}

/* What the one on the line does with a piece; most often nothing. */
static void pass(feed_t *feed, unsigned to, uint8_t *piece, size_t len)
{
	queue_t *q = &line.queues[to];
	const uint8_t *other;
	size_t n;
	char what = (char)feed_u8(feed);

	line.disturbed |= what && strchr("bylptms", what);
	switch (what) {
	case 'b': /* change a bit */
		n = feed_below(feed, (uint32_t)len);
		piece[n] ^= (uint8_t)(1 << feed_below(feed, 8));
		break;
	case 'y': /* change a byte */
		n = feed_below(feed, (uint32_t)len);
		piece[n] = feed_u8(feed);
		break;
	case 'l': /* lose some */
		n = feed_below(feed, (uint32_t)len);
		len = n;
		break;
	case 'p': /* put something before it */
		other = feed_bytes(feed, feed_u8(feed), &n);
		put(q, other, n);
		break;
	case 't': /* send it twice */
		put(q, piece, len);
		break;
	case 'm': /* send it back to its maker */
		q = &line.queues[!to];
		break;
	case 's': /* say something else */
		other = feed_bytes(feed, feed_u16(feed), &n);
		put(q, other, n);
		len = 0;
		break;
	default:
		break;
	}
	put(q, piece, len);
}

static bool send_piece(feed_t *feed, unsigned who)
{
	uint8_t piece[QUEUE_MAX];
	size_t len, max = feed->left ? feed_u8(feed) : 0;

	if (end_state(&line.ends[who]) != PSEC_HS_OUTPUT)
		return false;
	len = end_output(&line.ends[who], piece, max ? max : sizeof(piece));
	pass(feed, !who, piece, len);
	return true;
}

static bool receive_piece(feed_t *feed, unsigned who)
{
	queue_t *q = &line.queues[who];
	size_t len = feed->left ? feed_u8(feed) : 0, used;

	if (end_state(&line.ends[who]) != PSEC_HS_INPUT || q->len == 0)
		return false;
	if (len == 0 || len > q->len)
		len = q->len;
	used = end_input(&line.ends[who], q->bytes, len);
	q->len -= used;
	memmove(q->bytes, q->bytes + used, q->len);
	return true;
}

static bool work(unsigned who)
{
	if (end_state(&line.ends[who]) != PSEC_HS_WORK)
		return false;
	end_work(&line.ends[who]);
	return true;
}

static bool go_on(feed_t *feed, unsigned who)
{
	return send_piece(feed, who) || work(who) || receive_piece(feed, who);
}

static bool is_done(unsigned who)
{
	return end_state(&line.ends[who]) == PSEC_HS_DONE;
}

static psec_peer_t peer_of(unsigned who)
{
	psec_peer_t peer;
	psec_error_t err;

	MUST(psec_handshake_peer(line.ends[who].hs, &peer, &err) == PSEC_OK);
	return peer;
}

/* What srun would make of it. */
static void check_abort(const psec_peer_t *peer)
{
	int status = 0;

	MUST(abort_status(peer->intro, peer->intro_len, &status) ==
	     (peer->intro_len == ABORT_INTRO_LEN));
	MUST(status == (peer->intro_len == ABORT_INTRO_LEN ? SETUP_STATUS : 0));
}

/* End WHO is done: what it believes of the other one. */
static void check_done(const setup_t *setup, unsigned who)
{
	psec_peer_t peer = peer_of(who);

	MUST(psec_list_has(setup->client_mechs, peer.mech));
	MUST(psec_list_has(setup->server_mechs, peer.mech));
	MUST(!setup->wrong_uid[who]);
	if (strcmp(peer.mech, "token") != 0) {
		MUST(!peer.key);
		return;
	}
	MUST(peer.key);
	MUST(!setup->other_binding);
	MUST(peer.uid == fuzz_uid(!who));
	MUST(peer.gid == fuzz_uid(!who) || peer.gid == (gid_t)-1);
	/* Who knows the server's uid is the last one to be done, else it is
	 * the server.  The last one is never done alone. */
	if (setup->known_uid[FUZZ_CLIENT] == (who == FUZZ_CLIENT))
		MUST(is_done(!who));
	if (is_done(!who))
		MUST(memcmp(peer.key, peer_of(!who).key, PSEC_KEY_LEN) == 0);
	if (who != FUZZ_SERVER)
		return;
	MUST(peer.role == setup->role);
	MUST(peer.intro_len == setup->intro_len);
	MUST(memcmp(peer.intro, setup->intro, peer.intro_len) == 0);
	check_abort(&peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	psec_t *psec = fuzz_psec();
	setup_t setup;

	setup_read(&setup, &feed);
	memset(&line, 0, sizeof(line));
	for (unsigned i = 0; i < 2; i++)
		end_open(&line.ends[i], psec, (fuzz_who_t)i, &setup);
	while (go_on(&feed, FUZZ_CLIENT) || go_on(&feed, FUZZ_SERVER))
		;
	for (unsigned i = 0; i < 2; i++)
		if (is_done(i))
			check_done(&setup, i);
	if (!line.disturbed && setup_agrees(&setup)) {
		MUST(is_done(FUZZ_CLIENT) && is_done(FUZZ_SERVER));
		MUST(line.queues[0].len == 0 && line.queues[1].len == 0);
	} else if (!line.disturbed) {
		MUST(line.ends[0].rc != PSEC_OK || line.ends[1].rc != PSEC_OK);
	}
	for (unsigned i = 0; i < 2; i++)
		end_close(&line.ends[i]);
	fuzz_psec_clear();
	return 0;
}
