"""Makes the picture of explain's page in docs/explain.md: python docs/make_page.py [FILE]

Needs Chromium and its driver (Debian: chromium, chromium-driver) and selenium, which the extra ``test`` brings.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from analysis.browser import started

from poolcli.analysis.explain.explain import explain_window
from poolcli.analysis.explain.page import build_page
from poolcli.pooling import parse_pooling

HERE = Path(__file__).parent
SIZE = (1280, 900)
sys.path.insert(0, str(HERE.parent / "tests"))




def shown() -> str:
    """A page of the sample feature map."""
    x = np.load(HERE.parent / "sample_images" / "feature_map.npy")
    pooling = parse_pooling("max", size=3, stride=2, padding=1, layout="HWC")
    plan = pooling.plan(x.shape)
    found = explain_window(x, pooling, plan, at=(2, 0), channel=3)
    return build_page(found, x, pooling, plan, "max -k 3 -s 2 --padding 1 of sample_images/feature_map.npy")


def photograph(target: Path) -> None:
    """The page as a browser shows it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(shown(), encoding="utf-8")
        for driver in started(Path(folder) / "profile"):
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False})
            driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            driver.get(file.as_uri())
            driver.save_screenshot(str(target))


if __name__ == "__main__":
    photograph(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "images" / "explain_page.png")
