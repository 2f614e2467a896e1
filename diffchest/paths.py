"""Where every file of the pipeline lies, relative to the repository root."""

from pathlib import Path

from diffchest.params.base import OURS

DATA = Path("data")
MODELS = Path("models")
RUNS = Path("runs")
REPORTS = Path("reports")

CHECKED_PARAMS = DATA / "params_checked.txt"
PUBLIC_TABLES = DATA / "tables"
PHANTOM = DATA / "phantom"
COHORTS = DATA / "cohorts"
MANIFEST = DATA / "manifest.parquet"
REJECTED = DATA / "rejected.csv"
CHECKED_NAMES = DATA / "names_checked.txt"
IMAGES = DATA / "images.lmdb"
STORED_MANIFEST = DATA / "images.parquet"
CONTACT_SHEET = DATA / "contact_sheet.csv"
EQUAL_SQUARES = DATA / "equal_squares.csv"
PRETRAIN_PICTURES = DATA / "pretrain_pictures.npz"
LATENTS = DATA / "latents.npz"
SCORES = DATA / "scores"
EXPLANATIONS = DATA / "explanations"
SHOWN = EXPLANATIONS / "shown.npz"
EVERY_FINDING = EXPLANATIONS / "every_finding.npz"
STEP_SWEEP = EXPLANATIONS / "step_sweep.npz"
MEASURED = EXPLANATIONS / "measured.npz"
OTHER_WAY = EXPLANATIONS / "other_way.npz"
AXIOMS = EXPLANATIONS / "axioms.npz"
RECONSTRUCTIONS = EXPLANATIONS / "reconstructions.npz"
TWINS = DATA / "twins.npz"
TWIN_LATENTS = DATA / "twin_latents.npz"
FAILURES = DATA / "failures.npz"
INTERVENTIONS = DATA / "audit" / "interventions.npz"
READER_SHEETS = DATA / "reader_sheets"
READER_RATINGS = DATA / "reader_ratings.csv"

AUTOENCODER = MODELS / "diffchest.safetensors"
HEAD = MODELS / "head.safetensors"
MOVES = MODELS / "moves.npz"
WITNESS = MODELS / "witness.npz"
SMALL_CNN = MODELS / "small_cnn.onnx"

TABLES = REPORTS / "tables"
OTHER_AUDITS = TABLES / "audit"  # of classifiers that are not ours, a table each
PLOTS = REPORTS / "plots"
INGEST = REPORTS / "ingest"
STAGE_METRICS = REPORTS / "metrics"
FIGURES = REPORTS / "figures"
METRICS = REPORTS / "metrics.json"
REPORT = REPORTS / "index.html"


def cohort(dataset: str) -> Path:
    """Manifest rows of one cohort, before the split."""
    return COHORTS / f"{dataset}.parquet"


def labels(dataset: str) -> Path:
    """Label table of one cohort."""
    return COHORTS / f"{dataset}_labels.parquet"


def benchmark_readers(dataset: str) -> Path:
    """What the radiologists of one cohort's test set said."""
    return COHORTS / f"{dataset}_readers.parquet"


def flow(dataset: str) -> Path:
    """Study flow of one cohort."""
    return COHORTS / f"{dataset}_flow.csv"


def rejected(dataset: str) -> Path:
    """Rows and images of one cohort that `ingest` rejected."""
    return COHORTS / f"{dataset}_rejected.csv"


def understood(dataset: str) -> Path:
    """What `ingest` understood of one cohort; beside it the same as text, with the ending `.txt`."""
    return COHORTS / f"{dataset}_understood.csv"


def scores(model: str) -> Path:
    """Test-set scores of one model."""
    return SCORES / f"{model}.parquet"


def twin_scores(name: str) -> Path:
    """What one classifier says of true twins."""
    return DATA / "audit" / f"twins_{name}.npz"


def responses(name: str) -> Path:
    """Pictures of what goes with the findings of one classifier."""
    return DATA / "audit" / f"responses_{name}.npz"


def classified(name: str) -> Path:
    """What one classifier says of all that the audit shows it."""
    return DATA / "audit" / f"classified_{name}.npz"


def table(name: str) -> Path:
    """One of the committed tables."""
    return TABLES / f"{name}.csv"


def audit(name: str) -> Path:
    """What the audit of one classifier found, a row per pair of findings."""
    return table("confounders") if name == OURS else OTHER_AUDITS / f"{name}.csv"


def stage_metrics(stage: str) -> Path:
    """The metrics of one stage."""
    return STAGE_METRICS / f"{stage}.json"
