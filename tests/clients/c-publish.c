/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * c-publish - published data: PMIx_Publish, PMIx_Lookup, PMIx_Unpublish.
 *
 * Without options: everything that processes of one step can do with it.
 * --offer and --want: what processes of two steps can.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LEN	 64
#define LIMIT_MS 10000

static const char *offer, *want, *value = "the value";
static bool refused;
static long nap_ms = 300, max_ms;

static const option_t options[] = {
	{ "--offer", OPT_TEXT, &offer, "publish this key, then see --want" },
	{ "--value", OPT_TEXT, &value, "its value" },
	{ "--want", OPT_TEXT, &want, "wait for this key and print its value" },
	{ "--refused", OPT_FLAG, &refused, "--want must not be found" },
	{ "--max-ms", OPT_NUMBER, &max_ms, "nor take longer than that" },
	{ "--sleep-ms", OPT_NUMBER, &nap_ms, "how late the late ones are" },
	{ NULL, OPT_FLAG, NULL, NULL },
};

/* -- calls ---------------------------------------------------------------- */

static void key_of(char *key, const char *what, uint32_t rank)
{
	(void)snprintf(key, KEY_LEN, "c-publish.%s.%u", what, rank);
}

static pmix_status_t publish(const char *key, const char *text,
			     pmix_data_range_t range,
			     pmix_persistence_t persist)
{
	pmix_info_t info[3];
	pmix_status_t rc;

	PMIX_INFO_LOAD(&info[0], key, text, PMIX_STRING);
	PMIX_INFO_LOAD(&info[1], PMIX_RANGE, &range, PMIX_DATA_RANGE);
	PMIX_INFO_LOAD(&info[2], PMIX_PERSISTENCE, &persist, PMIX_PERSIST);
	client_doing("publishing '%s'", key);
	rc = PMIx_Publish(info, 3);
	PMIX_INFO_DESTRUCT(&info[0]);
	return rc;
}

/* WAIT_S: -1: do not wait; 0: without limit. */
static pmix_status_t lookup(pmix_pdata_t *data, size_t n, int wait_s)
{
	pmix_info_t info[2];
	int all = 0;

	PMIX_INFO_LOAD(&info[0], PMIX_WAIT, &all, PMIX_INT);
	PMIX_INFO_LOAD(&info[1], PMIX_TIMEOUT, &wait_s, PMIX_INT);
	client_doing("looking '%s' up", data->key);
	return PMIx_Lookup(data, n, info, wait_s < 0 ? 0 : wait_s ? 2 : 1);
}

/* One key's text, malloc()ed, or NULL. */
static char *look(const char *key, int wait_s, pmix_status_t *rc,
		  uint32_t *rank)
{
	pmix_pdata_t data;
	char *text = NULL;

	PMIX_PDATA_CONSTRUCT(&data);
	PMIX_LOAD_KEY(data.key, key);
	*rc = lookup(&data, 1, wait_s);
	if (*rc == PMIX_SUCCESS && data.value.type == PMIX_STRING)
		text = strdup(data.value.data.string);
	if (rank)
		*rank = data.proc.rank;
	PMIX_PDATA_DESTRUCT(&data);
	return text;
}

static void must_have(const char *key, const char *text, int wait_s,
		      uint32_t rank)
{
	pmix_status_t rc;
	uint32_t from = UINT32_MAX;
	char *got = look(key, wait_s, &rc, &from);

	if (!got || strcmp(got, text) != 0 || from != rank)
		client_wrong("'%s' of rank %u: %s, '%s' of rank %u", key, rank,
			     status_text(rc), got ? got : "", from);
	free(got);
}

static void must_fail(const char *key, int wait_s, pmix_status_t expected)
{
	pmix_status_t rc;

	free(look(key, wait_s, &rc, NULL));
	if (rc != expected)
		client_wrong("looking '%s' up: %s instead of %s", key,
			     status_text(rc), status_text(expected));
}

static void must_be(pmix_status_t rc, pmix_status_t expected, const char *what)
{
	if (rc != expected)
		client_wrong("%s: %s instead of %s", what, status_text(rc),
			     status_text(expected));
}

static pmix_status_t unpublish(const char *key)
{
	char *keys[] = { (char *)(uintptr_t)key, NULL };

	client_doing("unpublishing '%s'", key);
	return PMIx_Unpublish(keys, NULL, 0);
}

/* -- one step ------------------------------------------------------------- */

static uint32_t last_rank(void)
{
	return client_size() - 1;
}

