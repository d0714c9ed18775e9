//! What may vary: the parameters of a search, their conditions and the rules between them.

use super::axis::{Axis, Domain, bad};
use super::constraint::Constraint;
use super::numbering::Numbering;
use crate::Error;
use crate::params::{Params, Value};

/// The parameters of a sweep or search.
///
/// Where all axes are countable it is also a grid: every combination of their values, an inactive
/// parameter taking none. Points are numbered from 0 in the order of nested loops, the first axis
/// outermost, so the numbering depends on nothing but the space. Points that break a constraint keep
/// their numbers: [`Space::admits`] tells them apart.
///
/// ```
/// use barrow_engine::{Space, Value};
/// let space = Space::parse(["fast=2..6:2", "mode=a,b"])?;
/// assert_eq!(space.len(), 6);
/// assert_eq!(space.point(3).to_string(), "fast=4 mode=b");
/// let space = Space::parse(["stop=off,on", "pct=1,2,3 if stop=on"])?.with_constraints(["pct != 2"])?;
/// assert_eq!(space.len(), 4);
/// assert_eq!(space.point(0).to_string(), "stop=off");
/// assert!(!space.admits(&space.point(2)));
/// # Ok::<(), barrow_engine::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Space {
    axes: Vec<Axis>,
    constraints: Vec<Constraint>,
    numbering: Numbering,
    dims: Vec<Dim>,
}

/// A coordinate of a search: an axis of more than one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dim {
    /// Its place among [`Space::axes`].
    pub axis: usize,
    /// The number of levels of an axis without order; `None` for a scale.
    pub levels: Option<usize>,
}

impl Space {
    /// The most points a grid may have.
    pub const POINTS_MAX: u64 = 100_000_000;

    /// The most parameters a space may have.
    pub const AXES_MAX: usize = 128;

    /// Builds a space from its axes. Without any it has one point, the defaults. An axis with a
    /// condition moves behind the axis it depends on; otherwise their order stays.
    ///
    /// # Errors
    /// [`Error::BadSpace`] when two axes share a name, there are more than [`Space::AXES_MAX`], or a
    /// condition names no axis, itself in a circle, an axis of real numbers, or a value that the axis
    /// does not take.
    pub fn new(axes: Vec<Axis>) -> Result<Space, Error> {
        if axes.len() > Space::AXES_MAX {
            return Err(bad(axes[Space::AXES_MAX].name(), "more than 128 parameters"));
        }
        for (at, axis) in axes.iter().enumerate() {
            if axes[..at].iter().any(|earlier| earlier.name() == axis.name()) {
                return Err(bad(axis.name(), "parameter given twice"));
            }
            check_conditions(axis, &axes)?;
        }
        let axes = parents_first(axes)?;
        let dims = dims(&axes);
        Ok(Space { numbering: Numbering::of(&axes), axes, constraints: Vec::new(), dims })
    }

    /// Reads one text for each axis: see [`Axis::parse`].
    ///
    /// # Errors
    /// As [`Axis::parse`] and [`Space::new`].
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Space, Error> {
        Space::new(texts.into_iter().map(Axis::parse).collect::<Result<_, _>>()?)
    }

    /// Returns the space with rules added: see [`Constraint`].
    ///
    /// # Errors
    /// As [`Constraint::parse`].
    pub fn with_constraints<'a>(
        mut self,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Space, Error> {
        for text in texts {
            self.constraints.push(Constraint::parse(text, &self.axes)?);
        }
        Ok(self)
    }

    /// Returns the axes, outermost first; a parent stands before those that depend on it.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Returns the rules between the parameters.
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// Tells whether `params` keep every constraint.
    pub fn admits(&self, params: &Params) -> bool {
        self.constraints.iter().all(|constraint| constraint.holds(params))
    }

    /// Tells whether `params` are a point of the space: exactly the active parameters, each with a
    /// value that it may take, and every constraint kept.
    pub fn contains(&self, params: &Params) -> bool {
        let known = params.iter().all(|(name, _)| self.axes.iter().any(|axis| axis.name() == name));
        known
            && self.axes.iter().all(|axis| match params.get(axis.name()) {
                Some(value) => axis.active(params) && axis.holds(value),
                None => !axis.active(params),
            })
            && self.admits(params)
    }

    /// Returns the number of points of the grid, those that break a constraint included; 0 when an
    /// axis is continuous, and `u64::MAX` when there are more than that.
    pub fn len(&self) -> u64 {
        self.numbering.len()
    }

    /// Tells whether the space is no grid, because an axis is continuous.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses a space that cannot be walked point by point.
    ///
    /// # Errors
    /// [`Error::NoGrid`] when an axis is continuous, [`Error::SpaceTooLarge`] beyond
    /// [`Space::POINTS_MAX`] points.
    pub fn check_grid(&self) -> Result<(), Error> {
        if let Some(axis) = self.axes.iter().find(|axis| axis.count().is_none()) {
            return Err(Error::NoGrid { param: axis.name().to_owned() });
        }
        if self.len() > Space::POINTS_MAX {
            return Err(Error::SpaceTooLarge { points: self.len(), max: Space::POINTS_MAX });
        }
        Ok(())
    }

