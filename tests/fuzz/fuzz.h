/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is a program fuzz_NAME.c with LLVMFuzzerTestOneInput().  The bytes
 * that libFuzzer makes up are what somebody outside sends; the target hands
 * them to the parser and checks what it promises with MUST().  An input must
 * always do the same: no state is left behind, and random numbers come from
 * random.c.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

#include "psec_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise; where it is broken, libFuzzer keeps the input. */
#define MUST(promise)                                                          \
	do {                                                                   \
		if (!(promise)) {                                              \
			(void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, \
				      __LINE__, #promise);                     \
			abort();                                               \
		}                                                              \
	} while (0)

/* -- what is left of an input ------------------------------------------- */

typedef struct {
	const uint8_t *pos;
	size_t left;
} feed_t;

/* 0 where nothing is left. */
static inline uint8_t feed_u8(feed_t *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->pos++;
}

static inline uint32_t feed_u16(feed_t *f)
{
	uint32_t high = feed_u8(f);

	return high << 8 | feed_u8(f);
}

static inline uint32_t feed_u32(feed_t *f)
{
	uint32_t high = feed_u16(f);

	return high << 16 | feed_u16(f);
}

/* A number below N; few of an input's bytes matter where N is small. */
static inline uint32_t feed_below(feed_t *f, uint32_t n)
{
	return n <= 256 ? feed_u8(f) % n : feed_u16(f) % n;
}

/* At most WANT bytes; *LEN tells how many there are. */
static inline const uint8_t *feed_bytes(feed_t *f, size_t want, size_t *len)
{
	const uint8_t *bytes = f->pos;

	*len = want < f->left ? want : f->left;
	f->pos += *len;
	f->left -= *len;
	return bytes;
}

/* -- copies, for AddressSanitizer to see each byte too far ---------------- */

static inline void *fuzz_copy(const void *bytes, size_t len)
{
	void *copy = malloc(len ? len : 1);

	MUST(copy);
	if (len > 0)
		memcpy(copy, bytes, len);
	else
		ASAN_POISON_MEMORY_REGION(copy, 1);
	return copy;
}

static inline char *fuzz_string(const void *bytes, size_t len)
{
	char *text = malloc(len + 1);

	MUST(text);
	if (len > 0)
		memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

/* The text up to the next byte END, or all; END itself is skipped. */
static inline char *feed_text(feed_t *f, char end)
{
	const uint8_t *at = f->left ? memchr(f->pos, end, f->left) : NULL;
	size_t len = at ? (size_t)(at - f->pos) : f->left, used;
	char *text = fuzz_string(f->pos, len);

	(void)feed_bytes(f, at ? len + 1 : len, &used);
	return text;
}

/* -- sentences ------------------------------------------------------------ */

/* A failure has a code, and a sentence that ends. */
static inline void must_be_told(psec_code_t rc, const psec_error_t *err)
{
	MUST(rc != PSEC_OK);
	MUST(err->code == rc);
	MUST(err->text[0]);
	MUST(memchr(err->text, '\0', sizeof(err->text)));
}

#endif
