//! Functions with known optima, some with budgets: those on which the reference implementations ran.

use std::f64::consts::TAU;

use barrow_engine::{Params, Space};

/// A function to be made small over a space, which a smaller budget tells less exactly.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The space, as texts.
    pub space: &'static [&'static str],
    /// The smallest and the largest budget.
    pub budgets: (f64, f64),
    /// The least value at the largest budget, without noise.
    pub least: f64,
    truth: fn(&Params) -> f64,
    loss: fn(&Params, f64, f64, &mut Noise) -> f64,
}

impl Function {
    /// Returns the space.
    ///
    /// # Panics
    /// Never: the texts are tested.
    pub fn space(&self) -> Space {
        Space::parse(self.space.iter().copied()).expect("the texts are tested")
    }

    /// Returns the value at the largest budget, without noise.
    pub fn truth(&self, params: &Params) -> f64 {
        (self.truth)(params)
    }

    /// Returns what a run at a budget shows; the noise depends on the seed alone.
    pub fn loss(&self, params: &Params, budget: f64, seed: u64) -> f64 {
        let value = (self.truth)(params);
        (self.loss)(params, budget, value, &mut Noise { state: seed })
    }
}

/// Functions with budgets, eta 3.
pub const MULTI: [Function; 6] = [
    Function {
        name: "counting_ones_4_4",
        space: &[
            "cat_0=cat(0,1)",
            "cat_1=cat(0,1)",
            "cat_2=cat(0,1)",
            "cat_3=cat(0,1)",
            "float_0=real(0..1)",
            "float_1=real(0..1)",
            "float_2=real(0..1)",
            "float_3=real(0..1)",
        ],
        budgets: (9.0, 729.0),
        least: 0.0,
        truth: counting_ones,
        loss: counting_ones_observed,
    },
    Function {
        name: "counting_ones_8_8",
        space: &[
            "cat_0=cat(0,1)",
            "cat_1=cat(0,1)",
            "cat_2=cat(0,1)",
            "cat_3=cat(0,1)",
            "cat_4=cat(0,1)",
            "cat_5=cat(0,1)",
            "cat_6=cat(0,1)",
            "cat_7=cat(0,1)",
            "float_0=real(0..1)",
            "float_1=real(0..1)",
            "float_2=real(0..1)",
            "float_3=real(0..1)",
            "float_4=real(0..1)",
            "float_5=real(0..1)",
            "float_6=real(0..1)",
            "float_7=real(0..1)",
        ],
        budgets: (9.0, 729.0),
        least: 0.0,
        truth: counting_ones,
        loss: counting_ones_observed,
    },
    Function {
        name: "branin_mf",
        space: &BRANIN,
        budgets: (1.0, 81.0),
        least: BRANIN_LEAST,
        truth: branin,
        loss: |params, budget, _, _| branin_at(params, budget / 81.0),
    },
    Function {
        name: "hartmann6_mf_noise",
        space: &HARTMANN,
        budgets: (1.0, 81.0),
        least: HARTMANN_LEAST,
        truth: |params| hartmann(params, 1.0),
        loss: |params, budget, _, noise| {
            hartmann(params, budget / 81.0) + 0.05 * (81.0 / budget).sqrt() * noise.normal()
        },
    },
    Function {
        name: "strategy_mf",
        space: &STRATEGY,
        budgets: (1.0, 81.0),
        least: STRATEGY_LEAST,
        truth: strategy,
        loss: |params, budget, truth, _| {
            truth + 0.6 * (1.0 / budget - 1.0 / 81.0).max(0.0).sqrt() * field(params)
        },
    },
    Function {
        name: "branin_misleading",
        space: &BRANIN,
        budgets: (1.0, 81.0),
        least: BRANIN_LEAST,
        truth: branin,
        loss: |_, budget, truth, _| {
            let share = budget / 81.0;
            share * truth + (1.0 - share) * (150.0 - truth)
        },
    },
];

