"""Models by their names on the Hugging Face hub: `hf:owner/repo:file`, or `hf:owner/repo`.

What was fetched once is not fetched again, and is where every other program looks for it, too
(`HF_HOME`). The hub's own package does the work: it resumes, it checks, it shows how far it is, and
it takes `HF_TOKEN`, `HF_ENDPOINT` and `HF_HUB_OFFLINE` from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...core.canon.errors import ConfigError

PREFIX = "hf:"
_REFERENCE = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<file>[^:]+))?"
)
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<ending>\.gguf)")


@dataclass(frozen=True, slots=True)
class Reference:
    repo: str
    file: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.repo}{at}" + (f":{self.file}" if self.file else "")


def reference(model: str) -> Reference | None:
    """None for what is no name on the hub; raises `ConfigError` for what is nearly one."""
    if not model.startswith(PREFIX):
        return None
    found = _REFERENCE.fullmatch(model)
    if found is None:
        raise ConfigError(
            f"{model}: a model on the hub is written hf:owner/repo:file, or hf:owner/repo for all "
            "of one; a revision goes behind the repo, as in hf:owner/repo@main:file"
        )
    return Reference(found["repo"], found["file"], found["revision"])


def fetch_file(wanted: Reference) -> Path:
    """The file, fetched if it is not here yet, with all its shards if it is the first of some."""
    if wanted.file is None:
        raise ConfigError(
            f"{wanted}: name the file, as in {wanted}:model-Q4_K_M.gguf{_offered(wanted)}"
        )
    with _explained(wanted):
        from huggingface_hub import hf_hub_download

        paths = [
            Path(hf_hub_download(wanted.repo, name, revision=wanted.revision))
            for name in shards(wanted.file)
        ]
    return paths[0]


def fetch_folder(wanted: Reference, patterns: Sequence[str]) -> Path:
    """A folder with what of a repository matches, fetched if it is not here yet."""
    if wanted.file is not None:
        raise ConfigError(f"{wanted}: this engine takes a whole repository; leave out the file")
    with _explained(wanted):
        from huggingface_hub import snapshot_download

        found = snapshot_download(
            wanted.repo, revision=wanted.revision, allow_patterns=list(patterns)
        )
    return Path(str(found))


def shards(file: str) -> Iterator[str]:
    """All files of a model by the name of the first."""
    found = _SHARD.fullmatch(file)
    if found is None:
        yield file
        return
    for number in range(int(found["number"]), int(found["count"]) + 1):
        yield f"{found['stem']}-{number:05}-of-{found['count']}{found['ending']}"


def _offered(wanted: Reference) -> str:
    """The GGUF files that there are, as far as the hub can be asked."""
    with _explained(wanted):
        from huggingface_hub import list_repo_files

        files = list_repo_files(wanted.repo, revision=wanted.revision)
    names = sorted(name for name in files if name.endswith(".gguf"))
    return f"; there are {', '.join(names[:12])}" if names else "; there is no GGUF file in it"


@contextmanager
def _explained(wanted: Reference) -> Iterator[None]:
    """What goes wrong on the way, in a line with its remedy."""
    try:
        import huggingface_hub.errors as errors
    except ModuleNotFoundError:
        raise ConfigError(
            f"{wanted}: huggingface_hub is not installed; run: pip install huggingface_hub"
        ) from None
    try:
        yield
    except errors.GatedRepoError:
        why = "it wants its terms to be accepted; do so on its page, and set HF_TOKEN"
    except errors.RepositoryNotFoundError:
        why = "there is no such repository, or it is a private one; for that set HF_TOKEN"
    except errors.RevisionNotFoundError:
        why = f"it has no revision {wanted.revision!r}"
    except errors.LocalEntryNotFoundError:
        why = "it is not here yet, and the hub cannot be reached"
    except errors.EntryNotFoundError:
        why = f"it has no file {wanted.file!r}{_offered(wanted)}"
    except errors.HFValidationError as error:
        why = str(error)
    except (errors.HfHubHTTPError, OSError) as error:
        why = f"it could not be fetched: {' '.join(str(error).split())[:300]}"
    else:
        return
    raise ConfigError(f"{wanted}: {why}")
