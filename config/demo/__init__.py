"""
The demo shop: a tea house with a made-up but lively past of 120 days.

`shop` holds what it sells and where people meet it, `people` who they are, `story` what they did, `install` puts it in
place; the replay player lives through it.
"""
