/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * assembly.h - which processes of this node PMIx_Connect has joined with other
 * steps.  The standard ("Connecting and Disconnecting Processes") has the
 * others told of each that ends, or calls PMIx_Finalize, without a
 * PMIx_Disconnect.
 *
 * All functions are called with pmixd.lock held.
 */
#ifndef PMIXD_ASSEMBLY_H
#define PMIXD_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSEMBLY_SIG_LEN   16
#define ASSEMBLY_STEPS_MAX 1024 /* in one */

/*
 * The processes that SIG names, of STEPS (N of them), are connected; LOCALS
 * says for each local task whether it is one of them, and becomes the
 * callee's.  Without memory nothing is noted.
 */
void assembly_connected(const uint8_t sig[ASSEMBLY_SIG_LEN],
			const uint32_t *steps, uint32_t n, bool *locals);
void assembly_disconnected(const uint8_t sig[ASSEMBLY_SIG_LEN]);

/*
 * The other steps that the local task LOCAL is connected with, each once;
 * returns how many.  With assembly_leave() it takes no part any more.
 */
size_t assembly_steps(uint32_t local, uint32_t steps[ASSEMBLY_STEPS_MAX]);
size_t assembly_leave(uint32_t local, uint32_t steps[ASSEMBLY_STEPS_MAX]);

/* STEP has failed; true: it was connected with processes of this node. */
bool assembly_lost(uint32_t step);

#endif
