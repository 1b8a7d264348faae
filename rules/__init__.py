"""What we expect of an account: the rule language and its engine. Pure but for the loader."""
