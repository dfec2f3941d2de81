/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * group.h - PMIx_Group_construct and PMIx_Group_destruct among the step's
 * processes.
 *
 * What comes back from a construct: the members (5.0 hands them on to the
 * clients), what each node's libpmix has gathered of its members' data, and
 * a context id where one was asked for.  A context id is a number above 0
 * that no other group of the step has, has had or will have.
 *
 * Invitations are events (PMIx_Group_invite, PMIx_Group_join); libpmix makes
 * them of PMIx_Notify_event and does not call us.
 */
#ifndef PMIXD_GROUP_H
#define PMIXD_GROUP_H

#include <pmix_server.h>

/*
 * Host upcall group.  Never returns an error: libpmix 4.2 tells one only to
 * the last of the ranks that wait, and frees it twice.
 */
pmix_status_t group_upcall(pmix_group_operation_t op, char *name,
			   const pmix_proc_t procs[], size_t nprocs,
			   const pmix_info_t directives[], size_t ndirs,
			   pmix_info_cbfunc_t cbfunc, void *cbdata);

#endif
