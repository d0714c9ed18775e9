"""Ray: a sweep of a strategy of Python over a cluster, or over this machine where there is none."""

from __future__ import annotations

import sys

import barrow
import barrow.ray


class Crossing(barrow.Strategy):
    """Long while the short mean is above the long one."""

    fast = 10
    slow = 20
    shares = 100

    def on_bar(self, ctx) -> None:  # type: ignore[no-untyped-def]
        for asset in ctx.active:
            closes = ctx.history(asset, "close", self.slow)
            if len(closes) == self.slow:
                up = closes[-self.fast :].mean() > closes.mean()
                ctx.order_target(asset, self.shares if up else 0)


def main(name: str) -> None:
    sweep = barrow.ray.sweep(barrow.open(name), Crossing, {"fast": "2..5", "slow": 20})
    for fast, value in zip(sweep.trials["fast"], sweep.trials["sharpe"]):
        print(fast, value)


if __name__ == "__main__":
    main(sys.argv[1])
