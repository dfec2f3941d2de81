/* SPDX-License-Identifier: BSD-3-Clause */
/* control.c - see control.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "error.h"
#include "sock_io.h"

/* The LEN bytes behind a header, malloc()ed, with a NUL behind them. */
static char *recv_body(size_t len)
{
	char *buf = malloc(len + 1);

	if (!buf || sock_recv_all(CTL_FD, buf, len) != 0) {
		free(buf);
		return NULL;
	}
	buf[len] = '\0';
	return buf;
}

int control_expect(ctl_type_t type, size_t max, char **data, size_t *len,
		   psec_error_t *err)
{
	ctl_head_t head;

	if (sock_recv_all(CTL_FD, &head, sizeof(head)) != 0)
		return error_set(err, PSEC_ERR_IO,
				 "slurmstepd went away during the start");
	if (head.type != (uint32_t)type || head.len > max)
		return error_set(err, PSEC_ERR_PROTOCOL,
				 "slurmstepd sent message %u with %u bytes, "
				 "not %u: they are of different installations",
				 head.type, head.len, (unsigned)type);
	*data = recv_body(head.len);
	if (!*data)
		return error_set(err, PSEC_ERR_IO,
				 "slurmstepd went away during the start");
	*len = head.len;
	return 0;
}

int control_next(ctl_type_t *type, size_t max, char **data, size_t *len)
{
	ctl_head_t head;

	if (sock_recv_all(CTL_FD, &head, sizeof(head)) != 0 || head.len > max)
		return -1;
	*data = recv_body(head.len);
	if (!*data)
		return -1;
	*type = (ctl_type_t)head.type;
	*len = head.len;
	return 0;
}

void control_send(ctl_type_t type, const void *data, size_t len)
{
	ctl_head_t head = { (uint32_t)type, (uint32_t)len };

	if (sock_send_all(CTL_FD, &head, sizeof(head)) == 0)
		(void)sock_send_all(CTL_FD, data, len);
}

void control_send_block(uint32_t local, char *const *env)
{
	char *data = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&data, &len);

	if (!out)
		return;
	fwrite(&local, sizeof(local), 1, out);
	for (; env && *env; env++)
		fwrite(*env, 1, strlen(*env) + 1, out);
	if (fclose(out) == 0)
		control_send(CTL_BLOCK, data, len);
	free(data);
}

void control_fail(const char *sentence)
{
	control_send(CTL_FAIL, sentence, strnlen(sentence, CTL_SENTENCE_MAX));
}