/// Functions without budgets.
pub const SINGLE: [Function; 5] = [
    Function {
        name: "branin",
        space: &BRANIN,
        budgets: (1.0, 1.0),
        least: BRANIN_LEAST,
        truth: branin,
        loss: same,
    },
    Function {
        name: "hartmann6",
        space: &HARTMANN,
        budgets: (1.0, 1.0),
        least: HARTMANN_LEAST,
        truth: |params| hartmann(params, 1.0),
        loss: same,
    },
    Function {
        name: "rosenbrock5",
        space: &[
            "x0=real(-2..2)",
            "x1=real(-2..2)",
            "x2=real(-2..2)",
            "x3=real(-2..2)",
            "x4=real(-2..2)",
        ],
        budgets: (1.0, 1.0),
        least: 0.0,
        truth: rosenbrock,
        loss: same,
    },
    Function {
        name: "rastrigin4",
        space: &[
            "x0=real(-5.12..5.12)",
            "x1=real(-5.12..5.12)",
            "x2=real(-5.12..5.12)",
            "x3=real(-5.12..5.12)",
        ],
        budgets: (1.0, 1.0),
        least: 0.0,
        truth: rastrigin,
        loss: same,
    },
    Function {
        name: "strategy",
        space: &STRATEGY,
        budgets: (1.0, 1.0),
        least: STRATEGY_LEAST,
        truth: strategy,
        loss: same,
    },
];

fn same(_: &Params, _: f64, truth: f64, _: &mut Noise) -> f64 {
    truth
}

/// Random numbers of one run (`SplitMix64`; Steele, Lea and Flood 2014).
struct Noise {
    state: u64,
}

impl Noise {
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let high = u32::try_from(z >> 32).unwrap_or(0);
        (f64::from(high) + 0.5) / 4_294_967_296.0
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (TAU * self.unit()).cos()
    }
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn number(params: &Params, name: &str) -> f64 {
    params.get(name).and_then(barrow_engine::Value::as_f64).unwrap_or(f64::NAN)
}

fn numbers(params: &Params) -> Vec<f64> {
    params.iter().filter_map(|(_, value)| value.as_f64()).collect()
}

fn on(params: &Params, name: &str) -> bool {
    params.get(name).is_some_and(|value| value.to_string() == "on")
}

fn counting_ones(params: &Params) -> f64 {
    let all = numbers(params);
    1.0 - all.iter().sum::<f64>() / float(all.len())
}

/// Each number is the share of hits among as many draws as the budget.
fn counting_ones_observed(params: &Params, budget: f64, _: f64, noise: &mut Noise) -> f64 {
    let mut sum = 0.0;
    for (name, value) in params {
        let chance = value.as_f64().unwrap_or(f64::NAN);
        if name.starts_with("cat") {
            sum += chance;
            continue;
        }
        let mut hits = 0.0;
        let mut draws = 0.0;
        while draws < budget {
            draws += 1.0;
            hits += if noise.unit() < chance { 1.0 } else { 0.0 };
        }
        sum += hits / draws;
    }
    1.0 - sum / float(params.len())
}

const BRANIN: [&str; 2] = ["x1=real(-5..10)", "x2=real(0..15)"];
const BRANIN_LEAST: f64 = 0.397_887_357_729_738_16;

fn branin(params: &Params) -> f64 {
    branin_at(params, 1.0)
}

/// Kandasamy et al. 2017 (BOCA), one fidelity for the three terms.
fn branin_at(params: &Params, z: f64) -> f64 {
    let (x1, x2) = (number(params, "x1"), number(params, "x2"));
    let pi = std::f64::consts::PI;
    let b = 5.1 / (4.0 * pi * pi) - 0.01 * (1.0 - z);
    let c = 5.0 / pi - 0.1 * (1.0 - z);
    let t = 1.0 / (8.0 * pi) + 0.05 * (1.0 - z);
    let inner = x2 - b * x1 * x1 + c * x1 - 6.0;
    inner * inner + 10.0 * (1.0 - t) * x1.cos() + 10.0
}

