"""An MLX model that was made for images is shown text only, and says so to who brings one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from polystack.core import ir
from polystack.core.canon.errors import NotSupported
from polystack.providers.local.messages import plan
from polystack.providers.local.template import ChatTemplate
from polystack.providers.mlx.config import Config
from polystack.providers.mlx.outline import look

pytest.importorskip("mlx_lm")

TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
IMAGE = ir.Media("image", "image/png", "AAAA", at="messages.0.content.0")


def folder(path: Path, **described: object) -> Config:
    (path / "config.json").write_text(json.dumps(described))
    (path / "tokenizer.json").write_text("{}")
    (path / "chat_template.jinja").write_text(TEMPLATE)
    return Config(model=str(path))


def refused(config: Config) -> str:
    request = ir.Request("m", (ir.Turn("user", (IMAGE,)),))
    with pytest.raises(NotSupported) as caught:
        plan(request, ChatTemplate(TEMPLATE), limits=look(config).limits)
    assert caught.value.param == IMAGE.at
    return caught.value.message


def test_a_model_for_images_names_the_way_that_reads_them(tmp_path: Path) -> None:
    assert "through the provider llamacpp, with a `projector`" in refused(
        folder(tmp_path, vision_config={"hidden_size": 8})
    )


def test_a_model_for_text_reads_text_only(tmp_path: Path) -> None:
    assert refused(folder(tmp_path)) == f"{IMAGE.at}: this model reads text only"
