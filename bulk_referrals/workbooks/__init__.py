"""Workbooks (XLSX, XLSM, XLS, XLSB, ODS) as columns of text, read where they can do no harm.

A workbook can make any reader abort, panic, spin or eat all memory, and no `except` helps against
that. So `prescan` looks at the archive from outside, `isolated` starts a process of limited memory
and time for each workbook, and in it `child` reads with the foreign readers of `reading` and the
XML scan of `marks`. What comes back is Arrow and plain JSON, checked before it is believed.

Nothing is imported here: the child's start-up time is the price of each workbook.
"""
