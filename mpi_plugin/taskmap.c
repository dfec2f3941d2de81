/* SPDX-License-Identifier: BSD-3-Clause */
/* taskmap.c - see taskmap.h. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "taskmap.h"

/* Nodes FIRST..LAST in turn take COUNT ranks each, TIMES times over. */
typedef struct {
	uint32_t first, last, count, times;
} segment_t;

static uint32_t segment_ranks(const segment_t *s)
{
	return (s->last - s->first + 1) * s->count;
}

/* How many ranks from R on lie on R's node. */
static uint32_t run_length(const uint32_t *nodes, uint32_t ntasks, uint32_t r)
{
	uint32_t n = 1;

	while (r + n < ntasks && nodes[r + n] == nodes[r])
		n++;
	return n;
}

/* Does S repeat once more from rank R on? */
static bool segment_repeats(const segment_t *s, const uint32_t *nodes,
			    uint32_t ntasks, uint32_t r)
{
	uint32_t len = segment_ranks(s);

	if (ntasks - r < len)
		return false;
	return memcmp(nodes + r, nodes + r - len, len * sizeof(*nodes)) == 0;
}

/* The longest segment that starts at rank *R; moves *R behind it. */
static segment_t next_segment(const uint32_t *nodes, uint32_t ntasks,
			      uint32_t *r)
{
	segment_t s = { .first = nodes[*r], .last = nodes[*r], .times = 1 };

	s.count = run_length(nodes, ntasks, *r);
	*r += s.count;
	while (*r < ntasks && nodes[*r] == s.last + 1 &&
	       run_length(nodes, ntasks, *r) == s.count) {
		s.last++;
		*r += s.count;
	}
	while (segment_repeats(&s, nodes, ntasks, *r)) {
		s.times++;
		*r += segment_ranks(&s);
	}
	return s;
}

char *taskmap_encode(const uint32_t *nodes, uint32_t ntasks)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (uint32_t r = 0; r < ntasks;) {
		const char *comma = r ? "," : "";
		segment_t s = next_segment(nodes, ntasks, &r);

		fprintf(out, "%s%u", comma, s.first);
		if (s.last != s.first)
			fprintf(out, "-%u", s.last);
		fprintf(out, ":%u", s.count);
		if (s.times != 1)
			fprintf(out, "*%u", s.times);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *taskmap_anl(const uint32_t *nodes, uint32_t ntasks)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs("(vector", out);
	for (uint32_t r = 0; r < ntasks;) {
		segment_t s = next_segment(nodes, ntasks, &r);

		for (uint32_t t = 0; t < s.times; t++)
			fprintf(out, ",(%u,%u,%u)", s.first,
				s.last - s.first + 1, s.count);
	}
	fputc(')', out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static bool parse_segment(const char **p, segment_t *s)
{
	if (!decimal_take(p, &s->first))
		return false;
	s->last = s->first;
	s->times = 1;
	if (**p == '-' && (++*p, !decimal_take(p, &s->last)))
		return false;
	if (**p != ':' || (++*p, !decimal_take(p, &s->count)))
		return false;
	if (**p == '*' && (++*p, !decimal_take(p, &s->times)))
		return false;
	return s->first <= s->last && s->count > 0 && s->times > 0;
}

/* Write S's ranks from rank *R on; false where there are more than NTASKS. */
static bool expand_segment(const segment_t *s, uint32_t *nodes, uint32_t ntasks,
			   uint32_t *r)
{
	for (uint32_t t = 0; t < s->times; t++) {
		for (uint32_t n = s->first; n <= s->last; n++) {
			if (ntasks - *r < s->count)
				return false;
			for (uint32_t c = 0; c < s->count; c++)
				nodes[(*r)++] = n;
		}
	}
	return true;
}

int taskmap_decode(const char *text, uint32_t nnodes, uint32_t *nodes,
		   uint32_t ntasks)
{
	const char *p = text;
	uint32_t r = 0;
	segment_t s;

	do {
		if (!parse_segment(&p, &s) || s.last >= nnodes ||
		    !expand_segment(&s, nodes, ntasks, &r))
			return -1;
	} while (*p == ',' && *p++);
	return *p == '\0' && r == ntasks ? 0 : -1;
}
