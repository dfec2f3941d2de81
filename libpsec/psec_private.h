/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * psec_private.h - what the sources of libpsec share.  Nothing here is
 * exported: the version script, libpsec.map, names what is.
 */
#ifndef PSEC_PRIVATE_H
#define PSEC_PRIVATE_H

#include "psec_mech.h"

/* A mechanism that the context was asked for. */
typedef struct {
	char name[PSEC_NAME_MAX + 1];
	const psec_mech_t *vt; /* NULL: could not be loaded, WHY tells */
	int priority;	       /* the plugin's or the options'; without vt -1 */
	void *state;	       /* of vt->open() */
	void *dl;
	psec_error_t why;
} mech_t;

/* Constant once psec_create() has returned, hence no lock. */
struct psec {
	mech_t *mechs; /* highest priority first, unloaded last */
	size_t nmechs;
};

/* -- list.c ------------------------------------------------------------- */

/*
 * The next name in the list at *POS, without the blanks around it; false at
 * the end.  *NAME is not terminated and may have any characters and length.
 */
bool list_next(const char **pos, const char **name, size_t *len);

/* May the LEN bytes at NAME be a mechanism's name? */
bool list_name_ok(const char *name, size_t len);

/* PSEC_ERR_TOO_BIG or _MALFORMED where psec_list_filter() refuses LIST. */
psec_code_t list_check(const char *list, psec_error_t *err);

/*
 * LIST for a sentence: in OUT, of SIZE bytes, without control characters, and
 * with "..." at its end where it is cut.  Returns OUT.
 */
const char *list_show(const char *list, char *out, size_t size);

/* -- priority.c --------------------------------------------------------- */

/*
 * What PRIORITIES, which psec_priorities_check() has passed and may be NULL,
 * say about NAME; DFLT where they say nothing.
 */
int priority_of(const char *priorities, const char *name, int dflt);

/* -- trust.c ------------------------------------------------------------ */

/*
 * Is PATH, absolute and the plugin of mechanism NAME, such that only root can
 * change what is found under it, now and later?  PSEC_ERR_PLUGIN: no, or it
 * cannot be found out.
 */
psec_code_t trust_check(const char *name, const char *path, psec_error_t *err);

/* -- mech.c ------------------------------------------------------------- */

/*
 * Load the plugin of MECH->name from OPT->plugin_dir.  What goes wrong is
 * told in MECH->why.  Release with mech_unload().
 */
void mech_load(mech_t *mech, const psec_options_t *opt);
void mech_unload(mech_t *mech);

/* NAME among the context's mechanisms, loaded; NULL: *RC and ERR say why. */
const mech_t *mech_find(const psec_t *psec, const char *name, psec_code_t *rc,
			psec_error_t *err);

/* -- cred.c ------------------------------------------------------------- */

/*
 * What a mechanism finds in INFO: nobody, and nothing.  A mechanism that
 * forgets to tell a uid must not make it root's.
 */
void cred_info_init(psec_cred_info_t *info);

/*
 * Release what INFO points to and wipe it.  The second half of
 * psec_cred_info_destroy(), for an INFO that is not malloc()ed.
 */
void cred_info_clear(psec_cred_info_t *info);

#endif
