"""TensorBoard's tabs in a browser: a server of a log folder, and what a tab shows."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")
PATIENCE = 40  # seconds for a tab to show something

# Texts, and elements that a selector finds, wherever they are: in shadow trees and frames too.
TEXT = """
const hidden = ["STYLE", "SCRIPT", "NOSCRIPT", "HEAD"];
const walk = (node) => {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (hidden.includes(node.nodeName)) return "";
  if (node.nodeName === "IFRAME") return node.contentDocument ? walk(node.contentDocument) : "";
  const inside = node.shadowRoot ? walk(node.shadowRoot) : "";
  return inside + Array.from(node.childNodes).map(walk).join("") + "\\n";
};
return walk(document.documentElement);
"""
FIND = """
const walk = (root) => {
  const found = Array.from(root.querySelectorAll(arguments[0]));
  for (const node of root.querySelectorAll("*")) if (node.shadowRoot) found.push(...walk(node.shadowRoot));
  return found;
};
return walk(document).map((node) => %s);
"""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a TensorBoard that shows a log folder."""
    command = [sys.executable, "-m", "reflow", "board", "--port", "0", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as board:
        assert board.stderr is not None
        try:
            found = (re.search(r"http://localhost:\d+/", line) for line in board.stderr)
            yield next(match.group() for match in found if match)
        finally:
            board.terminate()


class Tab:
    """A tab of TensorBoard that has been opened."""

    def __init__(self, driver: Any, address: str, name: str) -> None:
        self.driver = driver
        driver.get("about:blank")  # the same page with another anchor would not be loaded again
        driver.get(f"{address}#{name}")

    def shows(self, *texts: str) -> str:
        """All text, once it has the given ones."""
        found = self._wait(
            lambda: self.driver.execute_script(TEXT), lambda text: all(t in text for t in texts)
        )
        assert [text for text in texts if text not in found] == []
        return str(found)

    def elements(self, selector: str, what: str, count: int) -> list[Any]:
        """What the elements of a selector say, once there are so many."""
        return list(
            self._wait(
                lambda: self.driver.execute_script(FIND % what, selector),
                lambda found: len(found) >= count and all(found),
            )
        )

    def _wait(self, look: Any, enough: Any) -> Any:
        end = time.monotonic() + PATIENCE
        while not enough(found := look()) and time.monotonic() < end:
            time.sleep(0.25)
        return found
