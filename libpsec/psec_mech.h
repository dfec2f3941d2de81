/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec_mech.h - the contract between libpsec and a security mechanism.
 *
 * A mechanism is a plugin: a shared object psec_NAME.so in the directory of
 * mechanisms, which exports one constant, psec_mechanism.  It may link what
 * it needs; libpsec itself links nothing but libc, so that it works where
 * the mechanism's library is missing.
 *
 * To add a mechanism:
 *   1. Write psec_NAME.c.  It opens with what the mechanism proves and what
 *      it does not.
 *   2. Fill in a psec_mech_t: interface = PSEC_MECH_INTERFACE, its name, its
 *      priority (RFC0011: the highest that both ends have wins), what it
 *      proves, and the callbacks below.
 *   3. Define it as `const psec_mech_t psec_mechanism`.
 *   4. Build a shared module psec_NAME.so, linked with libpsec (psec_fail()),
 *      and install it in the directory that `pkg-config --variable=mechdir
 *      libpsec` names.
 *   5. Name it in the lists that shall use it; a mechanism is never loaded or
 *      selected unless named.
 *
 * For every callback:
 *   - Threads: after open() has returned, callbacks of one state are called
 *     by any number of threads at once, until close(), which is the last.
 *   - It may block in the mechanism's service, but must come back.
 *   - On failure it returns a code other than PSEC_OK and has written a
 *     sentence with psec_fail(); ERR may be NULL.  It releases what it made.
 *   - Arguments are valid during the call only.  Lengths were checked against
 *     the limits in psec.h; contents were not.
 *   - It changes neither credentials of the process nor signal handling.
 */
#ifndef PSEC_MECH_H
#define PSEC_MECH_H

#include "psec.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Raised by each incompatible change; a plugin must have the same number. */
#define PSEC_MECH_INTERFACE 1

typedef struct {
	/* PSEC_MECH_INTERFACE; stays the first member for ever. */
	uint32_t interface;

	/* The NAME of psec_NAME.so: a-z A-Z 0-9 _ - */
	const char *name;

	/*
	 * Higher is preferred; not negative.  munge 80, native 10, none 0.
	 * A site may change it (psec_options_t.priorities).
	 */
	int priority;

	/* A phrase for people, such as "the uid and gid of the issuer". */
	const char *proves;

	/*
	 * Can nobody read the payload of a credential (or proof) but those
	 * that the request allows to validate it?  Only then does a handshake
	 * agree on a key, and believe that who shows a secret of the payload
	 * is one of those.
	 */
	bool secret_payload;

	/*
	 * Optional, with close().  Make *STATE, which is handed to the other
	 * callbacks; without open() it is NULL.  OPT is what psec_create()
	 * got, defaults filled in.
	 */
	psec_code_t (*open)(void **state, const psec_options_t *opt,
			    psec_error_t *err);
	/* Optional, with open().  Release STATE.  Keeps errno. */
	void (*close)(void *state);

	/*
	 * Required.  Does the mechanism work here and now?  If not, the
	 * sentence tells people what is missing where, and what to look at.
	 */
	psec_code_t (*probe)(void *state, psec_error_t *err);

	/*
	 * Optional, with cred_validate().  Make a credential as
	 * psec_cred_create() promises: *CRED malloc()ed, at most
	 * PSEC_CRED_MAX bytes, with a NUL after its end.  What REQ demands is
	 * fulfilled or refused, never ignored.
	 */
	psec_code_t (*cred_create)(void *state, const psec_cred_request_t *req,
				   void **cred, size_t *len, psec_error_t *err);

	/*
	 * Optional, with cred_create().  Validate 1 to PSEC_CRED_MAX bytes
	 * that may come from an attacker and are not terminated.  INFO says
	 * -1 for each uid and gid and is zero otherwise; fill it in.  A gid
	 * that is not proven stays -1.  INFO->payload is malloc()ed with a NUL
	 * after its end, or NULL where there is none; libpsec releases it, in
	 * case of failure too.
	 */
	psec_code_t (*cred_validate)(void *state, const void *cred, size_t len,
				     psec_cred_info_t *info, psec_error_t *err);

	/*
	 * Optional, both or none: how one end of a handshake proves itself to
	 * the other.  A proof is a credential for one connection, of at most
	 * PSEC_PROOF_MAX bytes; FD is the socket to the peer, or -1 where it
	 * is not known.  Otherwise as cred_create() and cred_validate(), which
	 * libpsec uses in their place where they are NULL.  libpsec puts
	 * nonces, role and binding into the payload and compares them; the
	 * mechanism only says whose payload it is, and with secret_payload
	 * whom it was restricted to (INFO->for_uid).
	 */
	psec_code_t (*prove)(void *state, int fd,
			     const psec_cred_request_t *req, void **proof,
			     size_t *len, psec_error_t *err);
	psec_code_t (*check)(void *state, int fd, const void *proof, size_t len,
			     psec_cred_info_t *info, psec_error_t *err);
} psec_mech_t;

#define PSEC_PROOF_MAX (8 * 1024) /* bytes in a handshake's proof */

/* What a plugin exports. */
extern const psec_mech_t psec_mechanism;

/*
 * Write CODE and a sentence into ERR, which may be NULL, and return CODE, so
 * that a caller fails in one statement.  No argument may point into ERR.
 */
psec_code_t psec_fail(psec_error_t *err, psec_code_t code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
