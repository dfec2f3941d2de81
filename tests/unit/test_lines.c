/* SPDX-License-Identifier: BSD-3-Clause */
/* The log lines of psec-pmixd, as root cuts and cleans them. */
#include <stdio.h>

#include "check.h"
#include "lines.h"

/* All lines so far, each in brackets. */
static char got[8 * LINES_MAX];

static void collect(void *arg, char *line)
{
	size_t used = strlen(got);

	(void)snprintf(got + used, sizeof(got) - used, "[%s]", line);
}

/* Bytes in pieces of at most CUT. */
static void feed(lines_t *l, const char *text, size_t cut)
{
	size_t left = strlen(text), n;
	char *space;

	for (; left > 0; text += n, left -= n) {
		space = lines_space(l, &n);
		assert_true(n > 0);
		n = n < cut ? n : cut;
		n = n < left ? n : left;
		memcpy(space, text, n);
		lines_added(l, n, collect, NULL);
	}
}

static void lines_arrive_whole_in_whatever_pieces(void **state)
{
	for (size_t cut = 1; cut < 12; cut++) {
		lines_t l = { .used = 0 };

		got[0] = '\0';
		feed(&l, "1one\n\n2two\n3thr", cut);
		assert_string_equal(got, "[1one][][2two]");
		feed(&l, "ee\n", cut);
		assert_string_equal(got, "[1one][][2two][3three]");
	}
}

static void the_last_words_need_no_newline(void **state)
{
	lines_t l = { .used = 0 };

	got[0] = '\0';
	feed(&l, "1aborted", 3);
	assert_string_equal(got, "");
	lines_end(&l, collect, NULL);
	lines_end(&l, collect, NULL);
	assert_string_equal(got, "[1aborted]");
}

static void an_overlong_line_is_cut(void **state)
{
	lines_t l = { .used = 0 };
	char text[LINES_MAX + 100];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	got[0] = '\0';
	feed(&l, text, sizeof(text));
	assert_int_equal(strcspn(got, "]"), 1 + LINES_MAX - 1);
	assert_int_equal(strlen(got), sizeof(text) - 2 + 4);
}

static void control_characters_are_replaced(void **state)
{
	char text[] = "3\033[31mred\tand\x7f";

	lines_clean(text);
	assert_string_equal(text, "3?[31mred?and?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_arrive_whole_in_whatever_pieces),
		cmocka_unit_test(the_last_words_need_no_newline),
		cmocka_unit_test(an_overlong_line_is_cut),
		cmocka_unit_test(control_characters_are_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
