/* SPDX-License-Identifier: BSD-3-Clause */
/* What PMIx_Spawn is asked for, in srun's words. */
#include <limits.h>
#include <stdio.h>

#include "check.h"
#include "config.h"
#include "ctl.h"
#include "spawn_request.h"

/* One application with one directive of its own. */
typedef struct {
	pmix_info_t info;
	pmix_app_t app;
} simple_t;

static const spawn_facts_t facts = { .job_id = 7,
				     .nalloc = 4,
				     .parent = "0.1.2.id" };

static char cmd[] = "/bin/prog", first[] = "prog", second[] = "-x";
static char *argv_of[] = { first, second, NULL };

static pmix_app_t app_of(int tasks)
{
	return (pmix_app_t){ .cmd = cmd, .argv = argv_of, .maxprocs = tasks };
}

/* The request's strings, one a line; free() it. */
static char *lines_of(const spawn_request_t *r)
{
	char *text = malloc(r->len + 1);

	assert_non_null(text);
	for (size_t i = 0; i < r->len; i++)
		text[i] = (char)(r->text[i] ? r->text[i] : '\n');
	text[r->len] = '\0';
	return text;
}

/* A directive of the whole job. */
static pmix_status_t make(char **lines, const pmix_info_t *info, size_t ninfo,
			  const pmix_app_t *apps, size_t napps,
			  psec_error_t *err)
{
	spawn_request_t r;
	pmix_status_t rc =
		spawn_request_make(&r, &facts, info, ninfo, apps, napps, err);

	*lines = NULL;
	if (rc != PMIX_SUCCESS) {
		assert_null(r.text);
		assert_true(err->code != PSEC_OK && err->text[0]);
		return rc;
	}
	*lines = lines_of(&r);
	free(r.text);
	return rc;
}

static bool has_line(const char *lines, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = lines; p && *p; p += strcspn(p, "\n") + 1)
		if (strcspn(p, "\n") == len && !strncmp(p, line, len))
			return true;
	return false;
}

static bool has_text(const char *lines, const char *text)
{
	return lines && strstr(lines, text);
}

#define assert_line(lines, line)                                               \
	do {                                                                   \
		if (!has_line(lines, line))                                    \
			FAIL_MSG("no line '%s' in:\n%s", line, lines);         \
	} while (0)

static void set_text(pmix_info_t *info, const char *key, const char *text)
{
	PMIX_INFO_CONSTRUCT(info);
	PMIX_LOAD_KEY(info->key, key);
	info->value.type = PMIX_STRING;
	info->value.data.string = strdup(text);
	assert_non_null(info->value.data.string);
}

static void set_long(pmix_info_t *info, const char *key, int64_t n)
{
	PMIX_INFO_CONSTRUCT(info);
	PMIX_LOAD_KEY(info->key, key);
	info->value.type = PMIX_INT64;
	info->value.data.int64 = n;
}

/* With KEY=TEXT for four tasks the request has LINE; NULL: it is refused. */
static void with_text(const char *key, const char *text, const char *line)
{
	pmix_app_t app = app_of(4);
	psec_error_t err = { PSEC_OK, "" };
	pmix_info_t info;
	char *lines;
	pmix_status_t rc;

	set_text(&info, key, text);
	rc = make(&lines, &info, 1, &app, 1, &err);
	if (line) {
		if (rc != PMIX_SUCCESS)
			FAIL_MSG("%s=%s: %s", key, text, err.text);
		assert_line(lines, line);
	} else {
		if (rc == PMIX_SUCCESS)
			FAIL_MSG("%s=%s was taken", key, text);
		/* It is named. */
		assert_non_null(strstr(err.text, key));
	}
	free(lines);
	PMIX_INFO_DESTRUCT(&info);
}

static pmix_status_t with_number(const char *key, int64_t n, char **lines)
{
	pmix_app_t app = app_of(4);
	psec_error_t err = { PSEC_OK, "" };
	pmix_info_t info;

	set_long(&info, key, n);
	return make(lines, &info, 1, &app, 1, &err);
}

