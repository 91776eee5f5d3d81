"""A simulated exchange that speaks the Binance Spot REST and WebSocket API.

How an order travels: `rest.py` or `ws_api.py` takes the request, `api.py` checks key, signature and limits,
`methods.py` reads the parameters, `exchange.py` locks the money and matches (`matching.py`, `book.py`),
`events.py` words what happened, `user_stream.py` delivers it. `control.py` (under /sim/) lets tests script
all of it, `maker.py` keeps a moving book.
"""
