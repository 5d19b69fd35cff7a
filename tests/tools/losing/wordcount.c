/* SPDX-License-Identifier: MIT */
/* lost: table words_seen  left: cursor word */
/* Words are counted by several processes, each of which takes one text. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct entry {
	char text[24];
	int count;
};
static struct entry table[256];
static int words_seen;
static const char *cursor;
static char word[24];
static const char *const texts[] = {
	"one pot many forks and many pots for one fork that is the way of it",
	"the fork and the spoon went to the pot and found the pot to be empty of all",
	"many a fork has been found where a spoon was to be and many a pot was lost",
};

static unsigned hash(const char *text)
{
	unsigned sum = 5381;

	while (*text)
		sum = sum * 33 + (unsigned char)*text++;
	return sum % 256;
}

static int next_word(void)
{
	size_t length = 0;

	while (*cursor == ' ')
		cursor++;
	while (isalpha((unsigned char)*cursor) && length < sizeof(word) - 1)
		word[length++] = *cursor++;
	word[length] = '\0';
	return length > 0;
}

static void count(const char *text)
{
	cursor = text;
	while (next_word()) {
		struct entry *entry = &table[hash(word)];

		strcpy(entry->text, word);
		entry->count++;
		words_seen++;
	}
}

int main(void)
{
	int all = 0;

	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			count(texts[i]);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < 256; i++)
		all += table[i].count;
	printf("%d words, %d in the table\n", words_seen, all);
	return 0;
}
