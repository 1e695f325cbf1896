"""An MLX model that was made for images says to who brings one why it is shown text only."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from polystack.core import ir
from polystack.core.canon.errors import NotSupported
from polystack.providers.local.plan import plan
from polystack.providers.local.template import ChatTemplate
from polystack.providers.mlx import outline
from polystack.providers.mlx.config import Config
from polystack.providers.mlx.outline import look

pytest.importorskip("mlx_lm")

TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
IMAGE = ir.Media("image", "image/png", "AAAA", at="messages.0.content.0")
SIGHTED: dict[str, Any] = {"vision_config": {"hidden_size": 8}}


def folder(path: Path, **described: Any) -> Config:
    (path / "config.json").write_text(json.dumps(described))
    (path / "tokenizer.json").write_text("{}")
    (path / "chat_template.jinja").write_text(TEMPLATE)
    return Config(model=str(path))


def installed(monkeypatch: pytest.MonkeyPatch, vision: bool) -> None:
    found = importlib.util.find_spec

    def find(name: str) -> Any:
        return vision or None if name == "mlx_vlm" else found(name)

    monkeypatch.setattr(outline, "find_spec", find)


def refused(config: Config) -> str:
    known = look(config)
    assert not known.sees
    request = ir.Request("m", (ir.Turn("user", (IMAGE,)),))
    with pytest.raises(NotSupported) as caught:
        plan(request, ChatTemplate(TEMPLATE), limits=known.limits)
    assert caught.value.param == IMAGE.at
    return caught.value.message


def test_without_mlx_vlm_a_model_for_images_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, vision=False)
    said = refused(folder(tmp_path, **SIGHTED))
    assert said.startswith(f"{IMAGE.at}: ")
    assert "mlx-vlm is not installed" in said
    assert "pip install 'polystack[vlm]'" in said


def test_with_mlx_vlm_a_model_for_images_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, vision=True)
    assert look(folder(tmp_path, **SIGHTED)).sees


@pytest.mark.parametrize(
    ("field", "value"), [("vision", False), ("adapter", "/models/some-adapter")]
)
def test_a_model_for_images_names_the_field_that_has_it_read_text_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, value: Any
) -> None:
    installed(monkeypatch, vision=True)
    config = folder(tmp_path, **SIGHTED).model_copy(update={field: value})
    assert f"`{field}`" in refused(config)


def test_a_model_for_text_reads_text_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, vision=True)
    assert refused(folder(tmp_path)) == f"{IMAGE.at}: this model reads text only"


def test_the_context_is_that_of_the_part_that_speaks(tmp_path: Path) -> None:
    speaks = {"text_config": {"max_position_embeddings": 640}}
    assert look(folder(tmp_path, **SIGHTED, **speaks)).context == 640
