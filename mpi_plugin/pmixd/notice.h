/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notice.h - a sentence for the other nodes' logs (and so for srun's output)
 * when this node's slurmstepd cannot say it any more.
 */
#ifndef PMIXD_NOTICE_H
#define PMIXD_NOTICE_H

/* With pmixd.lock held, when the links exist. */
void notice_init(void);

/* Tell the nodes next to this one.  With pmixd.lock held. */
void notice_send(const char *sentence);

#endif
