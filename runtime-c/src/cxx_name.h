/* cxx_name.h - names of C++ functions (Itanium ABI). */
#ifndef BTAOT_CXX_NAME_H
#define BTAOT_CXX_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Write what a mangled name stands for, "ns::f(int)", NUL-terminated; false if it is no such name, or one that is not
 * understood, or too long. */
bool cxx_name(const char *mangled, char *out, size_t size);
/* Whether a demangled name matches a pattern of a script: with the parameters, or without them. */
bool cxx_name_matches(const char *pattern, char *demangled);

#endif
