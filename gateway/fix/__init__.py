"""FIX in and out: QuickFIX callbacks, decoding, encoding, sessions."""