static void a_program_is_what_srun_runs(void **state)
{
	pmix_app_t app = app_of(2);
	psec_error_t err = { PSEC_OK, "" };
	char *lines;

	assert_int_equal(make(&lines, NULL, 0, &app, 1, &err), PMIX_SUCCESS);
	assert_string_equal(lines, "arg=--mpi=pmix\n"
				   "arg=--overlap\n"
				   "arg=--input=none\n"
				   "arg=--export=ALL\n"
				   "arg=--jobid=7\n"
				   "arg=--job-name=prog\n"
				   "arg=--ntasks=2\n"
				   "arg=--nodes=2\n"
				   "arg=--distribution=block\n"
				   "env=SLURM_PSEC_PARENT=0.1.2.id.0\n"
				   "arg=--\n"
				   "arg=/bin/prog\n"
				   "arg=-x\n");
	free(lines);
}

static void a_command_may_be_missing_where_there_are_arguments(void **state)
{
	pmix_app_t app = { .argv = argv_of, .maxprocs = 1 };
	psec_error_t err = { PSEC_OK, "" };
	char *lines;

	assert_int_equal(make(&lines, NULL, 0, &app, 1, &err), PMIX_SUCCESS);
	assert_true(has_text(lines, "arg=--\narg=prog\narg=-x\n"));
	free(lines);
	app.argv = NULL;
	assert_int_equal(make(&lines, NULL, 0, &app, 1, &err),
			 PMIX_ERR_JOB_NO_EXE_SPECIFIED);
}

static void several_programs_go_through_psec_spawn(void **state)
{
	char var[] = "COLOUR=blue", theirs[] = "SLURM_NTASKS=9";
	char *env[] = { var, theirs, NULL }, cwd[] = "/work";
	pmix_app_t apps[] = { app_of(2), app_of(3) };
	psec_error_t err = { PSEC_OK, "" };
	char *lines;

	apps[1].env = env;
	apps[1].cwd = cwd;
	assert_int_equal(make(&lines, NULL, 0, apps, 2, &err), PMIX_SUCCESS);
	assert_line(lines, "arg=--ntasks=5");
	assert_line(lines, "env=" PSEC_ENV_PROGRAMS "=2,3");
	assert_true(has_text(lines, "arg=" PSEC_SPAWN "\n"
				    "arg=--run\n"
				    "arg=2\narg=0\narg=2\narg=.\n"
				    "arg=/bin/prog\narg=-x\n"
				    "arg=3\narg=1\narg=2\narg=/work\n"
				    "arg=COLOUR=blue\n"
				    "arg=/bin/prog\narg=-x\n"));
	free(lines);
}

static void numbers_of_processes_are_checked(void **state)
{
	enum { MANY = 5000 };
	pmix_app_t *apps = calloc(MANY, sizeof(*apps));
	const int wrong[] = { 0, -1, INT_MIN, 1024 * 1024 + 1, INT_MAX };
	psec_error_t err = { PSEC_OK, "" };
	char *lines;

	assert_non_null(apps);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		apps[0] = app_of(wrong[i]);
		assert_int_equal(make(&lines, NULL, 0, apps, 1, &err),
				 PMIX_ERR_BAD_PARAM);
	}
	assert_int_equal(make(&lines, NULL, 0, apps, 0, &err),
			 PMIX_ERR_BAD_PARAM);
	/* Their sum has more than 32 bits. */
	for (int i = 0; i < MANY; i++)
		apps[i] = app_of(1024 * 1024);
	assert_int_equal(make(&lines, NULL, 0, apps, 4097, &err),
			 PMIX_ERR_BAD_PARAM);
	free(apps);
}

