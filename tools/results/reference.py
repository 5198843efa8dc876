"""The character model in PyTorch, trained as `minigrad.models.char_lm` trains its own: a number to compare with.

    python -m minigrad.tools.results.reference --text tiny_shakespeare --out out/results/char-lm-pytorch

Same text, batches in the same order, sizes, optimizer, learning rates, clipping and number of steps. Initial weights
are PyTorch's own, drawn with its own generator; both libraries draw from the same distributions.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from itertools import count, islice
from pathlib import Path
from typing import Any

from minigrad.data import Streams, Vocabulary, read_text
from minigrad.models.char_lm import Settings, located, rate
from minigrad.training.settings import writable


def train(settings: Settings) -> dict[str, Any]:
    """Train, and return the best held-out nats per character of all validations, with the others and the seconds."""
    import torch

    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    assert settings.text is not None
    text = read_text(located(settings.text))
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text)
    split = len(numbers) - max(2, len(numbers) // 10)
    kinds = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    embedding = torch.nn.Embedding(len(vocabulary), settings.embedding)
    network = kinds[settings.cell](settings.embedding, settings.hidden, settings.layers)
    model = torch.nn.ModuleList([embedding, network, torch.nn.Linear(settings.hidden, len(vocabulary))])
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, settings.steps))

    def loss_of(x: Any, y: Any, state: Any) -> tuple[Any, Any]:
        outputs, state = network(embedding(torch.tensor(x)), state)
        return torch.nn.functional.cross_entropy(model[2](outputs).flatten(0, 1), torch.tensor(y).flatten()), state

    @torch.no_grad()
    def held_out() -> float:
        losses, state = [], None
        for x, y in Streams(numbers[split:], 64, 16):
            loss, state = loss_of(x, y, state)
            losses.append(loss.item())
        return sum(losses) / len(losses)

    streams = Streams(numbers[:split], settings.length, settings.batch)
    looks = {round(settings.steps * i / settings.validations) for i in range(1, settings.validations + 1)}
    seconds, state = 0.0, None
    validations: list[dict[str, float]] = []
    batches = ((k == 0, x, y) for _ in count() for k, (x, y) in enumerate(streams))  # the text again and again
    for step, (anew, x, y) in enumerate(islice(batches, settings.steps), 1):
        start = time.monotonic()
        loss, state = loss_of(x, y, None if anew else state)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
        schedule.step()
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        seconds += time.monotonic() - start
        if step in looks:
            nats = held_out()
            validations.append({"step": step, "nats_per_character": nats})
            print(f"step {step}: {nats:.4f} nats per held-out character", flush=True)
    nats = min(v["nats_per_character"] for v in validations)
    results = {"nats_per_character": nats, "bits_per_character": nats / math.log(2)}
    return {
        "settings": settings.plain(),
        "version": f"torch {torch.__version__}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": seconds,
        "validations": validations,
        "results": results,
    }


def main() -> None:
    """Train with the settings given, and leave metrics.json."""
    parser = argparse.ArgumentParser(description="train the character model in PyTorch")
    options = {"text": Path, "out": Path, "steps": int, "cell": str, "hidden": int, "layers": int, "batch": int}
    options |= {"length": int, "validations": int, "seed": int, "lr": float}
    for name, kind in options.items():
        parser.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS)
    settings = Settings(**vars(parser.parse_args()))
    out = writable(settings.out)
    (out / "metrics.json").write_text(json.dumps(train(settings), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
