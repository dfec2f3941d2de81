/* SPDX-License-Identifier: BSD-3-Clause */
/* event_msg.c - see event_msg.h. */
#include "event_msg.h"

#include <string.h>

#include "bytes.h"

#define FIXED_LEN 22

size_t event_msg_head(const event_msg_t *m, uint8_t out[EVENT_HEAD_MAX])
{
	size_t name = strnlen(m->nspace, EVENT_NSPACE_MAX);

	memset(out, 0, 4);
	out[0] = m->range;
	put_u32(out + 4, m->root);
	put_u32(out + 8, (uint32_t)m->code);
	put_u32(out + 12, m->rank);
	put_u32(out + 16, m->ninfos);
	put_u16(out + 20, (uint16_t)name);
	memcpy(out + FIXED_LEN, m->nspace, name);
	return FIXED_LEN + name;
}

int event_msg_decode(event_msg_t *m, const void *msg, size_t len,
		     const char **why)
{
	const uint8_t *p = msg;
	size_t name;

	*why = "an event is malformed";
	if (len < FIXED_LEN || p[1] || p[2] || p[3])
		return -1;
	name = get_u16(p + 20);
	if (name > EVENT_NSPACE_MAX || name > len - FIXED_LEN ||
	    memchr(p + FIXED_LEN, '\0', name))
		return -1;
	m->range = p[0];
	m->root = get_u32(p + 4);
	m->code = (int32_t)get_u32(p + 8);
	m->rank = get_u32(p + 12);
	m->ninfos = get_u32(p + 16);
	memcpy(m->nspace, p + FIXED_LEN, name);
	m->nspace[name] = '\0';
	m->infos = p + FIXED_LEN + name;
	m->len = len - FIXED_LEN - name;
	return m->ninfos > EVENT_INFOS_MAX || (m->ninfos == 0) != (m->len == 0)
		       ? -1
		       : 0;
}

/* A binomial tree over the distances from the root. */
size_t event_msg_children(uint32_t root, uint32_t node, uint32_t nnodes,
			  uint32_t *children, size_t max)
{
	uint32_t distance = (node + nnodes - root) % nnodes;
	size_t n = 0;

	for (uint64_t step = 1; step < nnodes && n < max; step *= 2)
		if (step > distance && distance + step < nnodes)
			children[n++] = (uint32_t)((node + step) % nnodes);
	return n;
}
