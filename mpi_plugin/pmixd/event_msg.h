/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event_msg.h - an event on its way to the step's other nodes, to bytes and
 * back.  Specification: doc/link-format.md, "Events".
 */
#ifndef PMIXD_EVENT_MSG_H
#define PMIXD_EVENT_MSG_H

#include <stddef.h>
#include <stdint.h>

#define EVENT_NSPACE_MAX 255 /* bytes of a namespace's name */
#define EVENT_INFOS_MAX	 4096
#define EVENT_HEAD_MAX	 (22 + EVENT_NSPACE_MAX)

typedef struct {
	uint32_t root; /* the node where it began */
	int32_t code;
	uint8_t range;
	char nspace[EVENT_NSPACE_MAX + 1]; /* its source */
	uint32_t rank;
	uint32_t ninfos;
	const uint8_t *infos; /* as libpmix packs them */
	size_t len;
} event_msg_t;

/* All but the infos' bytes, which follow; returns its length. */
size_t event_msg_head(const event_msg_t *m, uint8_t out[EVENT_HEAD_MAX]);

/* 0, or -1 with *WHY, a static sentence. */
int event_msg_decode(event_msg_t *m, const void *msg, size_t len,
		     const char **why);

/*
 * To whom NODE of NNODES passes on what began at ROOT: at most MAX nodes,
 * 32 are enough; returns how many.  Everybody gets it once, in log2 steps.
 */
size_t event_msg_children(uint32_t root, uint32_t node, uint32_t nnodes,
			  uint32_t *children, size_t max);

#endif
