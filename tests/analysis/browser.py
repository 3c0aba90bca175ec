"""A real browser for the page of explain: headless Chromium, driven by selenium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--window-size=1280,1000")
"""--no-sandbox: CI is root in a container, and nothing but our own file is opened."""


def installed() -> tuple[str, str] | None:
    """The browser and its driver, or None."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def started(profile: Path) -> Iterator[Any]:
    """A browser with an empty profile, closed at the end; the test is skipped where there is none."""
    found = installed()
    if found is None:
        pytest.skip("no Chromium with chromedriver here; apt-get install chromium chromium-driver would work")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(found[1]))  # with a path it downloads nothing
    try:
        yield driver
    finally:
        driver.quit()
