/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.c - frames by ChaCha20-Poly1305 (RFC 8439).
 *
 * It authenticates and encrypts on every processor, so that both ends need
 * not agree; encryption is wanted because the step's credential key travels
 * over the links.  OpenSSL's is 2.5 times as fast as libsodium's for large
 * frames (doc/link-format.md), which is a third of the time of a large fence.
 */
#include "wire.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define NONCE_LEN 12

static_assert(WIRE_KEY_LEN == crypto_kdf_KEYBYTES, "key of crypto_kdf");

/* Numbers of the subkeys, and what they are for (crypto_kdf's context). */
enum { KEY_CLIENT_TO_SERVER = 1, KEY_SERVER_TO_CLIENT = 2 };
static const char key_context[crypto_kdf_CONTEXTBYTES] = "psecLink";

/* A context with the subkey NUMBER of KEY; SEAL: to encrypt, not to decrypt. */
static EVP_CIPHER_CTX *new_cipher(const uint8_t *key, uint64_t number, int seal)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t subkey[WIRE_KEY_LEN];

	if (!ctx)
		return NULL;
	crypto_kdf_derive_from_key(subkey, sizeof(subkey), number, key_context,
				   key);
	if (EVP_CipherInit_ex(ctx, EVP_chacha20_poly1305(), NULL, subkey, NULL,
			      seal) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	sodium_memzero(subkey, sizeof(subkey));
	return ctx;
}

int wire_init(wire_t *w, const uint8_t key[WIRE_KEY_LEN], wire_role_t role)
{
	bool client = role == WIRE_CLIENT;

	memset(w, 0, sizeof(*w));
	/* Its configuration file is the user's to name, by OPENSSL_CONF. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
					OPENSSL_INIT_NO_ATEXIT,
				NULL) != 1)
		return -1;
	w->tx = new_cipher(
		key, client ? KEY_CLIENT_TO_SERVER : KEY_SERVER_TO_CLIENT, 1);
	w->rx = new_cipher(
		key, client ? KEY_SERVER_TO_CLIENT : KEY_CLIENT_TO_SERVER, 0);
	if (w->tx && w->rx)
		return 0;
	wire_wipe(w);
	return -1;
}

void wire_wipe(wire_t *w)
{
	EVP_CIPHER_CTX_free(w->tx); /* wipes the key, too */
	EVP_CIPHER_CTX_free(w->rx);
	memset(w, 0, sizeof(*w));
}

/*
 * Begin a frame: its number is the nonce, never sent, so both ends must agree
 * on it, and never used twice, because each direction has its own key.
 */
static bool begin(EVP_CIPHER_CTX *ctx, uint64_t count, const uint8_t *header)
{
	uint8_t nonce[NONCE_LEN];
	int n;

	put_u32(nonce, 0);
	put_u32(nonce + 4, (uint32_t)(count >> 32));
	put_u32(nonce + 8, (uint32_t)count);
	return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, -1) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &n, header, WIRE_HEADER_LEN) == 1;
}

static bool crypt(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in,
		  size_t len)
{
	int n;

	return len == 0 || EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1;
}

size_t wire_seal(wire_t *w, uint8_t *out, uint8_t type, uint8_t flags,
		 const void *payload, size_t len)
{
	uint8_t *body = out + WIRE_HEADER_LEN;
	int n;

	assert(len <= WIRE_PAYLOAD_MAX);
	out[0] = type;
	out[1] = flags;
	put_u16(out + 2, 0);
	put_u32(out + 4, (uint32_t)len);
	/* There is no reason for these to fail; nothing may leave unsealed. */
	if (!begin(w->tx, w->tx_count++, out) ||
	    !crypt(w->tx, body, payload, len) ||
	    EVP_CipherFinal_ex(w->tx, body + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(w->tx, EVP_CTRL_AEAD_GET_TAG, WIRE_TAG_LEN,
				body + len) != 1)
		abort();
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
	const uint8_t *body = buf + WIRE_HEADER_LEN;
	uint8_t tag[WIRE_TAG_LEN], nothing[WIRE_TAG_LEN];
	int n;

	memcpy(tag, body + frame->payload_len, sizeof(tag));
	if (!begin(w->rx, w->rx_count, buf) ||
	    EVP_CIPHER_CTX_ctrl(w->rx, EVP_CTRL_AEAD_SET_TAG, WIRE_TAG_LEN,
				tag) != 1 ||
	    !crypt(w->rx, payload, body, frame->payload_len) ||
	    EVP_CipherFinal_ex(w->rx, nothing, &n) != 1) {
		*why = "a frame does not authenticate: it was altered, "
		       "repeated or left out on the way";
		return WIRE_BAD;
	}
	w->rx_count++;
	return WIRE_OK;
}
