"""The data sets: sizes, layout and normalization; every damaged CIFAR-10 folder; the augmentation."""

import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import Tensor

from residual.vision.data import ImageData, cifar10, crop_and_flip, digits

FILES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
RECORD = 3073
SIZE = 10_000 * RECORD


def test_digits_sizes_and_split() -> None:
    data = digits()
    assert data.train_images.shape == (1437, 1, 8, 8)
    assert data.test_images.shape == (360, 1, 8, 8)
    assert data.train_images.dtype == data.test_images.dtype == torch.float32
    assert data.train_labels.dtype == data.test_labels.dtype == torch.int64
    assert data.channels == 1
    assert data.classes == tuple("0123456789")
    # Stratified: every class gives a fifth of its images to the test set.
    train, test = data.train_labels.bincount(minlength=10), data.test_labels.bincount(minlength=10)
    assert ((test - (train + test) * 0.2).abs() < 1).all()


def test_digits_without_scikit_learn_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("residual.extras.find_spec", lambda module: None)
    with pytest.raises(ImportError, match=r"^residual\.vision\.data\.digits needs sklearn: .*'residual\[digits\]'$"):
        digits()


def test_digits_are_all_of_scikit_learns_each_once_and_normalized() -> None:
    """The inverse of the normalization gives back the 1,797 images, of 17 gray levels, with their labels."""
    data, bunch = digits(), load_digits()
    images = torch.cat([data.train_images, data.test_images]).flatten(1).double()
    labels = torch.cat([data.train_labels, data.test_labels])
    levels = (images - images.min()) / (images.max() - images.min()) * 16
    found = sorted(zip(levels.round().int().tolist(), labels.tolist(), strict=True))
    assert found == sorted(zip(bunch.data.astype(int).tolist(), bunch.target.tolist(), strict=True))
    torch.testing.assert_close(levels, levels.round(), atol=1e-5, rtol=0)
    assert_normalized(data)
    assert data.test_images.double().mean().abs() > 1e-5  # by the training images', not by their own
    assert torch.equal(digits().test_images, data.test_images)


def assert_normalized(data: ImageData) -> None:
    for channel in range(data.channels):
        images = data.train_images[:, channel].numpy()
        assert images.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
        assert images.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, np.ndarray]]:
    """A folder of the real layout and size, of random pixels, and its bytes as (file, byte)."""
    folder = tmp_path_factory.mktemp("synthetic")
    content = np.random.default_rng(0).integers(0, 256, (len(FILES), SIZE), dtype=np.uint8)
    # Brighter from red to blue, so that no channel passes for another; labels run on from file to file.
    content.reshape(len(FILES), -1, RECORD)[:, :, 1:1025] //= 4
    content.reshape(len(FILES), -1, RECORD)[:, :, 1025:2049] //= 2
    content[:, ::RECORD] = (np.arange(10_000) + 3 * np.arange(len(FILES))[:, None]) % 10
    for name, data in zip(FILES, content, strict=True):
        data.tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")  # ends in an empty line, as the official one
    yield folder, content
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def read(written: tuple[Path, np.ndarray]) -> ImageData:
    return cifar10(str(written[0]))


def test_cifar10_shapes(read: ImageData) -> None:
    assert read.name == "CIFAR-10"
    assert read.train_images.shape == (50_000, 3, 32, 32)
    assert read.test_images.shape == (10_000, 3, 32, 32)
    assert read.train_images.dtype == read.test_images.dtype == torch.float32
    assert read.train_labels.dtype == read.test_labels.dtype == torch.int64
    assert read.channels == 3
    assert read.classes == tuple(NAMES)
    assert_normalized(read)


def test_cifar10_labels_are_the_first_byte_of_each_record(read: ImageData, written: tuple[Path, np.ndarray]) -> None:
    labels = written[1][:, ::RECORD].astype(np.int64)
    assert torch.equal(read.train_labels, torch.from_numpy(labels[:5].ravel()))
    assert torch.equal(read.test_labels, torch.from_numpy(labels[5]))


def test_cifar10_pixels_are_red_green_blue_planes_row_by_row(read: ImageData, written: tuple[Path, np.ndarray]) -> None:
    content = written[1]
    planes = content.reshape(len(FILES), -1, RECORD)[:5, :, 1:].reshape(-1, 3, 1024)
    for channel in range(3):
        counts = np.bincount(planes[:, channel].ravel(), minlength=256)
        levels = np.arange(256)
        mean = (counts * levels).sum() / counts.sum()
        std = ((counts * levels**2).sum() / counts.sum() - mean**2) ** 0.5
        rng = np.random.default_rng(channel)
        for file in range(len(FILES)):
            image, row, column = rng.integers(0, 10_000, 500), rng.integers(0, 32, 500), rng.integers(0, 32, 500)
            image[:2] = 0, 9_999
            expected = (content[file, image * RECORD + 1 + 1024 * channel + 32 * row + column] - mean) / std
            images = read.test_images if file == 5 else read.train_images[10_000 * file : 10_000 * (file + 1)]
            np.testing.assert_allclose(images.numpy()[image, channel, row, column], expected, atol=1e-5)


