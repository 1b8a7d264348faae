"""A rule said in words: one file a language, `language.py` is what each must fill in."""
