/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpi-names.c - MPI's names: "publish" gives one to a port and waits for
 * another, "lookup" the other way round; then what is not there is refused.
 */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

/*
 * MPI_Lookup_name() of Open MPI 5.0 leaves it to chance which range it asks
 * for, unless it is told.  4.1 does not know the key.
 */
static MPI_Info session;

static int fails(int rc, int expected)
{
	int class = MPI_SUCCESS;

	MPI_Error_class(rc, &class);
	return class != expected;
}

static void await(const char *name, char *port)
{
	while (MPI_Lookup_name(name, session, port) != MPI_SUCCESS)
		;
}

int main(int argc, char **argv)
{
	int first = argc > 1 && !strcmp(argv[1], "publish"), bad = 0;
	const char *mine = first ? "first" : "second";
	const char *other = first ? "second" : "first";
	char port[MPI_MAX_PORT_NAME];

	MPI_Init(&argc, &argv);
	MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
	MPI_Info_create(&session);
	MPI_Info_set(session, "range", "session");
	bad += MPI_Publish_name(mine, MPI_INFO_NULL, mine) != MPI_SUCCESS;
	await(other, port);
	printf("%s: the port of %s is %s\n", mine, other, port);
	bad += strcmp(port, other) != 0;
	bad += fails(MPI_Lookup_name("third", session, port), MPI_ERR_NAME);
	bad += fails(MPI_Unpublish_name("third", MPI_INFO_NULL, port),
		     MPI_ERR_SERVICE);
	/* Neither may leave while the other still looks. */
	if (first)
		bad += MPI_Publish_name("found", MPI_INFO_NULL, "found") !=
		       MPI_SUCCESS;
	else
		await("found", port);
	if (!first)
		bad += MPI_Unpublish_name(mine, MPI_INFO_NULL, mine) !=
		       MPI_SUCCESS;
	while (first && MPI_Lookup_name(other, session, port) == MPI_SUCCESS)
		;
	MPI_Finalize();
	if (bad)
		fprintf(stderr, "%s: %d calls went wrong\n", mine, bad);
	return bad != 0;
}
