"""Why a rule said something or nothing: how an event was read, and what it did to open cases."""
