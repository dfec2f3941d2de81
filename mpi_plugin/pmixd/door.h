/* SPDX-License-Identifier: BSD-3-Clause */
/* door.h - see door.c, which works by defining accept(2). */
#ifndef PMIXD_DOOR_H
#define PMIXD_DOOR_H

#include <stdbool.h>

/*
 * Has a connection come through our accept() yet?  False once a client has
 * connected means that libpmix has another one, and nothing may be handed
 * out.  Any thread.
 */
bool door_in_use(void);

/* How many connections were refused.  Any thread. */
unsigned long door_refused(void);

/*
 * Connect to libpmix's listener, of which URI (the value of a task's
 * PMIX_SERVER_URI...) tells the address, and see whether that comes through
 * our accept(), which keeps this one connection from libpmix.  False: it does
 * not, or there was none.  Blocks for 10 s at most.
 */
bool door_test(const char *uri);

#endif