static void own_key(void)
{
	char key[KEY_LEN];

	key_of(key, "own", client_rank());
	client_check(publish(key, key, PMIX_RANGE_SESSION, PMIX_PERSIST_APP),
		     "PMIx_Publish of '%s'", key);
	must_be(publish(key, key, PMIX_RANGE_SESSION, PMIX_PERSIST_APP),
		PMIX_ERR_DUPLICATE_KEY, "publishing a key twice");
}

/* All in one call. */
static void everybodys_keys(void)
{
	uint32_t n = client_size();
	pmix_pdata_t *data;

	PMIX_PDATA_CREATE(data, n);
	for (uint32_t i = 0; i < n; i++)
		key_of(data[i].key, "own", i);
	client_check(lookup(data, n, -1), "PMIx_Lookup of %u keys", n);
	for (uint32_t i = 0; i < n; i++)
		if (data[i].proc.rank != i ||
		    data[i].value.type != PMIX_STRING ||
		    strcmp(data[i].value.data.string, data[i].key) != 0)
			client_wrong("'%s' has not come back", data[i].key);
	PMIX_PDATA_FREE(data, n);
}

/* One of two keys is there. */
static void some_keys(void)
{
	pmix_pdata_t *data;

	PMIX_PDATA_CREATE(data, 2);
	key_of(data[0].key, "nobody", 0);
	key_of(data[1].key, "own", 0);
	must_be(lookup(data, 2, -1), PMIX_SUCCESS, "one key of two");
	if (data[0].value.type != PMIX_UNDEF ||
	    data[1].value.type != PMIX_STRING)
		client_wrong("one key of two: the other one came");
	PMIX_PDATA_FREE(data, 2);
}

static void missing_keys(void)
{
	char key[KEY_LEN];
	int64_t start;

	key_of(key, "nobody", client_rank());
	must_fail(key, -1, PMIX_ERR_NOT_FOUND);
	start = now_us();
	must_fail(key, 1, PMIX_ERR_TIMEOUT);
	if (now_us() - start < 900000)
		client_wrong("a lookup did not wait for its PMIX_TIMEOUT");
}

/* A lookup that came first. */
static void late_key(void)
{
	char key[KEY_LEN];

	key_of(key, "late", last_rank());
	fence_all(false);
	if (client_rank() == last_rank()) {
		sleep_ms(nap_ms);
		client_check(publish(key, "late", PMIX_RANGE_NAMESPACE,
				     PMIX_PERSIST_APP),
			     "PMIx_Publish of '%s'", key);
	}
	must_have(key, "late", 0, last_rank());
}

/* The same key on each node, and of each rank. */
static void ranges(void)
{
	const place_t *places = places_exchange();
	const place_t *me = &places[client_rank()];
	uint32_t first = client_rank();
	char key[KEY_LEN];

	for (uint32_t i = 0; i < client_size(); i++)
		if (places[i].node_id == me->node_id && i < first)
			first = i;
	if (first == client_rank())
		client_check(publish("c-publish.near", me->node,
				     PMIX_RANGE_LOCAL, PMIX_PERSIST_APP),
			     "PMIx_Publish for the node");
	key_of(key, "text of", client_rank());
	client_check(publish("c-publish.mine", key, PMIX_RANGE_PROC_LOCAL,
			     PMIX_PERSIST_APP),
		     "PMIx_Publish for oneself");
	fence_all(false);
	must_have("c-publish.near", me->node, -1, first);
	must_have("c-publish.mine", key, -1, client_rank());
	must_be(publish("c-publish.x", "x", PMIX_RANGE_RM, PMIX_PERSIST_APP),
		PMIX_ERR_NOT_SUPPORTED, "publishing for the resource manager");
	must_be(publish("c-publish.x", "x", PMIX_RANGE_CUSTOM,
			PMIX_PERSIST_APP),
		PMIX_ERR_NOT_SUPPORTED, "publishing for a list of processes");
}

static void first_read(void)
{
	char key[KEY_LEN];

	key_of(key, "once", client_rank());
	client_check(publish(key, "once", PMIX_RANGE_SESSION,
			     PMIX_PERSIST_FIRST_READ),
		     "PMIx_Publish of '%s'", key);
	fence_all(false);
	key_of(key, "once", (client_rank() + 1) % client_size());
	must_have(key, "once", -1, (client_rank() + 1) % client_size());
	must_fail(key, -1, PMIX_ERR_NOT_FOUND);
}

