"""Drawing interventions: one finding at a time put into a radiograph, or taken out, while all others are held.

The causal question of the audit (CaCE, Goyal et al. 2019): what does a score do when B alone is there? The moves are
those of the edit `alone`; each way in which a finding shows is taken as often as it occurs.
"""

import sys
from collections.abc import Sequence

import numpy as np

from diffchest.compute.parts import Arrays, Parts
from diffchest.contracts.head import Head
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals import differences, edited, moves, pictures
from diffchest.counterfactuals.edited import draw_edits
from diffchest.counterfactuals.moves import edit_moves, mean_length, move_latents, random_moves
from diffchest.counterfactuals.pictures import batch_size, encode_latents
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.counterfactuals import PictureParams

CODE = (*pictures.CODE, pictures, differences, edited, moves, Head)


def intervene(
    model: DiffusionAutoencoder,
    head: Head,
    fitted: Moves,
    image_ids: Sequence[str],
    pixels: np.ndarray,
    present: np.ndarray,
    findings: Sequence[str],
    *,
    settings: PictureParams,
    random_directions: int,
    seed: int,
    parts: Parts,
) -> Interventions | None:
    """Put in or take out each of `findings` in each radiograph (uint8 [P, H, W]); as many random moves in each.

    present: bool [P, F], which findings are there. None in all processes of `parts` but the first.
    """
    z = encode_latents(model, pixels)
    towards = intervention_moves(z, head, fitted, present, findings, seed=seed)
    elsewhere = random_moves(
        random_directions,
        length=mean_length(towards, fitted.covariance),
        edit="alone",
        covariance=fitted.covariance,
        seed=seed,
    )
    moved, random = move_latents(z, head, towards), move_latents(z, head, elsewhere[None])
    rows = head.rows(findings)
    as_it_comes = settings.model_copy(update={"corrections": 0})  # a random move asks for nothing

    def part(chosen: slice) -> Arrays:
        few, own = pixels[chosen], z[chosen, None]
        asked = np.concatenate([own, moved[chosen]], axis=1)
        drawn = draw_edits(model, head, few, asked, rows, settings, reconstruct=False)
        asked = np.concatenate([own, random[chosen]], axis=1)
        chance = draw_edits(model, head, few, asked, rows[:1].repeat(random_directions), as_it_comes, reconstruct=False)
        base = few if settings.changes_the_original else drawn["pictures"][:, 0]
        return {
            "base": base,
            "picture": drawn["pictures"][:, 1:],
            "random": chance["pictures"][:, 1:],
        }

    content = [model.sha256, vars(head), pixels, moved, random, list(findings), settings.model_dump(), *CODE]
    drawn = parts.gather(
        part,
        len(pixels),
        size=batch_size(pixels.shape[-1]),
        content=[*content, sys.modules[__name__]],
        desc="draw interventions",
    )
    if drawn is None:
        return None
    return Interventions(
        image_id=list(image_ids),
        findings=list(findings),
        present=present,
        original=pixels,
        base=drawn["base"],
        picture=drawn["picture"],
        random=drawn["random"],
    )


def intervention_moves(
    z: np.ndarray, head: Head, fitted: Moves, present: np.ndarray, findings: Sequence[str], *, seed: int
) -> np.ndarray:
    """Moves [P, F, d] in the head's standardised space: `alone` towards presence, or from it where it is `present`.

    What is put in is put in the ways in which it shows, each in as large a share of the radiographs as it has among
    those with the finding; what is taken out, in the way that the radiograph shows.
    """
    out = edit_moves(z, head, fitted, findings, edit="alone", towards="absence")
    rng, rows = np.random.default_rng(seed), fitted.rows(findings)
    for column, row in enumerate(rows):
        free = np.flatnonzero(~present[:, column])
        way = dealt(fitted.share[row], len(free), rng)
        out[free, column] = fitted.alone[row, way]
    return out


def dealt(share: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Which way each of `number` radiographs gets, so that each has its share, up to rounding: int64 [number]."""
    places = (rng.permutation(number) + 0.5) / max(number, 1)
    return np.minimum(np.searchsorted(np.cumsum(share), places, side="right"), np.flatnonzero(share)[-1])
