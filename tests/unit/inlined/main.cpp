// Inlined functions of many kinds: of classes and namespaces, templates, another file, in parts that do not lie together.
#include "shared.h"

volatile int counter;

namespace outer_space {
struct Thing {
	int value;
	inline __attribute__((always_inline)) int twice() const
	{
		counter++;
		return shared(value) * 2;
	}
	template <typename T> inline __attribute__((always_inline)) T add(T more)
	{
		counter += 2;
		return twice() + more;
	}
};

namespace {
inline __attribute__((always_inline)) int hidden(Thing &t, long n)
{
	int sum = 0;

	for (long i = 0; i < n; i++) {
		sum += t.add(i);
		if (__builtin_expect(counter == 12345, 0)) {
			rare();
			sum += t.twice();
		}
	}
	return sum;
}
}
}

__attribute__((noinline)) int work(int n)
{
	outer_space::Thing t{n};

	counter += 3;
	return outer_space::hidden(t, n) + shared(n);
}

int main()
{
	return work(3) + elsewhere(4);
}
