"""MiniLM as it is published: the encoder of sentences that comes with the installation."""

from embedding.model.encoder import SentenceEncoder
from embedding.packages import MINILM, minilm_directory

__all__ = ["load_sentence_encoder"]


def load_sentence_encoder() -> SentenceEncoder:
    """Return MiniLM, whose vectors (n, 384) tell what sentences mean.

    Raises:
        ModelError: its package is missing or altered.
    """
    directory = minilm_directory()
    # Lazily: a server names this encoder before it loads one.
    from sentence_transformers import SentenceTransformer

    from embedding.model.joint import JointEmbedding
    from embedding.model.towers import quiet_transformers

    with quiet_transformers():
        model = SentenceTransformer(str(directory), device="cpu", local_files_only=True)
    return JointEmbedding(model, MINILM, directory=directory)
