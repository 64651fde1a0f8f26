// A library whose functions need nothing around them.
__attribute__((noinline, used)) int next(int n)
{
	__asm__ volatile("" ::: "memory");
	return n + 1;
}
