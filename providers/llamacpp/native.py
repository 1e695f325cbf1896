"""llama.cpp behind a narrow door: what passes here cannot bring the process down.

The C library aborts on what it does not expect, so every call that could make it do so is made
from this file only, after a check: a batch is never longer than was agreed, a sampler is never
NULL and always ends in a choice, only rows with logits are sampled, a model outlives its context.
One thread owns a `Context`; `Vocabulary` may be used from any.
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...core.canon.errors import ConfigError, StackError
from ...core.canon.ir import TokenLogprob
from ..local.installed import lacking
from ..local.parser import MARKS
from ..local.sampling import Sampler

REMEDY = (
    'install it with: pip install "polystack[llamacpp]" (it is built on your machine; the README '
    "has the flags that are safe on every processor)"
)
NEEDED = ("llama_cpp", "jinja2", "numpy")
SPECIAL = 1 << 0 | 1 << 3 | 1 << 4  # llama.cpp's attributes unknown, control, user-defined
PENALTY_WINDOW = 1024  # tokens that presence and frequency look back on

_errors: deque[str] = deque(maxlen=4)  # the engine's last words
_callback: Any = None


def check_installed() -> None:
    """Raises `ConfigError` where the engine is not, or what it needs; imports nothing."""
    if (reason := lacking(NEEDED)) is not None:
        raise _missing(reason)


def library() -> Any:
    """The bindings, imported on first use; raises `ConfigError` if they do not work."""
    # Without it a failed assertion starts a debugger.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    check_installed()
    try:
        from llama_cpp import llama_cpp
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _missing(reason) from None
    _initialise(llama_cpp)
    return llama_cpp


def _missing(reason: str) -> ConfigError:
    return ConfigError(f"provider llamacpp: the engine is missing ({reason}); {REMEDY}")


def _initialise(lib: Any) -> None:
    global _callback
    if _callback is None:
        _callback = lib.llama_log_callback(_log)  # C keeps the pointer: so must we
        lib.llama_log_set(_callback, None)
        lib.llama_backend_init()


def _log(level: int, text: bytes, _: Any) -> None:
    if level == 4:  # errors
        _errors.append(text.decode("utf-8", "replace").strip())


def log_callback() -> Any:
    """For libraries beside this one; only what goes wrong is remembered."""
    return _callback


def forget_words() -> None:
    _errors.clear()


def last_words() -> str:
    return _errors[-1][:300] if _errors else "the engine gave no reason"


def first_words() -> str:
    """What came before its last words, and is the cause."""
    return _errors[0][:300] if _errors else last_words()


class Model:
    """The weights of one file."""

    def __init__(self, lib: Any, path: Path, gpu_layers: int) -> None:
        self.lib = lib
        params = lib.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        self.adapt: Callable[[Any], None] | None = None  # is told of every context's handle
        _errors.clear()
        self.handle = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self.handle:
            raise ConfigError(f"{path}: the engine cannot load this model: {first_words()}")

    def close(self) -> None:
        handle, self.handle = self.handle, None
        if handle:
            self.lib.llama_model_free(handle)


class Vocabulary:
    """Text to tokens and back."""

    def __init__(self, model: Model) -> None:
        self._lib = model.lib
        self._vocab = self._lib.llama_model_get_vocab(model.handle)
        self.size = int(self._lib.llama_vocab_n_tokens(self._vocab))
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        # Some files call the marks of the format control tokens, and those have no text.
        self.marks = {m: ids[0] for m in MARKS if len(ids := self.tokenize(m, False)) == 1}
        # By the names that chat templates have for them.
        self.special_texts = {
            "bos_token": self._text(self._lib.llama_vocab_bos(self._vocab)),
            "eos_token": self._text(self._lib.llama_vocab_eos(self._vocab)),
        }

    def tokenize(self, text: str, beginning: bool = True) -> list[int]:
        """Marks and control tokens in the text are read as what they are."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 16
        tokens = (self._lib.llama_token * room)()
        count = self._lib.llama_tokenize(
            self._vocab, data, len(data), tokens, room, beginning, True
        )
        if count < 0:
            raise RuntimeError("the tokenizer needs more room than the text has bytes")
        return list(tokens[:count])

    def specials(self) -> list[str]:
        """The texts that are read as one token each, whatever they stand in."""
        attribute = self._lib.llama_vocab_get_attr
        found = (t for t in range(self.size) if attribute(self._vocab, t) & SPECIAL)
        return [self._text(token) for token in found]

    def piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._piece(token)
        return piece

    def _piece(self, token: int) -> bytes:
        size = 64
        for _ in range(2):
            buffer = ctypes.create_string_buffer(size)
            special = token in self.marks.values()
            count = self._lib.llama_token_to_piece(self._vocab, token, buffer, size, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            size = -count
        return b""

    def ends(self, token: int) -> bool:
        ends = self._ends.get(token)
        if ends is None:
            ends = self._ends[token] = bool(self._lib.llama_vocab_is_eog(self._vocab, token))
        return ends

    def _text(self, token: int) -> str:
        if token < 0:
            return ""
        text: bytes | None = self._lib.llama_vocab_get_text(self._vocab, token)
        return (text or b"").decode("utf-8", "replace")


class Span(NamedTuple):
    """Tokens of one sequence for the next batch; `sampled` of them, the last, get logits."""

    sequence: int
    start: int
    tokens: Sequence[int]
    sampled: int


class Context:
    """The memory of a model's running sequences, and the one batch that is decoded at a time."""

    def __init__(
        self,
        model: Model,
        *,
        cells: int,
        sequences: int,
        batch: int,
        threads: int,
        unified: bool,
        kv_type: str = "f16",
        flash: bool | None = None,
        pooling: int | None = None,  # of embeddings, which it then gives for every row
    ) -> None:
        import numpy

        self._np = numpy
        self._lib = lib = model.lib
        self._batch: Any = None
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_seq_max = cells, sequences
        params.n_batch = params.n_ubatch = batch
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = unified
        # Else a sliding window could not be cut back to a prefix.
        params.swa_full = True
        params.type_k = params.type_v = getattr(lib, f"GGML_TYPE_{kv_type.upper()}")
        if flash is not None:
            params.flash_attn_type = int(flash)
        if pooling is not None:
            params.embeddings, params.pooling_type = True, pooling
        _errors.clear()
        self.handle = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise ConfigError(
                f"the engine cannot make a context of {cells} tokens for {sequences} slots "
                f"({last_words()}); lower `context` or `slots`"
            )
        if model.adapt is not None:
            model.adapt(self.handle)
        self._memory = lib.llama_get_memory(self.handle)
        self.context = int(lib.llama_n_ctx_seq(self.handle))
        self.cells = int(lib.llama_n_ctx(self.handle))
        self.unified = unified
        self.cuts = not (
            lib.llama_model_is_recurrent(model.handle) or lib.llama_model_is_hybrid(model.handle)
        )
        self._size = int(lib.llama_n_batch(self.handle))
        self._rows: tuple[list[int], list[int]] = [], []
        self._logits: Any = ()  # a row for each token of the last batch that wanted them
        self._order: dict[int, int] = {}  # and which of them a row of the batch has
        self._best: list[int] | None = None
        self._place: tuple[int, int] | None = None
        self._vocabulary = int(lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model.handle)))
        self._batch = lib.llama_batch_init(self._size, 0, 1)
        view, shape = numpy.ctypeslib.as_array, (self._size,)
        self._tokens = view(self._batch.token, shape)
        self._positions = view(self._batch.pos, shape)
        self._wanted = view(self._batch.logits, shape)
        self._sequences = [self._batch.seq_id[row] for row in range(self._size)]
        view(self._batch.n_seq_id, shape)[:] = 1

    def decode(self, spans: Sequence[Span]) -> tuple[int, list[int]]:
        """Decode one batch: the engine's code (0 is success), and the last row of each span."""
        tokens: list[int] = []
        positions: list[int] = []
        sequences: list[int] = []
        wanted: list[int] = []
        lasts: list[int] = []
        for sequence, start, span, sampled in spans:
            size = len(span)
            tokens += span
            positions += range(start, start + size)
            sequences += [sequence] * size
            end = len(tokens)
            wanted += range(end - sampled, end)
            lasts.append(end - 1)
        rows = len(tokens)
        if not 0 < rows <= self._size:
            raise ValueError("a batch must have between one row and the agreed number")
        self._tokens[:rows] = tokens
        self._positions[:rows] = positions
        if (sequences, wanted) != self._rows:  # while nobody comes or goes, they stay
            for row, sequence in enumerate(sequences):
                self._sequences[row][0] = sequence
            self._wanted[:rows] = 0
            self._wanted[wanted] = 1
            self._rows = sequences, wanted
            self._order = {row: place for place, row in enumerate(wanted)}
        self._batch.n_tokens = rows
        return self._decoded(len(wanted)), lasts

    def again(self, tokens: Sequence[int]) -> int:
        """The last batch a token later, where it had one token of each sequence: the code."""
        rows = len(tokens)
        self._tokens[:rows] = tokens
        self._positions[:rows] += 1
        return self._decoded(rows)

    def _decoded(self, wanted: int) -> int:
        code = int(self._lib.llama_decode(self.handle, self._batch))
        self._logits, self._best = self._outputs(0 if code else wanted), None
        return code

    def _outputs(self, count: int) -> Any:
        """The logits of a batch, a row for each token that wanted them, in their order."""
        if not count:
            return ()
        pointer = self._lib.llama_get_logits(self.handle)
        place = ctypes.addressof(pointer.contents), count
        if place != self._place:
            shape = count, self._vocabulary
            self._view, self._place = self._np.ctypeslib.as_array(pointer, shape), place
        return self._view

    def sample(self, chain: Chain, row: int, allowed: Any = None) -> int:
        """The token that a chain chooses, among those allowed; None allows all."""
        if allowed is None and chain.plain:
            largest = self._largest(row)
            if largest not in chain.forbidden:
                return largest
        logits = self.logits(row)
        if allowed is not None:
            logits[~allowed] = -self._np.inf
        if not chain.greedy:
            return int(self._lib.llama_sampler_sample(chain.handle, self.handle, row))
        if chain.biased is not None:
            logits[chain.biased] += chain.bias
        return int(logits.argmax())

    def logits(self, row: int) -> Any:
        """The model's own numbers, for as long as nothing else is decoded or forbidden."""
        return self._logits[self._told(row)]

    def _largest(self, row: int) -> int:
        place = self._told(row)
        if self._best is None:  # of all rows in one call
            self._best = self._logits.argmax(axis=1).tolist()
        return self._best[place]

    def _told(self, row: int) -> int:
        place = self._order.get(row)
        if place is None or not len(self._logits):
            raise ValueError("only rows that asked for logits have any")
        return place

    def forget(self, sequence: int, start: int = 0) -> bool:
        """Remove a sequence from a position on; False if all of it had to go instead."""
        if self._lib.llama_memory_seq_rm(self._memory, sequence, start, -1):
            return True
        self._lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    def forget_all(self) -> None:
        self._lib.llama_memory_clear(self._memory, True)

    def copy(self, source: int, target: int) -> bool:
        """Give an empty sequence all that another one has; False if it stays empty."""
        if self.unified:
            self._lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
            return True
        # The engine's own copy is of a whole share of the memory, used or not.
        return self.restore(target, self.state(source, self.size(source)))

    def size(self, sequence: int) -> int:
        """Bytes that the state of a sequence takes outside of the memory."""
        return int(self._lib.llama_state_seq_get_size(self.handle, sequence))

    def state(self, sequence: int, size: int) -> Any:
        data = self._np.empty(size, self._np.uint8)
        written = self._lib.llama_state_seq_get_data(self.handle, _bytes(data), size, sequence)
        return data[:written]

    def restore(self, sequence: int, data: Any) -> bool:
        """Put a state into a sequence; False if it does not fit, and then the sequence is empty."""
        data = self._np.ascontiguousarray(data)
        set_data = self._lib.llama_state_seq_set_data
        if len(data) and set_data(self.handle, _bytes(data), len(data), sequence) == len(data):
            return True
        self.forget(sequence)
        return False

    def close(self) -> None:
        handle, self.handle = self.handle, None
        if self._batch is not None:
            self._lib.llama_batch_free(self._batch)
            self._batch = None
        if handle:
            self._lib.llama_free(handle)


