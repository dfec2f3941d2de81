/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_pmixd_invitation.c - invitations to bytes and back, and what is
 * refused.
 */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdbool.h>

#include "invitation.h"

static invitation_t example(size_t naddrs)
{
	invitation_t inv = { .job_id = 0x01020304,
			     .step_id = 0xfffffffb,
			     .node = 4095,
			     .port = 60001,
			     .naddrs = naddrs };

	for (size_t i = 0; i < naddrs; i++) {
		inv.addrs[i].version = i % 2 ? 6 : 4;
		memset(inv.addrs[i].bytes, (int)i + 1, i % 2 ? 16 : 4);
	}
	return inv;
}

static void assert_decode_refused(const void *buf, size_t len,
				  const char *sentence)
{
	const char *why = NULL;
	invitation_t inv;

	assert_int_equal(invitation_decode(&inv, buf, len, &why), -1);
	assert_non_null(why);
	if (sentence)
		assert_string_equal(why, sentence);
}

static void an_invitation_arrives_as_it_was_sent(void **state)
{
	uint8_t buf[INVITATION_MAX];
	const char *why = NULL;
	invitation_t in, out;
	size_t len;

	for (size_t n = 1; n <= INVITATION_ADDRS_MAX; n++) {
		in = example(n);
		len = invitation_encode(&in, buf);
		assert_int_equal(invitation_decode(&out, buf, len, &why), 0);
		assert_int_equal(out.job_id, in.job_id);
		assert_int_equal(out.step_id, in.step_id);
		assert_int_equal(out.node, in.node);
		assert_int_equal(out.port, in.port);
		assert_int_equal(out.naddrs, n);
		assert_memory_equal(out.addrs, in.addrs,
				    n * sizeof(in.addrs[0]));
	}
}

/* Nodes of one step run one version, but a later one must know this. */
static void the_format_is_as_documented(void **state)
{
	static const uint8_t documented[] = {
		'p',  's',  'L',  'I', 1, 1,	0xea, 0x61, 1, 2, 3, 4, 0xff,
		0xff, 0xff, 0xfb, 0,   0, 0x0f, 0xff, 4,    1, 1, 1, 1, 0,
		0,    0,    0,	  0,   0, 0,	0,    0,    0, 0, 0,
	};
	invitation_t inv = example(1);
	uint8_t buf[INVITATION_MAX];

	assert_int_equal(invitation_encode(&inv, buf), sizeof(documented));
	assert_memory_equal(buf, documented, sizeof(documented));
}

static void each_truncation_is_refused(void **state)
{
	uint8_t buf[INVITATION_MAX + 1] = "";
	invitation_t inv = example(3);
	size_t len = invitation_encode(&inv, buf);

	for (size_t l = 0; l < len; l++)
		assert_decode_refused(buf, l, NULL);
	assert_decode_refused(buf, len + 1,
			      "an invitation has the wrong length");
}

static void wrong_fields_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *why;
	} wrong[] = {
		{ 0, 'q', "this is no invitation" },
		{ 4, 2, "an invitation has another version of the format" },
		{ 5, 0, "an invitation has the wrong length" },
		{ 5, INVITATION_ADDRS_MAX + 1,
		  "an invitation has the wrong length" },
		{ 5, 255, "an invitation has the wrong length" },
		{ 20, 5,
		  "an invitation has an address that is neither IPv4 nor "
		  "IPv6" },
		{ 25, 1,
		  "an invitation has an address that is neither IPv4 nor "
		  "IPv6" },
	};
	uint8_t buf[INVITATION_MAX];
	invitation_t inv = example(2);
	size_t len;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		len = invitation_encode(&inv, buf);
		buf[wrong[i].at] = wrong[i].value;
		assert_decode_refused(buf, len, wrong[i].why);
	}
	inv.port = 0;
	len = invitation_encode(&inv, buf);
	assert_decode_refused(buf, len, "an invitation has no port");
}

static void garbage_is_refused(void **state)
{
	uint8_t buf[INVITATION_MAX];

	for (int i = 0; i < 10000; i++) {
		randombytes_buf(buf, sizeof(buf));
		assert_decode_refused(buf, randombytes_uniform(sizeof(buf)),
				      NULL);
	}
}

static void own_addresses_come_once_and_are_not_loopback(void **state)
{
	static const char *const names[] = { NULL, "localhost", "192.0.2.99" };
	invitation_addr_t addrs[INVITATION_ADDRS_MAX];
	bool loopback = false;
	size_t n;

	for (size_t i = 0; i < 3; i++) {
		n = invitation_own_addrs(addrs, names[i]);
		assert_true(n >= 1);
		for (size_t k = 0; k < n; k++) {
			for (size_t j = 0; j < k; j++)
				assert_memory_not_equal(&addrs[k], &addrs[j],
							sizeof(addrs[0]));
			loopback |= addrs[k].version == 4 &&
				    addrs[k].bytes[0] == 127;
		}
		/* Only a machine with nothing else tells loopback. */
		assert_true(!loopback || n == 1 || addrs[0].bytes[0] == 127 ||
			    addrs[0].version == 6);
	}
}

static void an_address_that_only_the_resolver_knows_comes_last(void **state)
{
	static const invitation_addr_t other = { 4, { 203, 0, 113, 99 } };
	invitation_addr_t addrs[INVITATION_ADDRS_MAX];
	size_t n = invitation_own_addrs(addrs, "203.0.113.99");

	assert_true(n >= 1);
	assert_memory_equal(&addrs[n - 1], &other, sizeof(other));
}

static void an_address_becomes_a_socket_address(void **state)
{
	invitation_addr_t v4 = { 4, { 10, 1, 2, 3 } };
	invitation_addr_t v6 = { 6, { 0x20, 0x01, [15] = 9 } };
	struct sockaddr_storage ss;
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(invitation_sockaddr(&v4, 4711, &ss),
			 sizeof(struct sockaddr_in));
	assert_int_equal(ntohs(((struct sockaddr_in *)&ss)->sin_port), 4711);
	assert_string_equal(inet_ntop(AF_INET,
				      &((struct sockaddr_in *)&ss)->sin_addr,
				      text, sizeof(text)),
			    "10.1.2.3");
	assert_int_equal(invitation_sockaddr(&v6, 4711, &ss),
			 sizeof(struct sockaddr_in6));
	assert_string_equal(inet_ntop(AF_INET6,
				      &((struct sockaddr_in6 *)&ss)->sin6_addr,
				      text, sizeof(text)),
			    "2001::9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_invitation_arrives_as_it_was_sent),
		cmocka_unit_test(the_format_is_as_documented),
		cmocka_unit_test(each_truncation_is_refused),
		cmocka_unit_test(wrong_fields_are_refused),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(own_addresses_come_once_and_are_not_loopback),
		cmocka_unit_test(
			an_address_that_only_the_resolver_knows_comes_last),
		cmocka_unit_test(an_address_becomes_a_socket_address),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