    /// Returns the parameters of point `index` of the grid, which counts from 0 and is taken modulo
    /// [`Space::len`]; none when the space is no grid. Costs one small allocation for each axis.
    pub fn point(&self, index: u64) -> Params {
        let mut params = Params::new();
        for (axis, place) in self.axes.iter().zip(self.places(index)) {
            if let Some(value) = place.and_then(|place| axis.value(place)) {
                params.set(axis.name(), value);
            }
        }
        params
    }

    /// Returns where point `index` lies on each axis, from 0; `None` where the axis is inactive.
    pub fn places(&self, index: u64) -> Vec<Option<u64>> {
        self.numbering.places(&self.axes, index)
    }

    /// Returns the coordinates of a search: the axes of more than one value, in their order.
    pub fn dims(&self) -> &[Dim] {
        &self.dims
    }

    /// Returns the parameters at a place of the unit cube, one number from 0 to 1 for each of
    /// [`Space::dims`]; levels take equal shares. Coordinates of inactive parameters are not used.
    pub fn at(&self, cube: &[f64]) -> Params {
        let axes = &self.axes;
        self.build(cube, |dim, u| axes[dim.axis].at(u))
    }

    /// Returns the parameters of a model's vector: for each of [`Space::dims`] a number from 0 to 1,
    /// or for levels the place of one. Coordinates of inactive parameters are not used.
    pub fn decode(&self, vector: &[f64]) -> Params {
        let axes = &self.axes;
        self.build(vector, |dim, x| match dim.levels {
            Some(levels) => axes[dim.axis].level(x, levels),
            None => axes[dim.axis].at(x),
        })
    }

    fn build(&self, vector: &[f64], value: impl Fn(Dim, f64) -> Option<Value>) -> Params {
        let mut params = Params::new();
        let mut coordinates = self.dims.iter().zip(vector).peekable();
        for (at, axis) in self.axes.iter().enumerate() {
            let coordinate = coordinates.next_if(|(dim, _)| dim.axis == at);
            if !axis.active(&params) {
                continue;
            }
            let found = match coordinate {
                Some((dim, x)) => value(*dim, *x),
                None => axis.value(0),
            };
            if let Some(found) = found {
                params.set(axis.name(), found);
            }
        }
        params
    }

    /// Returns the vector of parameters, as [`Space::decode`] reads it; NaN where one is inactive or
    /// has a value that it may not take. Whole numbers and lists stand in the middle of their cell.
    pub fn encode(&self, params: &Params) -> Vec<f64> {
        let coordinate = |dim: &Dim| {
            let axis = &self.axes[dim.axis];
            let value = params.get(axis.name()).filter(|_| axis.active(params));
            value.and_then(|value| axis.coordinate(value)).unwrap_or(f64::NAN)
        };
        self.dims.iter().map(coordinate).collect()
    }
}

fn check_conditions(axis: &Axis, axes: &[Axis]) -> Result<(), Error> {
    for condition in axis.conditions() {
        let parent = axes.iter().find(|parent| parent.name() == condition.parent);
        let parent = parent.ok_or_else(|| {
            bad(axis.name(), "its condition names a parameter that the space does not have")
        })?;
        if matches!(parent.domain(), Domain::Real { .. }) {
            return Err(bad(
                axis.name(),
                "a condition needs a parameter of listed or whole values",
            ));
        }
        if condition.values.is_empty() || !condition.values.iter().all(|value| parent.holds(value))
        {
            return Err(bad(axis.name(), "its condition names a value that the other never has"));
        }
    }
    Ok(())
}

/// Moves each axis behind those it depends on, otherwise keeping the order.
fn parents_first(axes: Vec<Axis>) -> Result<Vec<Axis>, Error> {
    let mut sorted: Vec<Axis> = Vec::with_capacity(axes.len());
    let mut waiting = axes;
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|axis| {
            let known = |name: &str| sorted.iter().any(|earlier| earlier.name() == name);
            axis.conditions().iter().all(|condition| known(&condition.parent))
        });
        match ready {
            Some(at) => sorted.push(waiting.remove(at)),
            None => return Err(bad(waiting[0].name(), "its condition leads in a circle")),
        }
    }
    Ok(sorted)
}

