/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ends.h - the two ends of a handshake in one process, for the fuzz targets
 * that play somebody on the line or one of the two.
 */
#ifndef FUZZ_ENDS_H
#define FUZZ_ENDS_H

#include "fuzz.h"
#include "mech.h"

typedef struct {
	fuzz_who_t who;
	psec_handshake_t *hs; /* NULL: could not be made, RC says why */
	psec_code_t rc;	      /* the first failure */
	psec_error_t err;
} end_t;

/* What the ends were made with; they agree unless a bit says otherwise. */
typedef struct {
	psec_role_t role; /* of the client: client, tool or legacy */
	const char *client_mechs, *server_mechs, *default_mech;
	unsigned refuse;    /* the server's PSEC_REFUSE_* */
	bool other_binding; /* the two mean different things */
	bool known_uid[2];  /* that end expects the other's uid */
	bool wrong_uid[2];  /* it expects another one */
	uint8_t intro[PSEC_INTRO_MAX];
	size_t intro_len;
} setup_t;

#define SETUP_STATUS (-7) /* in an intro that is an abort's */

/* Read a setup from a few bytes of an input; all zero: nothing special. */
void setup_read(setup_t *setup, feed_t *feed);

/* Would the two become one if nobody disturbed them? */
bool setup_agrees(const setup_t *setup);

void end_open(end_t *end, psec_t *psec, fuzz_who_t who, const setup_t *setup);
void end_close(end_t *end);

psec_hs_state_t end_state(const end_t *end);

/* As the public functions, with the promises of each call checked. */
size_t end_input(end_t *end, const uint8_t *bytes, size_t len);
void end_work(end_t *end);
/* Take at most MAX bytes of its output; returns how many. */
size_t end_output(end_t *end, uint8_t *out, size_t max);

#endif
