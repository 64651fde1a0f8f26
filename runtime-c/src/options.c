/* options.c - parse the command line of a compiled script.
 *
 * One row per option.  The script's own parameters share the command line: what is no option is a positional parameter,
 * `--name` or `--name=value` a named one where the script has it (behind `--` nothing else has a meaning). */
#include "options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "number.h"
#include "params.h"
#include "parts.h"
#include "regex.h"
#include "unwind.h"
#include "util.h"

#define PID_MAX 0x400000u

struct option_row {
	char letter;            /* 0: none */
	bool counts;            /* each use adds one to the member */
	uint16_t offset;        /* of the member of struct options that is set, where there is no function */
	const char *name;       /* NULL: none */
	const char *value;      /* how help names the value, NULL: takes none */
	const char *help;       /* NULL: not shown; of refused(): why */
	int (*set)(struct env *env, const char *value);
};

static int pid_parse(const char *value, pid_t *out)
{
	uint64_t pid;

	if (number_parse(value, false, &pid)) {
		err("Failed to parse pid: invalid %s: %s", *value >= '0' && *value <= '9' ? "trailing bytes" : "integer", value);
		return -EINVAL;
	}
	if (pid > PID_MAX) {
		err("Pid out of range: %llu", (unsigned long long)pid);
		return -ERANGE;
	}
	*out = (pid_t)pid;
	return 0;
}

static int set_pid(struct env *env, const char *value)
{
	int ret = pid_parse(value, &env->opt.pid);

	if (!env->opt.pid)
		env->opt.pid = -1;  /* 0 is no process, either, but "all" in struct options */
	return ret;
}

static int set_dwarf_pid(struct env *env, const char *value)
{
	pid_t *pids = HAS(UNWIND) ? arena_alloc((env->opt.dwarf_pid_count + 1) * sizeof(pid_t)) : NULL;

	if (!HAS(UNWIND))
		return 0;  /* the script has no dw_ustack */
	if (env->opt.dwarf_pid_count)
		memcpy(pids, env->opt.dwarf_pids, env->opt.dwarf_pid_count * sizeof(pid_t));
	env->opt.dwarf_pids = pids;
	return pid_parse(value, &pids[env->opt.dwarf_pid_count++]);
}

static int set_format(struct env *env, const char *value)
{
	env->opt.json = !strcmp(value, "json");
	if (env->opt.json || !strcmp(value, "text"))
		return 0;
	err("Invalid output format \"%s\"\nValid formats: 'text', 'json'", value);
	return -EINVAL;
}

static int set_buffer(struct env *env, const char *value)
{
	static const char *const modes[] = { [BUFFER_NONE] = "none", [BUFFER_LINE] = "line", [BUFFER_FULL] = "full" };

	for (enum buffer_mode m = BUFFER_NONE; m <= BUFFER_FULL; m++)
		if (!strcmp(value, modes[m])) {
			env->opt.buffer = m;
			return 0;
		}
	err("USAGE: -B must be either 'line', 'full', or 'none'.");
	return -EINVAL;
}

static int set_test(struct env *env, const char *value)
{
	(void)value;
	env->opt.trials = BTAOT_PROBE_KIND_TEST;
	return 0;
}

static int set_bench(struct env *env, const char *value)
{
	(void)value;
	env->opt.trials = BTAOT_PROBE_KIND_BENCH;
	return 0;
}

static int set_filter(struct env *env, const char *value)
{
	env->opt.probe_filter = value;
	if (regex_valid(value))
		return 0;
	err("Invalid --probe-filter regex '%s'", value);
	return -EINVAL;
}

static int set_mode(struct env *env, const char *value)
{
	if (!strcmp(value, "test"))
		return set_test(env, value);
	if (!strcmp(value, "bench"))
		return set_bench(env, value);
	err("USAGE: --mode must be 'test' or 'bench'.");
	return -EINVAL;
}

static int set_help(struct env *env, const char *value);
static int set_version(struct env *env, const char *value);

/* Options of bpftrace that a compiled script cannot have. */
static int refused(struct env *env, const char *value)
{
	(void)env;
	(void)value;
	return -ENOTSUP;
}

#define MEMBER(name) offsetof(struct options, name)

