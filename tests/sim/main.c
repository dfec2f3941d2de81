/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim-fence - how long a fence takes on clusters that nobody has at hand, by
 * our collective code and by the stock plugin's algorithms; for
 * scripts/simulate.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fence.h"

#define POINTS_MAX   32
#define FIT_STEPS    60
#define FIT_MAX_US   100000.0
#define DEFAULT_LIST "1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384"

typedef struct {
	double value[POINTS_MAX];
	size_t n;
} list_t;

/* Measured: so many nodes took so long. */
typedef struct {
	list_t nodes;
	list_t us;
} points_t;

/* A network of 100 Gbit/s, and servers as they were measured. */
static fence_model_t model = {
	.net = { .latency_us = 2.0,
		 .us_per_byte = 8e-3 / 100,
		 .send_us = 8.0,
		 .recv_us = 12.0,
		 .cpu_us_per_byte = 1e-3,
		 .cores = 0 },
	.local_us = 80.0,
	.width = 50,
};

static const struct {
	const char *name;
	fence_result_t (*run)(uint32_t nodes, const fence_model_t *model);
} algorithms[] = {
	{ "ours", fence_ours },
	{ "stock tree", fence_stock_tree },
	{ "stock ring", fence_stock_ring },
};

static void usage(FILE *out)
{
	(void)fprintf(
		out,
		"usage: sim-fence [--nodes LIST] [--bytes LIST] [MODEL] "
		"[--json]\n"
		"       sim-fence --fit NODES:US,... [--bytes N] [MODEL] "
		"[--json]\n"
		"\n"
		"Simulates one fence that all nodes enter at once.  Lists have "
		"commas.\n"
		"\n"
		"  --nodes LIST      1 to 16384 (powers of two)\n"
		"  --bytes LIST      that each node contributes "
		"(0,1024,65536)\n"
		"  --latency US      of the network (2)\n"
		"  --gbits N         of an interface (100)\n"
		"  --send US         processor time of a message, sender (8)\n"
		"  --recv US         and receiver (12)\n"
		"  --cpu-byte US     processor time of a byte, at each end "
		"(0.001)\n"
		"  --local US        from the ranks to the server and back "
		"(80)\n"
		"  --width N         of the stock plugin's tree (50)\n"
		"  --cores N         shared by all nodes (0: each has its "
		"own)\n"
		"  --fit NODES:US... measured times of our fence: the first "
		"one gives\n"
		"                    --local, the second one the cost of a "
		"message;\n"
		"                    for all, prints what the model says\n"
		"  --json            print JSON instead of a table\n");
}

static void die(const char *what, const char *word)
{
	(void)fprintf(stderr, "sim-fence: %s '%s': see --help\n", what, word);
	exit(64);
}

static double number(const char *text, double min, double max, char end,
		     const char **rest)
{
	char *stop;
	double v = strtod(text, &stop);

	if (stop == text || (*stop != '\0' && *stop != end) ||
	    !(v >= min && v <= max))
		die("not a number that fits here:", text);
	*rest = *stop ? stop + 1 : stop;
	return v;
}

static double option_number(const char *text)
{
	const char *rest;

	return number(text, 0, 1e9, '\0', &rest);
}

static list_t option_list(const char *text, double min, double max)
{
	list_t list = { .n = 0 };
	const char *pos = text;

	while (*pos) {
		if (list.n == POINTS_MAX)
			die("too many entries in", text);
		list.value[list.n++] = number(pos, min, max, ',', &pos);
	}
	return list;
}

static points_t option_points(const char *text)
{
	points_t p = { .nodes = { .n = 0 }, .us = { .n = 0 } };
	const char *pos = text;

	while (*pos) {
		if (p.us.n == POINTS_MAX)
			die("too many entries in", text);
		p.nodes.value[p.nodes.n++] = number(pos, 1, 16384, ':', &pos);
		p.us.value[p.us.n++] = number(pos, 0, 1e9, ',', &pos);
	}
	if (p.us.n < 2)
		die("two measurements at least are needed, not", text);
	return p;
}

/* -- the table ---------------------------------------------------------- */

static json_t *row(uint32_t nodes, size_t alg)
{
	fence_result_t r = algorithms[alg].run(nodes, &model);

	return json_pack("{s:i, s:f, s:s, s:i, s:I, s:f, s:f, s:f}", "nodes",
			 (int)nodes, "bytes_per_node", model.bytes, "algorithm",
			 algorithms[alg].name, "rounds", (int)r.rounds,
			 "messages", (json_int_t)r.messages, "bytes", r.bytes,
			 "most_bytes_of_a_node", r.most_bytes, "us", r.us);
}

static void print_row(const json_t *row)
{
	(void)printf(
		"%6d %10.0f  %-10s %6d %12lld %14.0f %16.0f %14.1f\n",
		(int)json_integer_value(json_object_get(row, "nodes")),
		json_real_value(json_object_get(row, "bytes_per_node")),
		json_string_value(json_object_get(row, "algorithm")),
		(int)json_integer_value(json_object_get(row, "rounds")),
		(long long)json_integer_value(json_object_get(row, "messages")),
		json_real_value(json_object_get(row, "bytes")),
		json_real_value(json_object_get(row, "most_bytes_of_a_node")),
		json_real_value(json_object_get(row, "us")));
}

