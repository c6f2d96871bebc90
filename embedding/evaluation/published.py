"""What others have published on Flickr8k: the rows that our figures are laid beside.

All are of the test split (1,000 images, 5,000 captions), recall in percent, the median rank where
it was given, and of models that were not pretrained on image-text pairs from the web.
"""

from typing import NamedTuple

__all__ = ["FLICKR8K", "Published", "Row", "published_rows"]


class Row(NamedTuple):
    """One direction of a published model; None where nothing was published."""

    r1: float
    r5: float
    r10: float | None
    median_rank: float | None = None


class Published(NamedTuple):
    """One published model: its two directions, and where they were published."""

    model: str
    text_to_image: Row
    image_to_text: Row
    source: str


FLICKR8K: tuple[Published, ...] = (
    Published(
        "Kiros et al. 2014, VGG",
        Row(12.5, 37.0, 51.5, 10),
        Row(18.0, 40.9, 55.0),
        "Kiros, Salakhutdinov, Zemel: Unifying visual-semantic embeddings with multimodal "
        "neural language models. arXiv:1411.2539, 2014",
    ),
    Published(
        "VSE in PyTorch (linxd5)",
        Row(16.9, 41.8, 54.4, 9),
        Row(23.9, 49.1, 61.3),
        "linxd5/VSE_Pytorch, a re-implementation of the recipe of Kiros et al.",
    ),
    Published(
        "HGLMM Fisher vectors",
        Row(21.2, 50.0, 64.8, 5),
        Row(31.0, 59.3, 73.7),
        "Klein, Lev, Sadeh, Wolf: Associating neural word embeddings with deep image "
        "representations using Fisher vectors. CVPR 2015",
    ),
    Published(
        "NAA, ResNet",
        Row(27.7, 59.6, 71.8),
        Row(37.2, 68.1, 79.1),
        "Liu, Mao, Zang, Wang: A neighbor-aware approach for image-text matching. ICASSP 2019",
    ),
    Published(
        "MFM, VGG",
        Row(28.4, 58.5, 72.3),
        Row(35.6, 67.0, 78.6),
        "Ma, Jiang, Jie, Jiang, Liu: Matching image and sentence with multi-faceted "
        "representations. TCSVT 2020",
    ),
    Published(
        "2WayNet, VGG",
        Row(29.3, 49.7, None),
        Row(43.4, 63.2, None),
        "Eisenschtat, Wolf: Linking image and text with 2-way nets. CVPR 2017",
    ),
    Published(
        "SCAN, ensemble, detector regions",
        Row(38.3, 67.8, 78.9),
        Row(52.2, 81.0, 89.2),
        "Lee, Chen, Hua, Hu, He: Stacked cross attention for image-text matching. ECCV 2018",
    ),
    Published(
        "IMRAM, detector regions",
        Row(41.0, 69.2, 79.9),
        Row(54.7, 84.2, 91.0),
        "Chen, Ding, Liu, Lin, Liu, Han: IMRAM: iterative matching with recurrent attention "
        "memory for cross-modal image-text retrieval. CVPR 2020",
    ),
)


def published_rows(data: str) -> tuple[Published, ...]:
    """Return the rows that belong beside figures on a data set, given as ``KIND:PATH``."""
    return FLICKR8K if "flickr8k" in data.lower() else ()
