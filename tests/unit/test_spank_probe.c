/* SPDX-License-Identifier: BSD-3-Clause */
/* Which mechanisms work where a task runs, and what is said of the others. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "probe.h"

/* A file system of its own for each test: one socket, one library directory. */
typedef struct {
	char dir[64], socket[128], libs[128], library[160], cache[128];
	const char *sockets[3], *lib_dirs[2];
	int fd; /* of the socket */
	probe_t probe;
} place_t;

static void put_file(const char *path, const void *data, size_t len)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static int bound(const char *path, int type)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(strlen(path) < sizeof(addr.sun_path));
	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* With libmunge and a munged's socket. */
static int make_place(void **state)
{
	place_t *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	snprintf(p->dir, sizeof(p->dir), "/tmp/psec-probe-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->socket, sizeof(p->socket), "%s/munge", p->dir);
	snprintf(p->libs, sizeof(p->libs), "%s/lib", p->dir);
	snprintf(p->library, sizeof(p->library), "%s/libmunge.so.2", p->libs);
	snprintf(p->cache, sizeof(p->cache), "%s/cache", p->dir);
	assert_int_equal(mkdir(p->libs, 0755), 0);
	put_file(p->library, "x", 1);
	p->fd = bound(p->socket, SOCK_STREAM);
	assert_int_equal(listen(p->fd, 1), 0);
	probe_init(&p->probe, geteuid(), getegid(), NULL);
	p->sockets[0] = p->socket;
	p->lib_dirs[0] = p->libs;
	p->probe.sockets = p->sockets;
	p->probe.lib_dirs = p->lib_dirs;
	p->probe.ld_cache = p->cache;
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	place_t *p = *state;

	close(p->fd);
	unlink(p->socket);
	unlink(p->library);
	unlink(p->cache);
	rmdir(p->libs);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void expect_works(const place_t *p, const char *name)
{
	char why[PROBE_WHY_MAX] = "";

	if (!probe_mech(&p->probe, name, why))
		FAIL_MSG("%s does not work: %s", name, why);
}

static void expect_why(const place_t *p, const char *name, const char *words)
{
	char why[PROBE_WHY_MAX] = "";

	assert_false(probe_mech(&p->probe, name, why));
	if (!strstr(why, words))
		FAIL_MSG("'%s' does not say '%s'", why, words);
}

static void munge_works_with_library_and_socket(void **state)
{
	expect_works(*state, "munge");
}

static void without_a_socket_munge_does_not_work(void **state)
{
	place_t *p = *state;
	char words[160];

	unlink(p->socket);
	snprintf(words, sizeof(words), "there is no socket %s", p->socket);
	expect_why(p, "munge", words);
}

static void a_socket_that_munged_left_behind_is_noticed(void **state)
{
	place_t *p = *state;
	char words[160];

	close(p->fd);
	p->fd = -1;
	snprintf(words, sizeof(words), "no munged listens on %s", p->socket);
	expect_why(p, "munge", words);
	/* So is one that never was a socket, or is another's. */
	unlink(p->socket);
	put_file(p->socket, "", 0);
	expect_why(p, "munge", words);
	unlink(p->socket);
	p->fd = bound(p->socket, SOCK_DGRAM);
	expect_why(p, "munge", "Socket type not supported");
}

static void the_second_path_is_asked_too(void **state)
{
	place_t *p = *state;

	p->sockets[0] = "/nowhere/munge.socket.2";
	p->sockets[1] = p->socket;
	expect_works(p, "munge");
	/* And the one that is there is the one to name. */
	close(p->fd);
	p->fd = -1;
	expect_why(p, "munge", p->socket);
}

static void a_long_path_is_refused(void **state)
{
	place_t *p = *state;
	char path[200];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	p->sockets[0] = path;
	expect_why(p, "munge", "File name too long");
}

static double seconds_of(const place_t *p, const char *name, int times)
{
	char why[PROBE_WHY_MAX];
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < times; i++)
		probe_mech(&p->probe, name, why);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin.tv_sec) +
	       (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

/* A munged that hangs has a full queue, where a connection would wait. */
static void munged_is_not_connected_to(void **state)
{
	place_t *p = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int conn[4];

	memcpy(addr.sun_path, p->socket, strlen(p->socket) + 1);
	for (int i = 0; i < 4; i++) {
		conn[i] = socket(AF_UNIX,
				 SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(conn[i] >= 0);
		if (connect(conn[i], (struct sockaddr *)&addr, sizeof(addr)))
			assert_int_equal(errno, EAGAIN);
	}
	assert_true(seconds_of(p, "munge", 1) < 1);
	expect_works(p, "munge");
	for (int i = 0; i < 4; i++)
		close(conn[i]);
	/* Nor does it see anybody: none waits to be accepted. */
	close(p->fd);
	unlink(p->socket);
	p->fd = bound(p->socket, SOCK_STREAM);
	assert_int_equal(listen(p->fd, 4), 0);
	assert_int_equal(fcntl(p->fd, F_SETFL, O_NONBLOCK), 0);
	expect_works(p, "munge");
	assert_int_equal(accept(p->fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
}

static void without_libmunge_munge_does_not_work(void **state)
{
	place_t *p = *state;

	unlink(p->library);
	expect_why(p, "munge", "libmunge.so.2 is in none of the places");
	put_file(p->cache, "/lib/libmunge.so.20", 20);
	expect_why(p, "munge", "libmunge.so.2 is in none of the places");
}

static void libmunge_is_found_in_the_linkers_cache(void **state)
{
	static const char path[] = "/opt/lib/libmunge.so.2";
	static const size_t sizes[] = { 0, 1, 100, 65535, 65536, 200000 };
	place_t *p = *state;
	char *text = calloc(1, 200000 + sizeof(path));

	assert_non_null(text);
	unlink(p->library);
	/* Wherever it is, also across the pieces in which the file is read. */
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(text, 'x', sizes[i]);
		memcpy(text + sizes[i], path, sizeof(path));
		put_file(p->cache, text, sizes[i] + sizeof(path));
		expect_works(p, "munge");
	}
	for (size_t cut = 1; cut < sizeof(path); cut++) {
		memset(text, 'x', 65536);
		memcpy(text + 65536 - cut, path, sizeof(path));
		put_file(p->cache, text, 65536 - cut + sizeof(path));
		expect_works(p, "munge");
	}
	free(text);
}

static void a_cache_that_is_a_fifo_or_a_directory_does_not_matter(void **state)
{
	place_t *p = *state;

	unlink(p->library);
	assert_int_equal(mkfifo(p->cache, 0600), 0);
	expect_why(p, "munge", "libmunge.so.2 is in none of the places");
	unlink(p->cache);
	p->probe.ld_cache = p->libs;
	expect_why(p, "munge", "libmunge.so.2 is in none of the places");
}

static void libmunge_is_found_in_the_tasks_library_path(void **state)
{
	place_t *p = *state;
	char path[PATH_MAX];
	char *long_path;

	p->lib_dirs[0] = NULL;
	expect_why(p, "munge", "libmunge.so.2 is in none of the places");
	p->probe.library_path = p->libs;
	expect_works(p, "munge");
	snprintf(path, sizeof(path), ":/nowhere::%s", p->libs);
	p->probe.library_path = path;
	expect_works(p, "munge");
	snprintf(path, sizeof(path), ":%sx:", p->libs);
	expect_why(p, "munge", "libmunge.so.2 is in none of the places");
	long_path = malloc(3 * PATH_MAX);
	assert_non_null(long_path);
	memset(long_path, 'x', 2 * PATH_MAX);
	snprintf(long_path + 2 * PATH_MAX, PATH_MAX, ":%s", p->libs);
	p->probe.library_path = long_path;
	expect_works(p, "munge");
	free(long_path);
}

static void native_works_where_the_uid_is_the_steps(void **state)
{
	place_t *p = *state;

	expect_works(p, "native");
	p->probe.uid++;
	expect_why(p, "native", "in this user namespace the task has uid");
	p->probe.uid--;
	p->probe.gid++;
	expect_why(p, "native", "in this user namespace the task has uid");
}

static void others_are_taken_to_work(void **state)
{
	expect_works(*state, "none");
	expect_works(*state, "acme");
}

static void note(void *arg, const char *name, const char *why)
{
	char *all = arg;
	size_t used = strlen(all);

	assert_true(why[0] != '\0');
	snprintf(all + used, PSEC_LIST_MAX - used, "%s;", name);
}

static void expect_list(const place_t *p, const char *list, const char *works,
			const char *dropped)
{
	char out[PSEC_LIST_MAX], all[PSEC_LIST_MAX] = "";

	probe_list(&p->probe, list, out, note, all);
	assert_string_equal(out, works);
	assert_string_equal(all, dropped);
}

static void a_list_loses_what_does_not_work(void **state)
{
	place_t *p = *state;

	expect_list(p, "munge,native", "munge,native", "");
	expect_list(p, "", "", "");
	unlink(p->socket);
	expect_list(p, "munge,native", "native", "munge;");
	expect_list(p, "native,munge,none", "native,none", "munge;");
	expect_list(p, "munge", "", "munge;");
	p->probe.uid++;
	expect_list(p, "munge,acme,native", "acme", "munge;native;");
	expect_list(p, "munge,native", "", "munge;native;");
}

/* On the critical path of each task's start. */
static void probing_takes_far_less_than_a_millisecond(void **state)
{
	place_t *p = *state;
	static const char zeros[200000];
	double seconds = seconds_of(p, "munge", 1000);

	print_message("# munge is probed in %.1f us", seconds * 1e3);
	assert_true(seconds < 1);
	/* The longest way: libmunge is nowhere, and the cache is searched. */
	unlink(p->library);
	put_file(p->cache, zeros, sizeof(zeros));
	seconds = seconds_of(p, "munge", 1000);
	print_message(", without libmunge in %.1f us\n", seconds * 1e3);
	assert_true(seconds < 1);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(munge_works_with_library_and_socket),
		TEST(without_a_socket_munge_does_not_work),
		TEST(a_socket_that_munged_left_behind_is_noticed),
		TEST(the_second_path_is_asked_too),
		TEST(a_long_path_is_refused),
		TEST(munged_is_not_connected_to),
		TEST(without_libmunge_munge_does_not_work),
		TEST(libmunge_is_found_in_the_linkers_cache),
		TEST(a_cache_that_is_a_fifo_or_a_directory_does_not_matter),
		TEST(libmunge_is_found_in_the_tasks_library_path),
		TEST(native_works_where_the_uid_is_the_steps),
		TEST(others_are_taken_to_work),
		TEST(a_list_loses_what_does_not_work),
		TEST(probing_takes_far_less_than_a_millisecond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