const HARTMANN: [&str; 6] = [
    "x0=real(0..1)",
    "x1=real(0..1)",
    "x2=real(0..1)",
    "x3=real(0..1)",
    "x4=real(0..1)",
    "x5=real(0..1)",
];
const HARTMANN_LEAST: f64 = -3.322_368_011_415_515;
const HARTMANN_A: [[f64; 6]; 4] = [
    [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
    [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
    [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
    [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
];
const HARTMANN_P: [[f64; 6]; 4] = [
    [1312.0, 1696.0, 5569.0, 124.0, 8283.0, 5886.0],
    [2329.0, 4135.0, 8307.0, 3736.0, 1004.0, 9991.0],
    [2348.0, 1451.0, 3522.0, 2883.0, 3047.0, 6650.0],
    [4047.0, 8828.0, 8732.0, 5743.0, 1091.0, 381.0],
];

fn hartmann(params: &Params, z: f64) -> f64 {
    let x = numbers(params);
    let term = |(alpha, (a, p)): (f64, (&[f64; 6], &[f64; 6]))| {
        let square = |((x, a), p): ((&f64, &f64), &f64)| a * (x - 1e-4 * p) * (x - 1e-4 * p);
        let distance: f64 = x.iter().zip(a).zip(p).map(square).sum();
        (alpha - 0.1 * (1.0 - z)) * (-distance).exp()
    };
    -[1.0, 1.2, 3.0, 3.2].into_iter().zip(HARTMANN_A.iter().zip(&HARTMANN_P)).map(term).sum::<f64>()
}

fn rosenbrock(params: &Params) -> f64 {
    let term = |x: &[f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
    numbers(params).windows(2).map(term).sum()
}

fn rastrigin(params: &Params) -> f64 {
    let term = |x: &f64| (x - 0.7).powi(2) - 10.0 * (TAU * (x - 0.7)).cos();
    40.0 + numbers(params).iter().map(term).sum::<f64>()
}

/// Shaped like the parameters of a strategy.
const STRATEGY: [&str; 8] = [
    "fast=logint(5..100)",
    "slow=logint(20..400)",
    "thr=log(1e-4..1e-1)",
    "kind=sma,ema,wma,none",
    "stop=off,on",
    "stop_pct=real(0.5..10) if stop=on",
    "vol=off,on",
    "vol_lb=int(10..120) if vol=on",
];
const STRATEGY_LEAST: f64 = -2.586_611_860_545_265;
const KINDS: [(&str, f64); 4] = [("sma", 0.0), ("ema", 0.18), ("wma", 0.10), ("none", -0.30)];

fn kind(params: &Params) -> usize {
    let text = params.get("kind").map(ToString::to_string).unwrap_or_default();
    KINDS.iter().position(|(name, _)| *name == text).unwrap_or(0)
}

fn strategy_unit(params: &Params) -> [f64; 8] {
    let mut u = [0.5; 8];
    u[0] = (number(params, "fast") / 5.0).ln() / 20_f64.ln();
    u[1] = (number(params, "slow") / 20.0).ln() / 20_f64.ln();
    u[2] = (number(params, "thr") / 1e-4).ln() / 1e3_f64.ln();
    u[3] = float(kind(params)) / 3.0;
    u[4] = if on(params, "stop") { 1.0 } else { 0.0 };
    if on(params, "stop") {
        u[5] = (number(params, "stop_pct") - 0.5) / 9.5;
    }
    u[6] = if on(params, "vol") { 1.0 } else { 0.0 };
    if on(params, "vol") {
        u[7] = (number(params, "vol_lb") - 10.0) / 110.0;
    }
    u
}

fn strategy(params: &Params) -> f64 {
    let u = strategy_unit(params);
    let hill = |x: f64, middle: f64, width: f64| -(x - middle) * (x - middle) / width;
    let mut sum = 1.4 * (hill(u[0], 0.35, 0.02) + hill(u[1], 0.62, 0.03)).exp();
    sum += 0.7 * (hill(u[0], 0.80, 0.08) + hill(u[1], 0.25, 0.08)).exp();
    sum += 0.5 * hill(u[2], 0.55, 0.03).exp();
    sum += KINDS[kind(params)].1;
    if on(params, "stop") {
        sum += 0.35 * hill(u[5], 0.3, 0.02).exp() - 0.1;
    }
    if on(params, "vol") {
        sum += 0.30 * hill(u[7], 0.5, 0.05).exp() - 0.05;
    }
    -sum
}

fn field(params: &Params) -> f64 {
    let u = strategy_unit(params);
    let wave = |(weights, phase): (&[f64; 8], &f64)| {
        let angle: f64 = weights.iter().zip(&u).map(|(w, u)| w * u).sum();
        (angle + phase).cos()
    };
    (2.0_f64 / 24.0).sqrt() * FIELD_W.iter().zip(&FIELD_PHASE).map(wave).sum::<f64>()
}

const FIELD_W: [[f64; 8]; 24] = [
    [0.9574, 1.3667, 2.1218, 5.1228, 1.3549, -1.5278, -4.8489, 0.066],
    [-0.1399, 0.2737, 0.1848, 1.5558, 1.2401, -1.4872, 1.0385, 0.6242],
    [0.4489, -0.6629, -2.953, 3.9636, -0.4786, -1.1446, 2.089, -0.8794],
    [5.1924, 2.5702, -4.0561, 2.5733, 2.211, 3.1265, -4.6609, -1.1866],
    [-0.2438, -3.1452, 2.46, -2.1685, 1.1961, 2.7229, -2.3501, 1.89],
    [-1.3235, 0.5471, -1.3207, 3.7319, -1.5004, 0.8893, -0.8631, 0.9244],
    [-1.8846, 3.125, 4.309, -5.249, 1.413, -2.993, -3.7833, -3.7449],
    [0.0342, -0.5228, -3.0383, -0.1833, 3.7817, 0.2592, 1.6221, -2.0543],
    [3.3352, 4.9488, -3.1937, 3.4986, 2.7744, 4.9557, 3.4747, -1.1836],
    [4.6074, 1.2146, 1.4822, -11.3877, -0.9505, -0.0629, 0.2562, -5.282],
    [4.293, 2.6526, -0.8909, -0.267, 1.3269, -0.2703, 1.2639, -1.0922],
    [0.8647, -3.8411, 2.9621, 1.0492, -3.8236, 0.7984, 2.4662, -1.8729],
    [1.8383, -2.2944, 2.285, 4.4105, -4.0517, -0.1169, 0.5711, -2.1497],
    [-4.2767, 1.9507, -3.3861, -3.4634, -3.4219, -2.5692, -0.4241, -3.7167],
    [-1.5187, 3.0098, -3.4683, 0.023, 4.3182, -0.2013, -3.4284, -4.2349],
    [-5.1287, -3.0445, -3.4064, 0.7464, 0.4026, -0.7591, -2.1875, 3.0476],
    [0.9061, 1.7101, -0.2385, -1.6676, -1.124, -0.6641, -0.2972, 0.0444],
    [0.0768, -0.4681, -0.857, 1.0003, 3.6377, 5.2012, -3.1614, -2.9258],
    [4.2859, -0.557, -0.5269, -6.8815, -5.9763, 0.7591, -5.4921, -2.0901],
    [-1.3183, -6.2501, 4.2149, 2.774, 0.9199, 1.0196, 0.3549, 0.5597],
    [-1.4951, 1.163, -1.5419, 1.0211, -3.6046, -0.7768, 3.2944, 2.5117],
    [-1.9864, -2.9615, 0.0377, 0.1519, 3.0976, 1.9568, -7.1586, -3.4438],
    [0.5217, -2.8073, -1.4468, 1.4037, 4.9733, -0.0904, -2.3398, -1.5982],
    [3.4348, -1.4376, 5.6804, 0.0032, -2.1973, 3.5078, -5.6432, -1.3854],
];
const FIELD_PHASE: [f64; 24] = [
    1.4686, 5.0719, 0.2139, 0.1174, 2.1474, 5.1016, 2.1871, 2.3002, 5.2889, 5.5984, 3.5876, 3.719,
    0.6835, 0.8121, 2.0985, 4.3125, 4.7516, 2.524, 5.8509, 3.3186, 5.2217, 2.369, 1.1073, 1.0685,
];
