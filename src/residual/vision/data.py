"""Images to train on: scikit-learn's digits, always at hand, and CIFAR-10 where a folder with its files is given.

Told in `book/part1/degradation.md`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

CIFAR10_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
CIFAR10_TEST = ("test_batch.bin",)
CIFAR10_IMAGES_PER_FILE = 10_000
CIFAR10_RECORD = 1 + 3 * 32 * 32  # a label byte, then the red, green and blue planes


@dataclass(frozen=True)
class ImageData:
    """A labeled data set, split once and normalized with the training images' mean and standard deviation.

    Images are float32 (N, C, H, W); labels are int64 (N,).
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]

    @property
    def channels(self) -> int:
        return self.train_images.shape[1]


def digits() -> ImageData:
    """scikit-learn's handwritten digits: 1,437 training and 360 test images of 1x8x8 pixels, ten classes.

    The split is stratified and fixed (seed 0): seeds of an experiment vary the network and the batches, not the data.
    """
    bunch = load_digits()
    images = bunch.images[:, None].astype(np.float32)
    split = train_test_split(images, bunch.target, test_size=0.2, random_state=0, stratify=bunch.target)
    return _normalized("scikit-learn digits", *split, classes=tuple(str(name) for name in bunch.target_names))


def cifar10(folder: str | Path) -> ImageData:
    """CIFAR-10 from a folder with the official binary files: 50,000 training and 10,000 test images of 3x32x32 pixels.

    Raises:
        ValueError: for a file that is missing or has the wrong size (names the file and the bytes expected), a label
            over 9 (names the file, the image and its place), or class names that are not ten different lines.
    """
    folder = Path(folder)
    # All sizes first: a download that was cut off is said at once, not after 150 MB were read.
    for name in (*CIFAR10_TRAIN, *CIFAR10_TEST):
        _check_size(folder / name)
    classes = _class_names(folder / "batches.meta.txt")
    train_images, train_labels = _read_cifar10(folder, CIFAR10_TRAIN)
    test_images, test_labels = _read_cifar10(folder, CIFAR10_TEST)
    return _normalized("CIFAR-10", train_images, test_images, train_labels, test_labels, classes=classes)


def _check_size(path: Path) -> None:
    expected = CIFAR10_IMAGES_PER_FILE * CIFAR10_RECORD
    if not path.is_file():
        raise ValueError(f"{path} is missing: expected a CIFAR-10 binary file of {expected:,} bytes")
    if path.stat().st_size != expected:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes: expected {expected:,}")


def _class_names(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        raise ValueError(f"{path} is missing: expected the ten class names, one a line")
    # The official file ends in an empty line. A byte that is no UTF-8 is replaced, so that the count below speaks.
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != 10 or len(set(names)) != 10:
        raise ValueError(f"{path} has {len(set(names))} different class names: expected 10, one a line")
    return names


def _read_cifar10(folder: Path, files: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    parts = []
    for name in files:
        records = np.fromfile(folder / name, dtype=np.uint8).reshape(-1, CIFAR10_RECORD)
        wrong = np.flatnonzero(records[:, 0] > 9)
        if len(wrong):
            raise ValueError(
                f"{folder / name}: image {wrong[0]} (byte {wrong[0] * CIFAR10_RECORD:,} of {records.size:,}) has label"
                f" {records[wrong[0], 0]}: expected 0 to 9"
            )
        parts.append(records)
    records = np.concatenate(parts)
    return records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32), records[:, 0]


def _normalized(
    name: str,
    train_images: np.ndarray,
    test_images: np.ndarray,
    train_labels: np.ndarray,
    test_labels: np.ndarray,
    *,
    classes: tuple[str, ...],
) -> ImageData:
    for channel in range(train_images.shape[1]):
        # A channel at a time and in place: in one go, CIFAR-10 would need 2 GB beside the images.
        mean = train_images[:, channel].mean(dtype=np.float64).astype(np.float32)
        std = train_images[:, channel].std(dtype=np.float64).astype(np.float32)
        for images in (train_images, test_images):
            images[:, channel] -= mean
            images[:, channel] /= std
    return ImageData(
        name=name,
        train_images=torch.from_numpy(train_images),
        train_labels=torch.from_numpy(train_labels.astype(np.int64)),
        test_images=torch.from_numpy(test_images),
        test_labels=torch.from_numpy(test_labels.astype(np.int64)),
        classes=classes,
    )


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """The augmentation of He et al. (2015), section 4.2: pad 4 zeros a side, crop at random, mirror half of the images.

    (N, C, H, W) -> (N, C, H, W); each image gets its own offset.
    """
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (4, 4, 4, 4))
    top = torch.randint(0, 9, (n, 1), generator=generator)
    left = torch.randint(0, 9, (n, 1), generator=generator)
    mirrored = torch.rand(n, 1, generator=generator) < 0.5
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    columns = torch.where(mirrored, columns.flip(1), columns)
    which = torch.arange(n)[:, None, None]
    return padded.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
