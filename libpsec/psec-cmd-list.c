/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec-cmd-list.c - which mechanisms there are, whether they work here, and
 * which one a client picks.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "psec-cmd-deadline.h"
#include "psec-cmd-mechs.h"
#include "psec-cmd-output.h"
#include "psec_mech.h"

/* More than fit into a list of names. */
#define MECHS_MAX (PSEC_LIST_MAX / 2 + 1)

typedef struct {
	psec_mech_info_t info;
	psec_error_t why; /* code PSEC_OK: it works */
} row_t;

/* Leaked where a mechanism hangs: see cmd_within(). */
typedef struct {
	psec_t *psec;
	row_t rows[MECHS_MAX];
	size_t nrows;
	atomic_size_t probed; /* so many rows are complete */
} probe_t;

static probe_t *probe_create(psec_t *psec)
{
	probe_t *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->psec = psec;
	while (p->nrows < MECHS_MAX &&
	       psec_mech_get(psec, p->nrows, &p->rows[p->nrows].info))
		p->nrows++;
	return p;
}

static void probe_work(void *arg)
{
	probe_t *p = arg;
	size_t i;

	for (i = 0; i < p->nrows; i++) {
		row_t *row = &p->rows[i];

		row->why.code =
			psec_mech_probe(p->psec, row->info.name, &row->why);
		atomic_store(&p->probed, i + 1);
	}
}

/* The rows of DONE; those that were not probed in time say so. */
static void probe_all(probe_t *p, int timeout_s, row_t *done)
{
	size_t i, probed;

	(void)cmd_within(timeout_s, probe_work, p);
	probed = atomic_load(&p->probed);
	for (i = 0; i < p->nrows; i++) {
		done[i].info = p->rows[i].info;
		if (i < probed)
			done[i].why = p->rows[i].why;
		else
			(void)psec_fail(&done[i].why, PSEC_ERR_TIMEOUT,
					"it was not clear within %d s whether "
					"mechanism %s works",
					timeout_s, done[i].info.name);
	}
}

static void print_rows(const row_t *rows, size_t n)
{
	size_t i;

	cmd_print("%-16s %8s  %-5s  %s\n", "MECHANISM", "PRIORITY", "WORKS",
		  "PROVES");
	for (i = 0; i < n; i++) {
		const psec_mech_info_t *m = &rows[i].info;
		char priority[16] = "-";

		if (m->priority >= 0)
			(void)snprintf(priority, sizeof(priority), "%d",
				       m->priority);
		cmd_print("%-16s %8s  %-5s  %s\n", m->name, priority,
			  rows[i].why.code ? "no" : "yes",
			  m->priority >= 0 ? m->proves : "-");
		if (rows[i].why.code)
			cmd_print("    %s\n", rows[i].why.text);
	}
}

static json_t *row_json(const row_t *row)
{
	bool loaded = row->info.priority >= 0, works = !row->why.code;

	return json_pack(
		"{s:s, s:o, s:o, s:b, s:o, s:o}", "name", row->info.name,
		"priority",
		loaded ? json_integer(row->info.priority) : json_null(),
		"proves", cmd_json_text(loaded ? row->info.proves : NULL),
		"works", works, "code",
		cmd_json_text(works ? NULL : psec_strcode(row->why.code)),
		"why", cmd_json_text(works ? NULL : row->why.text));
}

static int print_rows_json(const cmd_common_t *common, const row_t *rows,
			   size_t n)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(array, row_json(&rows[i]));
	return cmd_print_json(json_pack("{s:o, s:o}", "mechdir",
					cmd_json_text(cmd_mechdir(common)),
					"mechanisms", array));
}

static int list(psec_t *psec, const cmd_common_t *common, int timeout_s)
{
	probe_t *p = probe_create(psec);
	row_t *rows = p ? calloc(p->nrows + 1, sizeof(*rows)) : NULL;
	int rc = PSEC_ERR_NO_MECH;
	size_t i;

	if (!rows) {
		free(p);
		cmd_say("no memory for the list of mechanisms");
		return PSEC_ERR_NOMEM;
	}
	probe_all(p, timeout_s, rows);
	for (i = 0; i < p->nrows; i++) {
		if (!rows[i].why.code)
			rc = 0;
	}
	if (!common->json)
		print_rows(rows, p->nrows);
	else if (print_rows_json(common, rows, p->nrows) != 0)
		rc = PSEC_ERR_NOMEM;
	if (!cmd_abandoned())
		free(p);
	free(rows);
	return rc;
}

