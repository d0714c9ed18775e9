//! What a strategy is.

use crate::Error;
use crate::context::Context;
use crate::params::Params;
use crate::setup::{Series, Setup, Signal};

/// Decides at the close of each tick what to order for the next bars.
///
/// ```
/// use barrow_engine::{Context, Error, Field, Setup, Strategy};
///
/// /// Holds one share of whatever closed above its previous close.
/// #[derive(Default)]
/// struct Follow { close: Option<Field> }
///
/// impl Strategy for Follow {
///     fn name(&self) -> &str { "follow" }
///
///     fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
///         self.close = Some(setup.field("close")?);
///         Ok(())
///     }
///
///     fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
///         let Some(close) = self.close else { return Ok(()) };
///         for asset in context.assets() {
///             if context.has_bar(asset)
///                 && let [before, now] = context.history(asset, close, 2)
///             {
///                 context.order_target(asset, if now > before { 1.0 } else { 0.0 })?;
///             }
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Strategy {
    /// Returns the name that results carry.
    fn name(&self) -> &str;

    /// Returns all parameters, defaults included; results carry them.
    fn params(&self) -> Params {
        Params::new()
    }

    /// Is called once before the first tick: declares what [`Strategy::on_bar`] will read and
    /// forgets any earlier run.
    ///
    /// # Errors
    /// What [`Setup`]'s methods return, or [`Error::Strategy`]; it ends the run.
    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        let _ = setup;
        Ok(())
    }

    /// Is called at every tick of the clock, after the orders due at this tick have filled at the
    /// open of its bars, and with their closes known.
    ///
    /// # Errors
    /// What [`Context`]'s methods return, or [`Error::Strategy`]; it ends the run.
    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error>;

    /// Returns what the strategy's decisions follow from, when that is one value of each asset and
    /// the position in it; asked after [`Strategy::on_start`], `None` unless overridden.
    ///
    /// To return a driver is a promise: at each tick, for each asset in ascending order that has a
    /// change of the signal (a value of the series that is not NaN, at a bar of its own),
    /// [`Strategy::on_bar`] orders [`Strategy::target`] of that value by
    /// [`Context::order_target`](crate::Context::order_target), and does nothing else. A sweep then
    /// runs many points in one walk over the bars, without `on_bar`; trials are the same to the last
    /// bit. `target` is given values up to its bar, so it cannot look ahead any more than `on_bar`.
    fn driver(&self) -> Option<Driver> {
        None
    }

    /// Returns the quantity to hold after a bar with `value`, when `position` is held. Must depend on
    /// the two and the parameters alone. Called only when there is a [`Strategy::driver`].
    fn target(&self, value: f64, position: f64) -> f64 {
        let _ = value;
        position
    }
}

/// What a strategy's decisions follow from: see [`Strategy::driver`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The changes of a signal.
    Changes(Signal),
    /// The values of an indicator, bar after bar.
    Values(Series),
}
