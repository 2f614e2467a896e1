"""How much two radiographs differ: MAE, PSNR and SSIM (scikit-image), and what is clipped in one alone."""

import numpy as np
import pandas as pd
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def similarity(reference: np.ndarray, picture: np.ndarray) -> pd.DataFrame:
    """Compare uint8 pictures [N, H, W] with their references, one row per picture.

    Columns `mae` (mean absolute difference on the [0, 1] scale), `psnr` (dB; NaN for equal pictures, which have none)
    and `ssim` (Wang et al. 2004, 7 x 7 window). Raises `ValueError` when the shapes differ.
    """
    if reference.shape != picture.shape:
        raise ValueError(f"expected pictures of shape {reference.shape}, found {picture.shape}")
    rows = []
    for expected, found in zip(reference, picture, strict=True):
        difference = np.abs(expected.astype(np.float64) - found) / 255
        exact = not difference.any()
        psnr = np.nan if exact else peak_signal_noise_ratio(expected, found, data_range=255)
        rows.append((difference.mean(), psnr, structural_similarity(expected, found, data_range=255)))
    return pd.DataFrame(rows, columns=["mae", "psnr", "ssim"])


def newly_clipped(picture: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Fraction of pixels that are 0 or 255 in `picture` but not in `reconstruction` (both uint8 [..., H, W]).

    Large values mean that the step drove the decoder out of the range it can draw.
    """
    saturated = np.isin(picture, (0, 255)) & ~np.isin(reconstruction, (0, 255))
    return saturated.mean(axis=(-2, -1))
