/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packed.h - libpmix's data as bytes for other servers of this installation,
 * by libpmix's own packing.  Call it without pmixd.lock.
 */
#ifndef PMIXD_PACKED_H
#define PMIXD_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include <pmix.h>

/* N things of TYPE at SRC; release OUT with PMIX_BYTE_OBJECT_DESTRUCT. */
pmix_status_t packed_make(const void *src, int32_t n, pmix_data_type_t type,
			  pmix_byte_object_t *out);

/* Exactly N things of TYPE to DEST, which has room for them. */
pmix_status_t packed_read(const void *bytes, size_t len, void *dest, int32_t n,
			  pmix_data_type_t type);

#endif