static const struct option_row rows[] = {
	{ 'p', false, 0, "pid", "PID", "trace only this process; the run ends with it", set_pid },
	{ 'c', false, MEMBER(cmd), "cmd", "CMD", "run CMD once all is attached, and end with it", NULL },
	{ 'o', false, MEMBER(output_path), "output", "FILE", "write the output to FILE", NULL },
	{ 'f', false, 0, NULL, "FORMAT", "output format: text or json", set_format },
	{ 'B', false, 0, NULL, "MODE", "output buffering: none, line or full", set_buffer },
	{ 'q', false, MEMBER(quiet), "quiet", NULL, "print no messages of the runtime", NULL },
	{ 'v', true, MEMBER(verbose), "verbose", NULL, "print more, and the whole log of the verifier", NULL },
	{ 'k', true, MEMBER(helper_errors), "warnings", NULL, "report errors of helper functions in probes", NULL },
	{ 0, false, MEMBER(no_warnings), "no-warnings", NULL, "print no warnings", NULL },
	{ 0, false, MEMBER(btf_path), "btf", "FILE", "types of a kernel that does not carry them", NULL },
	{ 0, false, MEMBER(dry_run), "dry-run", NULL, "attach all probes, then end", NULL },
	{ 0, false, MEMBER(wait_detach), "wait-detach", NULL, "end only when all probes are detached", NULL },
	{ 0, false, 0, "test", NULL, "run the test: probes, then end", set_test },
	{ 0, false, 0, "bench", NULL, "run the bench: probes, then end", set_bench },
	{ 0, false, 0, "mode", "MODE", NULL, set_mode },
	{ 0, false, MEMBER(unsafe_ok), "unsafe", NULL, NULL, NULL },
	{ 0, false, MEMBER(info), "info", NULL, "show what this kernel offers to the script", NULL },
	{ 0, false, MEMBER(traceable_path), "traceable-functions", "FILE",
	  "kernel functions that wildcards may name", NULL },
	{ 0, false, MEMBER(usdt_file_activation), "usdt-file-activation", NULL,
	  "no effect", NULL },
	{ 0, false, 0, "probe-filter", "REGEX", "attach only the probes whose name matches", set_filter },
	{ 0, false, 0, "debuginfo", "DIR", "debug information is read when the script is compiled", refused },
	{ 0, false, 0, "dwarf-pid", "PID", "dw_ustack works in this process, too", set_dwarf_pid },
	{ 'h', false, 0, "help", NULL, "show this help", set_help },
	{ 'V', false, 0, "version", NULL, "show the version of the compiler", set_version },
};

static const char *const param_types[BTAOT_PARAM_TYPE_LIMIT] = {
	[BTAOT_PARAM_TYPE_BOOL] = "", [BTAOT_PARAM_TYPE_INT] = "=NUMBER", [BTAOT_PARAM_TYPE_STRING] = "=TEXT",
};

static void print_params(const struct payload *p)
{
	if (p->param_count)
		say("\nOPTIONS OF THE SCRIPT (behind --):\n");
	for (uint32_t i = 0; i < p->param_count; i++) {
		const char *fallback = payload_str(p, p->params[i].default_text);
		char head[128];

		str_printf(head, sizeof(head), "--%s%s", payload_str(p, p->params[i].name), param_types[p->params[i].type]);
		say("    %-20s %s", head, payload_str(p, p->params[i].help));
		if (p->params[i].type == BTAOT_PARAM_TYPE_INT)
			say(" (default %lld)", (long long)p->params[i].default_int);
		else if (*fallback)
			say(" (default '%s')", fallback);
		say("\n");
	}
}

static int set_help(struct env *env, const char *value)
{
	const struct payload *p = &env->payload;

	(void)value;
	say("%s - bpftrace script, compiled by btaot %s\n\nUSAGE:\n    %s [options] [parameters]", payload_str(p, p->header->script),
	       payload_str(p, p->header->compiler), env->program);
	say(p->param_count ? " [-- script options]\n\nOPTIONS:\n" : "\n\nOPTIONS:\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char head[64], letter[3] = { '-', rows[i].letter, 0 };

		if (!rows[i].help || rows[i].set == refused)
			continue;
		str_printf(head, sizeof(head), "%s%s%s%s%s%s", rows[i].letter ? letter : "", rows[i].letter && rows[i].name ? ", " : "",
			 rows[i].name ? "--" : "", rows[i].name ? rows[i].name : "", rows[i].value ? " " : "",
			 rows[i].value ? rows[i].value : "");
		say("    %-20s %s\n", head, rows[i].help);
	}
	print_params(p);
	return 1;
}

static int set_version(struct env *env, const char *value)
{
	(void)value;
	say("btaot %s\n", payload_str(&env->payload, env->payload.header->compiler));
	return 1;
}

/* ---- the script's own parameters ---- */

static int unknown_param(const struct env *env, const char *name, size_t length)
{
	const struct payload *p = &env->payload;
	bool help = length == 4 && !memcmp(name, "help", 4);
	char hint[2048];
	size_t n;

	if (!help)
		err("unexpected program command line options: --%.*s", (int)length, name);
	n = (size_t)str_printf(hint, sizeof(hint), "%s", p->param_count ? "expected program options:" :
			     "no custom program options defined.");
	for (uint32_t i = 0; i < p->param_count && n < sizeof(hint); i++) {
		const char *text = payload_str(p, p->params[i].help);

		n += (size_t)str_printf(hint + n, sizeof(hint) - n, "%s--%s%s%s", help ? "\n" : i ? ", " : " ",
				      payload_str(p, p->params[i].name), help && *text ? ": " : "", help ? text : "");
	}
	note("HINT: %s", hint);
	return -EINVAL;
}

