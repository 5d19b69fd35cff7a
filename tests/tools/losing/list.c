/* SPDX-License-Identifier: MIT */
/* lost: length  left: head tail pool_used pool */
/* What each worker finds is put in a list; only its length could be shared. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct node {
	struct node *next;
	int value;
};
static struct node *head, **tail = &head;
static size_t length;
static struct node pool[8];
static int pool_used;

static void append(int value)
{
	struct node *node = pool_used < 8 ? &pool[pool_used++] : malloc(sizeof(*node));

	*node = (struct node){ .value = value };
	*tail = node;
	tail = &node->next;
	length++;
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			for (int j = 0; j < 9 + 4 * i; j++)
				append(j);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("%zu in the list\n", length);
	return 0;
}
