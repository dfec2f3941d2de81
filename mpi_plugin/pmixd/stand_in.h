/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stand_in.h - tasks that die before they have called PMIx_Init.
 *
 * libpmix learns of the end of a rank by its connection.  Of one that never had
 * any it knows nothing: the others of its node would wait for it for ever, in a
 * fence that libpmix does not even show its host.  So another process takes the
 * dead one's place for a moment: it calls PMIx_Init as that rank, and ends.
 * From then on all is as with any rank that dies: fences fail, here and
 * elsewhere.
 */
#ifndef PMIXD_STAND_IN_H
#define PMIXD_STAND_IN_H

#define STAND_IN_ARG "--stand-in"

/*
 * Is there such a task, and somebody who could wait for it?  To be called when
 * a task has ended, or a rank has connected.  A task with exit status 0 has
 * failed nobody: it may be a program without PMIx.  With pmixd.lock held.
 */
void stand_in_look(void);

/* The other process, `psec-pmixd --stand-in`; its exit status. */
int stand_in_main(void);

#endif
