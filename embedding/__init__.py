"""Train and evaluate the joint embedding of text and images.

Importing the package registers our image backbone with transformers, so that a saved model loads
as ``import embedding; SentenceTransformer(path)``.
"""

import embedding.backbone
import embedding.side_by_side  # noqa: F401 - both register with transformers
