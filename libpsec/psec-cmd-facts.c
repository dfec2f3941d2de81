/* SPDX-License-Identifier: BSD-3-Clause */
/* psec-cmd-facts.c - see psec-cmd-facts.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "psec-cmd-facts.h"
#include "psec-cmd-mechs.h"
#include "psec-cmd-output.h"
#include "psec_mech.h"

void cmd_facts_clear(cmd_facts_t *facts)
{
	free(facts->payload);
	cmd_facts_init(facts);
}

/* -- who we are ----------------------------------------------------------- */

static uint32_t env_u32(const char *name, uint32_t none)
{
	const char *text = getenv(name);
	unsigned long v;
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return none;
	errno = 0;
	v = strtoul(text, &end, 10);
	return errno || *end || v > UINT32_MAX ? none : (uint32_t)v;
}

static void env_text(const char *name, char *out, size_t size)
{
	const char *text = getenv(name);

	(void)snprintf(out, size, "%s", text ? text : "");
}

static bool make_id(char *out, size_t size)
{
	uint8_t random[16];
	size_t i;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return false;
	for (i = 0; i < sizeof(random) && 2 * i + 2 < size; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", random[i]);
	return true;
}

psec_code_t cmd_own_claims(claims_t *claims, psec_error_t *err)
{
	memset(claims, 0, sizeof(*claims));
	claims->job_id = env_u32("SLURM_JOB_ID", CMD_NO_JOB);
	claims->step_id = env_u32("SLURM_STEP_ID", CMD_NO_STEP);
	claims->rank = env_u32("PMIX_RANK", CMD_NO_RANK);
	env_text("SLURM_CLUSTER_NAME", claims->cluster,
		 sizeof(claims->cluster));
	env_text("PMIX_NAMESPACE", claims->nspace, sizeof(claims->nspace));
	env_text("SLURMD_NODENAME", claims->node, sizeof(claims->node));
	if (!claims->node[0])
		(void)gethostname(claims->node, sizeof(claims->node) - 1);
	claims->issued_s = (int64_t)time(NULL);
	if (!make_id(claims->id, sizeof(claims->id)))
		return psec_fail(err, PSEC_ERR_IO,
				 "the kernel gives no random bytes: %s",
				 strerror(errno));
	return PSEC_OK;
}

psec_code_t cmd_facts_expect(const cmd_facts_t *facts, uid_t uid, gid_t gid,
			     psec_error_t *err)
{
	if (uid != (uid_t)-1 && uid != facts->uid)
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the credential is of uid %d, expected was "
				 "uid %u",
				 (int)facts->uid, (unsigned)uid);
	if (gid != (gid_t)-1 && gid != facts->gid)
		return psec_fail(err, PSEC_ERR_MISMATCH,
				 "the credential is of gid %d, expected was "
				 "gid %u",
				 (int)facts->gid, (unsigned)gid);
	return PSEC_OK;
}

/*
 * What of F is proven.  Nothing of type none ever is, whoever says so; a
 * mechanism proves who made a credential, and when.
 */
static unsigned proven(const cmd_facts_t *f)
{
	unsigned bits = CMD_PROVEN_UID | CMD_PROVEN_TIMES;

	if (cmd_proves_nothing(f->type))
		return 0;
	if (f->proven != CMD_PROVEN_UNSAID)
		return f->proven;
	if (f->gid != (gid_t)-1)
		bits |= CMD_PROVEN_GID;
	return bits;
}

/* -- text ----------------------------------------------------------------- */

static void print_text(const char *name, const char *text)
{
	if (text[0])
		cmd_print("  %-10s %s\n", name, text);
}

static void print_number(const char *name, uint32_t number, uint32_t none)
{
	if (number != none)
		cmd_print("  %-10s %u\n", name, number);
}

static void print_time(const char *name, int64_t time_s)
{
	time_t t = (time_t)time_s;
	char text[64];
	struct tm tm;

	if (time_s == 0)
		return;
	if (!localtime_r(&t, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm) == 0)
		(void)snprintf(text, sizeof(text), "%lld", (long long)time_s);
	print_text(name, text);
}

