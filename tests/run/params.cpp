// As params.c, for C++: this, references, namespaces, classes that are passed by address.
#define NOINLINE __attribute__((noinline)) __attribute__((used))
#define KEEP asm volatile("" ::: "memory")

namespace app {

struct Base {
	int id;
};

struct Counter : Base {
	long total;
	static int instances;
	NOINLINE long add(int n, const int &step);
	NOINLINE long add(const char *text);
};

int Counter::instances = 3;

long Counter::add(int n, const int &step)
{
	KEEP;
	return total += n * step;
}

long Counter::add(const char *text)
{
	KEEP;
	return total += text[0];
}

struct Owner {
	int *owned;
	int size;
	~Owner() { KEEP; }
};

struct Result {
	Owner owner;
	long more[4];
};

NOINLINE Result consume(Owner owner, int &&moved, int (&array)[3])
{
	KEEP;
	return { { owner.owned, owner.size + moved + array[0] }, {} };
}

enum class Level : short { low = -2, high = 300 };

namespace {
NOINLINE int level(Level l)
{
	KEEP;
	return (int)l;
}
}

} // namespace app

int main()
{
	app::Counter c{ { 7 }, 100 };
	int number = 5, array[3] = { 10, 20, 30 };
	c.add(3, 4);
	c.add("text");
	app::consume({ &number, 6 }, 9, array);
	return app::level(app::Level::high) == 0;
}