int cmd_list(const cmd_t *cmd, int argc, char **argv)
{
	cmd_common_t common = { 0 };
	const char *mechs = NULL;
	int timeout_s = CMD_TIMEOUT_S;
	const cmd_option_t options[] = {
		{ "mechanisms", 0, CMD_MECHS, &mechs,
		  "only these; default: all that are installed" },
		{ "timeout", 0, CMD_SECONDS, &timeout_s,
		  "give up on one that hangs, by default after 60" },
		CMD_COMMON_OPTIONS(&common),
		{ NULL }
	};
	psec_t *psec = NULL;
	psec_error_t err;
	int rc = cmd_options(cmd, options, argc, argv, NULL);

	if (rc != CMD_GO_ON)
		return rc;
	if (cmd_psec(&psec, &common, mechs, &err) != PSEC_OK)
		return cmd_failed(common.json, &err);
	rc = list(psec, &common, timeout_s);
	if (!cmd_abandoned())
		psec_destroy(psec);
	return rc;
}

/* -- select --------------------------------------------------------------- */

/* The mechanism NAME is picked; say so, and that it does not work here. */
static int selected(psec_t *psec, const cmd_common_t *common, const char *list,
		    const char *name, int timeout_s)
{
	probe_t *p = calloc(1, sizeof(*p));
	row_t row = { .why = { .code = PSEC_OK } };
	bool works;

	if (!p) {
		cmd_say("no memory to try mechanism %s", name);
		return PSEC_ERR_NOMEM;
	}
	p->psec = psec;
	p->nrows = 1;
	p->rows[0].info.name = name;
	probe_all(p, timeout_s, &row);
	works = row.why.code == PSEC_OK;
	if (!works)
		cmd_say("%s is picked, but does not work here: %s", name,
			row.why.text);
	if (!common->json)
		cmd_print("%s\n", name);
	else
		(void)cmd_print_json(json_pack(
			"{s:s, s:o, s:b, s:o}", "selected", name, "list",
			cmd_json_text(list), "works", works, "why",
			cmd_json_text(works ? NULL : row.why.text)));
	if (!cmd_abandoned())
		free(p);
	return 0;
}

static int select_one(psec_t *psec, const cmd_common_t *common,
		      const char *list, int timeout_s)
{
	const char *name;
	psec_error_t err;

	if (psec_select(psec, list, &name, &err) != PSEC_OK)
		return cmd_failed(common->json, &err);
	return selected(psec, common, list, name, timeout_s);
}

int cmd_select(const cmd_t *cmd, int argc, char **argv)
{
	cmd_common_t common = { 0 };
	const char *mechs = NULL, *list = NULL;
	int timeout_s = CMD_TIMEOUT_S;
	const cmd_option_t options[] = {
		{ "mechanisms", 0, CMD_MECHS, &mechs,
		  "what the client has; default: all that are installed" },
		{ "timeout", 0, CMD_SECONDS, &timeout_s,
		  "give up on one that hangs, by default after 60" },
		CMD_COMMON_OPTIONS(&common),
		{ NULL }
	};
	psec_t *psec = NULL;
	psec_error_t err;
	int rc = cmd_options(cmd, options, argc, argv, &list);

	if (rc != CMD_GO_ON)
		return rc;
	if (!list)
		list = getenv("PMIX_SECURITY_MODE");
	if (!list)
		return cmd_usage(cmd, "no LIST is given, and "
				      "PMIX_SECURITY_MODE is not set");
	if (cmd_psec(&psec, &common, mechs, &err) != PSEC_OK)
		return cmd_failed(common.json, &err);
	rc = select_one(psec, &common, list, timeout_s);
	if (!cmd_abandoned())
		psec_destroy(psec);
	return rc;
}
