"""The whole chain with CLIP's and SigLIP's architectures at their real sizes, weights at random.

    python benchmarks/architectures.py [clip] [siglip]

Nothing here says how well they find: no real weights of either were ever run by us. It shows that
models of this size are exported, quantised, indexed and searched, what they cost, and
that a squeezed range of cosines breaks nothing. Kept below /tmp; one core, unless OMP_NUM_THREADS
says otherwise.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
    SiglipConfig,
    SiglipModel,
    SiglipProcessor,
    SiglipTextConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from embedding.data.decode import open_image
from embedding.model.joint import JointEmbedding
from embedding.onnx.description import FOLDER
from embedding.onnx.encoder import OnnxEncoder
from embedding.onnx.export import export_model
from embedding.onnx.quantize import quantize_text
from embedding.pretrained.pairing import pair_models
from retrieval.bundle.bundle import Bundle, Candidate, build_bundle, publish
from retrieval.search.query import Query
from tests.fixtures.bundles import shape_candidates
from tests.fixtures.foreign import word_tokenizer
from tests.fixtures.models import COLORS, SHAPES, make_shapes

TEXTS = ["a red star", "two dogs on a beach", "something to drink"] * 10


def make_clip(directory: Path) -> Path:
    """Write ViT-B/32 at 224 pixels: 151 million parameters at random."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [f"<unused{i}>" for i in range(49406 - len(words))]
    words += ["<|startoftext|>", "<|endoftext|>"]
    CLIPModel(CLIPConfig()).save_pretrained(directory)
    tokenizer = CLIPTokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=77
    )
    processor = CLIPProcessor(image_processor=CLIPImageProcessorPil(), tokenizer=tokenizer)
    processor.save_pretrained(directory)
    return directory


def make_siglip(directory: Path) -> Path:
    """Write SigLIP base, patches of 16, at 224 pixels: 203 million parameters at random."""
    words = ["[pad]", "[unknown]", "a", "an", "dog", "picture", "of", *COLORS, *SHAPES]
    texts = SiglipTextConfig(pad_token_id=0)
    config = SiglipConfig(text_config=texts)
    SiglipModel(config).save_pretrained(directory)
    tokenizer = word_tokenizer(words, ["input_ids"])
    tokenizer.model_max_length = texts.max_position_embeddings
    processor = SiglipProcessor(image_processor=SiglipImageProcessorPil(), tokenizer=tokenizer)
    processor.save_pretrained(directory)
    return directory


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took: by the clock, and of the processor."""
    clock, used = time.perf_counter(), time.process_time()
    yield
    print(
        f"  {what:44} {time.perf_counter() - clock:7.1f} s, processor "
        f"{time.process_time() - used:7.1f} s",
        flush=True,
    )


def run(kind: str, folder: Path) -> None:
    """Take one architecture through the chain."""
    torch.manual_seed(0)
    source = {"clip": make_clip, "siglip": make_siglip}[kind](folder / kind)
    model = JointEmbedding.load(source)
    parameters = sum(p.numel() for p in model.module.parameters())
    print(f"{kind}: {parameters / 1e6:.0f} million parameters, dimension {model.dimension}")
    directory = folder / f"{kind}-model"
    with timed("saved as a model directory"):
        model.save(directory, {})
    with timed("exported (text and image graph)"):
        export_model(model, directory)
    encoder = OnnxEncoder(directory)
    print(f"  least cosine of graphs to torch: {encoder.description.agreement}")
    shapes = make_shapes(folder / f"{kind}-shapes")
    with Image.open(shapes / "red-star-0.png") as picture:
        picture.resize((120, 120)).save(shapes / "red-star-0.jpg")
    pictures = [open_image(path) for path in sorted(shapes.glob("*.png"))[:16]]
    encoder.encode_images(pictures[:1])
    started = time.process_time()
    encoder.encode_images(pictures)
    print(f"  {len(pictures) / (time.process_time() - started):.1f} pictures a processor second")
    for name in ("float32", "int8"):
        if name == "int8":
            before = encoder.encode_text(TEXTS[:3])
            quantize_text(directory / FOLDER)
            encoder = OnnxEncoder(directory)
            agreed = float((before * encoder.encode_text(TEXTS[:3])).sum(axis=1).min())
            print(f"  least cosine of int8 to float32 texts: {agreed:.4f}")
        started = time.process_time()
        for text in TEXTS:
            encoder.encode_text([text])
        cost = 1000 * (time.process_time() - started) / len(TEXTS)
        size = sum(file.stat().st_size for file in (directory / FOLDER).glob("text*"))
        print(f"  a text in {name}: {cost:.1f} ms of the processor, graph {size / 1e6:.0f} MB")
    bundles = folder / f"{kind}-bundles"
    with timed("indexed, measured, published: 91 pictures"):
        candidates = shape_candidates(shapes)
        candidates.append(Candidate(shapes / "red-star-0.jpg", ("a red star",)))
        report = build_bundle(candidates, root=shapes, model_dir=directory, bundles=bundles)
        publish(bundles, report.version)
    with Bundle.open(bundles) as bundle:
        vectors = bundle.store.vectors(np.arange(len(bundle.store)))
        cosines = bundle.encoder.encode_text(TEXTS[:3]) @ vectors.T
        print(f"  cosines of texts to pictures: {cosines.min():.3f} to {cosines.max():.3f}")
        plain = bundle.searcher.search(Query(texts=("a red star",)), 6)
        without = bundle.searcher.search(Query(texts=("a star",), excluded=("red",)), 6)
        names = [hit.picture.path for hit in plain.hits]
        left = [hit.picture.path for hit in without.hits]
        print(f"  'a red star': {names[:3]}, confident {plain.confident}")
        is_red = any("red" in name for name in left)
        print(f"  'a star' without red: {left[:3]}, red among them: {is_red}")
        copies = sum("red-star-0" in name for name in names)
        print(f"  a picture and its smaller copy: {copies} of 2 shown")


def run_pair(folder: Path) -> None:
    """Pair a text model with the pictures of CLIP, as clip-multilingual is made."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense

    from embedding.packages import minilm_directory

    text = SentenceTransformer(str(minilm_directory()), device="cpu")
    text.append(Dense(384, 512, bias=False, activation_function=torch.nn.Identity()))
    text.save(str(folder / "texts"))
    with timed("a pair of models, saved and exported"):
        pair = pair_models(folder / "texts", folder / "clip", name="pair")
        pair.save(folder / "pair", {})
        export_model(pair, folder / "pair")
    agreement = OnnxEncoder(folder / "pair").description.agreement
    print(f"  least cosine of graphs to torch: {agreement}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="architectures-") as scratch:
        for wanted in sys.argv[1:] or ["clip", "siglip"]:
            run(wanted, Path(scratch))
            if wanted == "clip":
                run_pair(Path(scratch))
