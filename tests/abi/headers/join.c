/* SPDX-License-Identifier: MIT */
/*
 * join.c - all that <fondue/process.h> offers, in words that are C89 and C++11 alike
 */
#include HEADER

#ifndef UNUSED
static int work(unsigned i, void *arg)
{
	return fondue_worker_index() == (int)i && arg ? (int)i : -1;
}

static int work_piece(unsigned piece, void *arg)
{
	int who = fondue_worker_index();

	return who < 0 || who > 1 || !arg ? -1 : (int)piece;
}

static int tell(unsigned done, unsigned pieces, void *arg)
{
	return done > pieces || !arg;
}

int use_join(void);
int use_join(void)
{
	struct fondue_fork_join_options options = { sizeof(options), 2,
		FONDUE_JOIN_DIE_WITH_PARENT, 1, tell, NULL };
	struct fondue_result results[4];
	unsigned i, bad = 0;

	options.progress_arg = &options;
	bad += fondue_fork_join(4, work, &bad, results) != ECHILD;
	for (i = 0; i < 4; i++)
		bad += results[i].status != (int)i || !results[i].returned;
	bad += fondue_fork_join_pieces(4, &options, work_piece, &bad, results) != ECHILD;
	for (i = 0; i < 4; i++)
		bad += results[i].status != (int)i || !results[i].returned;
	bad += fondue_worker_index() != -1;
	bad += fondue_processors() == 0;
	return (int)bad;
}

#ifdef MAIN
int main(void)
{
	return use_join();
}
#endif
#endif
