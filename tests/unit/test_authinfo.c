/* SPDX-License-Identifier: BSD-3-Clause */
/* slurm.conf's AuthInfo, read as Slurm does. */
#include "authinfo.h"
#include "check.h"

static void a_socket_is_found(void **state)
{
	static const struct {
		const char *text, *socket;
	} table[] = {
		{ NULL, NULL },
		{ "", NULL },
		{ "socket=/run/m/s", "/run/m/s" },
		{ "socket=/run/m/s,ttl=60", "/run/m/s" },
		{ "ttl=60,socket=/run/m/s", "/run/m/s" },
		{ "ttl=60, socket=/run/m/s,cred_expire=9", "/run/m/s" },
		{ "socket=", NULL },
		{ "socket=,ttl=60", NULL },
		{ "ttl=60", NULL },
		{ "cred_expire=9", NULL },
		{ "websocket=/x", NULL },
		{ "/run/old/form", "/run/old/form" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *found = authinfo_socket(table[i].text);

		if (table[i].socket)
			assert_string_equal(found, table[i].socket);
		else
			assert_null(found);
		free(found);
	}
}

static void a_lifetime_is_found(void **state)
{
	static const struct {
		const char *text;
		int ttl_s;
	} table[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ "socket=/run/m/s", 0 },
		{ "ttl=60", 60 },
		{ "socket=/run/m/s,ttl=60", 60 },
		{ "ttl=60,socket=/run/m/s", 60 },
		{ "socket=/ttl=5", 0 },
		{ "ttl=", 0 },
		{ "ttl=x", 0 },
		{ "ttl=-5", 0 },
		{ "ttl=99999999999999999999", 86400 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(authinfo_ttl_s(table[i].text), table[i].ttl_s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_is_found),
		cmocka_unit_test(a_lifetime_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
