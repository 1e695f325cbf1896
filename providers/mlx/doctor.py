"""Does MLX work here? `python -m polystack.providers.mlx.doctor`

Prints one line of JSON and exits with 0 or 1; it generates a few tokens with the model that ships.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

from ..local.doctor import tell
from .config import Config
from .loading import load
from .outline import REMEDY


def check() -> dict[str, Any]:
    import mlx.core as mx
    from mlx_lm.generate import BatchGenerator

    loaded = load(Config(model="builtin:tiny"))
    generator = BatchGenerator(loaded.model, stream=mx.default_stream(mx.default_device()))
    generator.insert([loaded.vocabulary.tokenize("one two three")], [4])
    tokens = 0
    while tokens < 4:
        tokens += len(generator.next()[1])
    generator.close()
    device = str(mx.default_device().type).rpartition(".")[2]
    return {"ok": True, "mlx": version("mlx"), "mlx_lm": version("mlx-lm"), "device": device}


def main() -> int:
    return tell("mlx_lm", REMEDY, check)


if __name__ == "__main__":
    sys.exit(main())
