/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handshake_msg.c - the handshake's messages as bytes.
 */
#include <string.h>

#include "handshake_msg.h"
#include "psec_private.h"

static const uint8_t magic[4] = { 'P', 'S', 'E', 'C' };

/* Offsets in the header. */
enum { AT_MAGIC = 0, AT_VERSION = 4, AT_TYPE = 5, AT_LENGTH = 6 };

const char *hs_type_name(hs_type_t type)
{
	switch (type) {
	case HS_HELLO:
		return "HELLO";
	case HS_CHALLENGE:
		return "CHALLENGE";
	case HS_PROOF:
		return "PROOF";
	case HS_CONFIRM:
		return "CONFIRM";
	case HS_REFUSE:
		return "REFUSE";
	case HS_CHOICE:
		return "CHOICE";
	default:
		return "unknown";
	}
}

void hs_put_u16(uint8_t **pos, size_t value)
{
	*(*pos)++ = (uint8_t)(value >> 8);
	*(*pos)++ = (uint8_t)value;
}

void hs_put_bytes(uint8_t **pos, const void *bytes, size_t len)
{
	if (len > 0)
		memcpy(*pos, bytes, len);
	*pos += len;
}

void hs_out_add(hs_out_t *out, hs_type_t type, const void *body, size_t len)
{
	uint8_t *pos = out->bytes + out->len;

	hs_put_bytes(&pos, magic, sizeof(magic));
	*pos++ = HS_VERSION;
	*pos++ = (uint8_t)type;
	hs_put_u16(&pos, len);
	hs_put_bytes(&pos, body, len);
	out->len += HS_HEADER_LEN + len;
}

void hs_out_add_refuse(hs_out_t *out, psec_code_t code)
{
	const uint8_t body[2] = { (uint8_t)code, HS_VERSION };

	hs_out_add(out, HS_REFUSE, body, sizeof(body));
}

bool hs_take_bytes(hs_reader_t *r, const uint8_t **bytes, size_t len)
{
	if (r->left < len)
		return false;
	*bytes = r->pos;
	r->pos += len;
	r->left -= len;
	return true;
}

bool hs_take_u8(hs_reader_t *r, size_t *value)
{
	const uint8_t *b;

	if (!hs_take_bytes(r, &b, 1))
		return false;
	*value = b[0];
	return true;
}

bool hs_take_u16(hs_reader_t *r, size_t *value)
{
	const uint8_t *b;

	if (!hs_take_bytes(r, &b, 2))
		return false;
	*value = (size_t)b[0] << 8 | b[1];
	return true;
}

static size_t body_len(const hs_frame_t *frame)
{
	const uint8_t *at = frame->bytes + AT_LENGTH;

	return (size_t)at[0] << 8 | at[1];
}

hs_type_t hs_frame_type(const hs_frame_t *frame)
{
	return (hs_type_t)frame->bytes[AT_TYPE];
}

/* The lengths that a body of TYPE may have. */
static bool body_len_ok(hs_type_t type, size_t len)
{
	switch (type) {
	case HS_HELLO:
		return len >= HS_HELLO_MIN && len <= HS_HELLO_MAX;
	case HS_CHALLENGE:
		return len == HS_NONCE_LEN;
	case HS_PROOF:
		return len >= 1 && len <= HS_BODY_MAX;
	case HS_CONFIRM:
		return len == HS_TOKEN_LEN;
	case HS_REFUSE:
		return len == 2;
	case HS_CHOICE:
		return len >= 1 && len <= PSEC_NAME_MAX;
	default:
		return false;
	}
}

