"""How a run went, for those who were not there: the log, messages and figures for machines.

Nothing in here changes how a run goes or what it exits with.
"""

from bulk_referrals.telling.ending import Ending, exit_code_of, sentence_of, state_of

__all__ = ["Ending", "exit_code_of", "sentence_of", "state_of"]
