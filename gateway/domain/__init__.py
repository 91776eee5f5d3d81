"""Orders, their transitions, and risk checks: pure logic on the standard library alone."""
