/* SPDX-License-Identifier: BSD-3-Clause */
/* What mechanism native remembers of what it has validated. */
#include <stdbool.h>

#include "check.h"
#include "replay.h"

/* Ids that look as random as the real ones. */
static uint64_t seed = 1;

static uint64_t random64(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void new_id(uint8_t id[REPLAY_ID_LEN])
{
	uint64_t a = random64(), b = random64();

	memcpy(id, &a, sizeof(a));
	memcpy(id + sizeof(a), &b, sizeof(b));
}

static void the_first_is_new_the_second_not(void **state)
{
	replay_t *r = replay_create(1000);
	uint8_t a[REPLAY_ID_LEN], b[REPLAY_ID_LEN];

	new_id(a);
	new_id(b);
	assert_int_equal(replay_note(r, a, 100), REPLAY_NEW);
	assert_int_equal(replay_note(r, a, 100), REPLAY_SEEN);
	assert_int_equal(replay_note(r, b, 100), REPLAY_NEW);
	/* Half an id is another one. */
	memcpy(a + 8, b + 8, 8);
	assert_int_equal(replay_note(r, a, 50), REPLAY_NEW);
	replay_destroy(r);
}

typedef struct {
	uint8_t id[REPLAY_ID_LEN];
	int64_t issued_us;
	bool accepted;
} cred_t;

#define N 20000

/* Far more than there is room for, in order and out of order. */
static void nothing_is_accepted_twice(void **state)
{
	static cred_t creds[N];
	replay_t *r = replay_create(1000);
	unsigned accepted = 0, again = 0;

	for (int i = 0; i < N; i++) {
		new_id(creds[i].id);
		creds[i].issued_us = 1 + i + (int64_t)(random64() % 500);
		creds[i].accepted =
			replay_note(r, creds[i].id, creds[i].issued_us) ==
			REPLAY_NEW;
		accepted += creds[i].accepted;
		/* Some earlier one, once more. */
		again += replay_note(r, creds[(unsigned)i / 2].id,
				     creds[(unsigned)i / 2].issued_us) ==
				 REPLAY_NEW &&
			 creds[(unsigned)i / 2].accepted;
	}
	for (int i = 0; i < N; i++)
		again += replay_note(r, creds[i].id, creds[i].issued_us) ==
				 REPLAY_NEW &&
			 creds[i].accepted;
	assert_int_equal(again, 0);
	/* Who comes in about the order of issue is never kept out. */
	assert_in_range(accepted, N * 99 / 100, N);
	replay_destroy(r);
}

static void what_fits_is_all_remembered(void **state)
{
	static cred_t creds[N];
	replay_t *r = replay_create(4 * N);

	for (int i = 0; i < N; i++) {
		new_id(creds[i].id);
		creds[i].issued_us = N - i; /* the latest first */
		assert_int_equal(
			replay_note(r, creds[i].id, creds[i].issued_us),
			REPLAY_NEW);
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(
			replay_note(r, creds[i].id, creds[i].issued_us),
			REPLAY_SEEN);
	replay_destroy(r);
}

static void what_is_too_old_is_not_called_new(void **state)
{
	replay_t *r = replay_create(1);
	uint8_t first[REPLAY_ID_LEN], id[REPLAY_ID_LEN];

	new_id(first);
	assert_int_equal(replay_note(r, first, 10), REPLAY_NEW);
	for (int i = 0; i < 100; i++) {
		new_id(id);
		assert_int_equal(replay_note(r, id, 100 + i), REPLAY_NEW);
	}
	assert_int_equal(replay_note(r, first, 10), REPLAY_FORGOTTEN);
	new_id(id);
	assert_int_equal(replay_note(r, id, 11), REPLAY_FORGOTTEN);
	new_id(id);
	assert_int_equal(replay_note(r, id, 200), REPLAY_NEW);
	replay_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_is_new_the_second_not),
		cmocka_unit_test(nothing_is_accepted_twice),
		cmocka_unit_test(what_fits_is_all_remembered),
		cmocka_unit_test(what_is_too_old_is_not_called_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
