from __future__ import annotations

import asyncio
import time

import pytest

from radvlm.llm.gate import APART, Gate, Gates


def test_requests_that_come_together_leave_one_after_the_other() -> None:
    async def eight() -> list[float]:
        gate, left = Gate("x", 8), list[float]()

        async def one() -> None:
            await gate.spaced()
            left.append(time.monotonic())

        await asyncio.gather(*(one() for _ in range(8)))
        return left

    left = asyncio.run(eight())
    assert left[-1] - left[0] >= 7 * APART - 0.002


def test_the_limit_halves_once_a_window_and_grows_by_one_a_window() -> None:
    gate = Gate("x", 32)
    sent = time.monotonic()
    for _ in range(32):
        gate.full(sent)
    assert gate.limit == 16
    # 16 answers are one window: the limit is then higher by about one (sum of 1 / limit).
    for _ in range(16):
        gate.answered()
    assert gate.limit == pytest.approx(17, abs=0.05)
    for _ in range(10):
        gate.full(time.monotonic())
    assert gate.limit == 1
    for _ in range(1000):
        gate.answered()
    assert gate.limit == 32


def test_where_all_gates_are_shut_nobody_waits() -> None:
    async def enter() -> list[Gate[str] | None]:
        gates = Gates([Gate("a", 1), Gate("b", 1)])
        found = [await gates.enter(), await gates.enter()]
        late = [asyncio.create_task(gates.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        for gate in found:
            assert gate is not None
            gate.shut = True
            gates.leave(gate)
        return [*found, *await asyncio.wait_for(asyncio.gather(*late), 5)]

    found = asyncio.run(enter())
    assert {gate.endpoint for gate in found[:2] if gate} == {"a", "b"}
    assert found[2:] == [None] * 3
