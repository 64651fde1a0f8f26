"""What programs with debug information have in their parameters: probe, block, what it prints.  Any architecture.

``{c}`` and ``{cpp}`` are the programs of params.c and params.cpp; each block runs once for each call in them.
"""

from __future__ import annotations

CASES: dict[str, tuple[str, str]] = {
    "widths": (
        'uprobe:{c}:widths { printf("%d %d %d %d %u %ld\\n", args.b, args.c, args.uc, args.s, args.u, args.l); }',
        "1 -1 255 -300 4000000000 -5000000000\n",
    ),
    "record": (
        "uprobe:{c}:widths { print(args); }",
        "{ .b = true, .c = -1, .uc = 255, .s = -300, .u = 4000000000, .l = -5000000000 }\n",
    ),
    "arrow": ("uprobe:{c}:widths { print(args->s); }", "-300\n"),
    "map-key": ("uprobe:{c}:widths { @[args.s, args.b] = args.l; }", "\n\n@[-300, true]: -5000000000\n"),
    "stack-and-result-in-memory": (
        "uprobe:{c}:crowded { print(args); }",
        "{ .a = -1, .big = { .a = 21, .b = 22, .c = 23 }, .c = 99, .d = -4, .e = 5, .f = -6, .g = 7, .h = -8,"
        " .p = { .x = 31, .y = -32 }, .last = true }\n",
    ),
    "members-by-value": (
        "uprobe:{c}:crowded { print((args.big.b, args.p.y, args.h)); @p = args.p; print(@p.x); }",
        "(22, -32, -8)\n31\n\n\n@p: { .x = 31, .y = -32 }\n",
    ),
    "beside-floats": ("uprobe:{c}:floats { print((args.n, args.k)); }", "(3, 42)\n"),
    "int128": ("uprobe:{c}:wide { print(args); }", "{ .n = 1, .w = [9,7], .c = BLUE }\n"),
    "enum": ('uprobe:{c}:wide { printf("%d %s\\n", args.c, args.c); }', "-1 BLUE\n"),
    "strings": (
        "uprobe:{c}:strings { print(str(args.s)); print(str(args.list[1])); print(args.u->l); print(args.u.s); }",
        "hello\nsecond\n8\n-7\n",
    ),
    "members": (
        "uprobe:{c}:members { $p = args.p; print(($p->low, $p->middle, $p->high, $p->inner, $p->letter));"
        " print($p->text); print($p->color); print($p->bytes); print($p->bytes[3]); print($p->table[1][2]);"
        " print($p->points[1]->y); print(*$p->points[0]); print($p->next->low); print($p->next->next == 0); }",
        "(5, 29, 78187493530, 77, 65)\ntext\nGREEN\n[1,2,3,255]\n255\n6\n-4\n{ .x = 1, .y = 2 }\n1\ntrue\n",
    ),
    "types-by-name": (
        "uprobe:{c}:members { $p = (struct parts *)arg0; print($p->middle); print(sizeof(struct parts));"
        " print(offsetof(struct parts, color)); print((enum color)5); print(GREEN); print(sizeof(unnamed_t)); }",
        "29\n80\n28\nGREEN\nGREEN\n16\n",
    ),
    "types-in-a-static-probe": (
        "usdt:{c}:params:members { $p = (struct parts *)arg0; print(($p->middle, $p->points[0]->x)); }",
        "(29, 1)\n",
    ),
    "own-definition-first": (
        "struct parts { char first; }; uprobe:{c}:members { print(sizeof(struct parts)); print(args.p->middle); }",
        "1\n29\n",
    ),
    "outlives-its-probe": (
        "uprobe:{c}:members { @p = args.p; @s = *args.p->points[0]; } end { print(@s.y); clear(@p); clear(@s); }",
        "2\n",
    ),
    "several-functions": (
        "uprobe:{c}:floats, uprobe:{c}:wide, uprobe:{c}:lines { print((func, args.n)); }",
        "(floats, 3)\n(wide, 1)\n(lines, 3)\n",
    ),
    "wildcard": ("uprobe:{c}:wi* { @ = sum(args.c); }", "\n\n@: -2\n"),
    "method": (
        'uprobe:{cpp}:cpp:"app::Counter::add" /probe != ""/ { print((args.this->id, args.this->total)); }',
        "(7, 100)\n(7, 112)\n",
    ),
    "mangled": (
        'uprobe:{cpp}:"_ZN3app7Counter3addEiRKi" { print((args.n, *args.step)); }',
        "(3, 4)\n",
    ),
    "class-by-address": (
        'uprobe:{cpp}:cpp:"app::consume" { print((args.owner.size, *args.owner.owned, *args.moved));'
        " print(*args.array); }",
        "(6, 5, 9)\n[10,20,30]\n",
    ),
    "enum-class": ('uprobe:{cpp}:cpp:"app::(anonymous namespace)::level" { print(args.l); }', "high\n"),
    "inherited": ("uprobe:{cpp}:_ZN3app7Counter3addEPKc { print(*args.this); }", "{ .id = 7, .total = 112 }\n"),
}
