/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * seeds.c - writes those seeds that one part of the program makes for another
 * to read: handshakes, invitations, step records.  Made anew each time, so
 * that they are always those of the program as it is.
 *
 * Usage: seeds DIR: files DIR/TARGET/NAME.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "ctl.h"
#include "ends.h"
#include "invitation.h"
#include "pipe.h"
#include "record.h"
#include "startup.h"

static const char *dir;

static void write_seed(const char *target, const char *name,
		       const uint8_t *bytes, size_t len)
{
	char path[4096];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, target);
	if (mkdir(path, 0755) != 0)
		MUST(errno == EEXIST);
	(void)snprintf(path, sizeof(path), "%s/%s/%s", dir, target, name);
	out = fopen(path, "we");
	MUST(out && fwrite(bytes, 1, len, out) == len && fclose(out) == 0);
}

/* -- handshakes -------------------------------------------------------------
 */

/* What an end has said, behind the bytes that fuzz_handshake_input.c wants. */
typedef struct {
	uint8_t bytes[32768];
	size_t len;
} record_t;

/* Move all that FROM has to say to TO.  False: nothing. */
static bool deliver(end_t *from, end_t *to, record_t *said)
{
	uint8_t bytes[16384];
	size_t len, at = 0;

	if (end_state(from) == PSEC_HS_WORK) {
		end_work(from);
		return true;
	}
	if (end_state(from) != PSEC_HS_OUTPUT)
		return false;
	len = end_output(from, bytes, sizeof(bytes));
	memcpy(said->bytes + said->len, bytes, len);
	said->len += len;
	while (at < len && end_state(to) == PSEC_HS_INPUT)
		at += end_input(to, bytes + at, len - at);
	return true;
}

/* SETUP: the three bytes that setup_read() reads. */
static void record(const char *name, const uint8_t setup[3])
{
	static record_t said[2];
	psec_t *psec = fuzz_psec();
	char file[64];
	setup_t s;
	feed_t feed = { setup, 3 };
	end_t ends[2];

	setup_read(&s, &feed);
	for (int i = 0; i < 2; i++) {
		end_open(&ends[i], psec, (fuzz_who_t)i, &s);
		/* Whose end is played, and whole messages; see the target. */
		said[i].bytes[0] = i == FUZZ_CLIENT ? 1 : 0;
		memcpy(said[i].bytes + 1, setup, 3);
		memset(said[i].bytes + 4, 0, 4);
		said[i].len = 8;
	}
	while (deliver(&ends[0], &ends[1], &said[0]) ||
	       deliver(&ends[1], &ends[0], &said[1]))
		;
	for (int i = 0; i < 2; i++) {
		(void)snprintf(file, sizeof(file), "%s-%s", name,
			       i == FUZZ_CLIENT ? "client" : "server");
		write_seed("handshake_input", file, said[i].bytes, said[i].len);
		end_close(&ends[i]);
	}
}

