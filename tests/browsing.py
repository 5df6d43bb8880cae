"""People at a real browser."""

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


def photograph(page: Page, name: str) -> None:
    """Keep the pictures of the README current: SCREENSHOTS=1 make test."""
    if os.environ.get("SCREENSHOTS"):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / f"{name}.png")


@dataclass
class Person:
    """Somebody at a browser of their own; `complaints` are what went wrong in its console."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def sign_in(self, name: str) -> None:
        self.page.goto(f"{self.url}/admin/")
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", name)
        self.page.press("[name=password]", "Enter")
        expect(self.page.locator(".app-sidebar")).to_be_attached()

    def visit(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def press(self, name: str | re.Pattern[str], role: Any = "button") -> None:
        self.page.get_by_role(role, name=name).first.click()

    def sees(self, text: str | re.Pattern[str], seconds: float = 15) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=seconds * 1000)

    def sees_not(self, text: str) -> None:
        expect(self.page.get_by_text(text)).to_have_count(0)

    def run_says(self, words: str | re.Pattern[str], seconds: float = 20) -> None:
        """The line at the top of a run's page, which changes by itself."""
        expect(self.page.locator(".run-words")).to_contain_text(words, timeout=seconds * 1000)

    def start_sync(self) -> None:
        self.press("🔄 Sync Zoho", "link")
        self.press("🔄 Sync now")
