/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec_credential.c - select a mechanism, make a credential and validate it,
 * with libpsec alone.
 *
 *   ./psec_credential [LIST]
 *
 * LIST names mechanisms, such as "munge,native"; without it PMIX_SECURITY_MODE
 * does, which Slurm jobs have.  In real life the credential goes to another
 * process, on the same node or on another, and that one validates it.
 *
 *   cc -o psec_credential psec_credential.c \
 *      $(pkg-config --cflags --libs libpsec)
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <psec.h>

/* What this context has, and what of it works here. */
static void show_mechanisms(psec_t *psec)
{
	psec_mech_info_t mech;
	psec_error_t why;

	for (size_t i = 0; psec_mech_get(psec, i, &mech); i++) {
		if (psec_mech_probe(psec, mech.name, &why) == PSEC_OK)
			printf("%s (priority %d) proves %s\n", mech.name,
			       mech.priority, mech.proves);
		else
			printf("%s does not work here: %s\n", mech.name,
			       why.text);
	}
}

static void *make(psec_t *psec, const char *mech, size_t *len)
{
	static const char payload[] = "for the example";
	psec_cred_request_t req = PSEC_CRED_REQUEST_INIT;
	psec_error_t why;
	void *cred;

	req.payload = payload;
	req.payload_len = strlen(payload);
	req.ttl_s = 60;
	/* Nobody else may validate it. */
	req.for_uid = geteuid();
	if (psec_cred_create(psec, mech, &req, &cred, len, &why) != PSEC_OK)
		errx(why.code, "no credential: %s", why.text);
	return cred;
}

static void validate(psec_t *psec, const char *mech, const void *cred,
		     size_t len)
{
	psec_cred_info_t *info;
	psec_error_t why;

	if (psec_cred_validate(psec, mech, cred, len, &info, &why) != PSEC_OK)
		errx(why.code, "not accepted (%s): %s", psec_strcode(why.code),
		     why.text);
	printf("%s: uid %u, gid %u, valid for %lld s, payload '%s'\n", mech,
	       (unsigned)info->uid, (unsigned)info->gid,
	       (long long)(info->expires_s - info->issued_s),
	       (const char *)info->payload);
	psec_cred_info_destroy(info);
}

int main(int argc, char **argv)
{
	const char *list = argc > 1 ? argv[1] : getenv("PMIX_SECURITY_MODE");
	psec_options_t opt = PSEC_OPTIONS_INIT;
	const char *mech;
	psec_error_t why;
	psec_t *psec;
	size_t len;
	void *cred;

	if (!list)
		errx(PSEC_ERR_ARG, "usage: %s LIST, e.g. munge,native",
		     argv[0]);
	/* A program with mechanisms of its choice would name these here. */
	opt.mechs = list;
	if (psec_create(&psec, &opt, &why) != PSEC_OK ||
	    psec_select(psec, list, &mech, &why) != PSEC_OK)
		errx(why.code, "%s", why.text);
	show_mechanisms(psec);
	cred = make(psec, mech, &len);
	validate(psec, mech, cred, len);
	free(cred);
	psec_destroy(psec);
	return EXIT_SUCCESS;
}
