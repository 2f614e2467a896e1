"""The authors' classifier as our linear head."""

from pathlib import Path

from torch import Tensor

from diffchest.contracts.head import Head
from diffchest.errors import DataError
from diffchest.files.tensors import check_tensors
from diffchest.model.authors.checkpoint import read_tensors

WEIGHT, BIAS = "ema_classifier.weight", "ema_classifier.bias"
STATISTICS = ("conds_mean", "conds_std")  # [d] or [1, d]


def load_authors_head(path: Path, findings: Path | None, *, latent_dim: int) -> Head:
    """Read the authors' classifier of `latent_dim` values: F findings on z standardised with `conds_mean`, `conds_std`.

    It is the averaged one, `ema_classifier`, with which their test script scores; only their manipulation script moves
    along `classifier`. The checkpoint does not name its outputs: `findings` is a text file of F names, one a line, in
    the order of training. `model_sha256` is left empty: it is that of our autoencoder file, once there is one. Raises
    `DataError` when either file does not fit.
    """
    with read_tensors(path) as state:
        return _head(state, path, findings, latent_dim)


def _head(named: dict[str, Tensor], path: Path, findings: Path | None, latent_dim: int) -> Head:
    state = {name: tensor for name, tensor in named.items() if not name.startswith("classifier.")}
    tensors = {name: _as_row(tensor) if name in STATISTICS else tensor for name, tensor in state.items()}
    outputs = next((len(tensors[name]) for name in (BIAS, WEIGHT) if name in tensors and tensors[name].ndim), 0)
    expected = {WEIGHT: (outputs, latent_dim), BIAS: (outputs,), **dict.fromkeys(STATISTICS, (latent_dim,))}
    check_tensors(expected, tensors, source=path)
    weight, bias, mean, sd = (tensors[name].float().numpy() for name in expected)
    if not (sd > 0).all():
        raise DataError(f"{path}: conds_std has values that are not above 0; latents cannot be standardised with it")
    return Head(_read_findings(findings, outputs, path), weight, bias, mean, sd, model_sha256="")


def _as_row(tensor: Tensor) -> Tensor:
    return tensor[0] if tensor.ndim == 2 and len(tensor) == 1 else tensor


def _read_findings(path: Path | None, number: int, head: Path) -> list[str]:
    what = f"the {number} outputs of {head}, one name a line in the order of training"
    if path is None:
        raise DataError(f"{head}: does not name its findings; give `--findings FILE`: {what}")
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); expected {what}") from None
    if len(names) != number:
        raise DataError(f"{path}: found {len(names)} names, expected {number}: {what}")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path}: {', '.join(map(repr, repeated))} more than once; expected {what}")
    return names