static void where_to_run_is_said_in_sruns_words(void **state)
{
	with_text(PMIX_HOST, "n1:2,n3", "arg=--nodelist=n1,n3");
	with_text(PMIX_HOST, "n1:2,n3", "arg=--nodes=2");
	with_text(PMIX_HOST, "n0,n1,n2,n3,n4", "arg=--nodes=4");
	with_text(PMIX_WDIR, "/a b", "arg=--chdir=/a b");
	with_text(PMIX_MAPBY, "node", "arg=--distribution=cyclic");
	with_text(PMIX_MAPBY, "slot", "arg=--distribution=block");
	with_text(PMIX_MAPBY, "core:OVERSUBSCRIBE", "arg=--overcommit");
	with_text(PMIX_MAPBY, "ppr:2:node", "arg=--ntasks-per-node=2");
	with_text(PMIX_MAPBY, "ppr:3:node", "arg=--nodes=2");
	with_text(PMIX_PPR, "4:node", "arg=--nodes=1");
	with_text(PMIX_BINDTO, "hwthread", "arg=--cpu-bind=threads");
	with_text(PMIX_PREFIX, "/opt/mpi", "first=PATH=/opt/mpi/bin");
	with_text(PMIX_UNSET_ENVAR, "COLOUR", "unset=COLOUR");
}

static void what_srun_cannot_do_is_refused(void **state)
{
	with_text(PMIX_MAPBY, "numa", NULL);
	with_text(PMIX_MAPBY, "nodes2", NULL);
	with_text(PMIX_MAPBY, "ppr:0:node", NULL);
	with_text(PMIX_MAPBY, "ppr:-1:node", NULL);
	with_text(PMIX_MAPBY, "ppr:2:socket", NULL);
	with_text(PMIX_MAPBY, "ppr:9223372036854775807:node", NULL);
	with_text(PMIX_PPR, "0:node", NULL);
	with_text(PMIX_PPR, "99999999999999999999:node", NULL);
	with_text(PMIX_PPR, "node", NULL);
	with_text(PMIX_BINDTO, "l3cache", NULL);
	with_text(PMIX_HOSTFILE, "/etc/hosts", NULL);
	with_text(PMIX_ADD_HOST, "n9", NULL);
	with_text(PMIX_CPUS_PER_PROC, "three", NULL);
}

static void numbers_that_are_none_are_refused(void **state)
{
	char *lines;

	assert_int_equal(with_number(PMIX_CPUS_PER_PROC, 3, &lines),
			 PMIX_SUCCESS);
	assert_line(lines, "arg=--cpus-per-task=3");
	free(lines);
	assert_int_equal(with_number(PMIX_CPUS_PER_PROC, -1, &lines),
			 PMIX_ERR_BAD_PARAM);
	assert_int_equal(
		with_number(PMIX_TIMEOUT, (int64_t)INT_MAX + 1, &lines),
		PMIX_ERR_BAD_PARAM);
	assert_int_equal(with_number(PMIX_WDIR, 1, &lines), PMIX_ERR_BAD_PARAM);
}

static void a_time_limit_is_told(void **state)
{
	pmix_app_t app = app_of(1);
	psec_error_t err = { PSEC_OK, "" };
	spawn_request_t r;
	pmix_info_t info;

	set_long(&info, PMIX_SPAWN_TIMEOUT, 17);
	assert_int_equal(
		spawn_request_make(&r, &facts, &info, 1, &app, 1, &err),
		PMIX_SUCCESS);
	assert_int_equal(r.timeout_s, 17);
	free(r.text);
}

static void what_is_not_known_is_ignored_unless_required(void **state)
{
	pmix_app_t app = app_of(1);
	psec_error_t err = { PSEC_OK, "" };
	pmix_info_t info;
	char *lines;

	set_text(&info, "some.key", "text");
	assert_int_equal(make(&lines, &info, 1, &app, 1, &err), PMIX_SUCCESS);
	assert_false(has_text(lines, "some.key"));
	free(lines);
	PMIX_INFO_REQUIRED(&info);
	assert_int_equal(make(&lines, &info, 1, &app, 1, &err),
			 PMIX_ERR_NOT_SUPPORTED);
	assert_non_null(strstr(err.text, "some.key"));
	PMIX_INFO_DESTRUCT(&info);
}

