/* symbols.h - load-time symbols: from what a script wants to know to the host's value. */
#ifndef BTAOT_SYMBOLS_H
#define BTAOT_SYMBOLS_H

#include "env.h"

struct provider;
struct instance;

/* What a program is being made for. */
struct symbol_scope {
	const struct btaot_program *program;
	const struct provider *provider;
	const struct instance *instance;
	uint32_t instance_index;
	uint32_t expected_attach_type;
};

/* A value of the host, the same for all programs; found once. */
struct symbol_value {
	bool known;
	int error;              /* 0 or -errno of finding it */
	uint64_t value;
};

/* Why a BTF symbol is missing, in its `value`. */
#define SYMBOL_NO_TYPE 1
#define SYMBOL_NO_BTF 2

/* Announce all kernel types, so that one pass over the BTF finds them. */
int symbols_prepare(struct env *env);
/* Whether the value depends on the probe instance (context layout, identity, features of the program type). */
bool symbol_is_local(const struct env *env, uint32_t symbol);
/* Value of a symbol.  -ENOENT: the host has no such thing (symbol_explain() says what); other errors were reported. */
int symbol_get(struct env *env, uint32_t symbol, const struct symbol_scope *scope, uint64_t *value);
/* Note, with attach_explain(), that the host lacks what the symbol names. */
void symbol_explain(struct env *env, uint32_t symbol, const struct symbol_scope *scope);
/* "script.bt:3:7", in a static buffer. */
const char *symbol_place(const struct env *env, const struct btaot_symbol *s);

/* One resolver per family: 0, -ENOENT (missing on this host) or an error that they reported. */
int symbol_btf(struct env *env, const struct btaot_symbol *s, uint64_t *value);      /* symbol_btf.c */
int symbol_kaddr(struct env *env, const struct btaot_symbol *s, uint64_t *value);    /* symbol_address.c */
int symbol_param(struct env *env, const struct btaot_symbol *s, uint64_t *value);    /* params.c */
int symbol_session(struct env *env, const struct btaot_symbol *s, uint64_t *value);  /* symbol_session.c */
bool symbol_in_pid_namespace(void);     /* not the initial one */

/* symbol_address.c: the same for a symbol of the file that an instance is in. */
int symbol_uaddr(struct env *env, const struct btaot_symbol *s, const struct instance *inst, uint64_t *value);

#endif
