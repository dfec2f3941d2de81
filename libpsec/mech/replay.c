/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.c - see replay.h.
 *
 * A table of sets, as in a processor's cache.  Half of the id chooses the
 * set, the other half is compared: ids are random, so two of 64 bits that
 * agree are one credential.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define WAYS 15 /* a set is four lines of memory */

typedef struct {
	int64_t forgotten_us; /* the latest time of issue that was dropped */
	uint64_t tags[WAYS];
	int64_t issued_us[WAYS]; /* 0: free */
	uint64_t pad;
} set_t;

struct replay {
	pthread_mutex_t lock;
	size_t nsets;
	set_t *sets;
};

replay_t *replay_create(size_t entries)
{
	replay_t *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->nsets = entries / WAYS + 1;
	r->sets = calloc(r->nsets, sizeof(*r->sets));
	if (!r->sets) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void replay_destroy(replay_t *r)
{
	int saved = errno;

	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r->sets);
	free(r);
	errno = saved;
}

static replay_word_t note(set_t *set, uint64_t tag, int64_t issued_us)
{
	size_t oldest = 0, i;

	for (i = 0; i < WAYS; i++) {
		if (set->issued_us[i] && set->tags[i] == tag)
			return REPLAY_SEEN;
		if (set->issued_us[i] < set->issued_us[oldest])
			oldest = i;
	}
	if (issued_us <= set->forgotten_us)
		return REPLAY_FORGOTTEN;
	/* A free place is the oldest of all. */
	if (set->issued_us[oldest] > set->forgotten_us)
		set->forgotten_us = set->issued_us[oldest];
	set->tags[oldest] = tag;
	set->issued_us[oldest] = issued_us;
	return REPLAY_NEW;
}

replay_word_t replay_note(replay_t *r, const uint8_t id[REPLAY_ID_LEN],
			  int64_t issued_us)
{
	uint64_t place, tag;
	replay_word_t word;

	memcpy(&place, id, sizeof(place));
	memcpy(&tag, id + sizeof(place), sizeof(tag));
	pthread_mutex_lock(&r->lock);
	word = note(&r->sets[place % r->nsets], tag, issued_us);
	pthread_mutex_unlock(&r->lock);
	return word;
}
