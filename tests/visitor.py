"""A visitor of a site's pages without a browser: cookies, forms, answers as they come."""
from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests


class Forms(HTMLParser):
    """The forms of a page: what a browser would send if nothing was changed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self._select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append({"action": given.get("action") or "", "values": {}})
        if not self.forms:
            return
        values = self.forms[-1]["values"]
        name = given.get("name")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in values):
            values[self._select] = given.get("value") or ""
        elif tag == "input" and name:
            if given.get("type") in ("checkbox", "radio") and "checked" not in given:
                return
            value = given.get("value") or ""
            if given.get("type") == "checkbox" and name in values:
                values[name] = [*([values[name]] if isinstance(values[name], str) else values[name]), value]
            else:
                values[name] = value


class Visitor:
    """One person with a browser session at a site."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **more: Any) -> requests.Response:
        """A page of the application, by its path within it ("/sync/index")."""
        return self.session.get(self.site.url + path, timeout=60, **more)

    def post(self, path: str, values: dict[str, Any], **more: Any) -> requests.Response:
        """Send values to a page as they are."""
        return self.session.post(self.site.url + path, data=values, timeout=60, **more)

    def form(self, path: str, name: str = "") -> tuple[str, dict[str, Any]]:
        """Where a form of a page goes, and its values."""
        page = self.get(path)
        for form in Forms(page.text).forms:
            if not name or form["values"].get("_formname") == name:
                return urljoin(page.url, form["action"]), form["values"]
        raise AssertionError(f"no form {name} on {page.url} ({page.status_code}):\n{page.text}")

    def send(self, path: str, form: str, /, **values: Any) -> requests.Response:
        """Fill in a form and send it; None = leave a field out, as a browser does with an unticked box."""
        address, filled = self.form(path, form)
        filled = {key: value for key, value in {**filled, **values}.items() if value is not None}
        return self.session.post(address, data=filled, timeout=120)

    def login(self, email: str, password: str) -> Visitor:
        """Log in."""
        answer = self.send("/default/user/login", "login", email=email, password=password)
        assert answer.ok and email in answer.text, answer.text
        return self
