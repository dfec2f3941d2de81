/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_startup.c - what root, in slurmstepd, reads of psec-pmixd, which is a
 * process of the user's.
 *
 * Input: how many local tasks there are, how the bytes are cut, the user's
 * --psec up to a NUL, then frames: b for a block that is right but for its
 * number and size, f for one of any type and length, others are raw bytes.
 *
 * Also, what root has sent is what psec-pmixd reads, whatever --psec was.
 */
#include "ctl.h"
#include "fuzz.h"
#include "pipe.h"
#include "record.h"
#include "startup.h"
#include "stepconf.h"

#define FRAMES_MAX (2 * 1024 * 1024)

static uint8_t *frames;
static size_t frames_len;

static void put(const void *bytes, size_t len)
{
	if (len > FRAMES_MAX - frames_len)
		return;
	if (len > 0)
		memcpy(frames + frames_len, bytes, len);
	frames_len += len;
}

static void put_frame(uint32_t type, uint32_t len)
{
	const ctl_head_t head = { type, len };

	put(&head, sizeof(head));
}

/* A block for any task, with a NUL at its end as a rule. */
static void put_block(feed_t *feed)
{
	uint32_t local = feed_below(feed, RECORD_LOCAL_MAX + 1);
	uint8_t what = feed_u8(feed);
	uint32_t len = feed_u8(feed);
	static uint8_t body[CTL_BLOCK_MAX + 256];

	if (what & 1)
		len += CTL_BLOCK_MAX - 128;
	memset(body, 'x', len);
	if (len > 0 && !(what & 2))
		body[len - 1] = '\0';
	put_frame(CTL_BLOCK, (uint32_t)sizeof(local) + len);
	put(&local, sizeof(local));
	put(body, len);
}

static void put_any(feed_t *feed)
{
	uint32_t type = 14 + feed_below(feed, 8);
	uint8_t what = feed_u8(feed);
	const uint8_t *body;
	size_t len;

	body = feed_bytes(feed, feed_u16(feed) % 2048, &len);
	put_frame(type, what & 1 ? feed_u32(feed) : (uint32_t)len);
	put(body, len);
}

static void put_frames(feed_t *feed)
{
	uint8_t c;

	frames_len = 0;
	while (feed->left > 0) {
		c = feed_u8(feed);
		if (c == 'b')
			put_block(feed);
		else if (c == 'f')
			put_any(feed);
		else
			put(&c, 1);
	}
}

/* -- the other direction ----------------------------------------------------
 */

/* Take the next frame of what was sent.  NULL: it is not all there. */
static char *sent_frame(ctl_type_t type, size_t *at, size_t *len)
{
	ctl_head_t head;
	char *body;

	if (fuzz_pipe.sent_len - *at < sizeof(head))
		return NULL;
	memcpy(&head, fuzz_pipe.sent + *at, sizeof(head));
	*at += sizeof(head);
	MUST(head.type == (uint32_t)type);
	if (fuzz_pipe.sent_len - *at < head.len)
		return NULL;
	body = fuzz_string(fuzz_pipe.sent + *at, head.len);
	*at += head.len;
	*len = head.len;
	return body;
}

/* What the user typed cannot change what slurmd says of the step. */
static void check_sent(const psec_step_t *step)
{
	size_t at = 0, config_len = 0, env_len = 0;
	char *config = sent_frame(CTL_CONFIG, &at, &config_len);
	char *env = config ? sent_frame(CTL_ENV, &at, &env_len) : NULL;
	psec_error_t err;
	stepconf_t conf;
	int rc;

	if (!env) {
		free(config);
		return;
	}
	rc = stepconf_read(&conf, config, config_len, env, env_len, &err);
	MUST(conf.job_id == step->job_id && conf.step_id == step->step_id);
	MUST(conf.nnodes == step->nnodes && conf.node == step->node_id);
	MUST(conf.ntasks == step->ntasks && conf.nlocal == step->nlocal);
	MUST(memcmp(conf.ranks, step->ranks,
		    step->nlocal * sizeof(*step->ranks)) == 0);
	if (rc == 0) {
		MUST(strcmp(conf.dir, "/run/psec/7.1") == 0);
		MUST(psec_list_has("munge,native", conf.mechs) ||
		     strcmp(conf.mechs, "munge,native") == 0 ||
		     strcmp(conf.mechs, "native,munge") == 0);
		MUST(strcmp(stepconf_env(&conf, "SLURM_X"), "1") == 0);
		MUST(!stepconf_env(&conf, "HOME"));
	} else {
		must_be_told(err.code, &err);
	}
	free(conf.ranks);
	free(conf.config);
	free(conf.env);
}

/* -- ------------------------------------------------------------------------
 */

static void check_blocks(const startup_t *s, const psec_step_t *step)
{
	const char *block;
	size_t len = 0;

	for (uint32_t i = 0; i < step->nlocal; i++) {
		block = startup_block(s, i, &len);
		MUST(block && len > 0 && len <= CTL_BLOCK_MAX);
		MUST(block[len - 1] == '\0');
		free(fuzz_copy(block, len));
	}
	MUST(!startup_block(s, step->nlocal, &len));
}

/* The sentence goes to logs and terminals. */
static void check_sentence(const char *text, size_t size)
{
	MUST(text[0] && memchr(text, '\0', size));
	for (; *text; text++)
		MUST((unsigned char)*text >= ' ' && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const env[] = { (char *)"SLURM_X=1", (char *)"HOME=/",
				     NULL };
	feed_t feed = { data, size };
	psec_step_t step;
	uint32_t nlocal;
	char text[1024];
	startup_t s;

	if (!frames)
		frames = malloc(FRAMES_MAX);
	memset(&fuzz_pipe, 0, offsetof(pipe_t, sent));
	fuzz_pipe.sent_len = 0;
	/* At least one task: other steps have no server. */
	nlocal = 1 + feed_below(&feed, RECORD_LOCAL_MAX);
	for (int i = 0; i < 4; i++)
		fuzz_pipe.cuts[i] = feed_u8(&feed);
	fuzz_pipe.broken = feed_below(&feed, 8) == 7;
	fuzz_pipe.polls = 255u - feed_u8(&feed);
	step = fuzz_step(nlocal, feed_text(&feed, '\0'));
	put_frames(&feed);
	fuzz_pipe.feed = (feed_t){ frames, frames_len };
	MUST(startup_init(&s, &step, text, sizeof(text)) == 0);
	if (startup_run(&s, 3, "7.1", env) == 0)
		check_blocks(&s, &step);
	else
		check_sentence(text, sizeof(text));
	startup_clear(&s);
	if (!fuzz_pipe.broken)
		check_sent(&step);
	free(step.user_mechs);
	return 0;
}
