/* SPDX-License-Identifier: BSD-3-Clause */
/* Published data: the store of one server, and messages between servers. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include <pmix_common.h>

#include "publish_msg.h"
#include "publish_store.h"

static const publish_proc_t zero = { "job", 0, 0 };
static const publish_proc_t one = { "job", 1, 0 };	/* of the same node */
static const publish_proc_t far_away = { "job", 2, 1 }; /* of another */
static const publish_proc_t other_step = { "other", 0, UINT32_MAX };

static void put(publish_store_t *s, uint8_t range, uint8_t persist,
		const char *value)
{
	assert_int_equal(publish_store_put(s, "key", &zero, range, persist,
					   value, strlen(value)),
			 0);
}

static bool sees(const publish_store_t *s, const publish_proc_t *who)
{
	publish_found_t found;

	return publish_store_find(s, "key", who, &found);
}

static void each_range_shows_data_to_those_within(void **state)
{
	static const struct {
		uint8_t range;
		bool one, far_away, other_step;
	} rows[] = {
		{ PMIX_RANGE_PROC_LOCAL, false, false, false },
		{ PMIX_RANGE_LOCAL, true, false, false },
		{ PMIX_RANGE_NAMESPACE, true, true, false },
		{ PMIX_RANGE_SESSION, true, true, true },
		{ PMIX_RANGE_GLOBAL, true, true, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		publish_store_t *s = publish_store_create();

		put(s, rows[i].range, PMIX_PERSIST_APP, "x");
		assert_true(sees(s, &zero));
		assert_int_equal(sees(s, &one), rows[i].one);
		assert_int_equal(sees(s, &far_away), rows[i].far_away);
		assert_int_equal(sees(s, &other_step), rows[i].other_step);
		publish_store_destroy(s);
	}
}

static void the_narrowest_range_wins(void **state)
{
	publish_store_t *s = publish_store_create();
	publish_found_t found;

	put(s, PMIX_RANGE_SESSION, PMIX_PERSIST_APP, "far");
	assert_false(publish_store_taken(s, "key", &one, PMIX_RANGE_LOCAL));
	put(s, PMIX_RANGE_LOCAL, PMIX_PERSIST_APP, "near");
	assert_true(publish_store_taken(s, "key", &one, PMIX_RANGE_LOCAL));
	assert_true(publish_store_taken(s, "key", &one, PMIX_RANGE_GLOBAL));
	assert_false(
		publish_store_taken(s, "key", &far_away, PMIX_RANGE_LOCAL));
	assert_true(publish_store_find(s, "key", &one, &found));
	assert_memory_equal(found.value, "near", 4);
	assert_true(publish_store_find(s, "key", &far_away, &found));
	assert_memory_equal(found.value, "far", 3);
	publish_store_destroy(s);
}

static void data_of_one_reading_are_marked_and_dropped(void **state)
{
	publish_store_t *s = publish_store_create();
	publish_found_t found;

	put(s, PMIX_RANGE_SESSION, PMIX_PERSIST_FIRST_READ, "once");
	assert_true(publish_store_find(s, "key", &one, &found));
	assert_true(found.once);
	publish_store_drop(s, &found);
	assert_false(sees(s, &one));
	publish_store_destroy(s);
}

static void a_process_takes_its_data_along(void **state)
{
	publish_store_t *s = publish_store_create();

	put(s, PMIX_RANGE_SESSION, PMIX_PERSIST_PROC, "x");
	put(s, PMIX_RANGE_LOCAL, PMIX_PERSIST_APP, "y");
	publish_store_ended(s, &one);
	assert_true(sees(s, &far_away));
	publish_store_ended(s, &zero);
	assert_false(sees(s, &far_away));
	assert_true(sees(s, &one));
	publish_store_destroy(s);
}

static void only_the_owner_removes(void **state)
{
	publish_store_t *s = publish_store_create();

	put(s, PMIX_RANGE_SESSION, PMIX_PERSIST_APP, "x");
	assert_int_equal(publish_store_remove(s, "key", &one, 0), 0);
	assert_int_equal(
		publish_store_remove(s, "key", &zero, PMIX_RANGE_LOCAL), 0);
	assert_int_equal(publish_store_remove(s, "other", &zero, 0), 0);
	assert_int_equal(publish_store_remove(s, NULL, &zero, 0), 1);
	assert_false(sees(s, &zero));
	publish_store_destroy(s);
}

/* -- messages ------------------------------------------------------------- */

static uint8_t *sample(publish_kind_t kind, size_t *len)
{
	const publish_msg_t m = { .kind = kind,
				  .range = PMIX_RANGE_SESSION,
				  .persist = PMIX_PERSIST_PROC,
				  .flags = PUBLISH_WAIT,
				  .rank = 7,
				  .status = -46,
				  .nspace = "slurm.pmix.1.0" };

	return publish_msg_encode(&m, len);
}

static void a_message_comes_back(void **state)
{
	size_t len, at = 0;
	uint8_t *msg = sample(PUBLISH_PUT, &len);
	publish_item_t item;
	const char *why;
	publish_msg_t m;

	publish_msg_number(msg, 4711);
	assert_int_equal(publish_msg_add(&msg, &len, "a", "value", 5), 0);
	assert_int_equal(publish_msg_add(&msg, &len, "b", NULL, 0), 0);
	assert_int_equal(publish_msg_decode(&m, msg, len, &why), 0);
	assert_int_equal(m.kind, PUBLISH_PUT);
	assert_int_equal(m.range, PMIX_RANGE_SESSION);
	assert_int_equal(m.persist, PMIX_PERSIST_PROC);
	assert_int_equal(m.flags, PUBLISH_WAIT);
	assert_int_equal(m.id, 4711);
	assert_int_equal(m.rank, 7);
	assert_int_equal(m.status, -46);
	assert_string_equal(m.nspace, "slurm.pmix.1.0");
	assert_true(publish_msg_next(&m, &at, &item));
	assert_string_equal(item.key, "a");
	assert_int_equal(item.len, 5);
	assert_memory_equal(item.value, "value", 5);
	assert_true(publish_msg_next(&m, &at, &item));
	assert_string_equal(item.key, "b");
	assert_int_equal(item.len, 0);
	assert_false(publish_msg_next(&m, &at, &item));
	free(msg);
}

static void a_message_that_is_cut_off_is_refused(void **state)
{
	const char *why;
	publish_msg_t m;
	size_t len;
	uint8_t *msg = sample(PUBLISH_PUT, &len);

	assert_int_equal(publish_msg_add(&msg, &len, "a", "value", 5), 0);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(publish_msg_decode(&m, msg, n, &why), -1);
	free(msg);
}

static void each_kind_has_its_number_of_keys(void **state)
{
	static const struct {
		publish_kind_t kind;
		bool ok[3]; /* with 0, 1, 2 keys */
	} rows[] = {
		{ PUBLISH_PUT, { false, true, true } },
		{ PUBLISH_FIND, { false, true, false } },
		{ PUBLISH_REMOVE, { true, true, true } },
		{ PUBLISH_ENDED, { true, false, false } },
		{ PUBLISH_FORGET, { true, false, false } },
		{ PUBLISH_ANSWER, { true, true, false } },
		{ 7, { false, false, false } },
		{ 0, { false, false, false } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len;
		uint8_t *msg = sample(rows[i].kind, &len);

		for (int n = 0; n < 3; n++) {
			const char *why;
			publish_msg_t m;

			assert_int_equal(publish_msg_decode(&m, msg, len, &why),
					 rows[i].ok[n] ? 0 : -1);
			assert_int_equal(
				publish_msg_add(&msg, &len, "k", "v", 1), 0);
		}
		free(msg);
	}
}

static void a_key_that_is_too_long_is_refused(void **state)
{
	char key[PUBLISH_KEY_MAX + 2];
	size_t len;
	uint8_t *msg = sample(PUBLISH_PUT, &len);

	memset(key, 'k', sizeof(key));
	key[PUBLISH_KEY_MAX + 1] = '\0';
	assert_int_equal(publish_msg_add(&msg, &len, key, NULL, 0), -1);
	assert_null(msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_range_shows_data_to_those_within),
		cmocka_unit_test(the_narrowest_range_wins),
		cmocka_unit_test(data_of_one_reading_are_marked_and_dropped),
		cmocka_unit_test(a_process_takes_its_data_along),
		cmocka_unit_test(only_the_owner_removes),
		cmocka_unit_test(a_message_comes_back),
		cmocka_unit_test(a_message_that_is_cut_off_is_refused),
		cmocka_unit_test(each_kind_has_its_number_of_keys),
		cmocka_unit_test(a_key_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
