"""The pictures are those of the sample, made by a script whose inputs are there."""

import re
from pathlib import Path

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SCRIPT = (IMAGES / "make").read_text("utf-8")


def test_every_picture_is_made_by_the_script_and_shown_somewhere() -> None:
    pages = [IMAGES.parents[1] / "README.md", *IMAGES.parent.glob("*.md")]
    shown = "".join(page.read_text("utf-8") for page in pages)
    pictures = [path for path in IMAGES.iterdir() if path.suffix in {".png", ".svg"}]
    assert len(pictures) == 4
    for picture in pictures:
        assert f"images/{picture.name}" in shown
        assert f"$images/{picture.stem}" in SCRIPT


def test_what_the_script_is_made_from_is_there() -> None:
    named = re.findall(r"\$images/((?:\.\./)*[\w/]+\.(?:xlsx|py))", SCRIPT)
    assert sorted(Path(name).name for name in named) == ["campaign_launch.xlsx", "terminal.py"]
    assert all((IMAGES / name).is_file() for name in named)


def test_the_picture_of_the_terminal_asks_the_network_for_nothing() -> None:
    picture = (IMAGES / "terminal.svg").read_text("utf-8")
    assert "url(" not in picture.replace("url(#", "")
    assert "274" in picture
