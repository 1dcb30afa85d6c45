"""A form: shown, sent, checked. Protected against forged requests by web2py's own one-time keys in the session."""
from __future__ import annotations

from typing import Any, Sequence

from gluon.html import FORM

from .fields import Input
from .page import ERROR, Page


class Form:
    """One form of a page.

    Attributes
    ----------
    name : tells it from other forms of the page
    fields : shown in this order
    submit : text of its button
    cancel : where the link beside it leads, "" = no such link
    values : after `accepts`: the cleaned values by field name
    dangerous : its button destroys something
    """

    def __init__(self, page: Page, name: str, fields: Sequence[Input] = (), submit: Any = "", cancel: str = "",
                 dangerous: bool = False, action: str = "") -> None:
        self.page = page
        self.name = name
        self.fields = list(fields)
        self.submit = submit or page.T("Save")
        self.cancel = cancel
        self.dangerous = dangerous
        self.action = action
        self.values: dict[str, Any] = {}
        self._key = FORM()
        self._checked = False

    @property
    def was_sent(self) -> bool:
        """Was this form, rather than another one of the page, sent to us?"""
        return self.page.is_post and Input.sent(self.page.request.post_vars, "_formname") == self.name

    def accepts(self) -> bool:
        """Was it sent, by this very user from this very page, and without errors?

        Errors stand at the fields then; a request without a valid key changes nothing and is answered with 403.
        """
        sent = self.page.request.post_vars
        self._checked = True
        genuine = self._key.accepts(sent, self.page.session, formname=self.name)
        if not self.was_sent:
            return False
        for field in self.fields:
            try:
                self.values[field.name] = field.read(sent, self.page.T)
            except ValueError as error:
                field.error = str(error)
        if not genuine:
            self.page.response.status = 403
            self.page.message(self.page.T("Nothing was changed: this form had expired, was already sent, or did not "
                                          "come from this site. Please check it and send it again."), ERROR)
            return False
        return not self.errors

    def reject(self, name: str, text: Any) -> None:
        """Set an error at a field after `accepts`."""
        next(field for field in self.fields if field.name == name).error = str(text)

    @property
    def errors(self) -> list[Input]:
        """The fields with errors."""
        return [field for field in self.fields if field.error]

    def hidden(self) -> list[tuple[str, str]]:
        """Names and values of the hidden fields that make it genuine."""
        if not self._checked:
            self.accepts()
        return [("_formkey", self._key.formkey), ("_formname", self.name)]


def refuse_other_posts(page: Page, *forms: Form) -> None:
    """Say that nothing happened when something else than one of `forms` was sent."""
    if page.is_post and not any(form.was_sent for form in forms):
        page.response.status = 403
        page.message(page.T("Nothing was changed: what was sent did not come from a form of this page."), ERROR)
