/* SPDX-License-Identifier: BSD-3-Clause */
/* The site's options in plugstack.conf: what is wrong is named. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "options.h"
#include "realm.h"
#include "slurm_extra.h"

static void expect_refusal(const char *word, const char *sentence)
{
	char *argv[] = { (char *)(uintptr_t)word };
	psec_error_t err;
	psec_site_t site;

	assert_refused(options_parse(&site, 1, argv, &err) ? err.code : PSEC_OK,
		       &err, PSEC_ERR_ARG, sentence);
	options_free(&site);
}

static void without_options_there_are_defaults(void **state)
{
	psec_error_t err;
	psec_site_t site;

	assert_int_equal(options_parse(&site, 0, NULL, &err), 0);
	assert_string_equal(site.mechanisms, "munge,native");
	assert_int_equal(site.probe, 1);
	assert_int_equal(site.probe_keep, 0);
	assert_non_null(site.pmixd);
	assert_null(site.priorities);
	assert_null(site.munge_socket);
	assert_null(site.ports);
	assert_int_equal(site.loglevel, 3);
	assert_string_equal(site.audit, "off");
	assert_true(site.audit_rate > 0 && site.audit_size_mb > 0);
	assert_true(site.start_timeout_s > 0 && site.timeout_s > 0);
	options_free(&site);
}

static void options_take_their_values(void **state)
{
	char *argv[] = { (char *)"mechanisms=munge,none",
			 (char *)"priorities=native=90,other=7",
			 (char *)"pmixd=/opt/x",
			 (char *)"ports=60000-60100",
			 (char *)"loglevel=debug",
			 (char *)"timeout=5",
			 (char *)"munge_socket=/run/m",
			 (char *)"audit=/var/log/psec",
			 (char *)"audit_rate=7",
			 (char *)"audit_size=1",
			 (char *)"probe=off",
			 (char *)"probe_empty=keep" };
	psec_error_t err;
	psec_site_t site;

	assert_int_equal(options_parse(&site, 12, argv, &err), 0);
	assert_string_equal(site.mechanisms, "munge,none");
	assert_string_equal(site.priorities, "native=90,other=7");
	assert_string_equal(site.pmixd, "/opt/x");
	assert_string_equal(site.ports, "60000-60100");
	assert_string_equal(site.munge_socket, "/run/m");
	assert_int_equal(site.loglevel, 4);
	assert_int_equal(site.timeout_s, 5);
	assert_string_equal(site.audit, "/var/log/psec");
	assert_int_equal(site.audit_rate, 7);
	assert_int_equal(site.audit_size_mb, 1);
	assert_int_equal(site.probe, 0);
	assert_int_equal(site.probe_keep, 1);
	options_free(&site);
}

static void what_is_asked_of_credentials(void **state)
{
	char *argv[] = { (char *)"lifetime=77", (char *)"job_check=require",
			 (char *)"job_cache=9" };
	psec_error_t err;
	psec_site_t site;

	assert_int_equal(options_parse(&site, 0, NULL, &err), 0);
	assert_int_equal(site.lifetime_s, 0);
	assert_string_equal(site.job_check, "prefer");
	assert_int_equal(site.job_cache_s, 5);
	options_free(&site);
	assert_int_equal(options_parse(&site, 3, argv, &err), 0);
	assert_int_equal(site.lifetime_s, 77);
	assert_string_equal(site.job_check, "require");
	assert_int_equal(site.job_cache_s, 9);
	options_free(&site);
	expect_refusal("job_check=maybe", "off, prefer or require");
	expect_refusal("job_check=", "option 'job_check' needs a value");
	expect_refusal("job_cache=0", "seconds, from 1");
	expect_refusal("lifetime=86401", "seconds, from 1");
}

/* -- slurm.conf ---------------------------------------------------------- */

/* As srun and slurmstepd define it. */
slurm_conf_t slurm_conf;

static void slurm_conf_fills_in_what_is_not_said(void **state)
{
	uint16_t range[] = { 60001, 60009 };
	psec_site_t site = { 0 };

	slurm_conf = (slurm_conf_t){
		.authinfo = (char *)"socket=/run/a,ttl=66",
		.cluster_name = (char *)"tiny",
		.private_data = PRIVATE_DATA_JOBS | PRIVATE_DATA_NODES,
		.srun_port_range = range,
	};
	assert_int_equal(realm_fill(&site), 0);
	assert_string_equal(site.munge_socket, "/run/a");
	assert_int_equal(site.lifetime_s, 66);
	assert_string_equal(site.cluster, "tiny");
	assert_int_equal(site.jobs_are_private, 1);
	assert_string_equal(site.ports, "60001-60009");
	options_free(&site);
	slurm_conf = (slurm_conf_t){ .private_data = PRIVATE_DATA_NODES };
	site = (psec_site_t){ 0 };
	assert_int_equal(realm_fill(&site), 0);
	assert_null(site.munge_socket);
	assert_int_equal(site.lifetime_s, 0);
	assert_null(site.cluster);
	assert_int_equal(site.jobs_are_private, 0);
	assert_null(site.ports);
	options_free(&site);
}

