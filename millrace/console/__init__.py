"""The console: runs, data and models as pages to look at, from a server on the loopback interface or as one file.

How a page is added. A module in `pages/` makes a `Page` (`page.py`) and lists it in its `PAGES`; `pages/__init__.py`
puts the modules in the order of the rail. One `Page` is all of it:

    Page(
        address="/data/{span}",              # Starlette's path; the values in braces are in request.path
        title="Data of {span}",              # filled in with request.path; untrusted text is fine
        template="pages/data.html",          # below templates/; the page's body alone, no <html>
        view=view,                           # (PageRequest) -> a frozen dataclass of plain values, or raises
        rail=RailEntry("Data", "d", "data", "/data"),   # the word, its key after g, its picture, where it leads
        section=section,                     # (config, run id) -> the values in braces, or None: a report's section
        act=act,                             # (PageRequest) -> GoTo or a view: what a POST does with request.form
        rows=rows,                           # (view) -> heads and rows: ?format=csv
        search=search,                       # (config, text) -> Hits: what `/` finds
    )

- `view` gets a `PageRequest`: `config`, `path`, `query` (each a text by name), `form` and `now`. What is not there is
  `raise NotFound(what, where, remedy)`; any other MillraceError is shown with its remedy. The same view is the page,
  `?format=json` and a report's section: it holds no Markup and no store's handle. A page whose view has an attribute
  `live` that is true is asked for again every two seconds, and what has the id `live` is exchanged.
- In a template the view is `view` and the request's path and query are `request`. Everything is escaped, and what
  cannot be seen is spelled out (`base.visible`); a chart is a function that returns markupsafe's Markup, put among the
  globals in `render.py`. No inline script and no style attribute: the policy forbids them. Macros of `macros.html`:
  `state(word)`, `ago(seconds since the epoch)`, `command(text)`, `empty(sentence, command)`, `problem(failure)`,
  `sortable(...)`. Filters: `number`, `duration`, `grouped`, `share`. `link(address, text)` is a link on a page, and in
  a report one to the section of that address, or plain text.
- A form is `<form method="post" action="...">`; the guard asks for the cookie and for this server's Origin, so that a
  page has no token of its own to carry. After a POST that changed something return `GoTo(address)`; to show what was
  typed again, with what is wrong with it, return the view with an attribute `problem`, which gives it the status 422.
"""
