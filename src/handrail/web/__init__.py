"""The HTML pages: one module per page, a presenter beside it. Works without JavaScript; htmx adds live parts."""
