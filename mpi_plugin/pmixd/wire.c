/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.c - frames by ChaCha20-Poly1305 (RFC 8439) of libsodium.
 *
 * Of what was measured (doc/link-format.md) it is the cheapest that
 * authenticates and encrypts everywhere; encryption is wanted because the
 * step's credential key travels over the links.
 */
#include "wire.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "bytes.h"

static_assert(WIRE_KEY_LEN == crypto_kdf_KEYBYTES, "key of crypto_kdf");
static_assert(WIRE_KEY_LEN == crypto_aead_chacha20poly1305_ietf_KEYBYTES,
	      "key of the AEAD");
static_assert(WIRE_TAG_LEN == crypto_aead_chacha20poly1305_ietf_ABYTES,
	      "tag of the AEAD");

/* Numbers of the subkeys, and what they are for (crypto_kdf's context). */
enum { KEY_CLIENT_TO_SERVER = 1, KEY_SERVER_TO_CLIENT = 2 };
static const char key_context[crypto_kdf_CONTEXTBYTES] = "psecLink";

void wire_init(wire_t *w, const uint8_t key[WIRE_KEY_LEN], wire_role_t role)
{
	uint8_t *up = role == WIRE_CLIENT ? w->tx_key : w->rx_key;
	uint8_t *down = role == WIRE_CLIENT ? w->rx_key : w->tx_key;

	crypto_kdf_derive_from_key(up, WIRE_KEY_LEN, KEY_CLIENT_TO_SERVER,
				   key_context, key);
	crypto_kdf_derive_from_key(down, WIRE_KEY_LEN, KEY_SERVER_TO_CLIENT,
				   key_context, key);
	w->tx_count = 0;
	w->rx_count = 0;
}

void wire_wipe(wire_t *w)
{
	sodium_memzero(w, sizeof(*w));
}

/*
 * The frame's number is the nonce: never sent, so both ends must agree on
 * it, and never used twice, because each direction has its own key.
 */
static void
set_nonce(uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES],
	  uint64_t count)
{
	put_u32(nonce, 0);
	put_u32(nonce + 4, (uint32_t)(count >> 32));
	put_u32(nonce + 8, (uint32_t)count);
}

size_t wire_seal(wire_t *w, uint8_t *out, uint8_t type, uint8_t flags,
		 const void *payload, size_t len)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

	assert(len <= WIRE_PAYLOAD_MAX);
	out[0] = type;
	out[1] = flags;
	put_u16(out + 2, 0);
	put_u32(out + 4, (uint32_t)len);
	set_nonce(nonce, w->tx_count++);
	(void)crypto_aead_chacha20poly1305_ietf_encrypt_detached(
		out + WIRE_HEADER_LEN, out + WIRE_HEADER_LEN + len, NULL,
		payload, len, out, WIRE_HEADER_LEN, NULL, nonce, w->tx_key);
	return len + WIRE_OVERHEAD;
}

wire_status_t wire_next(const uint8_t *buf, size_t len, wire_frame_t *frame,
			const char **why)
{
	uint32_t payload_len;

	if (len < WIRE_HEADER_LEN)
		return WIRE_SHORT;
	if ((buf[1] & ~WIRE_MORE) || get_u16(buf + 2) != 0) {
		*why = "a frame has an unknown flag";
		return WIRE_BAD;
	}
	payload_len = get_u32(buf + 4);
	if (payload_len > WIRE_PAYLOAD_MAX) {
		*why = "a frame is longer than the limit";
		return WIRE_BAD;
	}
	frame->type = buf[0];
	frame->flags = buf[1];
	frame->payload_len = payload_len;
	frame->size = payload_len + WIRE_OVERHEAD;
	return len < frame->size ? WIRE_SHORT : WIRE_OK;
}

wire_status_t wire_open(wire_t *w, const uint8_t *buf,
			const wire_frame_t *frame, void *payload,
			const char **why)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	const uint8_t *body = buf + WIRE_HEADER_LEN;

	set_nonce(nonce, w->rx_count);
	if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(
		    payload, NULL, body, frame->payload_len,
		    body + frame->payload_len, buf, WIRE_HEADER_LEN, nonce,
		    w->rx_key) != 0) {
		*why = "a frame does not authenticate: it was altered, "
		       "repeated or left out on the way";
		return WIRE_BAD;
	}
	w->rx_count++;
	return WIRE_OK;
}
