"""Images to train on: scikit-learn's digits, which come with it, and CIFAR-10 from a folder with its files.

Told in `book/part1/degradation.md`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from residual.extras import need

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

    Raises:
        ImportError: without scikit-learn, naming the extra that brings it.
    """
    need("residual.vision.data.digits", "digits", "sklearn")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = bunch.images[:, None].astype(np.float32)
    split = train_test_split(images, bunch.target, test_size=0.2, random_state=0, stratify=bunch.target)
    return _normalized("scikit-learn digits", tuple(map(str, bunch.target_names)), *split)


def cifar10(folder: str | Path) -> ImageData:
    """CIFAR-10 from a folder with the official binary files: 50,000 training and 10,000 test images of 3x32x32 pixels.

    Raises:
        ValueError: for a file that is missing or has the wrong size (names the file and the bytes expected), a label
            over 9 (names the file, the image and its byte), or class names that are not ten different lines.
    """
    paths = [Path(folder) / name for name in (*CIFAR10_TRAIN, *CIFAR10_TEST)]
    size = CIFAR10_IMAGES_PER_FILE * CIFAR10_RECORD
    # All sizes first: a download that was cut off is reported at once, not after 150 MB were read.
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path} is missing: expected a CIFAR-10 binary file of {size:,} bytes")
        if path.stat().st_size != size:
            raise ValueError(f"{path} has {path.stat().st_size:,} bytes: expected {size:,}")
    classes = _class_names(Path(folder) / "batches.meta.txt")
    records = np.concatenate([np.fromfile(path, dtype=np.uint8) for path in paths]).reshape(-1, CIFAR10_RECORD)
    wrong = np.flatnonzero(records[:, 0] > 9)
    if len(wrong):
        file, byte = divmod(int(wrong[0]) * CIFAR10_RECORD, size)
        raise ValueError(
            f"{paths[file]}: image {byte // CIFAR10_RECORD} (byte {byte:,} of {size:,}) has label"
            f" {records[wrong[0], 0]}: expected 0 to 9"
        )
    images, labels = records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32), records[:, 0]
    n = CIFAR10_IMAGES_PER_FILE * len(CIFAR10_TRAIN)
    return _normalized("CIFAR-10", classes, images[:n], images[n:], labels[:n], labels[n:])


def _class_names(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        raise ValueError(f"{path} is missing: expected the ten class names, one per line")
    # The official file ends in an empty line. Bytes that are not UTF-8 are replaced; the check below reports them.
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != 10 or len(set(names)) != 10:
        raise ValueError(f"{path} has {len(set(names))} different class names: expected 10, one per line")
    return names


def _normalized(name: str, classes: tuple[str, ...], *split: np.ndarray) -> ImageData:
    """The data of training images, test images, training labels and test labels; images are normalized in place."""
    train_images, test_images, *labels = split
    for channel in range(train_images.shape[1]):
        # Channel by channel and in place: all at once, CIFAR-10 would need 2 GB beside the images.
        mean = train_images[:, channel].mean(dtype=np.float64).astype(np.float32)
        std = train_images[:, channel].std(dtype=np.float64).astype(np.float32)
        for images in (train_images, test_images):
            images[:, channel] -= mean
            images[:, channel] /= std
    train_labels, test_labels = (torch.from_numpy(array.astype(np.int64)) for array in labels)
    train, test = torch.from_numpy(train_images), torch.from_numpy(test_images)
    return ImageData(name, train, train_labels, test, test_labels, classes)


def crop_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """The augmentation of He et al. (2015), section 4.2: pad by 4 zeros, crop at random, mirror half of the images.

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
    image = torch.arange(n)[:, None, None]
    return padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
