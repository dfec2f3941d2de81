/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - see options.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "options.h"

typedef enum {
	PATH,
	MECHS,
	PRIORITIES,
	PORTS,
	AUDIT,
	LEVEL,
	SECONDS,
	COUNT,
	JOB_CHECK,
	ENV,
	SWITCH,
	EMPTY
} kind_t;

/* Every option once: key, kind, place and default. */
static const struct option {
	const char *key;
	kind_t kind;
	size_t offset;
	const char *dflt; /* NULL: none */
} options[] = {
	{ "mechanisms", MECHS, offsetof(psec_site_t, mechanisms),
	  "munge,native" },
	{ "priorities", PRIORITIES, offsetof(psec_site_t, priorities), NULL },
	{ "pmixd", PATH, offsetof(psec_site_t, pmixd), PSEC_PMIXD },
	{ "mechdir", PATH, offsetof(psec_site_t, mechdir), PSEC_MECHDIR },
	{ "stepdir", PATH, offsetof(psec_site_t, stepdir), PSEC_STEPDIR },
	{ "munge_socket", PATH, offsetof(psec_site_t, munge_socket), NULL },
	{ "ports", PORTS, offsetof(psec_site_t, ports), NULL },
	{ "loglevel", LEVEL, offsetof(psec_site_t, loglevel), "verbose" },
	{ "start_timeout", SECONDS, offsetof(psec_site_t, start_timeout_s),
	  "30" },
	{ "timeout", SECONDS, offsetof(psec_site_t, timeout_s), "300" },
	{ "audit", AUDIT, offsetof(psec_site_t, audit), "off" },
	{ "audit_rate", COUNT, offsetof(psec_site_t, audit_rate), "100" },
	{ "audit_size", COUNT, offsetof(psec_site_t, audit_size_mb), "1024" },
	{ "lifetime", SECONDS, offsetof(psec_site_t, lifetime_s), NULL },
	{ "job_check", JOB_CHECK, offsetof(psec_site_t, job_check), "prefer" },
	{ "job_cache", SECONDS, offsetof(psec_site_t, job_cache_s), "5" },
	{ "share_topology", SWITCH, offsetof(psec_site_t, share_topology),
	  "off" },
	{ "env", ENV, offsetof(psec_site_t, server_env), NULL },
	{ "probe", SWITCH, offsetof(psec_site_t, probe), "on" },
	{ "probe_empty", EMPTY, offsetof(psec_site_t, probe_keep), "fail" },
};
#define IN_CONF	  " (behind spank_psec.so in plugstack.conf)"
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static const char *const levels[] = { "error", "info", "verbose", "debug",
				      "debug2" };
#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))

static bool parse_level(const char *value, int *level)
{
	for (size_t i = 0; i < N_LEVELS; i++)
		if (!strcmp(value, levels[i])) {
			*level = (int)i + 1;
			return true;
		}
	return false;
}

int options_switch(const char *value)
{
	if (!strcmp(value, "on"))
		return 1;
	return strcmp(value, "off") != 0 ? -1 : 0;
}

static bool parse_switch(const char *value, int *on)
{
	*on = options_switch(value);
	return *on >= 0;
}

static bool parse_empty(const char *value, int *keep)
{
	*keep = !strcmp(value, "keep");
	return *keep || !strcmp(value, "fail");
}

static bool parse_int(const char *value, long min, long max, char end,
		      const char **rest, int *out)
{
	char *stop;
	long v;

	errno = 0;
	v = strtol(value, &stop, 10);
	if (stop == value || *stop != end || errno || v < min || v > max)
		return false;
	if (rest)
		*rest = stop + 1;
	*out = (int)v;
	return true;
}

static bool ports_ok(const char *value)
{
	const char *second = NULL;
	int min, max;

	if (!strcmp(value, "any"))
		return true;
	return parse_int(value, 1, 65535, '-', &second, &min) &&
	       parse_int(second, 1, 65535, '\0', NULL, &max) && min <= max;
}

static bool job_check_ok(const char *value)
{
	return !strcmp(value, "off") || !strcmp(value, "prefer") ||
	       !strcmp(value, "require");
}

static bool mechs_ok(const char *value)
{
	char out[PSEC_LIST_MAX];

	return psec_list_filter(value, NULL, out, sizeof(out), NULL) ==
		       PSEC_OK &&
	       out[0];
}

static bool audit_ok(const char *value)
{
	return !strcmp(value, "off") || !strcmp(value, "syslog") ||
	       value[0] == '/';
}

/*
 * Parameters of libpmix and hwloc's variables only: nothing that the loader,
 * libc, Slurm or munge reads.
 */
static bool variable_ok(const char *text, size_t len)
{
	static const char *const prefixes[] = { "PMIX_MCA_", "HWLOC_" };
	size_t name = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz"
				   "0123456789_");

	for (size_t i = 0; i < 2; i++)
		if (!strncmp(text, prefixes[i], strlen(prefixes[i])))
			return name > strlen(prefixes[i]) && name < len &&
			       text[name] == '=';
	return false;
}

