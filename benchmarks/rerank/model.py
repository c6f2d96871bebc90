"""A re-ranker: how well each word of a caption finds its place in a picture.

The joint embedding has one vector for a picture and one for a caption, and so can look through a
large gallery at once. For the first few that it finds there is time to compare word by word and
place by place: the score is the mean over the words, weighted by how much each says, of how well
its best place fits, and the cosine of the two wholes. As in the search, how near a picture is to
any typical request is taken off, here by this score (docs/experiments.md).

Source: late interaction as in FILIP (Yao et al., 2021) and ColBERT (Khattab and Zaharia, 2020),
with the attention over places of SCAN (Lee et al., 2018) in place of the hard maximum.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.rerank.config import RerankConfig
from benchmarks.rerank.grids import GridSource
from embedding.errors import ModelError
from embedding.model.files import replaced_directory
from embedding.model.precision import autocast
from embedding.model.towers import quiet_transformers, text_tower
from retrieval.search.query_bank import NEAREST
from retrieval.search.vision import NEARNESS_WEIGHT

__all__ = ["RERANK_FILE", "Captions", "Pictures", "Reranker"]

RERANK_FILE = "reranker.json"
_FORMAT = 1
_HEADS, _TEXT = "heads.safetensors", "text"
_AT_ONCE = 32
"""Captions of similar length that pass the encoder at once; a processor gains nothing by more."""
_PICTURES_AT_ONCE = 64
_REQUESTS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Captions:
    """What a re-ranker knows of captions.

    Attributes:
        words: (t, d) unit vectors of the tokens of all captions, one caption after the other.
        weights: (t,) of each token; those of one caption add up to 1.
        counts: (c,) how many tokens each caption has.
        wholes: (c, d) unit vectors.
    """

    words: Tensor
    weights: Tensor
    counts: Tensor
    wholes: Tensor

    def take(self, rows: NDArray[np.int64]) -> "Captions":
        """Return some of the captions."""
        ends = self.counts.cumsum(0)
        tokens = torch.cat(
            [torch.arange(int(ends[i] - self.counts[i]), int(ends[i])) for i in rows]
        )
        picked = torch.from_numpy(rows)
        return Captions(
            self.words[tokens], self.weights[tokens], self.counts[picked], self.wholes[picked]
        )


@dataclass(frozen=True, eq=False)
class Pictures:
    """What a re-ranker knows of pictures.

    Attributes:
        places: (n, p, d) unit vectors.
        wholes: (n, d) unit vectors.
        taken_off: (n,) of every score: how near a picture is to any typical request.
    """

    places: Tensor
    wholes: Tensor
    taken_off: Tensor

    def take(self, rows: NDArray[np.int64]) -> "Pictures":
        """Return some of the pictures."""
        picked = torch.from_numpy(rows)
        return Pictures(self.places[picked], self.wholes[picked], self.taken_off[picked])


class Reranker(nn.Module):
    """Compares the words of captions with the places of pictures.

    Args:
        encoder: the sentence-transformers module that turns a text into token vectors.
        config: the settings.
        width: numbers at each place of a grid.
        weight: of its score beside the joint model's cosine; chosen on the dev split.
        requests: typical ones, from its training captions; none, or at least ``NEAREST``.
    """

    def __init__(
        self,
        encoder: Any,
        config: RerankConfig,
        width: int,
        *,
        weight: float = 1.0,
        requests: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.config, self.width, self.weight = config, width, weight
        self.requests = tuple(requests)
        self.text = encoder
        text_width, size = int(encoder.get_embedding_dimension()), config.dimension
        self.heads = nn.ModuleDict(
            {
                "words": nn.Linear(text_width, size),
                "sentence": nn.Linear(text_width, size),
                "telling": nn.Linear(text_width, 1),
                "norm": nn.LayerNorm(width),
                "places": nn.Linear(width, size),
                "picture": nn.Linear(width, size),
            }
        )
        # All words weigh the same at first.
        nn.init.zeros_(self._head("telling").weight)
        self.dropout = nn.Dropout(config.dropout)

    @classmethod
    def build(cls, config: RerankConfig, width: int) -> "Reranker":
        """Return an untrained one over a pretrained text encoder.

        Raises:
            ModelError: the text encoder cannot be had.
        """
        tower = text_tower(config.text_tower, config.dimension, hidden=0, dropout=0.0)
        return cls(tower.encoder[0], config, width)

    @classmethod
    def load(cls, directory: Path) -> "Reranker":
        """Return a re-ranker that ``save`` wrote.

        Raises:
            ModelError: there is none, or its files are damaged.
        """
        path = directory / RERANK_FILE
        if not path.is_file():
            raise ModelError(
                f"{directory} holds no re-ranker (no {RERANK_FILE}); make one with "
                "`python -m benchmarks.rerank MODEL --data KIND:PATH --out DIR`"
            )
        try:
            info = json.loads(path.read_text(encoding="utf-8"))
            if info["format"] != _FORMAT:
                raise ModelError(f"{path} has format {info['format']!r}, expected {_FORMAT}")
            with quiet_transformers():
                text = SentenceTransformer(
                    str(directory / _TEXT), device="cpu", local_files_only=True
                )
            made = cls(
                text[0],
                RerankConfig(**info["settings"]),
                info["width"],
                weight=info["weight"],
                requests=info.get("requests", ()),  # 0.2.0 took nothing off
            )
            heads = load_file(directory / _HEADS)
            heads.pop("scale", None)  # the loss's temperature, which 0.2.0 saved too
            made.heads.load_state_dict(heads)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                f"the re-ranker {directory} cannot be loaded: {error}; train or copy it again"
            ) from error
        return made.eval()

    def save(self, directory: Path, info: dict[str, Any]) -> None:
        """Write everything as a whole or not at all; what was there is replaced.

        Args:
            directory: where to; its parents are made.
            info: the data, the model whose candidates it was judged on, and metrics, as JSON.
        """
        record = {
            "format": _FORMAT,
            "weight": self.weight,
            "width": self.width,
            "requests": self.requests,
            "settings": self.config.to_json(),
            **info,
        }
        with replaced_directory(directory) as scratch, quiet_transformers():
            encoder = SentenceTransformer(modules=[self.text], device="cpu")
            encoder.save(str(scratch / _TEXT), create_model_card=False)
            heads = {k: v.contiguous() for k, v in self.heads.state_dict().items()}
            save_file(heads, scratch / _HEADS)
            text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
            (scratch / RERANK_FILE).write_text(text, encoding="utf-8")

    def read(self, captions: Sequence[str]) -> Captions:
        """Return what is known of captions; a text is a text, whatever it looks like."""
        order = sorted(range(len(captions)), key=lambda i: len(captions[i]))
        parts: list[tuple[Tensor, ...]] = []
        owners: list[Tensor] = []
        for start in range(0, len(order), _AT_ONCE):
            rows = order[start : start + _AT_ONCE]
            inputs = self.text.preprocess([captions[i] for i in rows])
            output = self.text(dict(inputs))
            mask = output["attention_mask"].bool()
            parts.append(self._of_tokens(output["token_embeddings"].float(), mask))
            owners.append(torch.tensor(rows).repeat_interleave(mask.sum(1)))
        words, weights, wholes = (torch.cat(part) for part in zip(*parts, strict=True))
        owner = torch.cat(owners)
        back = owner.argsort(stable=True)
        return Captions(
            words[back],
            weights[back],
            torch.bincount(owner, minlength=len(captions)),
            wholes[torch.tensor(order).argsort()],
        )

    def look(self, grids: Tensor) -> Pictures:
        """Return what is known of pictures from their grids (n, p, width), nothing taken off."""
        features = self.dropout(self._head("norm")(grids))
        places = functional.normalize(self._head("places")(features).float(), dim=-1)
        wholes = self._head("picture")(features.mean(dim=1))
        wholes = functional.normalize(wholes.float(), dim=-1)
        return Pictures(places, wholes, torch.zeros(len(wholes)))

    def score(self, captions: Captions, pictures: Pictures) -> Tensor:
        """Return how well each caption fits each picture, (c, n), less what is taken off.

        Before that it is within -2 and 2.
        """
        n, p, d = pictures.places.shape
        fits = captions.words @ pictures.places.reshape(n * p, d).mT
        fits = fits.reshape(-1, n, p).float()
        best = (fits * functional.softmax(fits * self.config.sharpness, dim=2)).sum(dim=2)
        owner = torch.arange(len(captions.counts)).repeat_interleave(captions.counts)
        parts = torch.zeros(len(captions.counts), n).index_add(
            0, owner, best * captions.weights[:, None]
        )
        return parts + (captions.wholes @ pictures.wholes.mT).float() - pictures.taken_off

    def read_all(self, captions: Sequence[str]) -> Captions:
        """Return what is known of many captions, without gradient."""
        with torch.inference_mode(), autocast(self.config.precision):
            return self.read(captions)

    def look_all(self, grids: GridSource) -> Pictures:
        """Return what is known of many pictures, without gradient.

        Raises:
            ModelError: the grids are of other networks than it was trained on.
        """
        parts: list[Pictures] = []
        requests = self.read_all(self.requests) if self.requests else None
        for start in range(0, len(grids), _PICTURES_AT_ONCE):
            rows = np.arange(start, min(start + _PICTURES_AT_ONCE, len(grids)))
            batch = torch.from_numpy(np.asarray(grids[rows], dtype=np.float32))
            if batch.ndim != 3 or batch.shape[2] != self.width:
                raise ModelError(
                    f"the grids have shape {tuple(batch.shape)}; the re-ranker takes "
                    f"(n, places, {self.width})"
                )
            with torch.inference_mode():
                seen = self.look(batch)
                parts.append(replace(seen, taken_off=self._nearness(seen, requests)))
        return Pictures(
            *(
                torch.cat([getattr(part, field.name) for part in parts])
                for field in fields(Pictures)
            )
        )

    def _nearness(self, pictures: Pictures, requests: Captions | None) -> Tensor:
        """Return (n,) what is taken off: the mean score of the requests nearest to each picture."""
        if requests is None:
            return pictures.taken_off
        scores = [
            self.score(requests.take(rows.numpy()), pictures)
            for rows in torch.arange(len(requests.counts)).split(_REQUESTS_AT_ONCE)
        ]
        return NEARNESS_WEIGHT * torch.cat(scores).topk(NEAREST, dim=0).values.mean(dim=0)

    def _of_tokens(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return unit words (t, d), their weights (t,) and unit sentences (c, d)."""
        telling = self._head("telling")(hidden)[..., 0].float()
        weights = telling.masked_fill(~mask, -torch.inf).softmax(dim=1)
        mean = (hidden * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        words = self._head("words")(self.dropout(hidden[mask])).float()
        wholes = self._head("sentence")(self.dropout(mean)).float()
        return (
            functional.normalize(words, dim=-1),
            weights[mask],
            functional.normalize(wholes, dim=-1),
        )

    def _head(self, name: str) -> Any:
        return self.heads[name]
