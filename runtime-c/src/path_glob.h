/* path_glob.h - the files that a pattern names. */
#ifndef BTAOT_PATH_GLOB_H
#define BTAOT_PATH_GLOB_H

/* Call `visit` for every existing path that matches, in the order of their names, until it returns a value that is not 0,
 * which is then returned; 0 if nothing matches. */
int path_glob(const char *pattern, int (*visit)(void *arg, const char *path), void *arg);

#endif