def _bytes(data: Any) -> Any:
    return data.ctypes.data_as(ctypes.POINTER(ctypes.c_ubyte))


class Chain:
    """The samplers of one generation, the last of which chooses.

    A `greedy` one needs none of them: the largest number is found without a copy of the vocabulary;
    a `plain` one changes no number before, unless the largest is of a token that is `forbidden`.
    """

    def __init__(self, lib: Any, sampler: Sampler, vocabulary: int) -> None:
        import numpy

        self._lib = lib
        penalties = sampler.presence_penalty or sampler.frequency_penalty
        self.greedy = sampler.temperature <= 0 and not penalties
        self.plain = self.greedy and not sampler.logit_bias
        self.forbidden = sampler.forbidden
        biased = sampler.biases
        self.biased = self.bias = None
        if self.greedy and biased:
            self.biased = numpy.fromiter(biased, numpy.intp)
            self.bias = numpy.fromiter(biased.values(), numpy.float32)
        self.handle = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        if biased:
            biases = [lib.llama_logit_bias(t, b) for t, b in biased.items()]
            array = (lib.llama_logit_bias * len(biases))(*biases)
            self._add(lib.llama_sampler_init_logit_bias(vocabulary, len(biases), array))
        presence, frequency = sampler.presence_penalty, sampler.frequency_penalty
        if presence or frequency:
            self._add(
                lib.llama_sampler_init_penalties(
                    vocabulary, PENALTY_WINDOW, 1.0, frequency, presence
                )
            )
        if sampler.temperature <= 0:
            self._add(lib.llama_sampler_init_greedy())
            return
        if sampler.top_k > 0:
            self._add(lib.llama_sampler_init_top_k(sampler.top_k))
        if sampler.top_p < 1:
            self._add(lib.llama_sampler_init_top_p(sampler.top_p, 1))
        if sampler.min_p > 0:
            self._add(lib.llama_sampler_init_min_p(sampler.min_p, 1))
        self._add(lib.llama_sampler_init_temp(sampler.temperature))
        self._add(lib.llama_sampler_init_dist(sampler.seed))

    def accept(self, token: int) -> None:
        """A token that came without being chosen."""
        self._lib.llama_sampler_accept(self.handle, token)

    def _add(self, sampler: Any) -> None:
        # The bindings give a pointer object for NULL too: only its truth tells.
        if not sampler:
            raise StackError("the engine refused a sampler")
        self._lib.llama_sampler_chain_add(self.handle, sampler)

    def close(self) -> None:
        handle, self.handle = self.handle, None
        if handle:
            self._lib.llama_sampler_free(handle)


def logprobs(logits: Any, token: int, alternatives: int, vocabulary: Vocabulary) -> TokenLogprob:
    """What the model itself gave this token, before any sampler, and its best alternatives."""
    import numpy

    values = logits.astype(numpy.float64)
    values -= values.max()
    values -= numpy.log(numpy.exp(values).sum())
    best = numpy.argsort(-values, kind="stable")[:alternatives].tolist()

    def one(index: int) -> TokenLogprob:
        data = vocabulary.piece(index)
        return TokenLogprob(data.decode("utf-8", "replace"), float(values[index]), data)

    chosen = one(token)
    return TokenLogprob(chosen.token, chosen.logprob, chosen.data, tuple(one(i) for i in best))
