"""A harness that kills, starves and deceives the real process, and judges it by the stand-in.

    inputs    a small file of invites, made from a seed
    strikes   where a sitting can be struck, and what strikes it
    tempo     the waits shortened, so that thousands of cases take minutes
    variants  negative controls: wrong programs, each of which the judge must catch
    patches   one way to put something in place of something else
    forks     a server that forks a real process per sitting
    cases     one case: a file, faults, strikes; and how it is played to its end
    judge     the verdict: the stand-in's own list of invites against our results

`python -m chaos` (from `tests`, or `make chaos`) plays thousands of them.
"""
