"""Image conversion on two cores against one, and whether both write the same bytes.

    python -m benchmarks.convert_speed [--images 3200] [--size 1024]

Makes radiographs of a detector's size (2048 × 2500, 12 bits; DICOM and 16-bit PNG in turn, one in
three DICOM is MONOCHROME1, one file in a hundred is cut off) and converts them with 1 and with 2
workers, locally and, where ray is installed, on a local Ray. The files are links to a few dozen
originals, so the disk holds them once. The time workers need to start and to end, measured without
work, is taken off. Writes ``results/convert_speed.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from radvlm.build.convert import convert
from radvlm.io.tables import write_studies
from radvlm.records import Study, View
from radvlm.runtime.shards import Engine, map_shards
from radvlm.sources.phantom.plan import PhantomConfig, plan
from radvlm.sources.phantom.study import draw

ORIGINALS = 24
HEIGHT, WIDTH = 2500, 2048
DAMAGED = 100
"""One file in so many is cut off."""


def main() -> None:
    # Workers import this file, and this would have them import torch.
    from benchmarks.results_file import write_result

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3200)
    parser.add_argument("--size", type=int, default=1024)
    arguments = parser.parse_args()
    images, size = arguments.images, arguments.size
    engines: list[Engine] = ["local", "ray"] if find_spec("ray") else ["local"]
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        table = make_studies(Path(folder), images)
        digests = set()
        for engine in engines:
            began = {n: start_up(n, engine) for n in (1, 2)}
            whole = {}
            for workers in (1, 2):
                out = Path(folder) / f"{engine}-{workers}"
                start = time.perf_counter()
                manifest = convert(table, out, size=size, workers=workers, engine=engine)
                whole[workers] = time.perf_counter() - start
                digests.add(digest(out))
            seconds = {n: whole[n] - began[n] for n in whole}
            figures[engine] = {
                "start_up_seconds": {str(n): round(s, 1) for n, s in began.items()},
                "seconds": {str(n): round(s, 1) for n, s in seconds.items()},
                "speedup": round(seconds[1] / seconds[2], 2),
            }
    figures["identical"] = len(digests) == 1
    figures["quarantined"] = len(manifest["quarantine"])
    figures["damaged"] = len(range(0, images, DAMAGED))
    command = f"python -m benchmarks.convert_speed --images {images} --size {size}"
    print(write_result("convert_speed", command, images, figures))


def start_up(workers: int, engine: Engine) -> float:
    """Seconds until so many workers have started, done nothing and ended."""
    start = time.perf_counter()
    for _ in map_shards(nothing, range(workers), workers=workers, engine=engine):
        pass
    return time.perf_counter() - start


def nothing(shard: int) -> int:
    return shard


def digest(out: Path) -> str:
    """One hash of every file below the folder and its name."""
    total = hashlib.sha256()
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        total.update(str(path.relative_to(out)).encode() + path.read_bytes())
    return total.hexdigest()


def make_studies(folder: Path, count: int) -> Path:
    """A table of so many studies of one view, most of them links to the same few files."""
    originals = list(make_originals(folder))
    broken = folder / "cut.png"
    broken.write_bytes(originals[1].read_bytes()[:100_000])
    studies = []
    for number, original in zip(range(count), itertools.cycle(originals), strict=False):
        source = broken if number % DAMAGED == 0 else original
        path = folder / f"{number:06d}{source.suffix}"
        os.link(source, path)
        view = View(str(number), path.name, "PA", WIDTH, HEIGHT)
        studies.append(Study("fam", ("a",), f"{number:06d}", None, None, "open", (view,)))
    write_studies(folder / "studies.parquet", studies)
    return folder / "studies.parquet"


def make_originals(folder: Path) -> list[Path]:
    """Simulated chests enlarged to a detector's size, with a detector's noise, 12 bits deep."""
    rng = np.random.default_rng(0)
    config = PhantomConfig(patients=ORIGINALS, size=512, lateral=0)
    paths = []
    for number, one in enumerate(itertools.islice(plan(config), ORIGINALS)):
        _, views = draw(config, one)
        (pixels,) = views.values()
        large = Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        signal = np.asarray(large, dtype=np.float64) * 16
        stored = (signal + rng.normal(0, 12, signal.shape)).clip(0, 4095).astype(np.uint16)
        paths.append(folder / f"original-{number}{'.png' if number % 2 else '.dcm'}")
        if number % 2:
            Image.fromarray(stored).save(paths[-1], compress_level=1)
        else:
            save_dicom(stored, paths[-1], inverted=number % 6 == 0)
    return paths


def save_dicom(stored: NDArray[np.uint16], path: Path, inverted: bool) -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.1")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    dataset.PixelData = (4095 - stored if inverted else stored).astype("<u2").tobytes()
    dataset.save_as(path, enforce_file_format=True)


if __name__ == "__main__":
    main()
