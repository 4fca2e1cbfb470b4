"""From text to checked data that remembers where each value stands; the scalar fields; two texts compared."""
