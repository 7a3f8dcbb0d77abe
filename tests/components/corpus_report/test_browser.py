"""A real browser draws the page in light, dark and phone width without policy violations.

Set TEXTMILL_SCREENSHOTS to a folder to keep the pictures.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.settings import ReportSettings
from tests.components.corpus_report.folders import Folders
from tests.components.corpus_report.test_page import page_of

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--enable-logging=stderr", "--v=0",
)  # fmt: skip
NARROWEST = 500  # pixels, of a window; a phone is an inner frame
DARK = "--blink-settings=preferredColorScheme=0"

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="needs Chromium: apt-get update && apt-get install -y chromium"
)


def screenshot(page: str, folder: Path, name: str, width: int, *flags: str) -> tuple[Path, str]:
    """Draw the page and return the picture and the browser's log."""
    source = folder / "report.html"
    source.write_text(page, encoding="utf-8")
    if width < NARROWEST:
        frame = f'<body style="margin:0"><iframe src="{source.name}" width="{width}" height="1600">'
        source = folder / "phone.html"
        source.write_text(frame, encoding="utf-8")
    picture = Path(os.environ.get("TEXTMILL_SCREENSHOTS", folder)) / f"{name}.png"
    command = [
        str(BROWSER), *FLAGS, *flags, f"--user-data-dir={folder / name}",
        f"--window-size={max(width, NARROWEST)},1600", f"--screenshot={picture}", source.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    return picture, done.stderr


@pytest.mark.parametrize(
    ("name", "width", "flags", "light"),
    [("light", 1200, (), True), ("dark", 1200, (DARK,), False), ("phone", 390, (), True)],
)
def test_the_page_is_drawn(
    folders: Folders, tmp_path: Path, name: str, width: int, flags: tuple[str, ...], light: bool
) -> None:
    page = page_of(folders, ReportSettings(show_text=True))
    picture, log = screenshot(page, tmp_path, name, width, *flags)
    assert "Content Security Policy" not in log
    pixels = tf.io.decode_png(picture.read_bytes(), channels=3).numpy().astype(int)
    assert (pixels.mean() > 200) == light  # the background follows the color scheme
    accent = np.abs(pixels - (0x34, 0x54, 0xD1) if light else pixels - (0x8E, 0xA6, 0xFF))
    assert (accent.sum(axis=2) < 30).mean() > 0.001  # bars have the scheme's color
