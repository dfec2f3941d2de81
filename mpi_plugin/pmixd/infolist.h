/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * infolist.h - build pmix_info_t arrays.  The first failure is kept, so that
 * a caller adds everything and tests once, when it takes the array.
 */
#ifndef PMIXD_INFOLIST_H
#define PMIXD_INFOLIST_H

#include <stdbool.h>
#include <stdint.h>

#include <pmix.h>

typedef struct {
	pmix_info_t *infos; /* N of them, ROOM for more */
	size_t n, room;
	pmix_status_t rc;
} infolist_t;

infolist_t infolist_new(void);
/* VALUE points to the value, but strings are passed themselves. */
void infolist_add(infolist_t *l, const char *key, const void *value,
		  pmix_data_type_t type);
void infolist_u32(infolist_t *l, const char *key, uint32_t value);
void infolist_u64(infolist_t *l, const char *key, uint64_t value);
void infolist_u16(infolist_t *l, const char *key, uint16_t value);
void infolist_bool(infolist_t *l, const char *key, bool value);
void infolist_string(infolist_t *l, const char *key, const char *value);
void infolist_rank(infolist_t *l, const char *key, pmix_rank_t value);

/* A malloc()ed string, which is freed; NULL counts as out of memory. */
void infolist_take_string(infolist_t *l, const char *key, char *value);

/* Add INNER's entries as one array under KEY; INNER is used up. */
void infolist_array(infolist_t *l, const char *key, infolist_t *inner);

/* The N RANKS of NSPACE as an array of pmix_proc_t under KEY. */
void infolist_procs(infolist_t *l, const char *key, const char *nspace,
		    const uint32_t *ranks, uint32_t n);

/*
 * Take the finished array, which may not be empty; the list is used up.
 * Release OUT with PMIX_DATA_ARRAY_DESTRUCT.
 */
pmix_status_t infolist_take(infolist_t *l, pmix_data_array_t *out);

#endif
