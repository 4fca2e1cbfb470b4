"""The HTML pages: one folder per subject, in it a module per page. Works without JavaScript; htmx adds live parts."""
