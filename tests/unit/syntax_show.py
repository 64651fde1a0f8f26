"""Show expressions and statements as short text, for the tests of the parser."""

from __future__ import annotations

from btaot_tool.syntax import tree


def show(node: object) -> str:
    """Return an expression with every grouping in brackets, so that a test sees the tree."""
    match node:
        case None:
            return ""
        case tree.IntLiteral(value=value, suffix=suffix):
            return f"{value}{suffix}"
        case tree.BoolLiteral(value=value):
            return str(value).lower()
        case tree.StringLiteral(value=value):
            return repr(value)
        case tree.Positional(index=index):
            return f"${index}"
        case tree.PositionalCount():
            return "$#"
        case tree.Name(name=name) | tree.MapRef(name=name):
            return name
        case tree.Variable(name=name):
            return f"${name}"
        case tree.MapAccess():
            return f"{node.map.name}[{show(node.key)}]"
        case tree.Call():
            return f"{node.name}({', '.join(map(show, node.args))})"
        case tree.TypeName():
            return node.name + "".join(s if s == "*" else f"[{s}]" for s in map(str, node.suffixes))
        case tree.TypeOf():
            return f"typeof({show(node.operand)})"
        case tree.Sizeof():
            return f"sizeof({show(node.operand)})"
        case tree.TypeInfo():
            return f"typeinfo({show(node.operand)})"
        case tree.Offsetof():
            return f"offsetof({show(node.operand)}, {'.'.join(node.fields)})"
        case tree.Comptime():
            return f"<comptime {show(node.expr)}>"
        case tree.Unary():
            return f"<{node.op.replace('x', show(node.expr))}>" if "x" in node.op else f"<{node.op}{show(node.expr)}>"
        case tree.Binary():
            return f"<{show(node.left)} {node.op} {show(node.right)}>"
        case tree.Ternary():
            return f"<{show(node.cond)} ? {show(node.then)} : {show(node.otherwise)}>"
        case tree.FieldAccess():
            return f"{show(node.expr)}{'->' if node.arrow else '.'}{node.field}"
        case tree.Index():
            return f"{show(node.expr)}[{show(node.index)}]"
        case tree.Cast():
            return f"<cast {show(node.type)} {show(node.expr)}>"
        case tree.Tuple(items=items):
            return f"tuple({', '.join(map(show, items))})"
        case tree.Record(names=names, items=items):
            return "record(" + ", ".join(f"{n}={show(i)}" for n, i in zip(names, items, strict=True)) + ")"
        case tree.IfExpr():
            return f"if {show(node.cond)} {show(node.then)} else {show(node.otherwise)}"
        case tree.Block():
            return "{" + "".join(show(s) + "; " for s in node.body) + show(node.value) + "}"
        case tree.ExprStmt():
            return show(node.expr)
        case tree.Assign():
            return f"{show(node.target)} {node.op} {show(node.value)}"
        case tree.Let():
            annotation = f": {show(node.type)}" if node.type else ""
            return f"let ${node.name}{annotation}" + (f" = {show(node.value)}" if node.value else "")
    raise AssertionError(node)
