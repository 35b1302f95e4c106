from bulk_referrals import errors as errors
from bulk_referrals.api import Progress as Progress
from bulk_referrals.api import RunResult as RunResult
from bulk_referrals.api import check as check
from bulk_referrals.api import resume as resume
from bulk_referrals.api import run as run

__version__: str
__all__ = ["Progress", "RunResult", "__version__", "check", "errors", "resume", "run"]
