"""An honest local stand-in for the Refer Customer API, to try everything with no account.

It knows nothing of the rest of this package, so that it can contradict it: it has its own crude
rules of what is valid (`referrals`, with the magic values that reach every code), its own faults
(`faults`), and its own list of the invites that were really committed, which is the judge of
every test of failures.

```python
from bulk_referrals.sandbox import Sandbox, SandboxOptions

with Sandbox(SandboxOptions(rate_per_min=300)) as sandbox:
    print(sandbox.url, sandbox.stats(), sandbox.invites())
```

As a server: `python -m bulk_referrals.sandbox --port 8080 --faults reset-after=0.05`.

Beside the API it answers, without credentials: GET `/_sandbox/stats` and `/_sandbox/invites`,
POST `/_sandbox/reset`, `/_sandbox/faults` (a JSON object of `faults`, `seed`, `plan`,
`plan_each`, `get_plan`, `get_plan_each`), `/_sandbox/settle` (late commits land now) and
`/_sandbox/expire` (all tokens end).
"""

from bulk_referrals.sandbox.faults import FAULTS, parse_fault, parse_faults
from bulk_referrals.sandbox.options import SandboxOptions
from bulk_referrals.sandbox.server import Sandbox, serve

__all__ = ["FAULTS", "Sandbox", "SandboxOptions", "parse_fault", "parse_faults", "serve"]
