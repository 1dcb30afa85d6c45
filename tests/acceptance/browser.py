"""A headless Chromium for the tours through the pages."""
from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any, Callable, TypeVar

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

#: width and height of the windows that pages are looked at in
DESKTOP, PHONE = (1280, 900), (390, 844)

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"

ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-proxy-server",
             "--hide-scrollbars", "--force-device-scale-factor=1")

#: what a screen reader lacks: one h1, a name for every field and link, a caption for every table
UNNAMED = """
const main = document.querySelector('.s3sync'), wrong = [];
if (document.querySelectorAll('h1').length !== 1) wrong.push('h1');
for (const field of main.querySelectorAll('input:not([type=hidden]), select, textarea'))
  if (!field.labels.length && !field.getAttribute('aria-label')) wrong.push(field.outerHTML);
for (const link of main.querySelectorAll('a, button'))
  if (!(link.textContent.trim() || link.getAttribute('aria-label'))) wrong.push(link.outerHTML);
for (const table of main.querySelectorAll('table')) if (!table.caption) wrong.push('table without caption');
for (const cell of main.querySelectorAll('th:not([scope])')) wrong.push(cell.outerHTML);
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
if (new Set(ids).size !== ids.length) wrong.push('ids twice: ' + ids);
for (const e of main.querySelectorAll('[aria-describedby]'))
  for (const id of e.getAttribute('aria-describedby').split(' ')) if (!document.getElementById(id)) wrong.push('no ' + id);
return wrong;
"""

T = TypeVar("T")


