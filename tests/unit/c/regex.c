/* Answers for tests/unit/test_regex.py: lines "expression<TAB>text" on standard input, 0, 1 or "invalid" on standard output. */
#include <stdio.h>
#include <string.h>

#include "regex.h"

int main(void)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin)) {
		char *text = strchr(line, '\t');

		if (!text)
			return 1;
		*text++ = 0;
		text[strcspn(text, "\n")] = 0;
		puts(!regex_valid(line) ? "invalid" : regex_search(line, text) ? "1" : "0");
	}
	return 0;
}
