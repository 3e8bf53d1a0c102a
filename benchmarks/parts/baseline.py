"""CIFAR training as the usual script does it, to be measured against: float32, channels first, one image at a time.

After `resnet.py` and `trainer.py` of github.com/akamaster/pytorch_resnet_cifar10, written anew: the same network,
transforms, loader and step, with that script's default settings. Keys are those of `residual.vision.CifarNet`.
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

LOADERS = 4  # processes that load images
BATCH = 128


class Block(nn.Module):
    """Two 3x3 convolutions, nothing in place, and a skip that pads with zeros."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.new = channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        half = self.new // 2
        return F.relu(out + (F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half)) if self.new else x))


class Net(nn.Module):
    """The CIFAR net of `depth` layers."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for i, width in enumerate((16, 32, 64)):
            stage = nn.Sequential()
            for _ in range((depth - 2) // 6):
                stage.append(Block(channels, width, 1 if channels == width else 2))
                channels = width
            self.add_module(f"layer{i + 1}", stage)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.avg_pool2d(out, out.size()[3])
        return self.fc(out.view(out.size(0), -1))


class Pictures(Dataset[tuple[Tensor, int]]):
    """Pictures (N, 32, 32, 3) of bytes, each made a PIL image and transformed when it is asked for."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray) -> None:
        from torchvision import transforms  # after `peers` has seen to it that it can be imported

        self.pictures, self.labels = pictures, labels
        self.transform = transforms.Compose(
            [
                transforms.RandomHorizontalFlip(),
                transforms.RandomCrop(32, 4),
                transforms.ToTensor(),
                transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pictures[index])), int(self.labels[index])


class Trainer:
    """That script's training epoch."""

    def __init__(self, model: Net, pictures: np.ndarray, labels: np.ndarray) -> None:
        self.model = model.train()
        # Loaders stay alive between epochs, unlike there: a real epoch is long enough not to notice their start.
        self.loader = DataLoader(
            Pictures(pictures, labels), batch_size=BATCH, shuffle=True, num_workers=LOADERS, persistent_workers=True
        )
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def epoch(self) -> None:
        """All batches once."""
        for images, labels in self.loader:
            self.step(images, labels)

    def step(self, images: Tensor, labels: Tensor) -> None:
        output = self.model(images)
        loss = F.cross_entropy(output, labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        output.data.topk(1)[1].t().eq(labels.view(1, -1)).float().sum().item()
        loss.item()
