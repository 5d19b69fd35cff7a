/* SPDX-License-Identifier: MIT */
/* lost: Job::completed Job::cost served  left: label names generator */
/* Statics of a class, an atomic, and what the library has. */
#include <atomic>
#include <cstdio>
#include <random>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

class Job
{
public:
	static unsigned completed;
	static double cost;
	explicit Job(int n) : size(n) {}
	void run();

private:
	int size;
};
unsigned Job::completed;
double Job::cost;
namespace
{
std::string label = "none";
std::vector<std::string> names;
std::mt19937 generator(42);
}
std::atomic<long> served{ 0 };

void Job::run()
{
	std::uniform_int_distribution<int> dice(1, 6);

	for (int i = 0; i < size; i++) {
		cost += dice(generator) / 4.0;
		served++;
	}
	label = "job of size " + std::to_string(size);
	names.push_back(label);
	completed++;
}

int main()
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			for (int j = 0; j < 2 + i; j++)
				Job(5 + j).run();
			_exit(0);
		}
	while (wait(nullptr) > 0)
		;
	std::printf("%u %.0f %ld\n", Job::completed, Job::cost, served.load());
	return 0;
}