/* "name" or "name=value". */
static int named_param(struct env *env, const char *arg)
{
	size_t length = strcspn(arg, "=");
	uint32_t param = param_find(&env->payload, arg, length);

	if (param == BTAOT_NONE)
		return unknown_param(env, arg, length);
	if (arg[length]) {
		env->opt.named[param] = arg + length + 1;
		return 0;
	}
	env->opt.named[param] = "true";
	switch (env->payload.params[param].type) {
	case BTAOT_PARAM_TYPE_BOOL:
		return 0;
	case BTAOT_PARAM_TYPE_INT:
		err("program command line option --%s expects an integer (value: true)", arg);
		return -EINVAL;
	default:
		err("program command line option --%s expects a string (value: true)", arg);
		return -EINVAL;
	}
}

static void positional_param(struct env *env, char *arg)
{
	env->opt.positional[env->opt.positional_count++] = arg;
}

/* ---- our options ---- */

static int usage(struct env *env, const char *what, const char *arg)
{
	err("%s: %s", what, arg);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	set_help(env, NULL);
	return -EINVAL;
}

static int row_apply(struct env *env, const struct option_row *row, const char *value)
{
	void *member = (char *)&env->opt + row->offset;

	if (row->set == refused)
		err("--%s: %s", row->name, row->help);
	if (row->set)
		return row->set(env, value);
	if (row->value)
		*(const char **)member = value;
	else if (row->counts)
		++*(int *)member;
	else
		*(bool *)member = true;
	return 0;
}

static int long_option(struct env *env, char **args)
{
	const char *name = args[0] + 2;
	size_t length = strcspn(name, "=");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *value = name[length] ? name + length + 1 : NULL;
		int ret;

		if (!rows[i].name || strlen(rows[i].name) != length || memcmp(rows[i].name, name, length))
			continue;
		if (!rows[i].value && value)
			return usage(env, "this option takes no value", args[0]);
		if (rows[i].value && !value && !(value = args[1]))
			return usage(env, "this option needs a value", args[0]);
		ret = row_apply(env, &rows[i], value);
		return ret ? ret : rows[i].value && !name[length] ? 2 : 1;
	}
	if (param_find(&env->payload, name, length) != BTAOT_NONE) {
		int ret = named_param(env, name);

		return ret ? ret : 1;
	}
	return usage(env, "unknown option", args[0]);
}

static const struct option_row *row_by_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static int short_options(struct env *env, char **args)
{
	for (const char *s = args[0] + 1; *s; s++) {
		const struct option_row *row = row_by_letter(*s);
		const char *value = NULL;
		int ret;

		if (!row)
			return usage(env, "unknown option", args[0]);
		if (row->value && !(value = s[1] ? s + 1 : args[1]))
			return usage(env, "this option needs a value", args[0]);
		ret = row_apply(env, row, value);
		if (ret)
			return ret > 0 ? -ECANCELED : ret;
		if (row->value)
			return s[1] ? 1 : 2;
	}
	return 1;
}

static int options_check(struct env *env)
{
	if (env->opt.cmd && env->opt.pid) {
		err("USAGE: Cannot use both -c and -p.");
		return -EINVAL;
	}
	if (env->opt.helper_errors && env->opt.no_warnings) {
		err("USAGE: -k, --warnings conflicts with --no-warnings");
		return -EINVAL;
	}
	return params_check(env);
}

int options_parse(struct env *env, int argc, char **argv)
{
	bool own = true;
	int i = 1, n;

	env->program = argc ? argv[0] : "btaot";
	env->opt.positional = arena_alloc((size_t)(argc + 1) * sizeof(char *));
	env->opt.named = arena_alloc((env->payload.param_count + 1) * sizeof(char *));
	for (; i < argc; i += n) {
		n = 1;
		if (own && !strcmp(argv[i], "--")) {
			own = false;
		} else if (own && !strncmp(argv[i], "--", 2)) {
			bool ends = !strcmp(argv[i], "--help") || !strcmp(argv[i], "--version");

			n = long_option(env, argv + i);
			if (ends && n > 0)
				return 1;
		} else if (own && argv[i][0] == '-' && argv[i][1]) {
			n = short_options(env, argv + i);
			if (n == -ECANCELED)
				return 1;
		} else if (!own && !strncmp(argv[i], "--", 2)) {
			n = named_param(env, argv[i] + 2);
			n = n ? n : 1;
		} else {
			positional_param(env, argv[i]);
		}
		if (n < 0)
			return n;
	}
	return options_check(env);
}
