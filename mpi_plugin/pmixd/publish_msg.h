/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * publish_msg.h - what servers say to each other about published data, to
 * bytes and back.  Values are bytes here; only libpmix knows what they mean.
 * Specification: doc/link-format.md, "Published data".
 */
#ifndef PMIXD_PUBLISH_MSG_H
#define PMIXD_PUBLISH_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUBLISH_NSPACE_MAX 255 /* bytes of a namespace's name */
#define PUBLISH_KEY_MAX	   511 /* bytes of a key */
#define PUBLISH_MSG_MAX	   (64u * 1024 * 1024)

/* Wire numbers. */
typedef enum {
	PUBLISH_PUT = 1,    /* keys with values; is answered */
	PUBLISH_FIND = 2,   /* one key; is answered */
	PUBLISH_REMOVE = 3, /* keys, or all of a rank's; is answered */
	PUBLISH_ENDED = 4,  /* a rank is no more */
	PUBLISH_FORGET = 5, /* the FIND of that id needs no answer any more */
	PUBLISH_ANSWER = 6  /* with status; of a FIND perhaps with the value */
} publish_kind_t;

/* FIND: answer only when there is something. */
#define PUBLISH_WAIT 1

typedef struct {
	publish_kind_t kind;
	uint8_t range;	 /* a pmix_data_range_t: PUT, FIND, REMOVE */
	uint8_t persist; /* a pmix_persistence_t: PUT */
	uint8_t flags;
	uint32_t id; /* the asker's number */
	uint32_t rank;
	int32_t status; /* ANSWER: a pmix_status_t */
	char nspace[PUBLISH_NSPACE_MAX + 1];
	uint32_t nitems;
	const uint8_t *items; /* decoded: NITEMS of them, checked */
	size_t items_len;
} publish_msg_t;

typedef struct {
	char key[PUBLISH_KEY_MAX + 1];
	const uint8_t *value;
	size_t len;
} publish_item_t;

/*
 * The message without items; malloc()ed.  NULL: no memory, or a name is too
 * long.  *LEN is its length.
 */
uint8_t *publish_msg_encode(const publish_msg_t *m, size_t *len);

/* Give an encoded message another id. */
void publish_msg_number(uint8_t *msg, uint32_t id);

/*
 * Append an item: *MSG, *LEN change.  0, or -1 (no memory, too long): *MSG is
 * freed and NULL then.  No-op where it is NULL.
 */
int publish_msg_add(uint8_t **msg, size_t *len, const char *key,
		    const void *value, size_t value_len);

/* MSG may come from anybody.  0, or -1 with *WHY, a static sentence. */
int publish_msg_decode(publish_msg_t *m, const void *msg, size_t len,
		       const char **why);

/* The next item; *AT is 0 at first.  False: there is none. */
bool publish_msg_next(const publish_msg_t *m, size_t *at, publish_item_t *item);

#endif
