/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay.h - which credentials have been validated here before, in bounded
 * memory.
 *
 * A credential's id is remembered together with its time of issue.  Where
 * there is no room left, the oldest of those that share the place is
 * forgotten, and from then on nothing of that place that is as old is new any
 * more: a replay is never taken for new, but an old credential may be refused
 * because nobody knows.
 */
#ifndef PSEC_REPLAY_H
#define PSEC_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#define REPLAY_ID_LEN 16 /* random bytes */

typedef struct replay replay_t;

typedef enum {
	REPLAY_NEW = 0,	      /* and is remembered from now on */
	REPLAY_SEEN = 1,      /* before */
	REPLAY_FORGOTTEN = 2, /* too old to say */
} replay_word_t;

/*
 * Room for about ENTRIES ids; the memory is touched as it fills.  NULL: no
 * memory.  Any thread may use it.
 */
replay_t *replay_create(size_t entries);
/* NULL is allowed.  Keeps errno. */
void replay_destroy(replay_t *r);

/* ISSUED_US: microseconds since the epoch, more than 0. */
replay_word_t replay_note(replay_t *r, const uint8_t id[REPLAY_ID_LEN],
			  int64_t issued_us);

#endif
