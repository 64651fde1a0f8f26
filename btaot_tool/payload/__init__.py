"""The payload: what the compiler hands to aot-rt.  ``layout.py`` is the contract, the other files interpret it."""
