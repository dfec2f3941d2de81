/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_spawn_request.c - what a client asks for with PMIx_Spawn: a process of
 * the step's user, of which libpmix has checked the types.
 *
 * Input: lines.  aCMD N: an application of N processes; gTEXT: its next
 * argument; vTEXT: its next variable; kKEY=TEXT: a directive of the last
 * application, or of all; a key is one letter of a list; #: a number in place
 * of the text.
 *
 * What is made of it is strings that psec-spawn knows, and none sets a variable
 * of Slurm's or PMIx's but the one that names the parent.
 */
#include "ctl.h"
#include "fuzz.h"
#include "spawn_request.h"

#define APPS_MAX  4
#define WORDS_MAX 8
#define INFOS_MAX 8

typedef struct {
	char *argv[WORDS_MAX + 1], *env[WORDS_MAX + 1];
	size_t nargs, nenv;
	pmix_info_t info[INFOS_MAX];
	size_t ninfo;
} storage_t;

static struct {
	pmix_app_t apps[APPS_MAX];
	storage_t of[APPS_MAX + 1]; /* the last: of all */
	size_t napps;
} world;

static const char *const keys[] = { PMIX_WDIR,
				    PMIX_HOST,
				    PMIX_PREFIX,
				    PMIX_MAPBY,
				    PMIX_PPR,
				    PMIX_BINDTO,
				    PMIX_TIMEOUT,
				    PMIX_CPUS_PER_PROC,
				    PMIX_SET_ENVAR,
				    PMIX_HOSTFILE,
				    PMIX_PREPEND_ENVAR,
				    PMIX_APPEND_ENVAR,
				    PMIX_ADD_ENVAR,
				    PMIX_UNSET_ENVAR,
				    PMIX_SPAWN_TIMEOUT,
				    "some.key",
				    PMIX_NO_OVERSUBSCRIBE };

/* -- what is asked for ------------------------------------------------------
 */

static void add_app(char *text)
{
	char *space = strrchr(text, ' ');
	pmix_app_t *app = &world.apps[world.napps];
	storage_t *s = &world.of[world.napps];

	if (world.napps == APPS_MAX) {
		free(text);
		return;
	}
	world.napps++;
	app->maxprocs = 1;
	if (space) {
		*space = '\0';
		app->maxprocs = atoi(space + 1);
	}
	app->argv = s->argv;
	app->env = s->env;
	app->info = s->info;
	app->cmd = text;
	if (*text)
		return;
	free(text);
	app->cmd = NULL;
}

static void add_word(char **words, size_t *n, char *text)
{
	if (world.napps > 0 && *n < WORDS_MAX)
		words[(*n)++] = text;
	else
		free(text);
}

/* "NAME=VALUE", or as much of it as there is. */
static void set_envar(pmix_value_t *v, char *text)
{
	char *equals = strchr(text, '=');

	v->type = PMIX_ENVAR;
	v->data.envar.separator = *text == ';' ? ';' : ':';
	v->data.envar.value = equals ? strdup(equals + 1) : NULL;
	if (equals)
		*equals = '\0';
	v->data.envar.envar = text;
}

static void add_info(char *text)
{
	storage_t *s = &world.of[world.napps ? world.napps - 1 : APPS_MAX];
	pmix_info_t *info = &s->info[s->ninfo];
	size_t nkeys = sizeof(keys) / sizeof(keys[0]);
	size_t key = (uint8_t)text[0] % nkeys;

	if (s->ninfo == INFOS_MAX || !text[0] || !text[1]) {
		free(text);
		return;
	}
	PMIX_INFO_CONSTRUCT(info);
	PMIX_LOAD_KEY(info->key, keys[key]);
	s->ninfo++;
	if (text[1] == '!')
		PMIX_INFO_REQUIRED(info);
	if (text[1] == '#') {
		info->value.type = PMIX_INT64;
		info->value.data.int64 = strtoll(text + 2, NULL, 10);
		free(text);
		return;
	}
	memmove(text, text + 2, strlen(text + 2) + 1);
	if (strstr(keys[key], "env") && *text != '"') {
		set_envar(&info->value, text);
		return;
	}
	info->value.type = PMIX_STRING;
	info->value.data.string = text;
}

static void line(feed_t *feed)
{
	uint8_t what = feed_u8(feed);
	char *text = feed_text(feed, '\n');
	storage_t *s = &world.of[world.napps ? world.napps - 1 : APPS_MAX];

	if (what == 'a')
		add_app(text);
	else if (what == 'g')
		add_word(s->argv, &s->nargs, text);
	else if (what == 'v')
		add_word(s->env, &s->nenv, text);
	else if (what == 'k')
		add_info(text);
	else
		free(text);
}

/* -- what comes of it -------------------------------------------------------
 */

static void check_variable(const char *name, bool of_ours)
{
	static const char *const ours[] = { PSEC_ENV_PARENT "=",
					    PSEC_ENV_PROGRAMS "=" };

	for (int i = 0; of_ours && i < 2; i++)
		if (!strncmp(name, ours[i], strlen(ours[i])))
			return;
	MUST(*name && *name != '=');
	MUST(strncmp(name, "SLURM_", 6) != 0);
	MUST(strncmp(name, "PMIX_", 5) != 0 || !strncmp(name, "PMIX_MCA_", 9));
}

static void check_strings(const spawn_request_t *r)
{
	bool command = false;

	MUST(r->len > 0 && r->text[r->len - 1] == '\0');
	for (const char *p = r->text; p < r->text + r->len;
	     p += strlen(p) + 1) {
		if (!strncmp(p, "arg=", 4))
			command = command || !strcmp(p, "arg=--");
		else if (!strncmp(p, "env=", 4))
			check_variable(p + 4, true);
		else if (!strncmp(p, "first=", 6))
			check_variable(p + 6, false);
		else if (!strncmp(p, "last=", 5))
			check_variable(p + 5, false);
		else if (!strncmp(p, "unset=", 6))
			check_variable(p + 6, false);
		else
			MUST(false);
	}
	/* Or srun would have nothing to run. */
	MUST(command && r->timeout_s >= 0);
}

static void make(void)
{
	const spawn_facts_t facts = { .job_id = 7,
				      .nalloc = 4,
				      .parent = "0.1.2.id" };
	const storage_t *all = &world.of[APPS_MAX];
	psec_error_t err = { PSEC_OK, "" };
	spawn_request_t r;
	pmix_status_t rc;

	for (size_t i = 0; i < world.napps; i++)
		world.apps[i].ninfo = world.of[i].ninfo;
	rc = spawn_request_make(&r, &facts, all->info, all->ninfo, world.apps,
				world.napps, &err);
	if (rc == PMIX_SUCCESS) {
		check_strings(&r);
		free(r.text);
	} else {
		MUST(!r.text);
		must_be_told(err.code, &err);
	}
}

static void forget(void)
{
	for (size_t i = 0; i <= APPS_MAX; i++) {
		storage_t *s = &world.of[i];

		while (s->nargs > 0)
			free(s->argv[--s->nargs]);
		while (s->nenv > 0)
			free(s->env[--s->nenv]);
		while (s->ninfo > 0) {
			s->ninfo--;
			PMIX_INFO_DESTRUCT(&s->info[s->ninfo]);
		}
		if (i < APPS_MAX)
			free(world.apps[i].cmd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };

	memset(&world, 0, sizeof(world));
	while (feed.left > 0)
		line(&feed);
	make();
	forget();
	return 0;
}
