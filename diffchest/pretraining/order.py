"""Which radiograph is shown when, and the random streams: functions of `pretrain.seed` and the place in the run."""

from collections.abc import Iterator

import numpy as np

from diffchest.params.pretraining import PretrainParams

EARLIEST = 500  # images: before them is no checkpoint but those of `checkpoint_every`
VALIDATION_STREAM, ORDER_STREAM, IMAGE_STREAM, DROPOUT_STREAM, PICTURE_STREAM = range(5)


class Order:
    """The endless sequence of positions 0 .. size-1, epoch after epoch, each in its own random order.

    What comes n-th depends on `seed` and n alone, so a resumed run goes on with the same images.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def take(self, shown: range) -> np.ndarray:
        """Return the positions of the images shown as number `shown`."""
        return np.array([self._at(n) for n in shown])

    def _at(self, n: int) -> int:
        epoch, index = divmod(n, self.size)
        if epoch != self._epoch:
            rng = np.random.default_rng([self.seed, ORDER_STREAM, epoch])
            self._epoch, self._order = epoch, rng.permutation(self.size)
        return int(self._order[index])


def batches(first: int, settings: PretrainParams) -> Iterator[range]:
    """Yield the numbers of the images shown in each step, from image `first` to the end of the run.

    Batches are whole: the last one is that which reaches `images_shown`, so that a longer run has the same ones.
    """
    for start in range(first, settings.images_shown, settings.batch_size):
        yield range(start, start + settings.batch_size)


def run_length(settings: PretrainParams) -> int:
    """Return how many images a run has shown at its end: `images_shown`, up to a whole batch."""
    return -(-settings.images_shown // settings.batch_size) * settings.batch_size


def is_due(batch: range, every: int) -> bool:
    """Whether a checkpoint comes after `batch`: at multiples of `every` images, and before the first at parts of it.

    The parts are its half, a quarter and so on, down to `EARLIEST` images, so that a short run has a curve too. No
    place depends on the length of the run, so that a longer one has them all.
    """
    halved = 1 + max(0, (every // EARLIEST).bit_length() - 1)
    early = [every / 2**times for times in range(1, halved)]
    return batch.stop // every > batch.start // every or any(batch.start < place <= batch.stop for place in early)


def micro_batches(batch: range, size: int | None, rank: int, processes: int) -> list[range]:
    """Return the parts of `batch` that process `rank` of `processes` takes through the network, one at a time.

    Parts of `size` images are dealt out in turn, so that the parts, and all that is drawn for them, are the same for
    any number of processes; None: one part each.
    """
    size = size or -(-len(batch) // processes)
    parts = [batch[start : start + size] for start in range(0, len(batch), size)]
    return parts[rank::processes]


def stream_seed(seed: int, stream: int, position: int) -> int:
    """Return the torch seed of one image or step: a function of the run's seed and its place in the run."""
    return int(np.random.SeedSequence([seed, stream, position]).generate_state(1, np.uint64)[0])
