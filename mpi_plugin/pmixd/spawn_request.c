/* SPDX-License-Identifier: BSD-3-Clause */
/* spawn_request.c - see spawn_request.h.  No input or output. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "ctl.h"
#include "error.h"
#include "spawn_request.h"

/* What is deprecated, or came later than 4.2. */
#ifndef PMIX_TAG_OUTPUT
#define PMIX_TAG_OUTPUT "pmix.tagout"
#endif
#ifndef PMIX_ABORT_NON_ZERO_TERM
#define PMIX_ABORT_NON_ZERO_TERM "pmix.abnz"
#endif
#ifndef PMIX_NON_PMI
#define PMIX_NON_PMI "pmix.nonpmi"
#endif
#ifndef PMIX_SPAWN_CHILD_SEP
#define PMIX_SPAWN_CHILD_SEP "pmix.spchildsep"
#endif

#define TASKS_MAX (1024 * 1024)

/* What directives, of the job or of applications, say. */
typedef struct {
	FILE *out;
	psec_error_t *err;
	pmix_status_t rc; /* the first failure */
	const char *wdir, *hosts, *prefix;
	const char *bind; /* srun's word, or NULL */
	const char *kill; /* of --kill-on-bad-exit, or NULL */
	long per_node, cpus_per_task;
	bool cyclic, overcommit, label, separate, silent;
	int timeout_s;
} want_t;

/* WORD=TEXT, as one string. */
static void put(FILE *out, const char *word, const char *text)
{
	fprintf(out, "%s=%s%c", word, text, '\0');
}