/* Those of the facts whose bit is among BITS. */
static void print_some(const cmd_facts_t *f, unsigned bits)
{
	const claims_t *c = &f->claims;
	char text[128] = "";

	if (bits & CMD_PROVEN_UID && f->uid != (uid_t)-1) {
		cmd_uid_text(f->uid, text, sizeof(text));
		print_text("uid", text);
	}
	if (bits & CMD_PROVEN_GID) {
		cmd_gid_text(f->gid, text, sizeof(text));
		print_text("gid", text);
	}
	if (bits & CMD_PROVEN_TIMES) {
		print_time("issued", f->issued_s);
		print_time("expires", f->expires_s);
	}
	if (bits & CMD_PROVEN_JOB)
		print_number("job", c->job_id, CMD_NO_JOB);
	if (bits & CMD_PROVEN_STEP)
		print_number("step", c->step_id, CMD_NO_STEP);
	if (bits & CMD_PROVEN_ISSUER) {
		print_text("cluster", c->cluster);
		print_text("node", c->node);
	}
}

static int print_all(const cmd_facts_t *f, const char *source)
{
	unsigned bits = proven(f);

	cmd_print("a valid credential of type %s; validated by %s\n", f->type,
		  strcmp(source, "server") == 0 ? "the PMIx server"
						: "this program");
	cmd_print(bits ? "proven:\n" : "proven: nothing\n");
	print_some(f, bits);
	cmd_print("stated by whoever made it:\n");
	print_some(f, ~bits);
	print_text("namespace", f->claims.nspace);
	print_number("rank", f->claims.rank, CMD_NO_RANK);
	print_text("id", f->claims.id);
	if (f->payload)
		cmd_print("  %-10s %zu bytes, which --json prints\n", "payload",
			  f->payload_len);
	return 0;
}

/* -- JSON ----------------------------------------------------------------- */

static json_t *number_json(int64_t number, int64_t none)
{
	return number == none ? json_null() : json_integer(number);
}

static void add_some(json_t *to, const cmd_facts_t *f, unsigned bits)
{
	const claims_t *c = &f->claims;

	if (bits & CMD_PROVEN_UID)
		(void)json_object_set_new(
			to, "uid", number_json(f->uid, (int64_t)(uid_t)-1));
	if (bits & CMD_PROVEN_GID)
		(void)json_object_set_new(
			to, "gid", number_json(f->gid, (int64_t)(gid_t)-1));
	if (bits & CMD_PROVEN_TIMES) {
		(void)json_object_set_new(to, "issued",
					  number_json(f->issued_s, 0));
		(void)json_object_set_new(to, "expires",
					  number_json(f->expires_s, 0));
	}
	if (bits & CMD_PROVEN_JOB)
		(void)json_object_set_new(to, "job",
					  number_json(c->job_id, CMD_NO_JOB));
	if (bits & CMD_PROVEN_STEP)
		(void)json_object_set_new(to, "step",
					  number_json(c->step_id, CMD_NO_STEP));
	if (bits & CMD_PROVEN_ISSUER) {
		(void)json_object_set_new(to, "cluster",
					  cmd_json_text(c->cluster));
		(void)json_object_set_new(to, "node", cmd_json_text(c->node));
	}
}

static json_t *stated_json(const cmd_facts_t *f)
{
	const claims_t *c = &f->claims;
	json_t *stated = json_object();

	add_some(stated, f, ~proven(f));
	(void)json_object_set_new(stated, "nspace", cmd_json_text(c->nspace));
	(void)json_object_set_new(stated, "rank",
				  number_json(c->rank, CMD_NO_RANK));
	(void)json_object_set_new(stated, "id", cmd_json_text(c->id));
	return stated;
}

static int print_all_json(const cmd_facts_t *f, const char *source,
			  const char *fallback)
{
	json_t *sure = json_object();
	char *payload = NULL;
	int rc;

	if (f->payload)
		payload = cmd_base64(f->payload, f->payload_len);
	add_some(sure, f, proven(f));
	rc = cmd_print_json(json_pack("{s:b, s:s, s:o, s:s, s:o, s:o, s:o}",
				      "valid", 1, "source", source, "fallback",
				      cmd_json_text(fallback), "type", f->type,
				      "proven", sure, "stated", stated_json(f),
				      "payload", cmd_json_text(payload)));
	free(payload);
	return rc;
}

int cmd_facts_print(const cmd_facts_t *facts, const char *source,
		    const char *fallback, bool json)
{
	if (json)
		return print_all_json(facts, source, fallback);
	return print_all(facts, source);
}
