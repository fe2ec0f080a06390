"""The networks of `nets.py` in PyTorch (images with the channels first, as it has them)."""

import torch
from torch import nn
from torch.nn import functional


def convnet():
    layers = [nn.Unflatten(1, (1, 28, 28))]
    for depth, filters in ((1, 32), (32, 64)):
        layers += [nn.Conv2d(depth, filters, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10)]
    return nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, depth, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(depth, filters, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(filters), nn.BatchNorm2d(filters)
        self.shortcut = nn.Conv2d(depth, filters, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x):
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.shortcut(x) + self.norm2(self.conv2(y)))


def resnet():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        Block(16, 16, 1),
        Block(16, 32, 2),
        Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.mean, self.gamma = nn.Linear(7 * 7 * 64, 20), nn.Linear(7 * 7 * 64, 20)
        self.decode = nn.Sequential(
            nn.Linear(20, 7 * 7 * 64),
            nn.ReLU(),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 3, 2, 1, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 3, 2, 1, 1),
            nn.Flatten(),
        )

    def forward(self, x):
        h = self.encode(x)
        mean, gamma = self.mean(h), self.gamma(h)
        logits = self.decode(mean + torch.exp(0.5 * gamma) * torch.randn_like(mean))
        errors = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        latent = 0.5 * torch.sum(torch.exp(gamma) + mean**2 - 1 - gamma)
        return (errors + latent) / 128.0


def mlp():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))


NETS = {"convnet": convnet, "resnet": resnet, "vae": Vae, "mlp": mlp}


def build(net, x, y):
    """A function that takes one training step on a batch and returns the loss."""
    model = NETS[net]()
    if net == "resnet":
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step():
        images, labels = torch.from_numpy(x), torch.from_numpy(y).long()
        images = images.permute(0, 3, 1, 2) if images.ndim == 4 else images
        optimizer.zero_grad(set_to_none=True)
        result = model(images)
        loss = result if net == "vae" else functional.cross_entropy(result, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
