/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_lines.c - the log lines of psec-pmixd, a process of the user's, which
 * root cuts and cleans.
 *
 * Input: how the bytes are cut, then the bytes.  The lines, put together, are
 * the bytes again.
 */
#include "fuzz.h"
#include "lines.h"

static struct {
	const uint8_t *next; /* what has not come in a line yet */
	size_t left;
} rest;

static void on_line(void *arg, char *line)
{
	const uint8_t *end = memchr(rest.next, '\n', rest.left);
	size_t len = end ? (size_t)(end - rest.next) : rest.left;

	/* An overlong one comes in pieces. */
	if (len >= LINES_MAX - 1)
		len = LINES_MAX - 1;
	/* Behind a NUL of the user's there is more that nobody reads. */
	MUST(memcmp(line, rest.next, strnlen(line, len)) == 0);
	MUST(line[len] == '\0');
	rest.next += len;
	rest.left -= len;
	if (len < LINES_MAX - 1 && rest.left > 0) {
		rest.next++;
		rest.left--;
	}
	lines_clean(line);
	for (; *line; line++)
		MUST((unsigned char)*line >= ' ' && *line != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	lines_t *lines = calloc(1, sizeof(*lines));
	size_t cut[2], n, space;
	unsigned turn = 0;
	const uint8_t *bytes;
	char *to;

	MUST(lines);
	cut[0] = feed_u8(&feed) * 8u;
	cut[1] = feed_u8(&feed);
	rest.next = feed.pos;
	rest.left = feed.left;
	while (feed.left > 0) {
		to = lines_space(lines, &space);
		MUST(space > 0);
		n = cut[turn++ % 2];
		bytes = feed_bytes(&feed, n && n < space ? n : space, &n);
		memcpy(to, bytes, n);
		lines_added(lines, n, on_line, NULL);
	}
	lines_end(lines, on_line, NULL);
	MUST(rest.left == 0);
	free(lines);
	return 0;
}
