"""How long a card's page and its interactive map take in headless Chromium, where the processor draws.

``python benchmarks/card_map.py ni.html al.html`` prints for each page its size, the seconds until it is read and until
its map answers, and the processor time of all processes of the browser for either. Needs chromium and playwright.
"""

import os
import shutil
import sys
import time
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

ARGUMENTS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-background-networking"]


def processor_time(parent: int) -> float:
    """Of a process and all below it, s."""
    children: dict[int, list[tuple[int, float]]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        children.setdefault(int(fields[1]), []).append((int(entry.parent.name), used))
    total, waiting = 0.0, [parent]
    while waiting:
        for child, used in children.get(waiting.pop(), []):
            total += used
            waiting.append(child)
    return total


def main() -> int:
    """Measure the pages that are named."""
    browser_path = next(path for name in ("chromium", "google-chrome") if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        print("page, MB, read: s, CPU s, map: s, CPU s")
        for name in sys.argv[1:]:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            marks = [(time.monotonic(), processor_time(os.getpid()))]
            page.goto(Path(name).resolve().as_uri())
            marks.append((time.monotonic(), processor_time(os.getpid())))
            page.locator("#map").scroll_into_view_if_needed()
            page.wait_for_selector("#viewer[data-state=ready]", state="attached", timeout=300_000)
            marks.append((time.monotonic(), processor_time(os.getpid())))
            spent = [f"{b - a:.2f}" for before, after in pairwise(marks)
                     for a, b in zip(before, after, strict=True)]  # fmt: skip
            print(f"{name}, {Path(name).stat().st_size / 1e6:.2f}, " + ", ".join(spent), flush=True)
            page.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
