"""Caps: of a row with more examples than wanted, those with the smallest ids stay.

Ids are hashes, so this is a fair draw that does not depend on the order of reading; and a larger
cap keeps everything a smaller one does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from radvlm.build.recipe import TaskChoice
from radvlm.build.tally import Tally

_ROW_GROUP = 4096


def apply_caps(tally: Tally, tasks: Mapping[str, TaskChoice]) -> set[str]:
    """Count the candidates that stay, and give the ids of those that do not."""
    surplus: set[str] = set()
    for (row, task, split, _), found in sorted(tally.candidates.items()):
        cap = tasks[row].cap
        assert cap is not None  # only rows with a cap have candidates
        ranked = sorted(found, key=lambda one: one.id)
        for one in ranked[:cap]:
            tally.examples[row, task, split, one.source] += 1
            tally.content[split] += one.digest
        surplus |= {one.id for one in ranked[cap:]}
    tally.candidates.clear()
    tally.contaminated = sorted(set(tally.contaminated) - surplus)
    return surplus


def drop_examples(path: Path, surplus: Collection[str]) -> None:
    """Write a shard of examples anew without some ids; the shard is not yet under its name."""
    table = pq.read_table(path)
    leave = pc.is_in(table["id"], value_set=pa.array(surplus, pa.string()))
    kept = table.filter(pc.invert(leave))
    aside = path.with_suffix(".less")
    with pq.ParquetWriter(
        aside, table.schema, compression="zstd", write_page_checksum=True
    ) as writer:
        writer.write_table(kept, row_group_size=_ROW_GROUP)
    aside.replace(path)
