"""The walls between rooms: who may import whom, so that a cheap edit stays cheap and a witness stays independent."""

import ast
import graphlib

import pytest

from diffchest.dependencies import direct_imports, used_files
from tests.helpers.repository import ROOT

PACKAGE = ROOT / "diffchest"
FLAT = {"errors", "near_names", "paths", "progress"}
PLAIN = FLAT | {"params", "files", "findings"}  # what says nothing of how the pipeline works

MAY_IMPORT = {
    "stats": set(),
    "params": {"errors", "files", "near_names"},
    "contracts": PLAIN | {"images"},  # images.squares: what the bytes in the store are
    "figures": PLAIN | {"contracts"},
    "report": PLAIN | {"contracts"},
    "cards": PLAIN | {"contracts"},
}
NEVER = [
    ("phantom", "cohorts"),
    ("cohorts", "phantom"),
    ("counterfactuals", "audit"),
    ("explain", "phantom"),
    ("explain", "cohorts"),
    *(("classifiers", room) for room in ("phantom", "cohorts", "audit", "counterfactuals")),
    ("evaluation", "model"),
    ("small_cnn", "model"),
    ("small_cnn", "phantom"),
    ("figures", "model"),
    ("contracts", "model"),
    ("contracts", "cohorts"),
]


def modules(room):
    return [path for path in sorted((PACKAGE / room).rglob("*.py")) if path.name != "__init__.py"]


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported(module):
    """Rooms that a module itself imports from; its own and empty `__init__` files are none."""
    imported = {room_of(path) for path in direct_imports(module, ROOT) if path.name != "__init__.py"}
    return imported - {room_of(module)}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room):
    for module in modules(room):
        extra = rooms_imported(module) - MAY_IMPORT[room]
        assert not extra, f"{module.relative_to(ROOT)} must not import {sorted(extra)}"


@pytest.mark.parametrize(("room", "other"), NEVER)
def test_a_room_never_reaches_another(room, other):
    """Not even through a third module."""
    for module in modules(room):
        reached = [path for path in used_files(module, ROOT) if path.startswith(f"diffchest/{other}/")]
        assert not reached, f"{module.relative_to(ROOT)} reaches {reached}"


@pytest.mark.parametrize(
    "script",
    [
        "stages/pretrain.py",
        "stages/fit_head.py",
        "stages/draw_explanations.py",
        "stages/draw_audit.py",
        "stages/draw_interventions.py",
        "diffchest/explain/__main__.py",
        "diffchest/audit/__main__.py",
    ],
)
def test_nothing_that_explains_reads_what_judges_it(script):
    reached = used_files(ROOT / script, ROOT)
    assert not reached & {f"diffchest/contracts/{name}.py" for name in ("twins", "twin_scores", "witness")}


def packages_imported(path):
    """Names of the packages that one module imports, third-party ones too."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes]
    return {name.split(".")[0] for name in names}


def test_contracts_never_import_what_runs_networks():
    for module in modules("contracts"):
        for path in used_files(module, ROOT):
            heavy = packages_imported(ROOT / path) & {"torch", "onnx", "onnxruntime"}
            assert not heavy, f"{path}, which {module} needs, imports {heavy}"


def test_a_classifier_is_opened_by_the_package_of_its_kind_alone():
    """Torch by programs of torch and by our own head, onnxruntime by ONNX files."""
    imports = {path.name: packages_imported(path) for path in modules("classifiers")}
    assert {name for name, packages in imports.items() if "torch" in packages} == {"torch_program.py"}
    assert {name for name, packages in imports.items() if "onnxruntime" in packages} == {"onnx_file.py"}
    reaches_models = {
        path.name
        for path in modules("classifiers")
        if any(other.is_relative_to(PACKAGE / "model") for other in direct_imports(path, ROOT))
    }
    assert reaches_models == {"own.py"}


def test_an_init_file_is_one_docstring():
    """A re-export would tie whoever imports one module to all that the file names.

    Two are more: `stats` is a library to its users, and the package itself sets what must be set before torch is loaded.
    """
    for path in PACKAGE.rglob("__init__.py"):
        module = ast.parse(path.read_text())
        assert ast.get_docstring(module), path
        if path not in {PACKAGE / "stats" / "__init__.py", PACKAGE / "__init__.py"}:
            assert len(module.body) == 1, path


def test_the_package_itself_imports_the_standard_library_alone():
    """Whatever it imported, every command would."""
    body = ast.parse((PACKAGE / "__init__.py").read_text()).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["import os"]


def test_there_is_no_circle():
    """No module reaches itself."""
    imports = {
        path: {other for other in direct_imports(path, ROOT) if other.name != "__init__.py"}
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    graph = graphlib.TopologicalSorter(imports)
    graph.prepare()  # raises CycleError, which names the modules


def _without_encoding(path):
    """Lines of a file that open text, or read a program's, in whatever encoding the machine's locale has."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        constants = [part.value for part in [*node.args, *given.values()] if isinstance(part, ast.Constant)]
        binary = any(isinstance(value, str) and "b" in value and len(value) <= 3 for value in constants)
        foreign = ast.unparse(node.func) in ("Image.open", "lmdb.open", "archive.open")
        opens = name == "open" and not binary and not foreign
        reads = isinstance(node.func, ast.Attribute) and name in ("read_text", "write_text")
        if (opens or reads or "text" in given) and "encoding" not in given:
            yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_text_is_utf8_whatever_the_locale():
    paths = [path for room in ("diffchest", "stages", "benchmarks") for path in sorted((ROOT / room).rglob("*.py"))]
    assert not [line for path in paths for line in _without_encoding(path)]