psec_code_t hs_frame_check(const hs_frame_t *frame, hs_type_t expect,
			   bool *stranger, psec_error_t *err)
{
	const uint8_t *b = frame->bytes;
	size_t n = frame->len < sizeof(magic) ? frame->len : sizeof(magic);
	hs_type_t type;

	*stranger = memcmp(b, magic, n) != 0;
	if (*stranger)
		return psec_fail(err, PSEC_ERR_PROTOCOL,
				 "the peer does not speak the psec handshake "
				 "(no magic where a %s should begin)",
				 hs_type_name(expect));
	if (frame->len < HS_HEADER_LEN)
		return PSEC_OK;
	if (b[AT_VERSION] != HS_VERSION)
		return psec_fail(err, PSEC_ERR_PROTOCOL,
				 "the peer speaks version %u of the psec "
				 "handshake, here is version %u",
				 b[AT_VERSION], HS_VERSION);
	type = hs_frame_type(frame);
	if (type != expect && type != HS_REFUSE)
		return psec_fail(err, PSEC_ERR_PROTOCOL,
				 "the peer sent message %u (%s) where %s was "
				 "awaited",
				 b[AT_TYPE], hs_type_name(type),
				 hs_type_name(expect));
	if (!body_len_ok(type, body_len(frame)))
		return psec_fail(err, PSEC_ERR_PROTOCOL,
				 "the peer's %s has an impossible length of "
				 "%zu bytes",
				 hs_type_name(type), body_len(frame));
	return PSEC_OK;
}

size_t hs_frame_missing(const hs_frame_t *frame)
{
	if (frame->len < HS_HEADER_LEN)
		return HS_HEADER_LEN - frame->len;
	return HS_HEADER_LEN + body_len(frame) - frame->len;
}

hs_reader_t hs_frame_body(const hs_frame_t *frame)
{
	return (hs_reader_t){ .pos = frame->bytes + HS_HEADER_LEN,
			      .left = frame->len - HS_HEADER_LEN };
}

size_t hs_hello_write(uint8_t *body, const hs_hello_t *hello)
{
	size_t list_len = strlen(hello->mechs);
	uint8_t *pos = body;

	hs_put_bytes(&pos, hello->nonce, HS_NONCE_LEN);
	*pos++ = (uint8_t)hello->role;
	hs_put_u16(&pos, list_len);
	hs_put_bytes(&pos, hello->mechs, list_len);
	hs_put_u16(&pos, hello->intro_len);
	hs_put_bytes(&pos, hello->intro, hello->intro_len);
	return (size_t)(pos - body);
}

/* How many names has a list on the wire?  -1: it is not written as one. */
static int count_names(const uint8_t *list, size_t len)
{
	const char *name = (const char *)list, *end = name + len, *comma;
	int n = 0;

	if (len == 0)
		return 0;
	for (;; name = comma + 1) {
		comma = memchr(name, ',', (size_t)(end - name));
		if (!list_name_ok(name, (size_t)((comma ? comma : end) - name)))
			return -1;
		n++;
		if (!comma)
			return n;
	}
}

/* Does a peer with ROLE name so many mechanisms? */
static bool count_fits(size_t role, int names)
{
	switch (role) {
	case PSEC_CLIENT:
		return names == 1;
	case PSEC_TOOL:
		return names >= 1;
	case PSEC_LEGACY:
		return names == 0;
	default:
		return false;
	}
}

bool hs_hello_read(hs_reader_t body, hs_hello_t *hello)
{
	const uint8_t *list;
	size_t role, list_len, intro_len;

	if (!hs_take_bytes(&body, &hello->nonce, HS_NONCE_LEN) ||
	    !hs_take_u8(&body, &role) || !hs_take_u16(&body, &list_len) ||
	    !hs_take_bytes(&body, &list, list_len) ||
	    !hs_take_u16(&body, &intro_len) ||
	    !hs_take_bytes(&body, &hello->intro, intro_len))
		return false;
	if (body.left > 0 || list_len > PSEC_LIST_MAX ||
	    intro_len > PSEC_INTRO_MAX ||
	    !count_fits(role, count_names(list, list_len)))
		return false;
	hello->role = (psec_role_t)role;
	memcpy(hello->mechs, list, list_len);
	hello->mechs[list_len] = '\0';
	hello->intro_len = intro_len;
	return true;
}

bool hs_choice_read(hs_reader_t body, char mech[PSEC_NAME_MAX + 1])
{
	if (!list_name_ok((const char *)body.pos, body.left))
		return false;
	memcpy(mech, body.pos, body.left);
	mech[body.left] = '\0';
	return true;
}