/* Of the environment, what is srun's and PMIx's stays theirs. */
static void variables_of_slurm_and_pmix_are_not_set(void **state)
{
	char mine[] = "COLOUR=blue", mca[] = "PMIX_MCA_psec=munge";
	char slurm[] = "SLURM_JOB_ID=1", rank[] = "PMIX_RANK=3", none[] = "=x";
	char *env[] = { mine, mca, slurm, rank, none, NULL };
	pmix_app_t app = app_of(1);
	psec_error_t err = { PSEC_OK, "" };
	char *lines;

	app.env = env;
	assert_int_equal(make(&lines, NULL, 0, &app, 1, &err), PMIX_SUCCESS);
	assert_line(lines, "env=COLOUR=blue");
	assert_line(lines, "env=PMIX_MCA_psec=munge");
	assert_false(has_text(lines, "SLURM_JOB_ID"));
	assert_false(has_text(lines, "PMIX_RANK"));
	assert_false(has_text(lines, "env==x"));
	free(lines);
}

static pmix_status_t with_variable(const char *key, const char *name,
				   char separator, char **lines)
{
	char envar[32], value[] = "v";
	pmix_app_t app = app_of(1);
	psec_error_t err = { PSEC_OK, "" };
	pmix_info_t info;

	(void)snprintf(envar, sizeof(envar), "%s", name);
	PMIX_INFO_CONSTRUCT(&info);
	PMIX_LOAD_KEY(info.key, key);
	info.value.type = PMIX_ENVAR;
	info.value.data.envar = (pmix_envar_t){ envar, value, separator };
	return make(lines, &info, 1, &app, 1, &err);
}

static void variables_by_directives(void **state)
{
	char *lines;

	assert_int_equal(with_variable(PMIX_SET_ENVAR, "A", ':', &lines),
			 PMIX_SUCCESS);
	assert_line(lines, "env=A=v");
	free(lines);
	assert_int_equal(with_variable(PMIX_PREPEND_ENVAR, "A", ':', &lines),
			 PMIX_SUCCESS);
	assert_line(lines, "first=A=v");
	free(lines);
	assert_int_equal(with_variable(PMIX_APPEND_ENVAR, "A", ':', &lines),
			 PMIX_SUCCESS);
	assert_line(lines, "last=A=v");
	free(lines);
	assert_int_equal(with_variable(PMIX_APPEND_ENVAR, "A", ';', &lines),
			 PMIX_ERR_NOT_SUPPORTED);
	assert_int_equal(with_variable(PMIX_SET_ENVAR, "A=B", ':', &lines),
			 PMIX_ERR_BAD_PARAM);
	assert_int_equal(
		with_variable(PMIX_SET_ENVAR, "SLURM_CONF", ':', &lines),
		PMIX_ERR_BAD_PARAM);
	assert_int_equal(with_variable(PMIX_SET_ENVAR, "", ':', &lines),
			 PMIX_ERR_BAD_PARAM);
}

static void directives_of_an_application_count_too(void **state)
{
	pmix_app_t app = app_of(1);
	psec_error_t err = { PSEC_OK, "" };
	pmix_info_t info;
	char *lines;

	set_text(&info, PMIX_WDIR, "/of/the/app");
	app.info = &info;
	app.ninfo = 1;
	assert_int_equal(make(&lines, NULL, 0, &app, 1, &err), PMIX_SUCCESS);
	assert_line(lines, "arg=--chdir=/of/the/app");
	free(lines);
	PMIX_INFO_DESTRUCT(&info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_what_srun_runs),
		cmocka_unit_test(
			a_command_may_be_missing_where_there_are_arguments),
		cmocka_unit_test(several_programs_go_through_psec_spawn),
		cmocka_unit_test(numbers_of_processes_are_checked),
		cmocka_unit_test(where_to_run_is_said_in_sruns_words),
		cmocka_unit_test(what_srun_cannot_do_is_refused),
		cmocka_unit_test(numbers_that_are_none_are_refused),
		cmocka_unit_test(a_time_limit_is_told),
		cmocka_unit_test(what_is_not_known_is_ignored_unless_required),
		cmocka_unit_test(variables_of_slurm_and_pmix_are_not_set),
		cmocka_unit_test(variables_by_directives),
		cmocka_unit_test(directives_of_an_application_count_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
