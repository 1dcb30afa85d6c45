# -*- coding: utf-8 -*-
"""Simple pages to look at and edit the records of a table: list with search, form, deletion, components as tabs."""
from gluon import current
from gluon.html import DIV, FORM, INPUT, URL
from gluon.http import HTTP, redirect
from gluon.sqlhtml import SQLFORM

PER_PAGE = 25


class LocationWidget:
    """A reference to a location: type a part of its name, pick one of the proposals (static/js/eden.js)."""

    def __init__(self, db):
        self.db = db

    def __call__(self, field, value, **attributes):
        location = self.db.gis_location(value) if value else None
        name = "%s_%s" % (field.tablename, field.name)
        return DIV(
            INPUT(_type="hidden", _name=field.name, _id=name, value=value or "", requires=field.requires),
            INPUT(_type="search", _id=name + "_search", _value=location.name if location else "", _autocomplete="off",
                  _class="string", _placeholder=current.T("Type a name…"), **{"_data-for": name}),
            DIV(_class="proposals", _hidden=True),
            _class="location-picker", **{"_data-url": URL("gis", "search.json")})


class Resource:
    """The pages of one table.

    Parameters
    ----------
    table : the pyDAL table; needs a `deleted` field
    title, title_new : what the list and the form for a new record are called
    columns : fields shown in the list; the first one links to the record
    search : fields the search box looks in
    components : {tab: (Resource, name of the field that refers to this table)}
    """

    def __init__(self, table, title, title_new, columns, search=("name",), orderby=None, components=None):
        self.table = table
        self.title = title
        self.title_new = title_new
        self.columns = columns
        self.search = search
        self.orderby = orderby if orderby is not None else table.name
        self.components = components or {}

    def page(self, may_edit):
        """The page for the present request; its address is [id[/component[/…]]][/create|update|delete]."""
        request, response = current.request, current.response
        args = list(request.args)
        base = URL(request.controller, request.function)
        if not (args and args[0].isdigit()):
            response.view = "default/list.html" if not args else "default/form.html"
            return self._list_or_create(args, base, may_edit)
        record = self._record(args.pop(0))
        base = "%s/%s" % (base, record.id)
        tabs = [(self.table._singular, base, not args or args[0] not in self.components)]
        for alias, (component, _) in self.components.items():
            tabs.append((component.title, "%s/%s" % (base, alias), bool(args) and args[0] == alias))
        if args and args[0] in self.components:
            component, fkey = self.components[args.pop(0)]
            response.view = "default/form.html" if args else "default/list.html"
            data = component._within(args, "%s/%s" % (base, request.args[1]), may_edit, fkey, record)
        else:
            response.view = "default/form.html"
            data = self._edit(record, args, base, URL(request.controller, request.function), may_edit)
        return dict(data, tabs=tabs if self.components else [], heading=self.table._format % record)

    def _record(self, record_id):
        record = self.table(int(record_id))
        if not record or record.deleted:
            raise HTTP(404, current.T("Record not found"))
        return record

    def _list_or_create(self, args, base, may_edit, condition=None):
        if not args:
            return self._list(base, may_edit, condition)
        if args != ["create"]:
            raise HTTP(404, current.T("Page not found"))
        return self._create(base, may_edit)

    def _within(self, args, base, may_edit, fkey, parent):
        """This table's pages inside a tab of the record it belongs to."""
        field = self.table[fkey]
        field.default = parent.id
        field.readable = field.writable = False
        if args and args[0].isdigit():
            record = self._record(args[0])
            if record[fkey] != parent.id:
                raise HTTP(404, current.T("Record not found"))
            return self._edit(record, args[1:], "%s/%s" % (base, record.id), base, may_edit)
        return self._list_or_create(args, base, may_edit, field == parent.id)

    def _list(self, base, may_edit, condition=None):
        db, table, request = self.table._db, self.table, current.request
        query = (table.deleted == False) | (table.deleted == None)  # noqa: E711, E712
        if condition is not None:
            query &= condition
        words = (request.get_vars.q or "").strip()
        if words:
            found = [table[name].contains(words) for name in self.search]
            query &= found[0] if len(found) == 1 else found[0] | found[1]
        page = max(int(request.get_vars.page or 1), 1) if (request.get_vars.page or "1").isdigit() else 1
        fields = [table[name] for name in self.columns if table[name].readable]
        total = db(query).count()
        limitby = ((page - 1) * PER_PAGE, page * PER_PAGE)
        rows = db(query).select(table.id, *fields, orderby=self.orderby, limitby=limitby)
        return dict(title=self.title, base=base, fields=fields, rows=rows, total=total, page=page, words=words,
                    pages=max(-(-total // PER_PAGE), 1), may_edit=may_edit, tabs=[], heading=None)

    def _create(self, base, may_edit):
        if not may_edit:
            raise HTTP(403, current.T("Insufficient Privileges"))
        form = SQLFORM(self.table, submit_button=current.T("Save"))
        if form.process(dbio=True).accepted:
            current.session.flash = current.T("Record added")
            redirect(base)
        return dict(title=self.title_new, form=form, deletion=None, base=base, tabs=[], heading=None)

    def _edit(self, record, args, base, after, may_edit):
        T, session = current.T, current.session
        if args and args[0] not in ("update", "delete", "read"):
            raise HTTP(404, T("Page not found"))
        form = SQLFORM(self.table, record, readonly=not may_edit, showid=False, submit_button=T("Save"))
        if may_edit and form.process(formname="edit", message_onfailure=T("Please correct the marked fields")).accepted:
            session.flash = T("Record updated")
            redirect(base)
        deletion = None
        if may_edit:
            deletion = FORM(INPUT(_type="submit", _value=T("Delete"), _class="button danger"),
                            **{"_data-confirm": T("Delete this record?")})
            if deletion.process(formname="delete", message_onfailure=None).accepted:
                self._delete(record)
                session.flash = T("Record deleted")
                redirect(after)
        return dict(title=self.title, form=form, deletion=deletion, base=after, tabs=[],
                    heading=self.table._format % record)

    def _delete(self, record):
        """Soft delete, as in Eden; components go with their record."""
        for component, fkey in self.components.values():
            table = component.table
            for row in table._db(table[fkey] == record.id).select(table.id, table.deleted):
                if not row.deleted:
                    row.update_record(deleted=True)
        record.update_record(deleted=True)
