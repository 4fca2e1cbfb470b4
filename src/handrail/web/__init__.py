"""The HTML pages: one folder per subject, in it one module per page (large ones with their view beside). Works without JavaScript; htmx adds live parts."""
