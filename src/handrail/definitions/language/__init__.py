"""What conditions and placeholders are written in: names, value types, CEL within bounds, templates."""
