"""What code means, so that work that was kept is never taken for that of other code."""

import ast
import inspect
import textwrap
from typing import Any


def meaning(part: Any) -> str:
    """The code of a module, class or function without comments, docstrings and imports.

    Where something is imported from is not what it means: modules may be moved and renamed.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            node.body = [line for line in node.body[documented:] if not isinstance(line, ast.Import | ast.ImportFrom)]
    return ast.unparse(tree)
