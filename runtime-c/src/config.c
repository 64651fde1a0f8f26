/* config.c - the configuration variables that matter at run time.
 *
 * One row per variable.  Variables that shape the bytecode (max_strlen, ...) are the compiler's; set in the environment
 * of a compiled script they cannot work, which a warning says. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "number.h"
#include "util.h"

enum config_kind { NUMBER, TRUTH, TEXT, MISSING, BUILD_TIME };

static const struct config_row {
	const char *name;
	uint16_t kind;
	uint16_t offset;
} rows[] = {
	{ "max_map_keys", NUMBER, offsetof(struct config, max_map_keys) },
	{ "max_probes", NUMBER, offsetof(struct config, max_probes) },
	{ "max_bpf_progs", NUMBER, offsetof(struct config, max_bpf_progs) },
	{ "max_cat_bytes", NUMBER, offsetof(struct config, max_cat_bytes) },
	{ "perf_rb_pages", NUMBER, offsetof(struct config, perf_rb_pages) },
	{ "log_size", NUMBER, offsetof(struct config, log_size) },
	{ "missing_probes", MISSING, offsetof(struct config, missing_probes) },
	{ "print_maps_on_exit", TRUTH, offsetof(struct config, print_maps_on_exit) },
	{ "cpp_demangle", TRUTH, offsetof(struct config, cpp_demangle) },
	{ "lazy_symbolication", TRUTH, offsetof(struct config, lazy_symbolication) },
	{ "show_debug_info", TRUTH, offsetof(struct config, show_debug_info) },
	{ "str_trunc_trailer", TEXT, offsetof(struct config, str_trunc_trailer) },
	{ "cache_user_symbols", TEXT, offsetof(struct config, cache_user_symbols) },
	{ "max_strlen", BUILD_TIME, 0 },
	{ "on_stack_limit", BUILD_TIME, 0 },
	{ "stack_mode", BUILD_TIME, 0 },
	{ "license", BUILD_TIME, 0 },
};

static int wrong(const char *name, const char *what, const char *value)
{
	err("%s: %s%s", name, what, value);
	return -EINVAL;
}

static int missing_parse(const char *value, enum missing_policy *policy)
{
	static const char *const names[] = {
		[MISSING_ERROR] = "error", [MISSING_WARN] = "warn", [MISSING_IGNORE] = "ignore",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(value, names[i])) {
			*policy = (enum missing_policy)i;
			return 0;
		}
	return -EINVAL;
}

static int row_set(struct config *cfg, const struct config_row *row, const char *name, const char *value)
{
	void *field = (char *)cfg + row->offset;

	switch (row->kind) {
	case NUMBER:
		return number_parse(value, false, field) ? wrong(name, "expecting a number, got ", value) : 0;
	case TRUTH:
		return bool_parse(value, field) ? wrong(name, "Invalid bool value: valid values are true, false, 1 or 0.", "") : 0;
	case MISSING:
		return missing_parse(value, field) ?
		       wrong(name, "Invalid value for missing_probes: valid values are ignore, warn, and error.", "") : 0;
	case TEXT:
		*(const char **)field = value;
		return 0;
	default:
		return 0;
	}
}

static int script_rows_apply(struct env *env)
{
	const struct payload *p = &env->payload;

	for (uint32_t i = 0; i < p->config_count; i++) {
		const char *name = payload_str(p, p->configs[i].name);

		for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
			int ret = strcmp(name, rows[r].name) ? 0 :
				  row_set(&env->cfg, &rows[r], name, payload_str(p, p->configs[i].value));

			if (ret)
				return ret;
		}
	}
	return 0;
}

static int environment_apply(struct env *env)
{
	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		char name[64] = "BPFTRACE_";
		const char *value;
		int ret;

		for (size_t i = 0; rows[r].name[i]; i++)
			name[9 + i] = rows[r].name[i] == '_' ? '_' : (char)(rows[r].name[i] & ~0x20);
		value = getenv(name);
		if (!value)
			continue;
		if (rows[r].kind == BUILD_TIME && !env->opt.no_warnings)
			warn("%s has no effect on a compiled script: it is decided by `btaot build`", name);
		ret = row_set(&env->cfg, &rows[r], name, value);
		if (ret)
			return ret;
	}
	return 0;
}

int config_load(struct env *env)
{
	int ret;

	env->cfg = (struct config){
		.max_map_keys = 4096, .max_probes = 1024, .max_bpf_progs = 1024, .max_cat_bytes = 10240,
		.log_size = LOG_DEFAULT, .missing_probes = MISSING_ERROR, .print_maps_on_exit = true,
		.cpp_demangle = true, .show_debug_info = true, .str_trunc_trailer = "..", .cache_user_symbols = "",
	};
	ret = script_rows_apply(env);
	return ret ? ret : environment_apply(env);
}