fn dims(axes: &[Axis]) -> Vec<Dim> {
    let varied = axes.iter().enumerate().filter(|(_, axis)| axis.count() != Some(1));
    varied.map(|(at, axis)| Dim { axis: at, levels: axis.levels() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(space: &Space) -> Vec<String> {
        (0..space.len()).map(|index| space.point(index).to_string()).collect()
    }

    #[test]
    fn points_are_numbered_like_nested_loops() {
        let space = Space::parse(["a=1..3", "b=10,20"]).unwrap();
        let expected = ["a=1 b=10", "a=1 b=20", "a=2 b=10", "a=2 b=20", "a=3 b=10", "a=3 b=20"];
        assert_eq!(texts(&space), expected);
        assert_eq!(Space::default().len(), 1);
        assert!(Space::default().point(0).is_empty());
        assert_eq!(Space::default(), Space::new(vec![]).unwrap());
    }

    #[test]
    fn inactive_parameters_take_no_value_and_no_number() {
        let space =
            Space::parse(["pct=1,2 if stop=on,trail", "stop=off,on,trail", "far=7,8 if pct=2"]);
        let expected = [
            "stop=off",
            "pct=1 stop=on",
            "far=7 pct=2 stop=on",
            "far=8 pct=2 stop=on",
            "pct=1 stop=trail",
            "far=7 pct=2 stop=trail",
            "far=8 pct=2 stop=trail",
        ];
        assert_eq!(texts(&space.unwrap()), expected);
    }

    #[test]
    fn nonsense_is_refused() {
        let circle = ["a=1,2 if b=1", "b=1,2 if a=1"];
        for texts in [
            &["a=1", "a=2"][..],
            &circle,
            &["a=1 if a=1"],
            &["a=1 if b=1"],
            &["a=1 if b=3", "b=1,2"],
            &["a=1 if b=1", "b=real(0..2)"],
        ] {
            let space = Space::parse(texts.iter().copied());
            assert!(matches!(space, Err(Error::BadSpace { .. })), "{texts:?}");
        }
        let wide = Space::parse(["a=1..10000", "b=1..10000", "c=1..2"]).unwrap();
        match wide.check_grid() {
            Err(Error::SpaceTooLarge { points, .. }) => assert_eq!(points, 200_000_000),
            other => panic!("{other:?}"),
        }
        let continuous = Space::parse(["a=1..3", "x=real(0..1)"]).unwrap();
        assert!(matches!(continuous.check_grid(), Err(Error::NoGrid { .. })));
        assert_eq!((continuous.len(), continuous.point(0).len()), (0, 0));
        let many: Vec<Axis> = (0..129).map(|n| Axis::boolean(format!("p{n}"))).collect();
        assert!(Space::new(many[..128].to_vec()).is_ok());
        assert!(Space::new(many).is_err());
    }

    /// Unit values of `ConfigSpace` 0.7, which the reference implementation of BOHB searches in.
    #[test]
    fn coordinates_are_those_of_the_reference() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/bohb.json")).unwrap();
        for case in vectors["unit_transforms"].as_array().unwrap() {
            let numbers = |key: &str| -> Vec<f64> {
                case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
            };
            let (low, high) = (case["lo"].as_f64().unwrap(), case["hi"].as_f64().unwrap());
            let kind = match (case["type"] == "int", case["log"] == true) {
                (true, true) => "logint",
                (true, false) => "int",
                (false, true) => "log",
                (false, false) => "real",
            };
            let space = Space::parse([format!("x={kind}({low}..{high})").as_str()]).unwrap();
            let expected = numbers("value").into_iter().zip(numbers("inverse_of_value"));
            for (unit, (value, inverse)) in numbers("unit").into_iter().zip(expected) {
                let params = space.decode(&[unit]);
                let found = params.get("x").and_then(Value::as_f64).unwrap();
                assert!(
                    (found - value).abs() <= 1e-12 * value.abs(),
                    "{kind} {unit}: {found} {value}"
                );
                let found = space.encode(&params)[0];
                assert!((found - inverse).abs() <= 1e-12, "{kind} {unit}: {found} {inverse}");
            }
        }
    }

    #[test]
    fn vectors_name_what_is_active() {
        let space = Space::parse([
            "kind=a,b,c",
            "one=5",
            "x=real(0..10) if kind=b",
            "n=1,2,4,8",
            "stop=bool",
        ])
        .unwrap();
        assert_eq!(space.dims().len(), 4);
        let params = Params::parse(["kind=b", "one=5", "x=2.5", "n=4", "stop=true"]).unwrap();
        assert!(space.contains(&params));
        let vector = space.encode(&params);
        assert_eq!((vector[0], vector[1], vector[3]), (1.0, 0.25, 1.0));
        assert!((vector[2] - 2.49999 / 3.99998).abs() < 1e-12);
        assert_eq!(space.decode(&vector), params);
        let inactive = space.decode(&[0.0, 0.25, 0.0, 0.0]);
        assert_eq!(inactive.to_string(), "kind=a n=1 one=5 stop=false");
        assert!(space.encode(&inactive)[1].is_nan());
        assert_eq!(space.at(&[0.99, 0.5, 0.99, 0.5]).to_string(), "kind=c n=8 one=5 stop=true");
        for text in [
            "kind=a one=5 x=1 n=1 stop=true",
            "kind=b one=5 n=1 stop=true",
            "kind=a",
            "kind=a one=5 n=3 stop=true",
            "kind=a one=5 n=1 stop=true more=1",
        ] {
            assert!(!space.contains(&Params::parse(text.split(' ')).unwrap()), "{text}");
        }
    }
}
