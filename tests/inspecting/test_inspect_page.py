from __future__ import annotations

import json
import re
import stat
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import made_data
from made_data import SCRIPT, SECRET
from radvlm.errors import EgressError, OutputError, TableError
from radvlm.inspecting import inspect
from radvlm.inspecting.data_page import default_page, write_data_page
from radvlm.io import egress

VOID = {"meta", "link", "img", "br", "wbr", "path", "use", "rect"}


class Outline(HTMLParser):
    """Elements with their attributes, and all text outside ``style``."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.nested = True
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.nested &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def words(page: str) -> str:
    return " ".join(Outline(page).text.split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.make(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def closed(made: Path) -> Path:
    """The page for those who may see the data."""
    return write_data_page(made)


@pytest.fixture(scope="module")
def shared_page(made: Path) -> Path:
    return write_data_page(made, share_safe=True)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def with_manifest(folder: Path, **changes: Any) -> Path:
    data = made_data.make(folder)
    manifest = json.loads(read(data / "manifest.json"))
    (data / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return data


@pytest.mark.parametrize("share_safe", [False, True])
def test_the_page_is_whole_and_loads_nothing(made: Path, tmp_path: Path, share_safe: bool) -> None:
    page = read(write_data_page(made, tmp_path / "p.html", share_safe=share_safe))
    outline = Outline(page)
    assert outline.nested and outline.open == []
    ids = [a["id"] for _, a in outline.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in outline.named("a")} <= set(ids)
    assert not {"script", "iframe", "object", "embed"} & {tag for tag, _ in outline.elements}
    assert all(a["src"].startswith("data:image/") for a in outline.named("img"))
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", page)
    policy = next(a for a in outline.named("meta") if "http-equiv" in a)
    assert policy["content"].startswith("default-src 'none'")
    assert "not for diagnosis" in words(page)


def test_text_from_the_data_is_never_markup(closed: Path, shared_page: Path) -> None:
    page = read(closed)
    assert words(page).count(SCRIPT) > 15
    for text in (page, read(shared_page)):
        assert "<script" not in text and "<b>bold" not in text


def test_a_page_of_credentialed_data_says_so_first_and_at_every_image(closed: Path) -> None:
    page = read(closed)
    said = words(page[page.index("<body>") :])
    first = "Skip to the data set Do not share: this page holds credentialed images and texts."
    assert said.startswith(first)
    outline = Outline(page)
    images = len(outline.named("img"))
    assert images == 6
    assert said.count("Credentialed: do not share") == images
    assert stat.S_IMODE(closed.stat().st_mode) == 0o600


def test_an_open_manifest_does_not_open_credentialed_examples(tmp_path: Path) -> None:
    page = write_data_page(with_manifest(tmp_path, access="open"))
    assert "Do not share" in words(read(page))
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_open_data_carries_no_warning(data: Path, tmp_path: Path) -> None:
    page = write_data_page(data, tmp_path / "p.html")
    text = words(read(page))
    assert "do not share" not in text.lower() and "Open data" in text
    assert stat.S_IMODE(page.stat().st_mode) & 0o044
    assert len(Outline(read(page)).named("img")) == 8 * 3


def test_a_shared_page_holds_nothing_of_any_example(shared_page: Path, tmp_path: Path) -> None:
    page = read(shared_page)
    assert SECRET not in unescape(page)
    assert "<img" not in page and "data:image" not in page
    assert str(shared_page.parent) not in page
    assert "Aggregates only" in words(page)
    egress.check("open", "page", str(shared_page))
    with pytest.raises(EgressError):
        egress.check("credentialed", "page", str(shared_page))


def test_a_shared_page_hides_small_counts(closed: Path, shared_page: Path) -> None:
    safe, full = words(read(shared_page)), words(read(closed))
    # Twelve reports in training, three groundings in test, fourteen studies, 23 + 4 quarantined.
    assert "train, " not in safe and "Patients 10 train 10, test <10" in safe
    assert "Patients 14 train 11, test 3" in full
    assert "the file is missing 20" in safe and "others <10" in safe
    assert "the file is missing 23" in full
    assert f"grounding {SCRIPT} 0 3 3" in full and f"grounding {SCRIPT} 0 <10 <10" in safe
    assert "F 10 0 10" in full and "F 10 0 10" in safe
    assert "1 uncertain" in full and "<10 uncertain" in safe


def test_the_plan_of_a_shared_page_gives_no_small_count_away(shared_page: Path) -> None:
    """Neither through the repeats (three of four kept) nor through the difference."""
    safe = words(read(shared_page))
    assert "report train <10 <10 3 <30 20 – <10 unreadable, <10" in safe


def test_the_plan_stands_beside_the_published_numbers(closed: Path) -> None:
    said = words(read(closed))
    assert f"report train 4 4 3 12 20 −16 7 unreadable, 9 {SCRIPT}" in said
    assert f"grounding test 3 3 1 3 20 −17 7 unreadable, 10 {SCRIPT}" in said


def test_what_cannot_be_shown_has_a_place_and_a_reason_and_is_counted(closed: Path) -> None:
    page = read(closed)
    said = words(page)
    assert "2 of 6 images cannot be shown on this machine" in said
    assert said.count("Image not shown: image file is missing") == 2
    alts = [a["alt"] for a in Outline(page).named("img")]
    assert alts.count("Image not shown: image file is missing") == 2
    assert alts.count("Chest radiograph with 2 boxes") == 1


def test_boxes_lie_on_the_image_as_the_data_says(closed: Path) -> None:
    marks = [a["style"] for a in Outline(read(closed)).named("div") if a.get("data-mark") == "1"]
    assert marks == ["left:25.00%;top:50.00%;width:50.00%;height:50.00%"] * 3


def test_what_the_manifest_does_not_say_is_told(made: Path, closed: Path, tmp_path: Path) -> None:
    assert "are in training too: 1." in words(read(closed))
    rows = made_data.manifest_of()["examples"]
    rows[0]["examples"] = 999
    other = write_data_page(with_manifest(tmp_path, examples=rows, waiting=["chat"]))
    said = words(read(other))
    assert "The files hold 12 examples of report (train), the manifest says 999" in said
    assert "wait for curated text: chat" in said
    assert "the manifest says" not in words(read(closed))


def test_another_seed_shows_other_examples(made: Path, closed: Path, tmp_path: Path) -> None:
    again, other = (write_data_page(made, tmp_path / str(n), seed=n) for n in (0, 1))
    assert read(again) == read(closed) != read(other)


def test_nothing_is_written_into_the_data_set(made: Path, closed: Path) -> None:
    before = {p.name: sha256(p.read_bytes()).hexdigest() for p in made.iterdir()}
    assert closed.parent == made.parent
    with pytest.raises(OutputError, match="inside the data set"):
        write_data_page(made, made / "sub" / "p.html")
    with pytest.raises(OutputError, match="inside the data set"):
        write_data_page(made, made)
    assert before == {p.name: sha256(p.read_bytes()).hexdigest() for p in made.iterdir()}


def test_the_page_stands_beside_the_data_set_however_it_is_named(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    assert default_page(Path(".")) == made.with_name("data.inspect.html")
    assert default_page(made / "..", share_safe=True).name.endswith(".shareable.html")


def test_a_data_set_without_any_example_has_a_page(tmp_path: Path) -> None:
    data = with_manifest(tmp_path, files={}, examples=[], plan=[], studies=0, quarantine=[])
    said = words(read(write_data_page(data)))
    assert "0 examples of 0 tasks" in said and "nothing is quarantined" in said


def test_a_damaged_data_set_leaves_no_page(tmp_path: Path) -> None:
    data = made_data.make(tmp_path)
    shard = data / "examples-test-00000-of-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(TableError, match="examples-test"):
        write_data_page(data, tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()


@pytest.mark.parametrize("change", [{"schema_version": 1}, {"schema_version": 99}, {"plan": None}])
def test_a_manifest_of_another_version_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    data = with_manifest(tmp_path, **change)
    if change.get("plan", 1) is None:
        (data / "manifest.json").write_text('{"images": 3}')
    for use in (inspect, write_data_page):
        with pytest.raises(TableError, match=r"manifest\.json"):
            use(data)


def test_a_folder_without_a_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="holds no data set"):
        write_data_page(tmp_path, tmp_path.parent / "p.html")


def test_facts_tell_checkpoint_data_set_and_image_apart(
    checkpoint: Path, made: Path, tmp_path: Path
) -> None:
    assert inspect(checkpoint)["kind"] == "checkpoint"
    facts = inspect(made)
    assert facts["kind"] == "data set" and facts["quarantined"] == 27
    assert facts["examples"] == {"report (train)": 12, "grounding (test)": 3}
    image = inspect(made.parent / f"{SECRET}.png")
    assert image == {"kind": "image", "width": 128, "height": 96}
    with pytest.raises(
        Exception, match="neither a checkpoint, a data set, a training run nor an image"
    ):
        inspect(tmp_path / "gone")
