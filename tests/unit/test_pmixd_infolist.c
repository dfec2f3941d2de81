/* SPDX-License-Identifier: BSD-3-Clause */
/* Building pmix_info_t arrays. */
#include <stdio.h>

#include "check.h"
#include "infolist.h"

static void a_list_grows(void **state)
{
	infolist_t l = infolist_new();
	pmix_data_array_t array;
	const pmix_info_t *info;
	char key[32], text[32];

	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "key.%u", i);
		(void)snprintf(text, sizeof(text), "value %u", i);
		infolist_string(&l, key, text);
	}
	assert_int_equal(infolist_take(&l, &array), PMIX_SUCCESS);
	assert_int_equal(array.type, PMIX_INFO);
	assert_int_equal(array.size, 200);
	info = array.array;
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "key.%u", i);
		(void)snprintf(text, sizeof(text), "value %u", i);
		assert_string_equal(info[i].key, key);
		assert_string_equal(info[i].value.data.string, text);
	}
	PMIX_DATA_ARRAY_DESTRUCT(&array);
}

static void a_list_may_have_lists_in_it(void **state)
{
	infolist_t outer = infolist_new();
	pmix_data_array_t array;
	const pmix_info_t *info;

	for (uint32_t i = 0; i < 70; i++) {
		infolist_t inner = infolist_new();

		infolist_u32(&inner, "number", i);
		infolist_bool(&inner, "even", i % 2 == 0);
		infolist_array(&outer, "inner", &inner);
	}
	assert_int_equal(infolist_take(&outer, &array), PMIX_SUCCESS);
	assert_int_equal(array.size, 70);
	info = array.array;
	for (uint32_t i = 0; i < 70; i++) {
		const pmix_info_t *inner = info[i].value.data.darray->array;

		assert_int_equal(info[i].value.data.darray->size, 2);
		assert_int_equal(inner[0].value.data.uint32, i);
		assert_int_equal(inner[1].value.data.flag, i % 2 == 0);
	}
	PMIX_DATA_ARRAY_DESTRUCT(&array);
}

static void the_first_failure_is_kept(void **state)
{
	infolist_t l = infolist_new(), empty = infolist_new();
	pmix_data_array_t array;

	infolist_u32(&l, "good", 1);
	infolist_array(&l, "empty", &empty);
	infolist_u32(&l, "later", 2);
	assert_int_equal(infolist_take(&l, &array), PMIX_ERR_EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_grows),
		cmocka_unit_test(a_list_may_have_lists_in_it),
		cmocka_unit_test(the_first_failure_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
