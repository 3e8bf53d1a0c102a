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
    """A labelled data set, split once and normalized with the training images' mean and standard deviation.

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
        ValueError: for a file that is missing or has the wrong size; names the file and the bytes expected.
    """
    folder = Path(folder)
    train_images, train_labels = _read_cifar10(folder, CIFAR10_TRAIN)
    test_images, test_labels = _read_cifar10(folder, CIFAR10_TEST)
    names = folder / "batches.meta.txt"
    if not names.is_file():
        raise ValueError(f"{names} is missing: expected the ten class names, one a line")
    classes = tuple(names.read_text().split())
    if len(classes) != 10:
        raise ValueError(f"{names} has {len(classes)} class names: expected 10, one a line")
    return _normalized("CIFAR-10", train_images, test_images, train_labels, test_labels, classes=classes)


def _read_cifar10(folder: Path, files: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    expected = CIFAR10_IMAGES_PER_FILE * CIFAR10_RECORD
    parts = []
    for name in files:
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{path} is missing: expected a CIFAR-10 binary file of {expected:,} bytes")
        if path.stat().st_size != expected:
            raise ValueError(f"{path} has {path.stat().st_size:,} bytes: expected {expected:,}")
        parts.append(np.fromfile(path, dtype=np.uint8).reshape(-1, CIFAR10_RECORD))
    records = np.concatenate(parts)
    labels = records[:, 0]
    if labels.max() > 9:
        raise ValueError(f"{folder}: a label is {labels.max()}: expected 0 to 9")
    return records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32), labels


def _normalized(
    name: str,
    train_images: np.ndarray,
    test_images: np.ndarray,
    train_labels: np.ndarray,
    test_labels: np.ndarray,
    *,
    classes: tuple[str, ...],
) -> ImageData:
    mean = train_images.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
    std = train_images.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
    return ImageData(
        name=name,
        train_images=torch.from_numpy((train_images - mean) / std),
        train_labels=torch.from_numpy(train_labels.astype(np.int64)),
        test_images=torch.from_numpy((test_images - mean) / std),
        test_labels=torch.from_numpy(test_labels.astype(np.int64)),
        classes=classes,
    )


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """The augmentation of He et al. (2015), section 4.2: pad by 4 zeros a side, crop at random, mirror half of the images.

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
