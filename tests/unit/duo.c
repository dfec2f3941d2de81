/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * duo.c - both ends of a handshake in one process.
 */
#include <string.h>

#include "duo.h"

static void keep_first(duo_end_t *end, psec_code_t rc, const psec_error_t *err)
{
	if (rc == PSEC_OK || end->rc != PSEC_OK)
		return;
	end->rc = rc;
	end->err = *err;
}

bool duo_from_server(size_t message)
{
	return message == DUO_CHALLENGE || message == DUO_SERVER_PROOF;
}

/* How long is the first message at BYTES, by its header? */
static size_t message_len(const uint8_t *bytes)
{
	return 8 + ((size_t)bytes[6] << 8) + bytes[7];
}

static bool deliver(duo_t *duo, duo_end_t *from, duo_end_t *to)
{
	uint8_t bytes[DUO_FRAME_MAX];
	const void *out;
	size_t len;

	if (psec_handshake_state(from->hs) != PSEC_HS_OUTPUT)
		return false;
	out = psec_handshake_output(from->hs, &len);
	len = message_len(out);
	memcpy(bytes, out, len);
	psec_handshake_sent(from->hs, len);
	if (duo->tap)
		duo->tap(duo->arg, duo->messages, bytes, &len);
	duo->messages++;
	memcpy(to->inbox + to->inbox_len, bytes, len);
	to->inbox_len += len;
	return true;
}

static bool receive(duo_t *duo, duo_end_t *end)
{
	size_t len = end->inbox_len, used;
	psec_error_t err;
	psec_code_t rc;

	if (psec_handshake_state(end->hs) != PSEC_HS_INPUT || len == 0)
		return false;
	if (duo->chunk > 0 && len > duo->chunk)
		len = duo->chunk;
	rc = psec_handshake_input(end->hs, end->inbox, len, &used, &err);
	keep_first(end, rc, &err);
	end->inbox_len -= used;
	memmove(end->inbox, end->inbox + used, end->inbox_len);
	return true;
}

static bool work(duo_end_t *end)
{
	psec_error_t err;

	if (psec_handshake_state(end->hs) != PSEC_HS_WORK)
		return false;
	keep_first(end, psec_handshake_work(end->hs, &err), &err);
	return true;
}

bool duo_step(duo_t *duo)
{
	duo_end_t *c = &duo->client, *s = &duo->server;

	return deliver(duo, c, s) || deliver(duo, s, c) || receive(duo, c) ||
	       receive(duo, s) || work(c) || work(s);
}

void duo_run(duo_t *duo)
{
	while (duo_step(duo))
		;
}

void duo_clear(duo_t *duo)
{
	psec_handshake_destroy(duo->client.hs);
	psec_handshake_destroy(duo->server.hs);
	duo->client.hs = NULL;
	duo->server.hs = NULL;
}