class Browser:
    """What a person does with a browser, and sees in it.

    Parameters
    ----------
    profile : folder for a fresh user profile
    javascript : False = as with scripts switched off
    """

    def __init__(self, profile: Path, javascript: bool = True) -> None:
        options = Options()
        options.binary_location = program("chromium")
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        if not javascript:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(options=options, service=Service(program("chromedriver")))
        self.driver.set_page_load_timeout(120)
        self.size(DESKTOP)

    def close(self) -> None:
        """End it."""
        self.driver.quit()

    def size(self, size: tuple[int, int]) -> None:
        """Make the page this wide and high, in CSS pixels (a window as narrow as a phone is not possible)."""
        width, height = size
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    # -- doing --------------------------------------------------------------------------------------------------------

    def open(self, url: str) -> None:
        """Go to an address."""
        self.driver.get(url)

    def click(self, text: str, within: str = "body") -> None:
        """Follow the link or press the button that is called `text` (visible text or accessible name)."""
        for element in self.all(f"{within} a, {within} button, {within} input[type=submit]"):
            title = element.find_elements(By.CSS_SELECTOR, "strong")      # of a card
            called = (self.text_of(title[0] if title else element), element.get_attribute("aria-label"),
                      element.get_attribute("value"))
            if text in called and element.is_displayed():
                self.press(element)
                return
        raise AssertionError(f"there is no link or button {text!r} on {self.driver.current_url}:\n{self.text}")

    def press(self, element: WebElement) -> None:
        """Click on a link or a button; if it leads to a page, wait until that is there."""
        leads = element.tag_name == "a" or element.get_attribute("type") == "submit"
        before = self.one("html")
        element.click()
        if leads:
            self.wait(lambda: self._replaced(before))

    def _replaced(self, page: WebElement) -> bool:
        """Has another page been loaded since?"""
        try:
            page.is_enabled()
            return False
        except WebDriverException as problem:
            if not gone(problem):
                raise
            return bool(self.driver.execute_script("return document.readyState") == "complete")

    def fill(self, label: str, value: str) -> None:
        """Type into the field with this label."""
        field = self.field(label)
        kind = field.get_attribute("type")
        if kind == "datetime-local":       # typing depends on the browser's language
            self.driver.execute_script("arguments[0].value = arguments[1]", field, value)
            return
        field.clear()
        field.send_keys(value)

    def choose(self, label: str, text: str) -> None:
        """Choose from the drop-down list with this label."""
        Select(self.field(label)).select_by_visible_text(text)

    def tick(self, label: str, on: bool = True) -> None:
        """Set the checkbox or radio button with this label."""
        field = self.field(label)
        if field.is_selected() != on:
            field.click()

    def follow_menu(self, *texts: str) -> None:
        """Go through the application's menu, from its bar to the last of these entries."""
        menu = self.one("header nav")
        for text in texts:
            menu = next(item for item in menu.find_elements(By.CSS_SELECTOR, "li")
                        if self.text_of(item.find_element(By.CSS_SELECTOR, "a")) == text)
            ActionChains(self.driver).move_to_element(menu).perform()
        self.press(menu.find_element(By.CSS_SELECTOR, "a"))

    def login(self, site: Any, user: tuple[str, str]) -> None:
        """Log in at the application."""
        self.open(f"{site.url}/default/user/login")
        self.one("input[name=email]").send_keys(user[0])
        self.one("input[name=password]").send_keys(user[1])
        self.one("input[name=password]").submit()
        self.wait(lambda: user[0] in self.one("header").get_attribute("textContent"))

    # -- seeing -------------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return self.one("body").text

    @property
    def heading(self) -> str:
        """The page's main heading."""
        return self.one(".s3sync h1").text

    @property
    def path(self) -> str:
        """The address without the server."""
        return "/" + self.driver.current_url.split("/", 3)[3]

    def one(self, css: str) -> WebElement:
        """The first element that matches."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        """All elements that match."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    @staticmethod
    def text_of(element: WebElement) -> str:
        return " ".join((element.get_attribute("textContent") or "").split())

    def field(self, label: str) -> WebElement:
        """The field with this label: the start of a <label>'s text, or an accessible name."""
        for element in self.all("main label, .s3sync label"):
            if self.text_of(element).startswith(label):
                target = element.get_attribute("for")
                return self.one(f"#{target}") if target else element.find_element(By.CSS_SELECTOR, "input, select, textarea")
        for element in self.all("input[aria-label], select[aria-label]"):
            if element.get_attribute("aria-label") == label:
                return element
        raise AssertionError(f"there is no field {label!r} on {self.driver.current_url}:\n{self.text}")

    def table(self) -> list[dict[str, str]]:
        """The rows of the page's first table, by column heading."""
        heads = [self.text_of(head) for head in self.all(".s3-table thead th")]
        return [dict(zip(heads, [self.text_of(cell) for cell in row.find_elements(By.CSS_SELECTOR, "th, td")]))
                for row in self.all(".s3-table tbody tr")]

    def items(self) -> dict[str, str]:
        """The page's list of items with their values."""
        return {self.text_of(name): self.text_of(value)
                for name, value in zip(self.all(".s3-list dt"), self.all(".s3-list dd"))}

    def jobs(self) -> list[dict[str, str]]:
        """The jobs of a schedule: what is said of each, with its heading and state."""
        found = []
        for card in self.all(".s3-jobs > li"):
            badge = card.find_element(By.CSS_SELECTOR, "h2 .s3-badge")
            found.append({
                "When": self.text_of(card.find_element(By.CSS_SELECTOR, "h2")).removesuffix(self.text_of(badge)).strip(),
                "State": self.text_of(badge),
                **{self.text_of(name): self.text_of(value) for name, value in zip(
                    card.find_elements(By.CSS_SELECTOR, "dt"), card.find_elements(By.CSS_SELECTOR, "dd"))}})
        return found

    def unnamed(self) -> list[str]:
        """What a screen reader could not name."""
        found: list[str] = self.driver.execute_script(UNNAMED)
        return found

    def wait(self, condition: Callable[[], T], seconds: float = 60.0) -> T:
        """Wait until `condition` gives something true, and return that."""
        end = time.monotonic() + seconds
        while True:
            try:
                found = condition()
            except WebDriverException as problem:
                if not (isinstance(problem, NoSuchElementException) or gone(problem)):
                    raise
                found = None                            # type: ignore[assignment]
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s in vain on {self.driver.current_url}:\n{self.text}")
            time.sleep(0.2)

    def picture(self, name: str) -> None:
        """Take a screenshot of the whole page, as on a desktop and as on a phone."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for size, suffix in ((PHONE, "phone"), (DESKTOP, "desktop")):
            self.size(size)
            height = self.driver.execute_script("return document.documentElement.scrollHeight")
            self.size((size[0], max(min(height, 6000), size[1])))
            self.driver.save_screenshot(str(SCREENSHOTS / f"{name}-{suffix}.png"))
            if size == PHONE:
                wide = self.driver.execute_script("return document.documentElement.scrollWidth")
                assert wide <= PHONE[0], f"{self.path} is {wide} pixels wide on a phone"
        self.size(DESKTOP)


def gone(problem: WebDriverException) -> bool:
    """Was what was asked about on a page that has been left? In the middle of loading chromium says so in words of its own."""
    return isinstance(problem, StaleElementReferenceException) or "does not belong to the document" in (problem.msg or "")


def program(name: str) -> str:
    """Path of a program of Debian's chromium packages."""
    path = shutil.which(name)
    if not path:
        raise AssertionError(f"{name} is missing: apt install chromium chromium-driver")
    return path