static void unpublishing(void)
{
	char key[KEY_LEN];

	fence_all(false);
	key_of(key, "own", client_rank());
	client_check(unpublish(key), "PMIx_Unpublish of '%s'", key);
	must_fail(key, -1, PMIX_ERR_NOT_FOUND);
	must_be(unpublish(key), PMIX_ERR_NOT_FOUND,
		"unpublishing what is not there");
	must_be(unpublish("c-publish.mine"), PMIX_SUCCESS,
		"unpublishing what only oneself sees");
	if (client_rank() > 0) {
		key_of(key, "late", last_rank());
		must_be(unpublish(key),
			client_rank() == last_rank() ? PMIX_SUCCESS
						     : PMIX_ERR_NOT_FOUND,
			"unpublishing another's");
	}
}

/* The last rank leaves, and with it its key. */
static void of_the_process(void)
{
	int64_t until = now_us() + LIMIT_MS * 1000LL;
	pmix_status_t rc = PMIX_SUCCESS;
	char key[KEY_LEN];

	if (client_size() == 1)
		return;
	key_of(key, "mortal", last_rank());
	if (client_rank() == last_rank())
		client_check(publish(key, "mortal", PMIX_RANGE_SESSION,
				     PMIX_PERSIST_PROC),
			     "PMIx_Publish of '%s'", key);
	fence_all(false);
	if (client_rank() != last_rank())
		must_have(key, "mortal", -1, last_rank());
	fence_all(false);
	if (client_rank() != 0)
		return;
	while (rc == PMIX_SUCCESS && now_us() < until) {
		free(look(key, -1, &rc, NULL));
		sleep_ms(20);
	}
	must_be(rc, PMIX_ERR_NOT_FOUND, "a key whose process has gone");
}

static void one_step(void)
{
	own_key();
	fence_all(false);
	everybodys_keys();
	some_keys();
	missing_keys();
	late_key();
	ranges();
	first_read();
	unpublishing();
	of_the_process();
}

/* -- two steps ------------------------------------------------------------ */

/*
 * A step's data go with it, so neither may leave before the other has found
 * what it wants; or it has left, because it had everything.
 */
static void part(void)
{
	int64_t until = now_us() + LIMIT_MS * 1000LL;
	pmix_status_t seen = PMIX_ERROR, there = PMIX_SUCCESS;
	char key[KEY_LEN];

	(void)snprintf(key, sizeof(key), "%s.seen", want);
	client_check(publish(key, "yes", PMIX_RANGE_SESSION, PMIX_PERSIST_APP),
		     "PMIx_Publish of '%s'", key);
	(void)snprintf(key, sizeof(key), "%s.seen", offer);
	while (seen != PMIX_SUCCESS && there == PMIX_SUCCESS) {
		free(look(key, -1, &seen, NULL));
		free(look(want, -1, &there, NULL));
		if (now_us() > until)
			client_fail("the other step has not seen '%s'", offer);
		sleep_ms(5);
	}
}

/* Data for the processes of a step alone, beside those for all. */
static void own_of(char *key, const char *of)
{
	(void)snprintf(key, KEY_LEN, "%s.own", of);
}

static void make_offer(void)
{
	char key[KEY_LEN];

	own_of(key, offer);
	client_check(
		publish(key, value, PMIX_RANGE_NAMESPACE, PMIX_PERSIST_SESSION),
		"PMIx_Publish of '%s'", key);
	client_check(
		publish(offer, value, PMIX_RANGE_SESSION, PMIX_PERSIST_SESSION),
		"PMIx_Publish of '%s'", offer);
}

static void await_wanted(void)
{
	char key[KEY_LEN];
	pmix_status_t rc;
	char *text = look(want, 30, &rc, NULL);

	if (text)
		(void)printf("rank %u: %s is '%s'\n", client_rank(), want,
			     text);
	else
		client_wrong("looking '%s' up: %s", want, status_text(rc));
	free(text);
	own_of(key, want);
	must_fail(key, -1, PMIX_ERR_NOT_FOUND);
}

static void must_miss(void)
{
	int64_t start = now_us();

	must_fail(want, -1, PMIX_ERR_NOT_FOUND);
	if (max_ms && now_us() - start > max_ms * 1000LL)
		client_wrong("not finding '%s' took %ld ms", want,
			     (long)((now_us() - start) / 1000));
}

static void two_steps(void)
{
	if (client_rank() == 0 && offer)
		make_offer();
	if (want && refused)
		must_miss();
	else if (want)
		await_wanted();
	fence_all(false);
	if (client_rank() == 0 && offer && want && !refused)
		part();
	fence_all(false);
}

int main(int argc, char **argv)
{
	client_options(argc, argv, options);
	client_init();
	if (offer || want)
		two_steps();
	else
		one_step();
	return client_end();
}
