"""The Common Expression Language, compiled to Python closures.

From text to answer: `tokens` → `parser` (with `literals`, `macros`) → `syntax` → `compiler` →
closures over `values`, with the tables of `operators`, `functions` and `times`. `program` is the
door. The language is specified in github.com/google/cel-spec, doc/langdef.md; docs/cel.md says
what is left out. An error is a value that travels through the closures, never a Python exception.
"""
