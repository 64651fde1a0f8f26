extern volatile int counter;

void rare();
int elsewhere(int n);

static inline __attribute__((always_inline)) int shared(int n)
{
	counter += n;
	return counter;
}
