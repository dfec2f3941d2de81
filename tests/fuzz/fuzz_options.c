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

	if (!ports)
		return;
	MUST(sscanf(ports, "%u-%u%n", &min, &max, &end) == 2);
	MUST(ports[end] == '\0');
	MUST(min >= 1 && min <= max && max <= 65535);
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
	check_ports(site->ports);
	MUST(site->loglevel >= 1 && site->loglevel <= 5);
	MUST(site->start_timeout_s >= 1 && site->start_timeout_s <= 86400);
	MUST(site->timeout_s >= 1 && site->timeout_s <= 86400);
}

static void free_site(psec_site_t *site)
{
	free(site->mechanisms);
	free(site->pmixd);
	free(site->mechdir);
	free(site->stepdir);
	free(site->munge_socket);
	free(site->ports);
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
	free_site(&site);
	while (n > 0)
		free(words[--n]);
	return 0;
}
