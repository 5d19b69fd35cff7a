/* SPDX-License-Identifier: MIT */
/*
 * picture.c - a picture computed in pieces, by processes that share nothing but its memory
 *
 *	picture [-a] [-w WORKERS] [-p PROGRESS_MS] [-k PIECE] FILE
 *
 * Three balls on a plane under a lamp as large as a window: for the soft edges of their shadows
 * each pixel follows some random rays to it (Monte Carlo). A piece is a line of pixels; the
 * random numbers are the line's own, so that the picture is the same to the last bit whoever
 * computes which line and when. Global variables everywhere, as in old programs: each worker
 * has its own.
 *
 * -a computes it alone, without a fork. -k has the worker of a line kill itself, once: the line
 * is computed by the caller, afterwards. FILE is a PPM, of 320 by 200 pixels.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fondue/heap.h>
#include <fondue/process.h>

#define WIDTH	320
#define HEIGHT	200
#define SAMPLES 8 /* rays to the lamp, for each pixel */

struct vector {
	double x, y, z;
};

struct ball {
	struct vector centre;
	double radius;
	struct vector colour;
};

static const struct ball balls[] = {
	{ { -1.1, 0.6, 4.2 }, 0.6, { 0.9, 0.3, 0.2 } },
	{ { 0.2, 1.0, 5.5 }, 1.0, { 0.9, 0.8, 0.3 } },
	{ { 1.1, 0.4, 3.4 }, 0.4, { 0.3, 0.5, 0.9 } },
};
#define BALLS (sizeof(balls) / sizeof(balls[0]))

/* The ray that is followed, and what it has hit: globals, private to each process. */
static struct vector from, towards, hit, normal, colour;
static unsigned long seed;
static long victim = -1; /* the line whose worker is to die */

static double random_number(void)
{
	seed = (seed * 6364136223846793005ul + 1442695040888963407ul) & 0xffffffffffffffff;
	return (double)(seed >> 33) / 2147483648.0;
}

static struct vector along(struct vector a, double t, struct vector b)
{
	return (struct vector){ a.x + t * b.x, a.y + t * b.y, a.z + t * b.z };
}

static double product(struct vector a, struct vector b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vector unit(struct vector a)
{
	return along((struct vector){ 0, 0, 0 }, 1 / sqrt(product(a, a)), a);
}

/* How far it is along the ray to the ball; 0: it misses. */
static double distance(const struct ball *ball)
{
	struct vector to = along(ball->centre, -1, from);
	double middle = product(to, towards);
	double below = middle * middle - product(to, to) + ball->radius * ball->radius;
	double t = below < 0 ? 0 : middle - sqrt(below);

	return t > 1e-6 ? t : 0;
}

static int follow(void)
{
	double nearest = towards.y < -1e-6 ? -from.y / towards.y : 1e9, t;

	hit = along(from, nearest, towards);
	normal = (struct vector){ 0, 1, 0 };
	colour = ((long)floor(hit.x) + (long)floor(hit.z)) & 1 ?
			 (struct vector){ 0.8, 0.8, 0.8 } :
			 (struct vector){ 0.4, 0.4, 0.45 };
	for (unsigned i = 0; i < BALLS; i++)
		if ((t = distance(&balls[i])) > 0 && t < nearest) {
			nearest = t;
			hit = along(from, t, towards);
			normal = unit(along(hit, -1, balls[i].centre));
			colour = balls[i].colour;
		}
	return nearest < 1e9;
}

/* The part of the lamp that is seen from where the ray has hit something. */
static double light(void)
{
	struct vector at = along(hit, 1e-6, normal), up = normal;
	double sum = 0;

	for (unsigned i = 0; i < SAMPLES; i++) {
		struct vector lamp = { -3 + 2 * random_number(), 5, 1 + 2 * random_number() };
		int free = 1;

		from = at;
		towards = unit(along(lamp, -1, at));
		for (unsigned j = 0; j < BALLS && free; j++)
			free = distance(&balls[j]) == 0;
		if (free && product(up, towards) > 0)
			sum += product(up, towards);
	}
	return 0.15 + 0.85 * sum / SAMPLES;
}

static unsigned char level(double value)
{
	return (unsigned char)(value >= 1 ? 255 : 255 * value);
}

static int draw_line(unsigned line, void *picture)
{
	unsigned char *pixel = (unsigned char *)picture + 3 * WIDTH * line;

	if (line == victim)
		raise(SIGKILL);
	seed = line;
	for (unsigned x = 0; x < WIDTH; x++, pixel += 3) {
		double bright = 1;

		from = (struct vector){ 0, 1.2, 0 };
		towards = unit((struct vector){
			(x - WIDTH / 2.0) / WIDTH, (HEIGHT / 2.0 - line) / WIDTH - 0.1, 0.8 });
		if (follow())
			bright = light();
		else
			colour = (struct vector){ 0.5, 0.6, 0.8 };
		pixel[0] = level(bright * colour.x);
		pixel[1] = level(bright * colour.y);
		pixel[2] = level(bright * colour.z);
	}
	return 0;
}

static int draw(unsigned char *picture, const struct fondue_fork_join_options *options)
{
	struct fondue_result results[HEIGHT];
	int error = fondue_fork_join_pieces(HEIGHT, options, draw_line, picture, results);

	if (error && error != ECHILD) {
		fprintf(stderr, "picture: %s\n", strerror(error));
		return -1;
	}
	victim = -1;
	for (unsigned i = 0; i < HEIGHT; i++) {
		if (results[i].error)
			printf("line %u: %s\n", i, strerror(results[i].error));
		else if (results[i].signal)
			printf("line %u: killed by signal %d\n", i, results[i].signal);
		if (!results[i].returned)
			draw_line(i, picture);
	}
	return 0;
}

static int save(const char *path, const unsigned char *picture)
{
	FILE *file = fopen(path, "wb");

	if (!file || fprintf(file, "P6\n%d %d\n255\n", WIDTH, HEIGHT) < 0 ||
		fwrite(picture, 3 * WIDTH, HEIGHT, file) != HEIGHT || fclose(file)) {
		perror(path);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct fondue_fork_join_options options = { .workers = 0 };
	unsigned char *picture = fondue_calloc(HEIGHT, 3 * WIDTH);
	int option, alone = 0, failed;

	while ((option = getopt(argc, argv, "aw:p:k:")) != -1)
		if (option == 'a')
			alone = 1;
		else if (option == 'w')
			options.workers = (unsigned)atoi(optarg);
		else if (option == 'p')
			options.progress_ms = (unsigned)atoi(optarg);
		else if (option == 'k')
			victim = atol(optarg);
		else
			return 2;
	if (!picture || optind + 1 != argc) {
		fprintf(stderr, "usage: picture [-a] [-w WORKERS] [-p MS] [-k PIECE] FILE\n");
		return 2;
	}
	for (unsigned i = 0; i < HEIGHT && alone; i++)
		draw_line(i, picture);
	if (!alone && draw(picture, &options))
		return 1;
	failed = save(argv[optind], picture);
	fondue_free(picture);
	return failed ? 1 : 0;
}
