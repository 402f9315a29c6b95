"""What `stepwell bench` measures: each bench is our own way and a hand-tuned query over the same data, in the same run.

`population` makes people at size, `tasks` holds what runs in a process of its own, `cold` times such a process, `sql/` the
hand-tuned queries, each with what it leaves out in its first lines.
"""
