/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * publish_store.h - the published data that one server keeps.  Knows no
 * other server; values are bytes.
 *
 * Ranges and persistence are PMIx's (pmix_data_range_t, pmix_persistence_t).
 * Not locked: the caller has a lock.
 */
#ifndef PMIXD_PUBLISH_STORE_H
#define PMIXD_PUBLISH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct publish_store publish_store_t;

/* A process, and where it runs. */
typedef struct {
	const char *nspace;
	uint32_t rank;
	uint32_t node; /* of its step; UINT32_MAX: in another step */
} publish_proc_t;

/* What was found; valid until the store is changed. */
typedef struct {
	const char *nspace; /* the publisher */
	uint32_t rank;
	const void *value;
	size_t len;
	bool once; /* to be dropped now that it was read */
} publish_found_t;

/* NULL: no memory. */
publish_store_t *publish_store_create(void);
/* NULL is allowed. */
void publish_store_destroy(publish_store_t *s);

/* Has somebody published KEY in OWNER's RANGE already? */
bool publish_store_taken(const publish_store_t *s, const char *key,
			 const publish_proc_t *owner, uint8_t range);

/* Copies all.  0, or -1: no memory. */
int publish_store_put(publish_store_t *s, const char *key,
		      const publish_proc_t *owner, uint8_t range,
		      uint8_t persist, const void *value, size_t len);

/*
 * What ASKER sees under KEY, the narrowest range first.  The caller drops
 * what is to be read ONCE, with publish_store_drop().
 */
bool publish_store_find(const publish_store_t *s, const char *key,
			const publish_proc_t *asker, publish_found_t *found);
void publish_store_drop(publish_store_t *s, const publish_found_t *found);

/* Remove OWNER's KEY (NULL: all of its) in RANGE (0: any); how many. */
unsigned publish_store_remove(publish_store_t *s, const char *key,
			      const publish_proc_t *owner, uint8_t range);

/* OWNER has ended: what was to last as long as it is removed. */
void publish_store_ended(publish_store_t *s, const publish_proc_t *owner);

#endif
