/* SPDX-License-Identifier: BSD-3-Clause */
/* publish_msg.c - see publish_msg.h. */
#include "publish_msg.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define HEAD_LEN   20
#define ID_AT	   4
#define NAME_AT	   20
#define COUNT_AT   16
#define KEY_HEAD   2
#define VALUE_HEAD 4

uint8_t *publish_msg_encode(const publish_msg_t *m, size_t *len)
{
	size_t name = strnlen(m->nspace, sizeof(m->nspace));
	uint8_t *p;

	if (name > PUBLISH_NSPACE_MAX)
		return NULL;
	*len = HEAD_LEN + KEY_HEAD + name;
	p = malloc(*len);
	if (!p)
		return NULL;
	p[0] = (uint8_t)m->kind;
	p[1] = m->range;
	p[2] = m->persist;
	p[3] = m->flags;
	put_u32(p + ID_AT, m->id);
	put_u32(p + 8, m->rank);
	put_u32(p + 12, (uint32_t)m->status);
	put_u32(p + COUNT_AT, 0);
	put_u16(p + NAME_AT, (uint16_t)name);
	memcpy(p + NAME_AT + KEY_HEAD, m->nspace, name);
	return p;
}

void publish_msg_number(uint8_t *msg, uint32_t id)
{
	put_u32(msg + ID_AT, id);
}

int publish_msg_add(uint8_t **msg, size_t *len, const char *key,
		    const void *value, size_t value_len)
{
	size_t key_len = strlen(key), at = *len;
	uint8_t *grown = NULL;

	if (!*msg)
		return -1;
	if (key_len && key_len <= PUBLISH_KEY_MAX && *len <= PUBLISH_MSG_MAX &&
	    value_len <= PUBLISH_MSG_MAX - *len)
		grown = realloc(*msg, at + KEY_HEAD + key_len + VALUE_HEAD +
					      value_len);
	if (!grown) {
		free(*msg);
		*msg = NULL;
		return -1;
	}
	put_u16(grown + at, (uint16_t)key_len);
	memcpy(grown + at + KEY_HEAD, key, key_len);
	at += KEY_HEAD + key_len;
	put_u32(grown + at, (uint32_t)value_len);
	if (value_len)
		memcpy(grown + at + VALUE_HEAD, value, value_len);
	put_u32(grown + COUNT_AT, get_u32(grown + COUNT_AT) + 1);
	*msg = grown;
	*len = at + VALUE_HEAD + value_len;
	return 0;
}

/* A name of 1 (or ALLOW_EMPTY 0) to MAX bytes, without a NUL.  Returns the
 * bytes used; 0: there is none. */
static size_t take_name(char *name, size_t max, const uint8_t *p, size_t len,
			bool allow_empty)
{
	size_t n;

	if (len < KEY_HEAD)
		return 0;
	n = get_u16(p);
	if (n > max || n > len - KEY_HEAD || (n == 0 && !allow_empty) ||
	    memchr(p + KEY_HEAD, '\0', n))
		return 0;
	memcpy(name, p + KEY_HEAD, n);
	name[n] = '\0';
	return KEY_HEAD + n;
}

/* Returns the bytes of an item; 0: it is none. */
static size_t take_item(publish_item_t *item, const uint8_t *p, size_t len)
{
	size_t at = take_name(item->key, PUBLISH_KEY_MAX, p, len, false);

	if (!at || len - at < VALUE_HEAD)
		return 0;
	item->len = get_u32(p + at);
	at += VALUE_HEAD;
	if (item->len > len - at)
		return 0;
	item->value = p + at;
	return at + item->len;
}

bool publish_msg_next(const publish_msg_t *m, size_t *at, publish_item_t *item)
{
	size_t used;

	if (*at >= m->items_len)
		return false;
	used = take_item(item, m->items + *at, m->items_len - *at);
	*at += used;
	return used > 0;
}

/* Each kind has as many items as it needs. */
static const char *check_items(const publish_msg_t *m)
{
	publish_item_t item;
	uint32_t n = 0;
	size_t at = 0;

	while (publish_msg_next(m, &at, &item))
		n++;
	if (at != m->items_len || n != m->nitems)
		return "its keys and values do not fit its length";
	if ((m->kind == PUBLISH_PUT && n == 0) ||
	    (m->kind == PUBLISH_FIND && n != 1) ||
	    (m->kind == PUBLISH_ANSWER && n > 1) ||
	    ((m->kind == PUBLISH_ENDED || m->kind == PUBLISH_FORGET) && n))
		return "it has a wrong number of keys";
	return NULL;
}

int publish_msg_decode(publish_msg_t *m, const void *msg, size_t len,
		       const char **why)
{
	const uint8_t *p = msg;
	size_t name;

	if (len < HEAD_LEN || p[0] < PUBLISH_PUT || p[0] > PUBLISH_ANSWER) {
		*why = "it is none about published data";
		return -1;
	}
	m->kind = (publish_kind_t)p[0];
	m->range = p[1];
	m->persist = p[2];
	m->flags = p[3];
	m->id = get_u32(p + ID_AT);
	m->rank = get_u32(p + 8);
	m->status = (int32_t)get_u32(p + 12);
	m->nitems = get_u32(p + COUNT_AT);
	name = take_name(m->nspace, PUBLISH_NSPACE_MAX, p + NAME_AT,
			 len - NAME_AT, true);
	if (!name) {
		*why = "its namespace is malformed";
		return -1;
	}
	m->items = p + NAME_AT + name;
	m->items_len = len - NAME_AT - name;
	*why = check_items(m);
	return *why ? -1 : 0;
}
