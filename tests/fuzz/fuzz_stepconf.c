/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_stepconf.c - what psec-pmixd reads when it starts: the step record,
 * and the step's environment, which is the user's.
 *
 * Input: how the bytes are cut (four letters), then text: the record's
 * "key=value" lines, an empty line, the environment's.  With an R before the
 * text the rest is the bytes on the control socket.
 *
 * A layout that is accepted is one of the step that the record describes.
 */
#include "control.h"
#include "fuzz.h"
#include "layout.h"
#include "pipe.h"
#include "slurm_extra.h"
#include "taskmap.h"

#define COUNT_MAX 4096 /* nodes and tasks; the record's are Slurm's word */

/* -- hostlists: names and commas; the real ones are Slurm's -----------------
 */

typedef __typeof__(slurm_hostlist_create(NULL)) names_ptr_t;

struct names {
	char *copy, *next;
};

names_ptr_t slurm_hostlist_create(const char *text)
{
	struct names *names = malloc(sizeof(*names));

	MUST(names);
	names->copy = names->next = fuzz_string(text, strlen(text));
	return (names_ptr_t)names;
}

int slurm_hostlist_count(names_ptr_t list)
{
	const struct names *names = (struct names *)list;
	int n = 1;

	for (const char *p = names->next; *p; p++)
		n += *p == ',';
	return n;
}

char *slurm_hostlist_shift(names_ptr_t list)
{
	struct names *names = (struct names *)list;
	char *name = strsep(&names->next, ",");

	return name ? fuzz_string(name, strlen(name)) : NULL;
}

void slurm_hostlist_destroy(names_ptr_t list)
{
	struct names *names = (struct names *)list;

	if (!names)
		return;
	free(names->copy);
	free(names);
}

/* -- layout -----------------------------------------------------------------
 */

static void check_layout(const layout_t *l, const stepconf_t *conf)
{
	uint32_t total = 0;

	MUST(l->nnodes == conf->nnodes && l->ntasks == conf->ntasks);
	MUST(l->slots >= l->ntasks && l->cpus_per_task > 0);
	MUST(l->apps.n > 0 && l->apps.own < l->apps.n);
	MUST(apps_of_rank(&l->apps, l->ntasks - 1) == l->apps.n - 1);
	MUST(apps_of_node(&l->apps, conf->node) == l->apps.own);
	MUST(l->programs.n > 0 && l->apps.n <= l->programs.n);
	MUST(apps_of_rank(&l->programs, l->ntasks - 1) == l->programs.n - 1);
	for (uint32_t i = 0; l->alloc_names && i < l->nalloc; i++)
		MUST(l->alloc_names[i]);
	for (uint32_t n = 0; n < l->nnodes; n++) {
		MUST(l->node_names[n]);
		for (uint32_t i = 0; i < l->node_tasks[n]; i++) {
			uint32_t rank = l->node_ranks[n][i];

			MUST(rank < l->ntasks && l->node_of[rank] == n);
			MUST(l->local_of[rank] == i);
			MUST(i == 0 || rank > l->node_ranks[n][i - 1]);
		}
		total += l->node_tasks[n];
	}
	MUST(total == l->ntasks);
	MUST(l->node_tasks[conf->node] == conf->nlocal);
	for (uint32_t i = 0; i < conf->nlocal; i++)
		MUST(l->node_of[conf->ranks[i]] == conf->node);
}

/* -- record -----------------------------------------------------------------
 */

static void check_conf(const stepconf_t *conf)
{
	char list[PSEC_LIST_MAX + 1];

	MUST(conf->node < conf->nnodes && conf->ntasks > 0 && conf->dir);
	MUST(psec_list_filter(conf->mechs, NULL, list, sizeof(list), NULL) ==
	     PSEC_OK);
	MUST(list[0] && strcmp(list, conf->mechs) == 0);
	MUST(conf->port_min <= conf->port_max);
	for (uint32_t i = 0; i < conf->nlocal; i++)
		MUST(conf->ranks[i] < conf->ntasks);
}

/* CONFIG and ENV are the callee's. */
static void read_both(char *config, size_t config_len, char *env,
		      size_t env_len)
{
	psec_error_t err;
	stepconf_t conf;
	layout_t layout;

	if (stepconf_read(&conf, config, config_len, env, env_len, &err) != 0) {
		must_be_told(err.code, &err);
	} else {
		check_conf(&conf);
		if (conf.ntasks <= COUNT_MAX && conf.nnodes <= COUNT_MAX) {
			if (layout_read(&layout, &conf, &err) == 0)
				check_layout(&layout, &conf);
			else
				must_be_told(err.code, &err);
			layout_free(&layout);
		}
	}
	free(conf.ranks);
	free(conf.config);
	free(conf.env);
}

/* -- control socket ---------------------------------------------------------
 */

static void put_frame(uint8_t **at, ctl_type_t type, const char *body,
		      size_t len)
{
	const ctl_head_t head = { (uint32_t)type, (uint32_t)len };

	memcpy(*at, &head, sizeof(head));
	memcpy(*at + sizeof(head), body, len);
	*at += sizeof(head) + len;
}

/* Two frames of "key=value" strings from TEXT, which is changed. */
static size_t frames_of(char *text, size_t len, uint8_t *out)
{
	char *empty = memmem(text, len, "\n\n", 2);
	char *env = empty ? empty + 2 : text + len;
	size_t config_len = (size_t)((empty ? empty + 1 : env) - text);
	uint8_t *end = out;

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			text[i] = '\0';
	put_frame(&end, CTL_CONFIG, text, config_len);
	put_frame(&end, CTL_ENV, env, (size_t)(text + len - env));
	return (size_t)(end - out);
}

static void take_both(void)
{
	char *config = NULL, *env = NULL;
	size_t config_len = 0, env_len = 0;
	ctl_type_t type;
	psec_error_t err;
	char *more;
	size_t more_len;

	if (control_expect(CTL_CONFIG, CTL_CONFIG_MAX, &config, &config_len,
			   &err) != 0 ||
	    control_expect(CTL_ENV, CTL_ENV_MAX, &env, &env_len, &err) != 0) {
		must_be_told(err.code, &err);
		free(config);
		return;
	}
	read_both(config, config_len, env, env_len);
	while (control_next(&type, CTL_CONFIG_MAX, &more, &more_len) == 0)
		free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_t feed = { data, size };
	uint8_t *bytes = malloc(size + 2 * sizeof(ctl_head_t));
	size_t len;
	char *text;

	MUST(bytes);
	memset(&fuzz_pipe, 0, offsetof(pipe_t, sent));
	for (int i = 0; i < 4; i++) {
		uint8_t c = feed_u8(&feed);

		/* There is no "not now" on this socket. */
		fuzz_pipe.cuts[i] = c == 'a' ? 0 : c == 2 ? 1 : c;
	}
	if (feed.left > 0 && *feed.pos == 'R') {
		(void)feed_u8(&feed);
		fuzz_pipe.feed = feed;
	} else {
		text = fuzz_string(feed.pos, feed.left);
		len = frames_of(text, feed.left, bytes);
		free(text);
		fuzz_pipe.feed = (feed_t){ bytes, len };
	}
	take_both();
	free(bytes);
	return 0;
}