/* A ring of many nodes takes nodes^2 messages: more than is worth waiting. */
static bool is_worth_it(size_t alg, double nodes)
{
	return algorithms[alg].run != fence_stock_ring || nodes <= 4096;
}

static void simulate(const list_t *nodes, const list_t *bytes, bool json)
{
	json_t *rows = json_array(), *r;

	if (!json)
		(void)printf("%6s %10s  %-10s %6s %12s %14s %16s %14s\n",
			     "nodes", "bytes/node", "algorithm", "rounds",
			     "messages", "bytes", "most of a node", "time/us");
	for (size_t b = 0; b < bytes->n; b++)
		for (size_t n = 0; n < nodes->n; n++)
			for (size_t a = 0; a < 3; a++) {
				model.bytes = bytes->value[b];
				if (!is_worth_it(a, nodes->value[n]))
					continue;
				r = row((uint32_t)nodes->value[n], a);
				if (!json)
					print_row(r);
				(void)json_array_append_new(rows, r);
			}
	if (json)
		(void)json_dumpf(rows, stdout, JSON_INDENT(1));
	json_decref(rows);
}

/* -- the model against measurements ------------------------------------- */

static double ours_us(double nodes)
{
	return fence_ours((uint32_t)nodes, &model).us;
}

/* The value of *PARAM at which NODES take US; all else stays. */
static void fit(double *param, double nodes, double us)
{
	double low = 0, high = FIT_MAX_US;

	for (int i = 0; i < FIT_STEPS; i++) {
		*param = (low + high) / 2;
		if (ours_us(nodes) < us)
			low = *param;
		else
			high = *param;
	}
}

static void check(const points_t *points, double bytes, bool json)
{
	json_t *rows = json_array(), *all;
	double says, us;

	model.bytes = bytes;
	model.net.recv_us = 0; /* the cost of both ends is in send_us */
	fit(&model.local_us, points->nodes.value[0], points->us.value[0]);
	fit(&model.net.send_us, points->nodes.value[1], points->us.value[1]);
	if (!json)
		(void)printf("local %.1f us, a message %.1f us\n"
			     "%6s %14s %14s %8s\n",
			     model.local_us, model.net.send_us, "nodes",
			     "measured/us", "model/us", "ratio");
	for (size_t i = 0; i < points->us.n; i++) {
		us = points->us.value[i];
		says = ours_us(points->nodes.value[i]);
		if (!json)
			(void)printf("%6.0f %14.1f %14.1f %8.2f%s\n",
				     points->nodes.value[i], us, says,
				     says / us, i < 2 ? "  (fitted)" : "");
		(void)json_array_append_new(
			rows, json_pack("{s:f, s:f, s:f, s:b}", "nodes",
					points->nodes.value[i], "measured_us",
					us, "model_us", says, "fitted", i < 2));
	}
	all = json_pack("{s:f, s:f, s:f, s:o}", "bytes_per_node", bytes,
			"local_us", model.local_us, "message_us",
			model.net.send_us, "points", rows);
	if (json)
		(void)json_dumpf(all, stdout, JSON_INDENT(1));
	json_decref(all);
}

/* ----------------------------------------------------------------------- */

static const struct option options[] = {
	{ "nodes", required_argument, NULL, 'n' },
	{ "bytes", required_argument, NULL, 'b' },
	{ "latency", required_argument, NULL, 'l' },
	{ "gbits", required_argument, NULL, 'g' },
	{ "send", required_argument, NULL, 's' },
	{ "recv", required_argument, NULL, 'r' },
	{ "cpu-byte", required_argument, NULL, 'c' },
	{ "local", required_argument, NULL, 'o' },
	{ "width", required_argument, NULL, 'w' },
	{ "cores", required_argument, NULL, 'C' },
	{ "fit", required_argument, NULL, 'f' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void set_model(int option, const char *value)
{
	double v = option_number(value);

	switch (option) {
	case 'l':
		model.net.latency_us = v;
		break;
	case 'g':
		if (v <= 0)
			die("a network needs a bandwidth, not", value);
		model.net.us_per_byte = 8e-3 / v;
		break;
	case 's':
		model.net.send_us = v;
		break;
	case 'r':
		model.net.recv_us = v;
		break;
	case 'c':
		model.net.cpu_us_per_byte = v;
		break;
	case 'o':
		model.local_us = v;
		break;
	case 'C':
		model.net.cores = (unsigned)v;
		break;
	case 'w':
	default:
		if (v < 1)
			die("a tree needs a width, not", value);
		model.width = (uint32_t)v;
		break;
	}
}

int main(int argc, char **argv)
{
	list_t nodes = option_list(DEFAULT_LIST, 1, 16384);
	list_t bytes = option_list("0,1024,65536", 0, 1e9);
	points_t points = { .nodes = { .n = 0 }, .us = { .n = 0 } };
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			nodes = option_list(optarg, 1, 16384);
			break;
		case 'b':
			bytes = option_list(optarg, 0, 1e9);
			break;
		case 'f':
			points = option_points(optarg);
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case '?':
			usage(stderr);
			return 64;
		default:
			set_model(c, optarg);
			break;
		}
	}
	if (optind < argc || bytes.n == 0 || nodes.n == 0)
		die("what is", optind < argc ? argv[optind] : "an empty list");
	if (points.us.n)
		check(&points, bytes.value[0], json);
	else
		simulate(&nodes, &bytes, json);
	return fflush(stdout) == 0 ? 0 : 1;
}