static void put_arg(FILE *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void put_arg(FILE *out, const char *fmt, ...)
{
	va_list ap;

	fputs("arg=", out);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fputc('\0', out);
}

static void refuse(want_t *w, pmix_status_t rc, const char *key,
		   const char *why)
{
	if (w->rc != PMIX_SUCCESS)
		return;
	w->rc = rc;
	error_set(w->err, PSEC_ERR_ARG, "PMIx_Spawn: %s: %s", key, why);
}

/* -- directives ------------------------------------------------------------ */

typedef void (*directive_fn)(want_t *w, const pmix_info_t *info);

static const char *text_of(want_t *w, const pmix_info_t *info)
{
	if (info->value.type == PMIX_STRING && info->value.data.string)
		return info->value.data.string;
	refuse(w, PMIX_ERR_BAD_PARAM, info->key, "it must be a string");
	return "";
}

static long number_of(want_t *w, const pmix_info_t *info)
{
	pmix_status_t rc;
	long n = 0;

	PMIX_VALUE_GET_NUMBER(rc, &info->value, n, long);
	if (rc != PMIX_SUCCESS || n < 0 || n > INT_MAX)
		refuse(w, PMIX_ERR_BAD_PARAM, info->key,
		       "it must be a number that is not negative, nor too "
		       "large");
	return n;
}

static void take_wdir(want_t *w, const pmix_info_t *info)
{
	w->wdir = text_of(w, info);
}

static void take_hosts(want_t *w, const pmix_info_t *info)
{
	w->hosts = text_of(w, info);
}

static void take_prefix(want_t *w, const pmix_info_t *info)
{
	w->prefix = text_of(w, info);
}

static bool begins(const char *text, const char *word)
{
	size_t len = strlen(word);

	return !strncasecmp(text, word, len) &&
	       !isalpha((unsigned char)text[len]);
}

/* "2:node" */
static bool take_per_node(want_t *w, const char *text)
{
	char unit[8] = "";

	return sscanf(text, "%ld:%7[a-z]", &w->per_node, unit) == 2 &&
	       unit[0] == 'n' && w->per_node >= 1 && w->per_node <= TASKS_MAX;
}

/* "slot", "core", "node", "ppr:2:node", each with qualifiers. */
static void take_mapby(want_t *w, const pmix_info_t *info)
{
	const char *text = text_of(w, info);

	if (strcasestr(text, ":oversubscribe"))
		w->overcommit = true;
	if (begins(text, "node"))
		w->cyclic = true;
	else if (!strncmp(text, "ppr:", 4) && take_per_node(w, text + 4))
		return;
	else if (!begins(text, "slot") && !begins(text, "core") && *text != ':')
		refuse(w, PMIX_ERR_NOT_SUPPORTED, info->key,
		       "only slot, core, node and ppr:N:node are known here");
}

static void take_ppr(want_t *w, const pmix_info_t *info)
{
	if (!take_per_node(w, text_of(w, info)))
		refuse(w, PMIX_ERR_NOT_SUPPORTED, info->key,
		       "only N:node is known here");
}

static void take_bindto(want_t *w, const pmix_info_t *info)
{
	static const char *const words[][2] = {
		{ "none", "none" },	   { "core", "cores" },
		{ "hwthread", "threads" }, { "socket", "sockets" },
		{ "package", "sockets" },  { "numa", "ldoms" }
	};
	const char *text = text_of(w, info);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (begins(text, words[i][0]))
			w->bind = words[i][1];
	if (!w->bind)
		refuse(w, PMIX_ERR_NOT_SUPPORTED, info->key,
		       "srun has no such way to bind");
}

static void take_cpus(want_t *w, const pmix_info_t *info)
{
	w->cpus_per_task = number_of(w, info);
}

static void take_label(want_t *w, const pmix_info_t *info)
{
	w->label = PMIX_INFO_TRUE(info);
}

static void take_separate(want_t *w, const pmix_info_t *info)
{
	w->separate = PMIX_INFO_TRUE(info);
}

static void take_notify(want_t *w, const pmix_info_t *info)
{
	w->silent = !PMIX_INFO_TRUE(info);
}

static void take_kill(want_t *w, const pmix_info_t *info)
{
	w->kill = PMIX_INFO_TRUE(info) ? "1" : "0";
}

static void take_timeout(want_t *w, const pmix_info_t *info)
{
	w->timeout_s = (int)number_of(w, info);
}

/* A variable's name; srun's and PMIx's own are theirs. */
static bool may_set(const char *name)
{
	return *name && *name != '=' && strncmp(name, "SLURM_", 6) != 0 &&
	       (strncmp(name, "PMIX_", 5) != 0 ||
		!strncmp(name, "PMIX_MCA_", 9));
}

static void take_envar(want_t *w, const pmix_info_t *info)
{
	const pmix_envar_t *e = &info->value.data.envar;
	const char *word = "env";

	if (info->value.type != PMIX_ENVAR || !e->envar || !e->value ||
	    strchr(e->envar, '=') || !may_set(e->envar)) {
		refuse(w, PMIX_ERR_BAD_PARAM, info->key,
		       "it must name a variable that is not Slurm's or PMIx's");
		return;
	}
	if (PMIX_CHECK_KEY(info, PMIX_PREPEND_ENVAR) ||
	    PMIX_CHECK_KEY(info, PMIX_APPEND_ENVAR)) {
		word = PMIX_CHECK_KEY(info, PMIX_PREPEND_ENVAR) ? "first"
								: "last";
		if (e->separator != ':' && e->separator != '\0') {
			refuse(w, PMIX_ERR_NOT_SUPPORTED, info->key,
			       "the separator must be a colon");
			return;
		}
	}
	fprintf(w->out, "%s=%s=%s%c", word, e->envar, e->value, '\0');
}

static void take_unset(want_t *w, const pmix_info_t *info)
{
	const char *name = text_of(w, info);

	if (may_set(name))
		put(w->out, "unset", name);
}

/* What is so in any case, or has no meaning here. */
static void take_nothing(want_t *w, const pmix_info_t *info)
{
}

/* Where to run is not to be guessed. */
static void take_refused(want_t *w, const pmix_info_t *info)
{
	refuse(w, PMIX_ERR_NOT_SUPPORTED, info->key,
	       "not supported; name the job's nodes with PMIX_HOST");
}

static const struct {
	const char *key;
	directive_fn take;
} directives[] = {
	{ PMIX_WDIR, take_wdir },
	{ PMIX_HOST, take_hosts },
	{ PMIX_PREFIX, take_prefix },
	{ PMIX_MAPBY, take_mapby },
	{ PMIX_PPR, take_ppr },
	{ PMIX_BINDTO, take_bindto },
	{ PMIX_CPUS_PER_PROC, take_cpus },
	{ PMIX_TAG_OUTPUT, take_label },
	{ PMIX_SPAWN_CHILD_SEP, take_separate },
	{ PMIX_NOTIFY_COMPLETION, take_notify },
	{ PMIX_ABORT_NON_ZERO_TERM, take_kill },
	{ PMIX_TIMEOUT, take_timeout },
	{ PMIX_SPAWN_TIMEOUT, take_timeout },
	{ PMIX_SET_ENVAR, take_envar },
	{ PMIX_ADD_ENVAR, take_envar },
	{ PMIX_PREPEND_ENVAR, take_envar },
	{ PMIX_APPEND_ENVAR, take_envar },
	{ PMIX_UNSET_ENVAR, take_unset },
	{ PMIX_FWD_STDOUT, take_nothing },
	{ PMIX_FWD_STDERR, take_nothing },
	{ PMIX_NON_PMI, take_nothing },
	{ PMIX_PERSONALITY, take_nothing },
	{ PMIX_NO_OVERSUBSCRIBE, take_nothing },
	{ PMIX_SETUP_APP_ENVARS, take_nothing },
	{ PMIX_PARENT_ID, take_nothing },
	{ PMIX_REQUESTOR_IS_CLIENT, take_nothing },
	{ PMIX_HOSTFILE, take_refused },
	{ PMIX_ADD_HOST, take_refused },
	{ PMIX_ADD_HOSTFILE, take_refused },
};

static void take_directives(want_t *w, const pmix_info_t info[], size_t ninfo)
{
	for (size_t i = 0; i < ninfo && w->rc == PMIX_SUCCESS; i++) {
		bool known = false;

		for (size_t d = 0;
		     d < sizeof(directives) / sizeof(directives[0]); d++)
			if (PMIX_CHECK_KEY(&info[i], directives[d].key)) {
				directives[d].take(w, &info[i]);
				known = true;
			}
		if (!known && PMIX_INFO_IS_REQUIRED(&info[i]))
			refuse(w, PMIX_ERR_NOT_SUPPORTED, info[i].key,
			       "it is required, and not supported");
	}
}

/* -- the command ----------------------------------------------------------- */

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* libpmix puts the command's base name ahead of the arguments. */
static void put_command(FILE *out, const pmix_app_t *app)
{
	put_arg(out, "%s", app->cmd ? app->cmd : app->argv[0]);
	for (size_t i = 1; app->argv && app->argv[0] && app->argv[i]; i++)
		put_arg(out, "%s", app->argv[i]);
}

static void put_env(FILE *out, const char *word, const pmix_app_t *app)
{
	for (size_t i = 0; app->env && app->env[i]; i++)
		if (may_set(app->env[i]))
			put(out, word, app->env[i]);
}

static size_t count_env(const pmix_app_t *app)
{
	size_t n = 0;

	for (size_t i = 0; app->env && app->env[i]; i++)
		n += may_set(app->env[i]);
	return n;
}

/* Arguments of `psec-spawn --run`, and what psec-pmixd is told of them. */
static void put_programs(FILE *out, const pmix_app_t apps[], size_t napps,
			 const char *const *wdirs)
{
	fputs("env=" PSEC_ENV_PROGRAMS, out);
	for (size_t i = 0; i < napps; i++)
		fprintf(out, "%c%d", i ? ',' : '=', apps[i].maxprocs);
	fputc('\0', out);
	put_arg(out, "%s", PSEC_SPAWN);
	put_arg(out, "--run");
	for (size_t i = 0; i < napps; i++) {
		size_t nargs = count(apps[i].argv);

		put_arg(out, "%d", apps[i].maxprocs);
		put_arg(out, "%zu", count_env(&apps[i]));
		put_arg(out, "%zu", nargs ? nargs : 1);
		put_arg(out, "%s", wdirs[i] ? wdirs[i] : ".");
		put_env(out, "arg", &apps[i]);
		put_command(out, &apps[i]);
	}
}

/* "n1:2,n2": names and their number; slots are not counted. */
static void put_hosts(FILE *out, const char *hosts, uint32_t tasks)
{
	uint32_t n = 0;

	fputs("arg=--nodelist=", out);
	for (const char *p = hosts; *p; n++) {
		size_t len = strcspn(p, ",");

		fprintf(out, "%s%.*s", n ? "," : "", (int)strcspn(p, ",:"), p);
		p += len;
		p += *p == ',';
	}
	fputc('\0', out);
	put_arg(out, "--nodes=%u", n < tasks || !tasks ? n : tasks);
}

static void put_placement(FILE *out, const want_t *w,
			  const spawn_facts_t *facts, uint32_t tasks)
{
	uint32_t nodes = facts->nalloc;

	if (w->hosts)
		put_hosts(out, w->hosts, tasks);
	else if (w->per_node > 0)
		put_arg(out, "--nodes=%u",
			(unsigned)((tasks + w->per_node - 1) / w->per_node));
	else if (nodes)
		put_arg(out, "--nodes=%u", nodes < tasks ? nodes : tasks);
	if (w->per_node > 0)
		put_arg(out, "--ntasks-per-node=%ld", w->per_node);
	put_arg(out, "--distribution=%s", w->cyclic ? "cyclic" : "block");
	if (w->bind)
		put_arg(out, "--cpu-bind=%s", w->bind);
	if (w->cpus_per_task > 0)
		put_arg(out, "--cpus-per-task=%ld", w->cpus_per_task);
	if (w->overcommit)
		put_arg(out, "--overcommit");
}

static void put_options(FILE *out, const want_t *w, const spawn_facts_t *facts,
			const pmix_app_t *first, uint32_t tasks)
{
	const char *name = first->cmd ? first->cmd : first->argv[0];
	const char *slash = strrchr(name, '/');

	put_arg(out, "--mpi=pmix");
	put_arg(out, "--overlap");
	put_arg(out, "--input=none");
	put_arg(out, "--export=ALL");
	put_arg(out, "--jobid=%u", facts->job_id);
	put_arg(out, "--job-name=%s", slash ? slash + 1 : name);
	put_arg(out, "--ntasks=%u", tasks);
	put_placement(out, w, facts, tasks);
	if (w->kill)
		put_arg(out, "--kill-on-bad-exit=%s", w->kill);
	if (w->label)
		put_arg(out, "--label");
	if (w->wdir)
		put_arg(out, "--chdir=%s", w->wdir);
	if (w->prefix && *w->prefix) {
		fprintf(out, "first=PATH=%s/bin%c", w->prefix, '\0');
		fprintf(out, "first=LD_LIBRARY_PATH=%s/lib%c", w->prefix, '\0');
	}
	fprintf(out, "env=" PSEC_ENV_PARENT "=%s.%d%c", facts->parent,
		w->separate, '\0');
}

static pmix_status_t check_apps(const pmix_app_t apps[], size_t napps,
				uint32_t *tasks, psec_error_t *err)
{
	*tasks = 0;
	for (size_t i = 0; i < napps && *tasks <= TASKS_MAX; i++) {
		if (apps[i].maxprocs < 1 || apps[i].maxprocs > TASKS_MAX) {
			error_set(err, PSEC_ERR_ARG,
				  "PMIx_Spawn: maxprocs is %d",
				  apps[i].maxprocs);
			return PMIX_ERR_BAD_PARAM;
		}
		if (!apps[i].cmd && !count(apps[i].argv)) {
			error_set(err, PSEC_ERR_ARG,
				  "PMIx_Spawn: an application has no command");
			return PMIX_ERR_JOB_NO_EXE_SPECIFIED;
		}
		*tasks += (uint32_t)apps[i].maxprocs;
	}
	if (napps && *tasks <= TASKS_MAX)
		return PMIX_SUCCESS;
	error_set(err, PSEC_ERR_ARG,
		  "PMIx_Spawn: no applications, or too "
		  "many processes");
	return PMIX_ERR_BAD_PARAM;
}

pmix_status_t spawn_request_make(spawn_request_t *out,
				 const spawn_facts_t *facts,
				 const pmix_info_t info[], size_t ninfo,
				 const pmix_app_t apps[], size_t napps,
				 psec_error_t *err)
{
	const char **wdirs = calloc(napps + 1, sizeof(char *));
	want_t w = { .err = err, .rc = PMIX_ERR_NOMEM };
	const char *of_all;
	uint32_t tasks;

	memset(out, 0, sizeof(*out));
	w.out = open_memstream(&out->text, &out->len);
	if (!w.out || !wdirs)
		goto done;
	w.rc = check_apps(apps, napps, &tasks, err);
	take_directives(&w, info, ninfo);
	of_all = w.wdir;
	for (size_t i = 0; i < napps && w.rc == PMIX_SUCCESS; i++) {
		w.wdir = apps[i].cwd ? apps[i].cwd : of_all;
		take_directives(&w, apps[i].info, apps[i].ninfo);
		wdirs[i] = w.wdir;
	}
	if (w.rc != PMIX_SUCCESS)
		goto done;
	w.wdir = wdirs[0];
	put_options(w.out, &w, facts, &apps[0], tasks);
	if (napps == 1) {
		put_env(w.out, "env", &apps[0]);
		put_arg(w.out, "--");
		put_command(w.out, &apps[0]);
	} else {
		put_arg(w.out, "--");
		put_programs(w.out, apps, napps, wdirs);
	}
	out->timeout_s = w.timeout_s;
	out->silent = w.silent;
done:
	if (w.out && fclose(w.out) != 0 && w.rc == PMIX_SUCCESS)
		w.rc = PMIX_ERR_NOMEM;
	free(wdirs);
	if (w.rc == PMIX_ERR_NOMEM)
		error_set(err, PSEC_ERR_NOMEM, "PMIx_Spawn: out of memory");
	if (w.rc != PMIX_SUCCESS) {
		free(out->text);
		out->text = NULL;
	}
	return w.rc;
}
