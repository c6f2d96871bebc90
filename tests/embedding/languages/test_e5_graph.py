from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from embedding.languages.e5_file import read_e5
from embedding.languages.e5_graph import LAYERS, TOKENS, write_graph, write_tokenizer
from embedding.onnx.encoder import open_graph
from tests.embedding.languages.small_e5 import (
    DEPTH,
    HEADS,
    INNER,
    WIDTH,
    Written,
    write_small_e5,
)

_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def oracle(written: Written, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The tokens' vectors (n, t, width) after the last layer, by the library's own BERT."""
    positions = len(written.vectors["emb.pos"])
    model = BertModel(
        BertConfig(
            vocab_size=len(written.matrices["emb.word"]),
            hidden_size=WIDTH,
            num_hidden_layers=DEPTH,
            num_attention_heads=HEADS,
            intermediate_size=INNER,
            max_position_embeddings=positions,
        ),
        add_pooling_layer=False,
    ).eval()
    numbers = {**written.matrices, **written.vectors}
    names = {
        "embeddings.word_embeddings.weight": "emb.word",
        "embeddings.position_embeddings.weight": "emb.pos",
        "embeddings.token_type_embeddings.weight": "emb.type",
        "embeddings.LayerNorm.weight": "emb.ln.w",
        "embeddings.LayerNorm.bias": "emb.ln.b",
    }
    for layer in range(DEPTH):
        for ours, theirs in _PARTS.items():
            for end, kind in (("w", "weight"), ("b", "bias")):
                names[f"encoder.layer.{layer}.{theirs}.{kind}"] = f"l{layer}.{ours}.{end}"
    state = {name: torch.from_numpy(numbers[ours]) for name, ours in names.items()}
    model.load_state_dict(state, strict=True)
    with torch.inference_mode():
        hidden = model(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state
    return hidden.numpy()


def test_the_graph_is_bert_with_the_numbers_of_the_file(tmp_path: Path) -> None:
    written = write_small_e5(tmp_path / "small.bin")
    write_graph(read_e5(tmp_path / "small.bin"), tmp_path / "text.onnx")
    ids = np.array([[0, 5, 6, 7, 8, 2], [0, 30, 2, 1, 1, 1]], np.int64)
    mask = (ids != 1).astype(np.int64)
    inputs = {"input_ids": ids, "attention_mask": mask}
    found = open_graph(tmp_path / "text.onnx").run([TOKENS], inputs)[0]
    assert found.shape == (*ids.shape, len(LAYERS) * WIDTH)
    expected = oracle(written, ids, mask)[mask == 1]
    for layer in np.split(found, len(LAYERS), axis=2):  # it has two, so that both are the last
        vectors = layer[mask == 1]
        cosines = (vectors * expected).sum(1) / np.linalg.norm(vectors, axis=1)
        cosines /= np.linalg.norm(expected, axis=1)
        assert cosines.min() > 0.998  # it multiplies in whole numbers


def test_the_tokenizer_splits_as_the_pieces_say(tmp_path: Path) -> None:
    write_small_e5(tmp_path / "small.bin")
    write_tokenizer(read_e5(tmp_path / "small.bin"), tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("dog  Hund").tokens == ["<s>", "▁dog", "▁Hund", "</s>"]
    assert tokenizer.encode("\uff44og").tokens == ["<s>", "▁dog", "</s>"]  # a wide letter
    assert tokenizer.encode("ab?").tokens == ["<s>", "▁", "a", "b", "?", "</s>"]
    assert tokenizer.encode("?").ids == [0, 4, 3, 2]  # unknown
    long, short = tokenizer.encode_batch(["a" * 500, "dog"])
    assert len(long.ids) == 128
    assert short.tokens[:4] == ["<s>", "▁dog", "</s>", "<pad>"]
    assert sum(short.attention_mask) == 3
