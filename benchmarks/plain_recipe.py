"""The plain loop of the original joint-embedding recipe, for benchmarks to compare ours with.

Written from the recipe's description, with none of its code: precomputed image features, word
vectors and an LSTM for captions, a linear map of each side into the joint space, the pairwise
ranking loss summed over all contrastive examples of a batch, Adam, one caption with its image a
row. Source: Kiros, Salakhutdinov, Zemel (2014), "Unifying visual-semantic embeddings".
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from embedding.data.pairs import Pairs
from embedding.evaluation.recall import Metrics, recall

WORDS, MARGIN, RATE, BATCH = 300, 0.2, 2e-4, 128


class Recipe(nn.Module):
    """The recipe's model: word vectors and an LSTM on one side, a linear map on the other."""

    def __init__(self, captions: list[str], width: int, hidden: int, joint: int) -> None:
        super().__init__()
        words = sorted({word for caption in captions for word in caption.lower().split()})
        self.place = {word: number for number, word in enumerate(words, start=2)}
        self.words = nn.Embedding(len(words) + 2, WORDS, padding_idx=0)
        self.lstm = nn.LSTM(WORDS, hidden, batch_first=True)
        self.text = nn.Linear(hidden, joint)
        self.image = nn.Linear(width, joint)

    def encode_text(self, captions: list[str]) -> Tensor:
        """Return unit vectors (n, joint): the state after each caption's last word, mapped."""
        rows = [
            torch.tensor([self.place.get(word, 1) for word in caption.lower().split()] or [1])
            for caption in captions
        ]
        lengths = torch.tensor([len(row) for row in rows])
        packed = pack_padded_sequence(
            self.words(pad_sequence(rows, batch_first=True)),
            lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        _, (state, _) = self.lstm(packed)
        return functional.normalize(self.text(state[-1]), dim=-1)

    def encode_images(self, features: Tensor) -> Tensor:
        """Return unit vectors (n, joint) of image features (n, width)."""
        return functional.normalize(self.image(features), dim=-1)


def ranking_loss(texts: Tensor, images: Tensor) -> Tensor:
    """Return the sum of max(0, margin - s(i, i) + s(i, j)) over all others, both ways."""
    scores = texts @ images.T
    own = scores.diag()
    others = ~torch.eye(len(scores), dtype=torch.bool)
    over_images = (MARGIN - own[:, None] + scores).clamp(min=0)[others]
    over_texts = (MARGIN - own[None, :] + scores).clamp(min=0)[others]
    return over_images.sum() + over_texts.sum()


class PlainLoop:
    """The recipe's loop: every caption is a row, rows are shuffled, batches follow one another."""

    def __init__(self, pairs: Pairs, hidden: int, joint: int) -> None:
        assert pairs.features is not None
        torch.manual_seed(0)
        self.pairs = pairs
        self.features = torch.from_numpy(pairs.features)
        self.owners = torch.from_numpy(pairs.caption_to_image)
        self.model = Recipe(pairs.captions, self.features.shape[1], hidden, joint)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE)

    def epoch(self) -> Iterator[None]:
        """Train on every row once; yield after each step."""
        self.model.train()
        for rows in torch.randperm(len(self.owners)).split(BATCH):
            texts = self.model.encode_text([self.pairs.captions[i] for i in rows.tolist()])
            images = self.model.encode_images(self.features[self.owners[rows]])
            loss = ranking_loss(texts, images)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            yield

    @torch.inference_mode()
    def measure(self, dev: Pairs) -> Metrics:
        """Return the recall on a split."""
        assert dev.features is not None
        self.model.eval()
        parts = [dev.captions[i : i + 256] for i in range(0, len(dev.captions), 256)]
        texts = torch.cat([self.model.encode_text(part) for part in parts])
        images = self.model.encode_images(torch.from_numpy(dev.features))
        return recall(texts.numpy(), images.numpy(), dev.caption_to_image)
