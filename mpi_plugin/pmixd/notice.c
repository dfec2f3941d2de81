/* SPDX-License-Identifier: BSD-3-Clause */
/* notice.c - see notice.h. */
#include <string.h>

#include "log.h"
#include "notice.h"
#include "pmixd.h"

#define NOTICE_MAX 256 /* bytes */

static void handle(void *arg, uint32_t from, const void *msg, size_t len)
{
	char text[NOTICE_MAX + 1];

	if (len > NOTICE_MAX)
		len = NOTICE_MAX;
	memcpy(text, msg, len);
	text[len] = '\0';
	plog_error("node %s: %s", pmixd_node_name(from), text);
}

void notice_init(void)
{
	links_register(pmixd.links, LINK_NOTICE, handle, NULL);
}

void notice_send(const char *sentence)
{
	const struct iovec iov = { (void *)(uintptr_t)sentence,
				   strnlen(sentence, NOTICE_MAX) };
	uint32_t nodes[64];
	size_t n = coll_partners(pmixd.conf.node, pmixd.conf.nnodes, nodes,
				 sizeof(nodes) / sizeof(nodes[0]));

	for (size_t i = 0; i < n; i++)
		(void)links_send(pmixd.links, nodes[i], LINK_NOTICE, &iov, 1);
}
