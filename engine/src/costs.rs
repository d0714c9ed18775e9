//! What a fill costs: commission and slippage.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The fee of one fill, in quote currency; never negative.
///
/// Parsed from `none`, `per-share:0.001`, `per-order:1` and `bps:10`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Commission {
    /// No fee.
    None,
    /// An amount for each share (or unit) filled.
    PerShare(f64),
    /// An amount for each filled order.
    PerOrder(f64),
    /// Basis points (1/10,000) of the notional, which is quantity x fill price.
    Bps(f64),
}

impl Commission {
    /// Returns the fee for `quantity` (either sign) filled at `price`.
    #[inline]
    pub fn fee(self, quantity: f64, price: f64) -> f64 {
        match self {
            Commission::None => 0.0,
            Commission::PerShare(amount) => quantity.abs() * amount,
            Commission::PerOrder(amount) => amount,
            Commission::Bps(bps) => (quantity * price).abs() * (bps / 10_000.0),
        }
    }

    /// Checks that the rate is finite and not negative.
    ///
    /// # Errors
    /// [`Error::BadCosts`] otherwise.
    pub fn check(self) -> Result<(), Error> {
        match self {
            Commission::None => Ok(()),
            Commission::PerShare(rate) | Commission::PerOrder(rate) | Commission::Bps(rate) => {
                check_rate(rate, "commission", &self)
            }
        }
    }
}

impl FromStr for Commission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Commission, Error> {
        let bad = || bad_costs("commission", text);
        let commission = match text.split_once(':') {
            None if text == "none" => Commission::None,
            Some(("per-share", rate)) => Commission::PerShare(rate.parse().map_err(|_| bad())?),
            Some(("per-order", rate)) => Commission::PerOrder(rate.parse().map_err(|_| bad())?),
            Some(("bps", rate)) => Commission::Bps(rate.parse().map_err(|_| bad())?),
            _ => return Err(bad()),
        };
        commission.check().map_err(|_| bad())?;
        Ok(commission)
    }
}

impl fmt::Display for Commission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Commission::None => f.write_str("none"),
            Commission::PerShare(rate) => write!(f, "per-share:{rate}"),
            Commission::PerOrder(rate) => write!(f, "per-order:{rate}"),
            Commission::Bps(rate) => write!(f, "bps:{rate}"),
        }
    }
}

/// How far the fill price lies from the bar's open, always against the trader.
///
/// Parsed from `none` and `bps:5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slippage {
    /// Fills at the open itself.
    None,
    /// A buy fills at `open x (1 + bps / 10,000)`, a sale at `open x (1 - bps / 10,000)`.
    Bps(f64),
}

impl Slippage {
    /// Returns the price at which `quantity` (positive buys) fills when the bar opens at `open`.
    #[inline]
    pub fn price(self, quantity: f64, open: f64) -> f64 {
        match self {
            Slippage::None => open,
            Slippage::Bps(bps) if quantity > 0.0 => open * (1.0 + bps / 10_000.0),
            Slippage::Bps(bps) => open * (1.0 - bps / 10_000.0),
        }
    }

    /// Checks that the rate is finite, not negative and below 10,000 bps (a sale at nothing).
    ///
    /// # Errors
    /// [`Error::BadCosts`] otherwise.
    pub fn check(self) -> Result<(), Error> {
        match self {
            Slippage::Bps(bps) if bps >= 10_000.0 => Err(bad_costs("slippage", &self.to_string())),
            Slippage::Bps(bps) => check_rate(bps, "slippage", &self),
            Slippage::None => Ok(()),
        }
    }
}

impl FromStr for Slippage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Slippage, Error> {
        let bad = || bad_costs("slippage", text);
        let slippage = match text.split_once(':') {
            None if text == "none" => Slippage::None,
            Some(("bps", rate)) => Slippage::Bps(rate.parse().map_err(|_| bad())?),
            _ => return Err(bad()),
        };
        slippage.check().map_err(|_| bad())?;
        Ok(slippage)
    }
}

impl fmt::Display for Slippage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slippage::None => f.write_str("none"),
            Slippage::Bps(rate) => write!(f, "bps:{rate}"),
        }
    }
}

fn check_rate(rate: f64, what: &'static str, value: &dyn fmt::Display) -> Result<(), Error> {
    if rate.is_finite() && rate >= 0.0 { Ok(()) } else { Err(bad_costs(what, &value.to_string())) }
}

fn bad_costs(what: &'static str, text: &str) -> Error {
    Error::BadCosts { what, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_follow_their_definitions() {
        assert_eq!(Commission::None.fee(100.0, 50.0), 0.0);
        assert_eq!(Commission::PerShare(0.5).fee(-100.0, 50.0), 50.0);
        assert_eq!(Commission::PerOrder(1.25).fee(-100.0, 50.0), 1.25);
        assert_eq!(Commission::Bps(10.0).fee(-100.0, 50.0), 5.0);
    }

    #[test]
    fn slippage_is_against_the_trader() {
        assert_eq!(Slippage::Bps(100.0).price(1.0, 200.0), 202.0);
        assert_eq!(Slippage::Bps(100.0).price(-1.0, 200.0), 198.0);
        assert_eq!(Slippage::None.price(-1.0, 200.0), 200.0);
    }

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        for text in ["none", "per-share:0.001", "per-order:1", "bps:10"] {
            assert_eq!(text.parse::<Commission>().unwrap().to_string(), text);
        }
        for text in ["none", "bps:5", "bps:0.5"] {
            assert_eq!(text.parse::<Slippage>().unwrap().to_string(), text);
        }
        for text in
            ["", "nothing", "bps", "bps:", "bps:-1", "per-share:nan", "per-order:inf", "none:1"]
        {
            assert!(text.parse::<Commission>().is_err(), "{text}");
            assert!(text.parse::<Slippage>().is_err(), "{text}");
        }
        assert!("bps:10000".parse::<Slippage>().is_err());
        assert!("per-share:1".parse::<Slippage>().is_err());
    }
}
