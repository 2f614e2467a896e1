"""YAML files: one reader for all of them, which says where in a file a mistake is."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from diffchest.errors import DataError

MOST_VALUES = 100_000  # of one file, each alias counted as often as it is used: params.yaml has some 300
SHOWN = 100  # characters of the line that a message quotes


def read_yaml(path: Path) -> Any:
    """The content of a YAML file in UTF-8, as plain containers and values; None if it holds nothing.

    YAML 1.2, as DVC reads it: `1e-4` is a number, and `yes` a text. Raises `DataError` with file, line and column when
    it cannot be read, when a key is there twice (other readers silently take the last), and when its aliases make
    more than `MOST_VALUES` values of it.
    """
    return parse_yaml(read_text(path), source=str(path))


def read_mapping(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file; raises as `read_yaml` does, and for a file that holds anything else."""
    return as_mapping(read_yaml(path), source=str(path))


def parse_yaml(text: str, *, source: str) -> Any:
    """What `text` says, as `read_yaml`; `source` is what messages call it."""
    return _load(YAML(typ="safe", pure=True), text, source)


def as_mapping(content: Any, *, source: str) -> dict[str, Any]:
    """`content` itself; `DataError` when it is no mapping, or has keys that are no text."""
    if content is None:
        raise DataError(f"{source}: holds no keys; expected keys and values, such as `probe: {{fraction: 0.1}}`")
    if not isinstance(content, Mapping):
        raise DataError(
            f"{source}: expected keys and values, such as `probe: {{fraction: 0.1}}`, found {shown(content)}"
        )
    odd = [key for key in content if not isinstance(key, str)]
    if odd:
        raise DataError(f"{source}: the key {shown(odd[0])} is no name; expected keys such as `probe`")
    return dict(content)


def editable(text: str, *, source: str) -> Any:
    """What `text` says in a form that keeps comments, order and quotes for `editable_text`; raises as `read_yaml`."""
    content = _load(_editor(), text, source)
    if "!" in text:  # this form keeps tags that plain reading refuses
        parse_yaml(text, source=source)
    return content


def editable_text(content: Any, **indent: int) -> str:
    """The text of what `editable` gave; `indent` as ruamel.yaml's."""
    yaml = _editor()
    if indent:
        yaml.indent(**indent)
    written = io.StringIO()
    yaml.dump(content, written)
    return written.getvalue()


def read_text(path: Path) -> str:
    """The text of a file in UTF-8; `DataError` with line and column where it is in another encoding, or not there."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: is in UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        raise DataError(
            f"{path}, {_place(before)}: not UTF-8 (byte 0x{content[error.start]:02x}); save the file as UTF-8\n"
            f"  {_quoted(before.rpartition(chr(10))[2] + '?')}"
        ) from None


def shown(value: Any) -> str:
    """A value of a YAML file as a message quotes it: as YAML writes it, and not too long."""
    words: dict[Any, str] = {None: "nothing (null)", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {shown(item)}" for key, item in list(value.items())[:SHOWN]) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(shown(item) for item in value[:SHOWN]) + "]"
    else:
        text = repr(value) if isinstance(value, str | int | float) else str(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _load(yaml: YAML, text: str, source: str) -> Any:
    try:
        content = yaml.load(text)
        values = _values(content, {}, set())
    except DuplicateKeyError as error:
        raise _marked(source, error, _twice(str(error.problem)), text) from None
    except MarkedYAMLError as error:
        raise _marked(source, error, _reason(error, text), text) from None
    except ReaderError as error:
        before = text[: error.position]
        raise DataError(
            f"{source}, {_place(before)}: a character that no text has (#x{int(error.character):04x}); remove it"
        ) from None
    except RecursionError:
        raise DataError(f"{source}: nested too deeply, or a value that contains itself") from None
    except (YAMLError, ValueError) as error:  # ValueError: a date or number that there is not
        raise DataError(f"{source}: not valid YAML: {str(error).splitlines()[0]}") from None
    if values > MOST_VALUES:
        raise DataError(
            f"{source}: its aliases (`*name`) make more than {MOST_VALUES:,} values of it; write the values out"
        )
    return content


def _values(content: Any, known: dict[int, int], above: set[int]) -> int:
    """How many values there are when every alias is written out; `RecursionError` for one within itself."""
    inside = (
        [*content.keys(), *content.values()]
        if isinstance(content, Mapping)
        else content
        if isinstance(content, list)
        else []
    )
    if not inside:
        return 1
    if id(content) in above:
        raise RecursionError
    if id(content) not in known:
        above.add(id(content))
        known[id(content)] = 1 + sum(_values(item, known, above) for item in inside)
        above.discard(id(content))
    return known[id(content)]


def _marked(source: str, error: MarkedYAMLError, reason: str, text: str) -> DataError:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return DataError(f"{source}: not valid YAML: {reason}")
    lines = text.splitlines() or [""]
    line = lines[mark.line] if mark.line < len(lines) else lines[-1]
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return DataError(f"{source}, {place}: not valid YAML: {reason}\n  {_quoted(line)}")


def _twice(problem: str) -> str:
    """`found duplicate key "split" with value ...` in our words."""
    return f"the key `{problem.partition(chr(34))[2].partition(chr(34))[0]}` is there twice; keep one"


def _reason(error: MarkedYAMLError, text: str) -> str:
    problem, context = str(error.problem or ""), str(error.context or "")
    mark, lines = error.problem_mark, text.splitlines()
    if mark is not None and mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t":
        return "a tab; YAML indents with spaces"
    opened = f" in line {error.context_mark.line + 1}" if error.context_mark else ""
    if "quoted scalar" in context:
        return f"a quotation mark opened{opened} is not closed before this line"
    if "flow" in context and "expected" in problem:
        return f"a bracket opened{opened} is not closed before this place, or a comma is missing"
    if "block" in context and "<block" in problem:
        return "indented otherwise than the keys above it; keys of one section begin in one column"
    if problem == "mapping values are not allowed here":
        return "a second `:` in one line, or a line indented too far; a text with `: ` needs quotation marks"
    if "cannot start any token" in problem or "while scanning an a" in context:
        return "a text that begins with a mark such as @, %, *, & or ` needs quotation marks"
    context = context.removeprefix("while scanning for the next token")
    return f"{context}, {problem}" if context and problem else problem or context


def _place(before: str) -> str:
    """Line and column of what follows `before`."""
    return f"line {before.count(chr(10)) + 1}, column {len(before.rpartition(chr(10))[2]) + 1}"


def _quoted(line: str) -> str:
    return line.replace("\t", "\\t")[:SHOWN].rstrip()


def _editor() -> YAML:
    yaml = YAML()
    yaml.width = 120
    yaml.preserve_quotes = True
    return yaml
