"""A classifier that is a function of the user's own code."""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from diffchest.classifiers.preprocess import Picture, as_uint8
from diffchest.classifiers.scored import Score
from diffchest.errors import DataError


def python_scores(function: str, picture: Picture, *, source: str) -> tuple[Score, list[Path]]:
    """Raw scores by `module:function`, which takes pictures uint8 [N, h, w], and the file that it is written in.

    It may return anything that NumPy takes as an array. Raises `DataError` when there is no such module or function,
    and when it raises.
    """
    call = _find(function, source)

    def score(pictures: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(call(as_uint8(pictures, picture)), dtype=np.float64)
        except Exception as error:  # the user's code may raise anything
            raise DataError(f"{source}: {function} raised {type(error).__name__}: {error}") from error

    written = inspect.getsourcefile(call) if inspect.isfunction(call) else None
    return score, [Path(written)] if written else []


def _find(function: str, source: str) -> Callable[[np.ndarray], Any]:
    module_name, _, name = function.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise DataError(
            f"{source}: function {function}: no module {error.name!r}; put its folder on PYTHONPATH, or install it"
        ) from None
    except Exception as error:  # importing runs the user's code
        raise DataError(f"{source}: importing {module_name} raised {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not callable(found):
        there = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise DataError(f"{source}: {module_name} has no function {name!r}; it has {', '.join(there) or 'none'}")
    return found