def blank_folder(folder: Path) -> Path:
    """All files of the right size, holding zeros, which are good labels; sparse, so that they cost no disk."""
    for name in FILES:
        with open(folder / name, "wb") as file:
            file.truncate(SIZE)
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n")
    return folder


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("size", "said"),
    [
        (None, "is missing: expected a CIFAR-10 binary file of 30,730,000 bytes"),
        (0, "has 0 bytes: expected 30,730,000"),
        (SIZE - 1, "has 30,729,999 bytes: expected 30,730,000"),
        (SIZE + RECORD, "has 30,733,073 bytes: expected 30,730,000"),
    ],
)
def test_cifar10_with_a_file_missing_or_of_another_size(tmp_path: Path, name: str, size: int | None, said: str) -> None:
    path = blank_folder(tmp_path) / name
    path.unlink()
    if size is not None:
        path.touch()
        os.truncate(path, size)
    with pytest.raises(ValueError, match=re.escape(f"{path} {said}")):
        cifar10(tmp_path)


@pytest.mark.parametrize(("name", "image", "label"), [("data_batch_3.bin", 9_999, 10), ("test_batch.bin", 7, 255)])
def test_cifar10_with_a_label_over_9(tmp_path: Path, name: str, image: int, label: int) -> None:
    path = blank_folder(tmp_path) / name
    with open(path, "r+b") as file:
        file.seek(image * RECORD)
        file.write(bytes([label]))
    said = f"{path}: image {image} (byte {image * RECORD:,} of 30,730,000) has label {label}: expected 0 to 9"
    with pytest.raises(ValueError, match=re.escape(said)):
        cifar10(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is missing: expected the ten class names, one per line"),
        (b"", "has 0 different class names: expected 10, one per line"),
        ("\n".join(NAMES[:9]).encode(), "has 9 different"),
        ("\n".join([*NAMES, "tree"]).encode(), "has 11 different"),
        ("\n".join([*NAMES[:9], "cat"]).encode(), "has 9 different"),
        (" ".join(NAMES).encode(), "has 1 different"),
        (b"\xff\xfe\x00binary", "has 1 different"),
    ],
)
def test_cifar10_with_bad_class_names(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = blank_folder(tmp_path) / "batches.meta.txt"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{path} {said}")):
        cifar10(tmp_path)


def test_the_real_cifar10(cifar10_folder: Path) -> None:
    data = cifar10(cifar10_folder)
    assert data.train_images.shape == (50_000, 3, 32, 32)
    assert data.test_images.shape == (10_000, 3, 32, 32)
    assert data.train_labels.bincount().tolist() == [5_000] * 10
    assert data.test_labels.bincount().tolist() == [1_000] * 10
    assert data.classes == tuple(NAMES)
    assert_normalized(data)
    # The sky behind airplanes and ships is blue, a frog is not: planes in another order would say otherwise.
    blue = data.train_images[:, 2].mean((1, 2)) - data.train_images[:, 0].mean((1, 2))
    by_class = {name: blue[data.train_labels == i].mean().item() for i, name in enumerate(data.classes)}
    assert min(by_class["airplane"], by_class["ship"]) > 0 > by_class["frog"]


def windows(image: Tensor) -> dict[tuple[int, int, bool], Tensor]:
    """The 81 crops of an image with 4 zeros on each side, and their mirrors."""
    channels, height, width = image.shape
    padded = torch.zeros(channels, height + 8, width + 8)
    padded[:, 4 : 4 + height, 4 : 4 + width] = image
    crops = {}
    for top in range(9):
        for left in range(9):
            crop = padded[:, top : top + height, left : left + width]
            crops[top, left, False], crops[top, left, True] = crop, crop.flip(2)
    return crops


@given(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(5, 12), st.integers(5, 12)), st.integers(0, 2**32))
def test_each_augmented_image_is_a_window_or_its_mirror(shape: tuple[int, ...], seed: int) -> None:
    # No two pixels are equal, so that an output says where it comes from.
    images = torch.arange(1.0, 1 + math.prod(shape)).reshape(shape)
    before = images.clone()
    out = crop_and_flip(images, torch.Generator().manual_seed(seed))
    assert out.shape == images.shape
    assert torch.equal(images, before)
    for image, cropped in zip(images, out, strict=True):
        assert sum(torch.equal(cropped, window) for window in windows(image).values()) == 1


def test_augmentation_reaches_every_window_as_often() -> None:
    n = 20_000
    image = torch.arange(1.0, 1 + 25).reshape(1, 5, 5)
    out = crop_and_flip(image.expand(n, 1, 5, 5), torch.Generator().manual_seed(0))
    counts = [int((out == window).all(3).all(2).all(1).sum()) for window in windows(image).values()]
    expected = n / 162
    assert sum(counts) == n
    # Chi-squared with 161 degrees of freedom: 240 is passed once in ten thousand such tests.
    assert sum((count - expected) ** 2 / expected for count in counts) < 240


def test_augmentation_is_decided_by_the_generator() -> None:
    images = torch.arange(1.0, 1 + 16 * 3 * 8 * 8).reshape(16, 3, 8, 8)

    def augmented(seed: int) -> Tensor:
        return crop_and_flip(images, torch.Generator().manual_seed(seed))

    assert torch.equal(augmented(5), augmented(5))
    assert not torch.equal(augmented(5), augmented(6))
    state = torch.get_rng_state()
    augmented(5)
    assert torch.equal(torch.get_rng_state(), state)  # torch's own random numbers are left alone
