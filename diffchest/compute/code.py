"""What code means, so that work that was kept is never taken for that of other code."""

import ast
import inspect
import textwrap
from typing import Any


def meaning(part: Any) -> str:
    """The code of a module, class or function without comments, docstrings and imports from this package.

    Where something of ours is imported from is not what it means: modules may be moved and renamed. The text is that of
    the interpreter: another minor version of Python may print it otherwise, and what was kept is then made again.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            node.body = [line for line in node.body[documented:] if not _imports_ours(line)]
    return ast.unparse(tree)


def _imports_ours(line: ast.stmt) -> bool:
    names = [line.module or ""] if isinstance(line, ast.ImportFrom) else []
    names += [alias.name for alias in line.names] if isinstance(line, ast.Import) else []
    return any(name.split(".")[0] == "diffchest" for name in names)