static void plugstack_wins_over_slurm_conf(void **state)
{
	char *argv[] = { (char *)"munge_socket=/run/b", (char *)"lifetime=5",
			 (char *)"ports=any" };
	uint16_t range[] = { 60001, 60009 };
	psec_error_t err;
	psec_site_t site;

	slurm_conf = (slurm_conf_t){
		.authinfo = (char *)"socket=/run/a,ttl=66",
		.srun_port_range = range,
	};
	assert_int_equal(options_parse(&site, 3, argv, &err), 0);
	assert_int_equal(realm_fill(&site), 0);
	assert_string_equal(site.munge_socket, "/run/b");
	assert_int_equal(site.lifetime_s, 5);
	assert_string_equal(site.ports, "any");
	options_free(&site);
}

static void variables_of_the_server_add_up(void **state)
{
	char *argv[] = { (char *)"env=HWLOC_XMLFILE=/x;PMIX_MCA_a=",
			 (char *)"share_topology=on",
			 (char *)"env=PMIX_MCA_b_c=d=e" };
	psec_error_t err;
	psec_site_t site;

	assert_int_equal(options_parse(&site, 0, NULL, &err), 0);
	assert_null(site.server_env);
	assert_int_equal(site.share_topology, 0);
	options_free(&site);
	assert_int_equal(options_parse(&site, 3, argv, &err), 0);
	assert_string_equal(site.server_env,
			    "HWLOC_XMLFILE=/x;PMIX_MCA_a=;PMIX_MCA_b_c=d=e");
	assert_int_equal(site.share_topology, 1);
	options_free(&site);
	expect_refusal("env=LD_PRELOAD=/x", "begins with PMIX_MCA_ or HWLOC_");
	expect_refusal("env=PATH=/x", "begins with PMIX_MCA_ or HWLOC_");
	expect_refusal("env=HWLOC_A=1;LD_PRELOAD=/x", "NAME=VALUE");
	expect_refusal("env=HWLOC_A=1;", "NAME=VALUE");
	expect_refusal("env=;HWLOC_A=1", "NAME=VALUE");
	expect_refusal("env=HWLOC_A;HWLOC_B=1", "NAME=VALUE");
	expect_refusal("env=HWLOC_=1", "NAME=VALUE");
	expect_refusal("env=HWLOC_A-B=1", "NAME=VALUE");
	expect_refusal("share_topology=yes", "on or off");
}

static void an_unknown_option_is_named(void **state)
{
	expect_refusal("frobnicate=1", "unknown option 'frobnicate'");
	expect_refusal("mechanism=munge", "unknown option 'mechanism'");
	expect_refusal("mechanismsx=munge", "unknown option 'mechanismsx'");
	expect_refusal("", "unknown option ''");
	expect_refusal("=x", "unknown option ''");
}

static void a_bad_value_is_named_with_what_is_expected(void **state)
{
	expect_refusal("pmixd=relative", "pmixd must be an absolute path");
	expect_refusal("pmixd=", "option 'pmixd' needs a value");
	expect_refusal("pmixd", "option 'pmixd' needs a value");
	expect_refusal("mechanisms=mun ge", "mechanisms must be names");
	expect_refusal("mechanisms=,", "mechanisms must be names");
	expect_refusal("priorities=native",
		       "priorities must be NAME=NUMBER separated by commas");
	expect_refusal("priorities=native=-1", "numbers from 0 to 100000");
	expect_refusal("priorities=a=1,a=2", "each name once");
	expect_refusal("priorities=", "option 'priorities' needs a value");
	expect_refusal("ports=5", "a range of ports");
	expect_refusal("ports=9-5", "a range of ports");
	expect_refusal("ports=1-65536", "a range of ports");
	expect_refusal("ports=1-2x", "a range of ports");
	expect_refusal("loglevel=9", "error, info, verbose");
	expect_refusal("audit=on", "off, syslog or the absolute path");
	expect_refusal("audit=", "option 'audit' needs a value");
	expect_refusal("audit_rate=0", "a number from 1 to");
	expect_refusal("audit_size=1g", "a number from 1 to");
	expect_refusal("probe=yes", "probe must be on or off");
	expect_refusal("probe=",
		       "option 'probe' needs a value: probe=on or off");
	expect_refusal("probe_empty=on", "probe_empty must be fail or keep");
	expect_refusal("timeout=0", "seconds, from 1");
	expect_refusal("timeout=5s", "seconds, from 1");
	expect_refusal("start_timeout=-1", "seconds, from 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_there_are_defaults),
		cmocka_unit_test(options_take_their_values),
		cmocka_unit_test(what_is_asked_of_credentials),
		cmocka_unit_test(slurm_conf_fills_in_what_is_not_said),
		cmocka_unit_test(plugstack_wins_over_slurm_conf),
		cmocka_unit_test(variables_of_the_server_add_up),
		cmocka_unit_test(an_unknown_option_is_named),
		cmocka_unit_test(a_bad_value_is_named_with_what_is_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
