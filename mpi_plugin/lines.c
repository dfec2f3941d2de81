/* SPDX-License-Identifier: BSD-3-Clause */
/* lines.c - see lines.h. */
#include "lines.h"

#include <string.h>

char *lines_space(lines_t *l, size_t *len)
{
	*len = sizeof(l->buf) - 1 - l->used; /* one for a terminator */
	return l->buf + l->used;
}

void lines_added(lines_t *l, size_t len, lines_fn fn, void *arg)
{
	char *start = l->buf;
	char *end;

	l->used += len;
	while ((end = memchr(start, '\n',
			     l->used - (size_t)(start - l->buf)))) {
		*end = '\0';
		fn(arg, start);
		start = end + 1;
	}
	l->used -= (size_t)(start - l->buf);
	memmove(l->buf, start, l->used);
	if (l->used == sizeof(l->buf) - 1)
		lines_end(l, fn, arg);
}

void lines_end(lines_t *l, lines_fn fn, void *arg)
{
	if (l->used == 0)
		return;
	l->buf[l->used] = '\0';
	l->used = 0;
	fn(arg, l->buf);
}

void lines_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}
