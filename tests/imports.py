"""Which first-party modules a script runs: its imports, followed transitively through the package."""

import ast
from pathlib import Path

PACKAGE = "diffchest"


def module_files(name: str, root: Path) -> list[Path]:
    """Files that importing `name` executes: each parent package's `__init__.py` and the module itself."""
    parts = name.split(".")
    files = []
    for length in range(1, len(parts) + 1):
        base = root.joinpath(*parts[:length])
        if base.is_dir():
            files.append(base / "__init__.py")
        elif base.with_suffix(".py").is_file():
            files.append(base.with_suffix(".py"))
    return [path for path in files if path.is_file()]


def direct_imports(path: Path, root: Path) -> set[Path]:
    """First-party files `path` imports, function-level imports included."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == PACKAGE:
                found.update(module_files(name, root))
    return found


def used_files(script: Path, root: Path) -> set[str]:
    """`script` and every first-party file with content that it imports, transitively; relative POSIX paths."""
    seen: set[Path] = set()
    todo = [script]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(direct_imports(path, root))
    return {path.relative_to(root).as_posix() for path in seen if not _only_docstring(path)}


def _only_docstring(path: Path) -> bool:
    """Whether a file does nothing: package markers need not be listed as dependencies."""
    body = ast.parse(path.read_text()).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
