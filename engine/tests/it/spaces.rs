//! Generated spaces, and methods of search over them.

use std::sync::Arc;

use barrow_engine::search::{Axis, Domain, Method, Order, Scale, Sequence};
use barrow_engine::{Space, Value};
use proptest::prelude::*;

/// An axis without its conditions.
fn domain() -> impl Strategy<Value = Domain> {
    let list = proptest::collection::btree_set(-50_i64..50, 1..5).prop_map(|values| {
        let values = values.into_iter().map(Value::Int).collect();
        Domain::List { values, order: Order::Ordered }
    });
    let levels = (1_usize..5).prop_map(|count| {
        let texts = ["ema", "1e5", "true", "caf\u{e9}"];
        let values = texts[..count.min(4)].iter().map(|text| Value::Text((*text).to_owned()));
        Domain::List { values: values.collect(), order: Order::Levels }
    });
    let int = (-30_i64..30, 0_i64..12, 1_i64..4).prop_map(|(low, steps, step)| Domain::Int {
        low,
        high: low + steps * step,
        step,
        scale: Scale::Linear,
    });
    let log_int = (1_i64..9, 0_i64..40).prop_map(|(low, more)| Domain::Int {
        low,
        high: low + more,
        step: 1,
        scale: Scale::Log,
    });
    let real = (-9.0..9.0, 0.01..20.0).prop_map(|(low, more)| Domain::Real {
        low,
        high: low + more,
        scale: Scale::Linear,
    });
    let log = (1e-6..1.0, 1.5..1e4).prop_map(|(low, ratio): (f64, f64)| Domain::Real {
        low,
        high: low * ratio,
        scale: Scale::Log,
    });
    prop_oneof![list, levels, int, log_int, real, log]
}

fn axis(name: &str, domain: &Domain) -> Axis {
    match domain.clone() {
        Domain::List { values, order } => Axis::list(name, values, order),
        Domain::Int { low, high, step, scale } => Axis::int(name, (low, high), step, scale),
        Domain::Real { low, high, scale } => Axis::real(name, (low, high), scale),
    }
    .expect("a sound domain")
}

/// A space of 1 to 6 parameters: each may depend on an earlier one, and a rule may hold between two.
pub(crate) fn space() -> impl Strategy<Value = Space> {
    let axes = proptest::collection::vec((domain(), any::<Option<(u8, u8)>>()), 1..7);
    (axes, any::<bool>()).prop_map(|(domains, ruled)| {
        let mut axes: Vec<Axis> = Vec::new();
        for (at, (domain, condition)) in domains.iter().enumerate() {
            let mut axis = axis(&format!("p{at}"), domain);
            if let Some((parent, value)) = condition
                && let Some(parent) = axes.get(usize::from(*parent) % axes.len().max(1))
                && let Some(count) = parent.count()
            {
                let value = parent.value(u64::from(*value) % count).expect("within the count");
                axis = axis.when(parent.name(), vec![value]);
            }
            axes.push(axis);
        }
        let numeric: Vec<String> = axes
            .iter()
            .filter(|axis| !matches!(axis.domain(), Domain::List { order: Order::Levels, .. }))
            .map(|axis| axis.name().to_owned())
            .collect();
        let space = Space::new(axes).expect("a sound space");
        match &numeric[..] {
            // Half of the points or so keep it.
            [first, second, ..] if ruled => {
                let rule = format!("{first} <= {second} or {first} * {second} > 0");
                let ruled = space.clone().with_constraints([rule.as_str()]).expect("a sound rule");
                if admits_half(&space, &ruled) { ruled } else { space }
            }
            _ => space,
        }
    })
}

fn admits_half(space: &Space, ruled: &Space) -> bool {
    let draws = Sequence::random(Arc::new(space.clone()), 99);
    let kept = |at: &u64| draws.params(*at).is_some_and(|params| ruled.contains(&params));
    (0..64).filter(kept).count() >= 32
}

/// Every method, with settings that make little do.
pub(crate) fn method() -> impl Strategy<Value = Method> {
    let names = proptest::sample::select(vec![
        "random",
        "sobol",
        "halton",
        "lhs",
        "tpe:startup=3",
        "gp:startup=3,candidates=24",
        "cmaes",
        "nsga2:population=5",
        "halving:min=1/9",
        "hyperband:min=1/9",
        "asha:min=1/9",
        "bohb:min=1/9",
        "bohb:min=1,uniform=0.1",
    ]);
    names.prop_map(|name| name.parse().expect("a known method"))
}
