"""What `dvc.yaml` says that each stage depends on: the modules that its script imports, and the parameters it declares.

    python -m diffchest.dependencies   # write both lists into dvc.yaml after imports or a stage's `Params` changed

DVC does not look into scripts, so `dvc.yaml` must list the modules, followed through the package, and exactly those:
one too few and a stage keeps stale results, one too many and it runs again for nothing. A folder stands for all modules
in it. tests/test_dvc.py compares.
"""

import ast
import importlib.util
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedSeq

from diffchest.files.whole import whole
from diffchest.files.yaml import editable, editable_text, read_text
from diffchest.params.base import StageParams

PACKAGE = "diffchest"
PIPELINE = Path("dvc.yaml")
ONE_LINE = 100  # characters: a list of keys that fits
CODE = (f"{PACKAGE}/", "stages/")
# what they say changes no result: a moved path fails its stage, the value of a parameter is tracked itself, and the
# package's own `__init__` says how threads wait
MESSAGES = (
    "__init__",
    "errors",
    "near_names",
    "paths",
    "progress",
    "params/base",
    "params/mistakes",
    "files/yaml",
)
UNLISTED = {f"{PACKAGE}/{name}.py" for name in MESSAGES}


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
    for node in ast.walk(ast.parse(path.read_bytes())):
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
    """`script` and the files that it uses: what it imports, transitively, and the data beside a module that names it.

    Relative POSIX paths, without modules that hold a docstring alone and without `UNLISTED`.
    """
    seen: set[Path] = set()
    todo = [script]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(direct_imports(path, root))
    modules = {path for path in seen if not _only_docstring(path)}
    data = {file for module in modules for file in _named_beside(module)}
    return {path.relative_to(root).as_posix() for path in modules | data} - UNLISTED


def _named_beside(module: Path) -> set[Path]:
    """Files beside a module that are no code and that it names, or that lie in a folder that it names."""
    names = {str(node.value) for node in ast.walk(ast.parse(module.read_bytes())) if isinstance(node, ast.Constant)}
    beside = [path for path in module.parent.iterdir() if path.name in names]
    inside = [
        file for path in beside if path.is_dir() and not (path / "__init__.py").exists() for file in path.iterdir()
    ]
    return {path for path in [*beside, *inside] if path.is_file() and path.suffix != ".py"}


def folders(modules: set[str], root: Path) -> list[str]:
    """`modules` with every folder of which they are all the code named in place of its modules; sorted."""
    named = set(modules)
    for folder in sorted(root.joinpath(PACKAGE).rglob("*/"), key=lambda path: len(path.parts)):
        files = [file for file in folder.rglob("*") if file.is_file() and file.parent.name != "__pycache__"]
        inside = {
            file.relative_to(root).as_posix() for file in files if file.suffix != ".py" or not _only_docstring(file)
        }
        if inside and inside <= named:
            named = named - inside | {folder.relative_to(root).as_posix()}
    return sorted(named)


def _only_docstring(path: Path) -> bool:
    """Whether a file does nothing: package markers need not be listed as dependencies."""
    body = ast.parse(path.read_bytes()).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def script_of(stage: dict[str, Any]) -> Path:
    """The script that a stage of `dvc.yaml` runs."""
    return Path(next(word for word in stage["cmd"].split() if word.startswith("stages/")))


def code_of(script: Path, root: Path) -> list[str]:
    """What a stage with this script (relative to `root`) depends on as code, in the order of `dvc.yaml`."""
    return [script.as_posix(), *folders(used_files(root / script, root) - {script.as_posix()}, root)]


def params_class(script: Path) -> type[StageParams]:
    """The class of the keys that a stage's script reads."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Params


def params_of(script: Path) -> list[str]:
    """The keys of `params.yaml` that a stage's script tracks."""
    return params_class(script).tracked()


def write_pipeline(pipeline: Path = PIPELINE) -> None:
    """Write the code and the parameters that every stage uses; the rest of the file stays as it is."""
    content = editable(read_text(pipeline), source=str(pipeline))
    for entry in content["stages"].values():
        stage = entry.get("do", entry)
        data = [dep for dep in stage["deps"] if not dep.startswith(CODE)]
        stage["deps"] = CommentedSeq([*data, *code_of(script_of(stage), Path.cwd())])
        keys = CommentedSeq(params_of(script_of(stage)))
        if len(", ".join(keys)) < ONE_LINE and not any("${" in key for key in keys):
            keys.fa.set_flow_style()
        stage["params"] = keys
    with whole(pipeline) as partial:
        partial.write_text(editable_text(content, mapping=2, sequence=4, offset=2), encoding="utf-8")


if __name__ == "__main__":
    write_pipeline()
