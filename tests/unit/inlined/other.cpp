#include "shared.h"

__attribute__((noinline, cold)) void rare()
{
	counter += 4;
}

static inline __attribute__((always_inline)) int below(int n)
{
	return shared(n + counter) + 1;
}

__attribute__((noinline)) int elsewhere(int n)
{
	int sum = below(n);

	counter++;
	return sum + below(n + 1);
}
