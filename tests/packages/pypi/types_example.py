"""Checked with ``mypy --strict``; never run."""

from typing import Any, Dict, List, Optional

import ably_auth

with ably_auth.sandbox(apps={"appId": "shop", "keys": []}, tls=True, args=["--log-level", "warn"], timeout=5.0) as sandbox:
    key: Optional[str] = sandbox.key
    rows: List[Dict[str, Any]] = sandbox.log(outcome="refused", limit=1)
    story: Dict[str, Any] = sandbox.explain(rows[0])
    now: int = sandbox.advance_clock(1000)
    sandbox.fail_next(1, code=40142, status=401)
    options: Dict[str, Any] = sandbox.client_options
