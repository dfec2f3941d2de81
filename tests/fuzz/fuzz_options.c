/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_options.c - the words behind spank_psec.so in plugstack.conf.
 * Input: one word per line.
 */
#include "fuzz.h"
#include "options.h"

#define WORDS_MAX 16

static void check_ports(const char *ports)
{
	unsigned min, max;
	int end = 0;

	if (!ports || !strcmp(ports, "any"))
		return;
	MUST(sscanf(ports, "%u-%u%n", &min, &max, &end) == 2);
	MUST(ports[end] == '\0');
	MUST(min >= 1 && min <= max && max <= 65535);
}

/* By the words of psec.h and not by priority.c. */
static void check_priorities(const char *priorities)
{
	char *copy, *name, *save = NULL;
	char names[PSEC_LIST_MAX + 3] = ",", again[PSEC_NAME_MAX + 3];
	unsigned number;
	int end;

	if (!priorities)
		return;
	MUST(psec_priorities_check(priorities, NULL) == PSEC_OK);
	MUST(strlen(priorities) <= PSEC_LIST_MAX);
	copy = fuzz_string(priorities, strlen(priorities));
	for (name = strtok_r(copy, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		name += strspn(name, " \t");
		if (!*name)
			continue;
		end = (int)strcspn(name, "=");
		MUST(end >= 1 && end <= PSEC_NAME_MAX && name[end] == '=');
		MUST(name[end + 1] >= '0' && name[end + 1] <= '9');
		MUST(sscanf(name + end + 1, "%6u", &number) == 1);
		MUST(number <= PSEC_PRIORITY_MAX);
		/* Each once. */
		(void)snprintf(again, sizeof(again), ",%.*s,", end, name);
		MUST(!strstr(names, again));
		MUST(strlen(names) + strlen(again) <= sizeof(names));
		memcpy(names + strlen(names), again + 1, strlen(again));
	}
	free(copy);
}

/* Each variable is of libpmix's or hwloc's. */
static void check_env(const char *env)
{
	char *copy, *save = NULL;

	if (!env)
		return;
	copy = fuzz_string(env, strlen(env));
	MUST(*copy && *copy != ';' && !strstr(copy, ";;"));
	for (char *name = strtok_r(copy, ";", &save); name;
	     name = strtok_r(NULL, ";", &save)) {
		MUST(!strncmp(name, "PMIX_MCA_", 9) ||
		     !strncmp(name, "HWLOC_", 6));
		MUST(strchr(name, '=') > strchr(name, '_') + 1);
	}
	free(copy);
}

static void check_site(const psec_site_t *site)
{
	char list[PSEC_LIST_MAX + 1];

	MUST(psec_list_filter(site->mechanisms, NULL, list, sizeof(list),
			      NULL) == PSEC_OK);
	MUST(list[0]);
	MUST(site->pmixd[0] == '/' && site->mechdir[0] == '/');
	MUST(site->stepdir[0] == '/');
	MUST(!site->munge_socket || site->munge_socket[0] == '/');
	check_priorities(site->priorities);
	check_ports(site->ports);
	check_env(site->server_env);
	MUST(site->loglevel >= 1 && site->loglevel <= 5);
	MUST(site->start_timeout_s >= 1 && site->start_timeout_s <= 86400);
	MUST(site->timeout_s >= 1 && site->timeout_s <= 86400);
	MUST(site->lifetime_s >= 0 && site->lifetime_s <= 86400);
	MUST(site->job_cache_s >= 1 && site->job_cache_s <= 86400);
	MUST(!strcmp(site->job_check, "off") ||
	     !strcmp(site->job_check, "prefer") ||
	     !strcmp(site->job_check, "require"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	char *words[WORDS_MAX];
	psec_error_t err;
	psec_site_t site;
	int n = 0;

	while (n < WORDS_MAX && feed.left > 0)
		words[n++] = feed_text(&feed, '\n');
	if (options_parse(&site, n, words, &err) == 0)
		check_site(&site);
	else
		must_be_told(PSEC_ERR_ARG, &err);
	options_free(&site);
	while (n > 0)
		free(words[--n]);
	return 0;
}
