/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpi-spawn - parents spawn children with MPI_Comm_spawn, or "multiple", two
 * programs of N each, with MPI_Comm_spawn_multiple; the numbers of all ranks
 * are summed up over both; or, with a file's name and "accept" or
 * "connect", two steps find each other by MPI_Open_port.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Everybody of both sides: the sum of their numbers and a message round. */
static void meet(MPI_Comm inter, const char *who, int high)
{
	MPI_Comm all;
	int rank, size, sum = 0, next = -1;

	MPI_Intercomm_merge(inter, high, &all);
	MPI_Comm_rank(all, &rank);
	MPI_Comm_size(all, &size);
	MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, all);
	MPI_Sendrecv(&rank, 1, MPI_INT, (rank + 1) % size, 7, &next, 1, MPI_INT,
		     (rank + size - 1) % size, 7, all, MPI_STATUS_IGNORE);
	if (next != (rank + size - 1) % size)
		printf("%s %d: wrong message %d\n", who, rank, next);
	printf("%s: rank %d of %d on %s, sum %d\n", who, rank, size,
	       getenv("SLURMD_NODENAME"), sum);
	fflush(stdout);
	MPI_Comm_free(&all);
	MPI_Comm_disconnect(&inter);
}

static int attribute(int key)
{
	int *value = NULL, flag = 0;

	MPI_Comm_get_attr(MPI_COMM_WORLD, key, &value, &flag);
	return flag ? *value : -1;
}

static void spawn_two(char *self, int n, MPI_Comm *inter)
{
	char *commands[] = { self, self };
	int numbers[] = { n, n };
	MPI_Info infos[] = { MPI_INFO_NULL, MPI_INFO_NULL };

	MPI_Comm_spawn_multiple(2, commands, MPI_ARGVS_NULL, numbers, infos, 0,
				MPI_COMM_WORLD, inter, MPI_ERRCODES_IGNORE);
}

static void wait_for_port(const char *file, char *port)
{
	FILE *in = NULL;

	while (!(in = fopen(file, "r")))
		usleep(20000);
	if (!fgets(port, MPI_MAX_PORT_NAME, in))
		port[0] = '\0';
	fclose(in);
}

static void tell_port(const char *file, const char *port)
{
	char new[4096];
	FILE *out;

	snprintf(new, sizeof(new), "%s.new", file);
	out = fopen(new, "w");
	if (!out)
		exit(1);
	fputs(port, out);
	fclose(out);
	rename(new, file);
}

int main(int argc, char **argv)
{
	char port[MPI_MAX_PORT_NAME] = "";
	MPI_Comm parent, inter;
	int rank, errors[64];

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_get_parent(&parent);
	if (parent != MPI_COMM_NULL) {
		printf("child: program %d, universe %d\n",
		       attribute(MPI_APPNUM), attribute(MPI_UNIVERSE_SIZE));
		meet(parent, "child", 1);
	} else if (argc > 2 && !strcmp(argv[2], "multiple")) {
		spawn_two(argv[0], atoi(argv[1]), &inter);
		meet(inter, "parent", 0);
	} else if (argc < 3) {
		MPI_Comm_spawn(argv[0], MPI_ARGV_NULL,
			       argc > 1 ? atoi(argv[1]) : 4, MPI_INFO_NULL, 0,
			       MPI_COMM_WORLD, &inter, errors);
		meet(inter, "parent", 0);
	} else if (!strcmp(argv[2], "accept")) {
		if (rank == 0) {
			MPI_Open_port(MPI_INFO_NULL, port);
			tell_port(argv[1], port);
		}
		MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &inter);
		meet(inter, "accepted", 0);
	} else {
		if (rank == 0)
			wait_for_port(argv[1], port);
		MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_WORLD,
				 &inter);
		meet(inter, "connected", 1);
	}
	MPI_Finalize();
	return 0;
}
