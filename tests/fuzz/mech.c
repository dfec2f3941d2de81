/* SPDX-License-Identifier: BSD-3-Clause */
/* mech.c - see mech.h. */
#include "mech.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "handshake_private.h"
#include "random.h"

#define TOKENS_MAX 16
#define TOKEN_LEN  12 /* "TOK", its number, and 8 bytes that nobody guesses */

/* What a token stands for. */
struct token {
	uint8_t name[TOKEN_LEN];
	uid_t maker, for_uid;
	uint8_t *payload;
	size_t len;
	bool used;
};

static struct {
	fuzz_who_t who;
	unsigned empty_does;
	struct token tokens[TOKENS_MAX];
	unsigned ntokens;
} self;

uid_t fuzz_uid(fuzz_who_t who)
{
	return who == FUZZ_CLIENT ? 1001 : 1002;
}

void fuzz_become(fuzz_who_t who)
{
	self.who = who;
	fuzz_random_use(who);
}

void fuzz_empty_does(unsigned what)
{
	self.empty_does = what % 3;
}

static psec_code_t works(void *state, psec_error_t *err)
{
	return PSEC_OK;
}

static psec_code_t said(psec_cred_info_t *info, uid_t uid, const void *payload,
			size_t len)
{
	info->uid = uid;
	info->gid = uid;
	info->payload = (uint8_t *)fuzz_string(payload, len);
	info->payload_len = len;
	return PSEC_OK;
}

/* -- token ---------------------------------------------------------------- */

static psec_code_t token_prove(void *state, int fd,
			       const psec_cred_request_t *req, void **proof,
			       size_t *len, psec_error_t *err)
{
	struct token *t = &self.tokens[self.ntokens];

	if (self.ntokens == TOKENS_MAX)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE, "no more tokens");
	memcpy(t->name, "TOK", 3);
	t->name[3] = (uint8_t)self.ntokens++;
	if (hs_random(t->name + 4, TOKEN_LEN - 4, err))
		return PSEC_ERR_IO;
	t->maker = fuzz_uid(self.who);
	t->for_uid = req->for_uid;
	t->payload = fuzz_copy(req->payload, req->payload_len);
	t->len = req->payload_len;
	t->used = false;
	*proof = fuzz_string(t->name, TOKEN_LEN);
	*len = TOKEN_LEN;
	return PSEC_OK;
}

static psec_code_t token_check(void *state, int fd, const void *proof,
			       size_t len, psec_cred_info_t *info,
			       psec_error_t *err)
{
	for (unsigned i = 0; i < self.ntokens; i++) {
		struct token *t = &self.tokens[i];

		if (len != TOKEN_LEN || memcmp(proof, t->name, len) != 0)
			continue;
		if (t->for_uid != (uid_t)-1 && t->for_uid != fuzz_uid(self.who))
			return psec_fail(err, PSEC_ERR_NOT_FOR_YOU,
					 "it is for another uid");
		if (t->used)
			return psec_fail(err, PSEC_ERR_REPLAYED,
					 "it was shown before");
		t->used = true;
		info->for_uid = t->for_uid;
		return said(info, t->maker, t->payload, t->len);
	}
	return psec_fail(err, PSEC_ERR_TAMPERED, "there is no such token");
}

static const psec_mech_t token = {
	.interface = PSEC_MECH_INTERFACE,
	.name = "token",
	.priority = 80,
	.proves = "who made it",
	.secret_payload = true,
	.probe = works,
	.prove = token_prove,
	.check = token_check,
};

/* -- clear ---------------------------------------------------------------- */

static psec_code_t clear_create(void *state, const psec_cred_request_t *req,
				void **cred, size_t *len, psec_error_t *err)
{
	*cred = fuzz_string(req->payload, req->payload_len);
	*len = req->payload_len;
	return PSEC_OK;
}

static psec_code_t clear_validate(void *state, const void *cred, size_t len,
				  psec_cred_info_t *info, psec_error_t *err)
{
	return said(
		info,
		fuzz_uid(self.who == FUZZ_CLIENT ? FUZZ_SERVER : FUZZ_CLIENT),
		cred, len);
}

static const psec_mech_t clear = {
	.interface = PSEC_MECH_INTERFACE,
	.name = "clear",
	.priority = 10,
	.proves = "nothing",
	.probe = works,
	.cred_create = clear_create,
	.cred_validate = clear_validate,
};

/* -- empty ---------------------------------------------------------------- */

static psec_code_t empty_create(void *state, const psec_cred_request_t *req,
				void **cred, size_t *len, psec_error_t *err)
{
	if (self.empty_does == 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE, "it never works");
	*len = self.empty_does == 1 ? 0 : PSEC_PROOF_MAX + 1;
	*cred = calloc(1, *len + 1);
	return *cred ? PSEC_OK : PSEC_ERR_NOMEM;
}

/* Like one that finds no payload. */
static psec_code_t empty_validate(void *state, const void *cred, size_t len,
				  psec_cred_info_t *info, psec_error_t *err)
{
	if (self.empty_does == 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE, "it never works");
	return PSEC_OK;
}

static psec_code_t empty_probe(void *state, psec_error_t *err)
{
	if (self.empty_does == 0)
		return psec_fail(err, PSEC_ERR_UNAVAILABLE, "it never works");
	return PSEC_OK;
}

static const psec_mech_t empty = {
	.interface = PSEC_MECH_INTERFACE,
	.name = "empty",
	.priority = 5,
	.proves = "nothing",
	.probe = empty_probe,
	.cred_create = empty_create,
	.cred_validate = empty_validate,
};

/* -- context -------------------------------------------------------------- */

psec_t *fuzz_psec(void)
{
	static mech_t mechs[] = {
		{ .name = "token", .vt = &token, .priority = 80 },
		{ .name = "clear", .vt = &clear, .priority = 10 },
		{ .name = "empty", .vt = &empty, .priority = 5 },
		{ .name = "absent",
		  .priority = -1,
		  .why = { PSEC_ERR_PLUGIN, "it is not installed" } },
	};
	static psec_t psec = { .mechs = mechs,
			       .nmechs = sizeof(mechs) / sizeof(mechs[0]) };

	fuzz_psec_clear();
	fuzz_random_reset();
	fuzz_become(FUZZ_CLIENT);
	self.empty_does = 0;
	return &psec;
}

void fuzz_psec_clear(void)
{
	while (self.ntokens > 0) {
		self.ntokens--;
		free(self.tokens[self.ntokens].payload);
	}
}
