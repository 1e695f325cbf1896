"""The gateways that are measured: how each is configured and started, and how a client asks it.

Every one of them gets the least that does the work: one worker, no log of accesses, no store.
"""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .cases import PATHS, Case


@dataclass(frozen=True)
class Launch:
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


class System(ABC):
    name: ClassVar[str]
    translates: ClassVar[bool] = True
    slow: ClassVar[bool] = False
    """Answers so few requests that a window of the common length holds too few of them."""

    headers: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def launch(self, work: Path, port: int, upstream: int) -> Launch | None:
        """Write the configuration into `work`; None where there is nothing to start."""

    def covers(self, case: Case) -> bool:
        return True

    def model(self, case: Case) -> str:
        """The name by which a client gets this case's upstream."""
        name = "claude-mock" if case.upstream == "messages" else "mock"
        return f"{name}-pace" if case.shape == "paced" else name

    def reaches(self, case: Case) -> str:
        """The path that the upstream is asked at."""
        return PATHS[case.upstream if self.translates else case.client]


class Direct(System):
    """No gateway: what the load generator and the mock cost by themselves."""

    name = "direct"
    translates = False

    def launch(self, work: Path, port: int, upstream: int) -> None:
        return None


class Nginx(System):
    """A yardstick: it never translates, so it carries the client's own protocol in every case."""

    name = "nginx"
    translates = False

    def launch(self, work: Path, port: int, upstream: int) -> Launch:
        temporary = " ".join(
            f"{kind}_temp_path {work}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = work / "nginx.conf"
        config.write_text(
            f"""
worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; {temporary} client_body_buffer_size 1m; keepalive_requests 1000000000;
    upstream mock {{
        server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""
        )
        return Launch(["nginx", "-p", str(work), "-e", f"{work}/error.log", "-c", str(config)])


class Polystack(System):
    name = "polystack"

    def launch(self, work: Path, port: int, upstream: int) -> Launch:
        url = f"http://127.0.0.1:{upstream}/v1"
        chat = {"base_url": url, "api_key": "dummy", "native": ["chat"]}
        names = {"mock": "up", "mock-pace": "up", "claude-mock": "ant"}
        config = work / "bench.yaml"
        config.write_text(  # JSON is YAML too
            json.dumps(
                {
                    "version": 1,
                    "name": "bench",
                    "apis": ["messages", "responses", "chat"],
                    "server": {"port": port},
                    "providers": {
                        "up": {"type": "openai", "config": chat},
                        "ant": {
                            "type": "anthropic",
                            "config": {"base_url": url, "api_key": "dummy"},
                        },
                    },
                    "models": {name: {"provider": provider} for name, provider in names.items()},
                }
            )
        )
        return Launch([str(Path(sys.executable).with_name("stack")), "run", str(config)])


class LiteLLM(System):
    """Its proxy, without database and callbacks; a master key, since it warns without one.

    The upstream is configured as one of vLLM's, which is the one way to a server of Chat alone
    that brings every answer back whole.
    """

    name = "LiteLLM"
    slow = True
    headers: ClassVar[dict[str, str]] = {"Authorization": "Bearer sk-local-bench"}
    provider: ClassVar[str] = "hosted_vllm"

    def __init__(self, venv: Path) -> None:
        self._venv = venv

    def launch(self, work: Path, port: int, upstream: int) -> Launch:
        url = f"http://127.0.0.1:{upstream}"
        chat = {"api_base": f"{url}/v1", "api_key": "dummy", "use_chat_completions_api": True}
        models: list[dict[str, object]] = [
            {"model_name": name, "litellm_params": {"model": f"{self.provider}/{name}", **chat}}
            for name in ("mock", "mock-pace")
        ]
        native = {"model": "anthropic/claude-mock", "api_base": url, "api_key": "dummy"}
        models.append({"model_name": "claude-mock", "litellm_params": native})
        config = work / "litellm.yaml"
        settings = {"master_key": "sk-local-bench"}
        config.write_text(json.dumps({"model_list": models, "general_settings": settings}))
        command = [str(self._venv / "bin" / "litellm"), "--config", str(config)]
        command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        env = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
        # Its table of prices comes from the network otherwise.
        env["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        return Launch(command, env)


class LiteLLMOpenAI(LiteLLM):
    """The same with its provider for servers that are compatible with OpenAI's.

    It would ask them by Responses, so it is told that this one speaks Chat.
    """

    name = "LiteLLM openai"
    provider: ClassVar[str] = "openai"

    def covers(self, case: Case) -> bool:
        return case.client != case.upstream and case.shape != "paced"