static void handshakes(void)
{
	static const struct {
		const char *name;
		uint8_t setup[3];
	} all[] = {
		{ "token", { 0, 0, 4 } },	  { "clear", { 1, 0, 4 } },
		{ "clear-known", { 1, 6, 0 } },	  { "choice", { 3, 0, 255 } },
		{ "refused", { 1, 1, 0 } },	  { "tool", { 3, 0x20, 4 } },
		{ "tool-clear", { 1, 0x20, 0 } }, { "legacy", { 9, 0x60, 4 } },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		record(all[i].name, all[i].setup);
}

/* -- invitations ------------------------------------------------------------
 */

static void invitations(void)
{
	invitation_t inv = { .job_id = 7,
			     .step_id = 1,
			     .node = 3,
			     .port = 4711,
			     .naddrs = 2,
			     .addrs = { { 4, { 127, 0, 0, 1 } },
					{ 6, { 0xfd, 1, 2, 3 } } } };
	uint8_t bytes[INVITATION_MAX + 16];
	size_t len;

	bytes[0] = 'i';
	len = invitation_encode(&inv, bytes + 1);
	write_seed("invitation", "alone", bytes, len + 1);
	/* Through the socket: cut into pieces of 16, slurmd's eight bytes. */
	bytes[0] = 's';
	bytes[1] = 16;
	bytes[2] = 0;
	put_u32(bytes + 3, geteuid());
	put_u32(bytes + 7, (uint32_t)len);
	len = invitation_encode(&inv, bytes + 11);
	write_seed("invitation", "socket", bytes, len + 11);
}

/* -- step records -----------------------------------------------------------
 */

/* A frame that was sent, as lines; *AT moves behind it. */
static size_t lines_of(size_t *at, char *out)
{
	ctl_head_t head;

	memcpy(&head, fuzz_pipe.sent + *at, sizeof(head));
	*at += sizeof(head);
	memcpy(out, fuzz_pipe.sent + *at, head.len);
	*at += head.len;
	for (size_t i = 0; i < head.len; i++)
		if (!out[i])
			out[i] = '\n';
	return head.len;
}

/* What slurmstepd tells psec-pmixd, as fuzz_stepconf.c wants it: text. */
static void record_of_step(const char *name, const char *cuts, char *const *env)
{
	static char text[PIPE_SENT_MAX];
	psec_step_t step = fuzz_step(RECORD_LOCAL_MAX, (char *)"native,munge");
	size_t at = 0, len = 4;
	char why[256];
	startup_t s;

	memset(&fuzz_pipe, 0, sizeof(fuzz_pipe));
	MUST(startup_init(&s, &step, why, sizeof(why)) == 0);
	/* Nobody answers, but all has been said. */
	MUST(startup_run(&s, 3, "7.1", env) != 0);
	startup_clear(&s);
	memcpy(text, cuts, 4);
	len += lines_of(&at, text + len);
	text[len++] = '\n';
	len += lines_of(&at, text + len);
	write_seed("stepconf", name, (const uint8_t *)text, len);
}

static void records(void)
{
	static char *const block[] = {
		(char *)"SLURM_STEP_NODELIST=n0,n1",
		(char *)"SLURM_PSEC_TASKMAP=0:4,1:6",
		(char *)"SLURM_JOB_CPUS_PER_NODE=8(x2)",
		(char *)"SLURM_CPUS_PER_TASK=1",
		NULL,
	};
	static char *const pieces[] = {
		(char *)"SLURM_PSEC_TASKMAP=0:1*4,1:2*3",
		(char *)"SLURM_STEP_NODELIST=n0,n1",
		(char *)"SLURM_JOB_CPUS_PER_NODE=16,8",
		(char *)"SLURM_CPUS_PER_TASK=4294967296",
		NULL,
	};
	static char *const het[] = {
		(char *)"SLURM_PSEC_NODES=n2,n0,n1",
		(char *)"SLURM_PSEC_TASKMAP=0:3,1:4,2:6",
		(char *)"SLURM_PSEC_STEP=dist=2 leader=6 own=1 "
			"het=6:3:1:2,7:10:2:1",
		(char *)"SLURM_HET_SIZE=2",
		NULL,
	};
	static char *const spawned[] = {
		(char *)"SLURM_STEP_NODELIST=n0,n1",
		(char *)"SLURM_PSEC_TASKMAP=0:4,1:6",
		(char *)"SLURM_JOB_NODELIST=n0,n1",
		(char *)"SLURM_JOB_CPUS_PER_NODE=8(x2)",
		(char *)"SLURM_PSEC_PROGRAMS=4,6",
		NULL,
	};

	record_of_step("block", "aaaa", block);
	record_of_step("pieces", "z2\001a", pieces);
	record_of_step("het", "aaaa", het);
	record_of_step("spawned", "aaaa", spawned);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: seeds DIR\n");
		return 1;
	}
	dir = argv[1];
	handshakes();
	invitations();
	records();
	fuzz_psec_clear();
	return 0;
}