static bool env_ok(const char *value)
{
	size_t len;

	for (;; value += len + 1) {
		len = strcspn(value, ";");
		if (!variable_ok(value, len))
			return false;
		if (!value[len])
			return true;
	}
}

/* Options are used once, of several the last counts; variables add up. */
static char *text_of(const struct option *opt, const char *old,
		     const char *value)
{
	char *text;

	if (opt->kind != ENV || !old)
		return strdup(value);
	return asprintf(&text, "%s;%s", old, value) < 0 ? NULL : text;
}

static const char *expected(kind_t kind)
{
	switch (kind) {
	case PATH:
		return "an absolute path";
	case MECHS:
		return "names of mechanisms separated by commas";
	case PRIORITIES:
		return "NAME=NUMBER separated by commas, each name once, "
		       "numbers from 0 to 100000";
	case PORTS:
		return "a range of ports such as 60001-60999, or any";
	case AUDIT:
		return "off, syslog or the absolute path of a file";
	case LEVEL:
		return "error, info, verbose, debug or debug2";
	case COUNT:
		return "a number from 1 to 1000000";
	case JOB_CHECK:
		return "off, prefer or require";
	case ENV:
		return "NAME=VALUE, with a name that begins with PMIX_MCA_ or "
		       "HWLOC_; several with ; between";
	case SWITCH:
		return "on or off";
	case EMPTY:
		return "fail or keep";
	case SECONDS:
		break;
	}
	return "seconds, from 1 to 86400";
}

static bool set(psec_site_t *site, const struct option *opt, const char *value)
{
	void *field = (char *)site + opt->offset;
	char *copy;

	switch (opt->kind) {
	case LEVEL:
		return parse_level(value, field);
	case SECONDS:
		return parse_int(value, 1, 86400, '\0', NULL, field);
	case COUNT:
		return parse_int(value, 1, 1000000, '\0', NULL, field);
	case SWITCH:
		return parse_switch(value, field);
	case EMPTY:
		return parse_empty(value, field);
	case PATH:
		if (value[0] != '/')
			return false;
		break;
	case MECHS:
		if (!mechs_ok(value))
			return false;
		break;
	case PRIORITIES:
		if (psec_priorities_check(value, NULL) != PSEC_OK)
			return false;
		break;
	case PORTS:
		if (!ports_ok(value))
			return false;
		break;
	case AUDIT:
		if (!audit_ok(value))
			return false;
		break;
	case JOB_CHECK:
		if (!job_check_ok(value))
			return false;
		break;
	case ENV:
		if (!env_ok(value))
			return false;
		break;
	}
	copy = text_of(opt, *(char **)field, value);
	if (!copy)
		return false;
	free(*(char **)field);
	*(char **)field = copy;
	return true;
}

/* Is a value of KIND kept as a copy of its text? */
static bool is_text(kind_t kind)
{
	switch (kind) {
	case PATH:
	case MECHS:
	case PRIORITIES:
	case PORTS:
	case AUDIT:
	case JOB_CHECK:
	case ENV:
		return true;
	case LEVEL:
	case SECONDS:
	case COUNT:
	case SWITCH:
	case EMPTY:
		break;
	}
	return false;
}

void options_free(psec_site_t *site)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		char **field = (char **)((char *)site + options[i].offset);

		if (!is_text(options[i].kind))
			continue;
		free(*field);
		*field = NULL;
	}
	free(site->cluster); /* no option: slurm.conf says it (realm.c) */
	site->cluster = NULL;
}

static int refuse(psec_error_t *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int refuse(psec_error_t *err, const char *fmt, ...)
{
	va_list ap;

	err->code = PSEC_ERR_ARG;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}

static int parse_word(psec_site_t *site, const char *word, psec_error_t *err)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option *opt = &options[i];

		if (strlen(opt->key) != len ||
		    strncmp(word, opt->key, len) != 0)
			continue;
		if (word[len] != '=' || !word[len + 1])
			return refuse(
				err, "option '%s' needs a value: %s=%s" IN_CONF,
				opt->key, opt->key, expected(opt->kind));
		if (!set(site, opt, word + len + 1))
			return refuse(err, "'%s': %s must be %s" IN_CONF, word,
				      opt->key, expected(opt->kind));
		return 0;
	}
	return refuse(err,
		      "unknown option '%.*s' behind spank_psec.so in "
		      "plugstack.conf; see spank_psec(5) for the known ones",
		      (int)len, word);
}

int options_parse(psec_site_t *site, int argc, char *const argv[],
		  psec_error_t *err)
{
	memset(site, 0, sizeof(*site));
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].dflt && !set(site, &options[i], options[i].dflt))
			return refuse(err, "no memory for the option %s",
				      options[i].key);
	for (int i = 0; i < argc; i++)
		if (parse_word(site, argv[i], err) != 0)
			return -1;
	return 0;
}
