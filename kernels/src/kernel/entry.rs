//! How a folder's typed contract becomes an entry of the table of kernels, which the harness loops over.

use std::marker::PhantomData;

use super::{About, Case, Contract, Cost, Kernel, NotAvailable, RowReference, Shape, ShapeError, Tolerance};
use crate::compare::{self, Verdict};
use crate::foreign::{MachineCode, Shader};
use crate::input::Input;
use crate::machine::Isa;
use crate::machine::traced::Trace;
use crate::operand::{Operand, Region};
use crate::weights::Source;

/// A contract as an entry of the table of kernels.
pub struct Entry<C>(PhantomData<C>);

impl<C> Entry<C> {
    /// The entry.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<C> Default for Entry<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Contract> Kernel for Entry<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }
    fn folder(&self) -> &'static str {
        C::FOLDER
    }
    fn about(&self) -> &'static str {
        C::ABOUT
    }
    fn variants(&self) -> Vec<About> {
        C::LADDER.iter().map(|v| v.about).collect()
    }
    fn machine_code(&self) -> &'static [MachineCode] {
        C::MACHINE_CODE
    }
    fn operand_names(&self) -> &'static [&'static str] {
        C::OPERAND_NAMES
    }
    fn shaders(&self) -> &'static [Shader] {
        C::SHADERS
    }
    fn shapes(&self) -> Vec<Shape> {
        C::shapes()
    }
    fn shape_of(&self, source: &Source) -> Option<Shape> {
        C::shape_of(source)
    }
    fn test_shapes(&self) -> Vec<Shape> {
        C::test_shapes()
    }
    fn shape_near(&self, m: usize, n: usize, k: usize) -> Shape {
        C::shape_near(m, n, k)
    }
    fn rung_0_operations(&self, shape: &Shape) -> f64 {
        C::rung_0_operations(shape)
    }
    fn dims(&self, shape: &Shape) -> String {
        C::dims(shape)
    }
    fn cost(&self, shape: &Shape) -> Cost {
        C::cost(shape)
    }
    fn prepare(&self, shape: &Shape, input: &Input) -> Result<Box<dyn Case>, ShapeError> {
        let data = C::prepare(shape, input)?;
        Ok(Box::new(TypedCase::<C> { shape: shape.clone(), data }))
    }
}

struct TypedCase<C: Contract> {
    shape: Shape,
    data: C::Data,
}

impl<C: Contract> TypedCase<C> {
    fn verify_within(&mut self, tolerance: &Tolerance) -> Verdict {
        self.verify_against(C::reference, tolerance)
    }

    fn verify_against(&mut self, reference: fn(&C::Data, usize) -> RowReference, tolerance: &Tolerance) -> Verdict {
        if !C::operands(&mut self.data).iter().all(Operand::canaries_intact) {
            return Verdict::failed("wrote outside its outputs: a canary beside them is gone");
        }
        let rows = compare::rows_to_check(C::rows(&self.shape), C::cost(&self.shape).operations);
        compare::verify(tolerance, &rows, |row| (reference(&self.data, row), C::output(&self.data, row)))
    }

    /// Rounds every input, all of them f32, to bf16; the values before.
    fn round_inputs(&mut self) -> Vec<Vec<f32>> {
        let inputs = C::operands(&mut self.data).into_iter().filter_map(Operand::into_input);
        inputs
            .map(|input| {
                let values: &mut [f32] = bytemuck::cast_slice_mut(input.bytes_mut());
                let exact = values.to_vec();
                values.iter_mut().for_each(|v| *v = half::bf16::from_f32(*v).to_f32());
                exact
            })
            .collect()
    }

    /// Undoes [`Self::round_inputs`].
    fn restore_inputs(&mut self, exact: &[Vec<f32>]) {
        let inputs = C::operands(&mut self.data).into_iter().filter_map(Operand::into_input);
        for (input, exact) in inputs.zip(exact) {
            input.bytes_mut().copy_from_slice(bytemuck::cast_slice(exact));
        }
    }
}

impl<C: Contract> Case for TypedCase<C> {
    fn run(&mut self, variant: usize, isa: Isa) -> Result<(), NotAvailable> {
        let v = &C::LADDER[variant];
        if v.run_native(isa, C::args(&mut self.data)) {
            Ok(())
        } else {
            let lacking = if v.about.suits(isa) { "this processor lacks" } else { "it cannot use" };
            Err(NotAvailable(format!("{}: {lacking} {}, or an extension of it", v.about.name, isa.name())))
        }
    }

    fn trace(&mut self, variant: usize, trace: &dyn Trace, lanes: usize) -> Result<(), NotAvailable> {
        let v = &C::LADDER[variant];
        if v.run_traced(trace, lanes, C::args(&mut self.data)) {
            return Ok(());
        }
        let name = v.about.name;
        let (least, most) = v.about.traced_lanes().into_inner();
        Err(NotAvailable(match v.traced {
            None => format!("{name} is written in one instruction set's intrinsics"),
            Some(_) => format!("{name} runs on {least} to {most} lanes, a power of two: not on {lanes}"),
        }))
    }

    fn output(&self) -> Vec<f32> {
        (0..C::rows(&self.shape)).flat_map(|row| C::output(&self.data, row)).collect()
    }

    fn operands(&mut self) -> Vec<Operand<'_>> {
        C::operands(&mut self.data)
    }

    fn verify(&mut self, variant: usize, lanes: usize) -> Verdict {
        let about = &C::LADDER[variant].about;
        let tolerance = C::tolerance(&self.shape, about.accumulators * lanes);
        let verdict = match C::reference_as_cached(about) {
            Some(reference) => self.verify_against(reference, &tolerance),
            None if about.rounds_to_bf16 => {
                let exact = self.round_inputs();
                let verdict = self.verify_within(&tolerance);
                self.restore_inputs(&exact);
                verdict
            }
            None => return self.verify_within(&tolerance),
        };
        // What rounding costs is told; how much it may be depends on how far the terms cancel.
        let whole = self.verify_within(&Tolerance { nmse: f64::INFINITY, backward: f64::INFINITY });
        Verdict { failure: verdict.failure, ..whole }
    }

    fn verify_foreign(&mut self, partial_sums: usize, functions: f64) -> Verdict {
        let tolerance = C::foreign_tolerance(&self.shape, partial_sums);
        self.verify_within(&Tolerance {
            nmse: tolerance.nmse + functions * functions,
            backward: tolerance.backward + functions,
        })
    }

    fn poison(&mut self) {
        C::operands(&mut self.data).iter_mut().for_each(Operand::poison);
    }
    fn rotate(&mut self) {
        C::operands(&mut self.data).iter_mut().for_each(Operand::rotate);
    }
    fn rotation_bytes(&mut self) -> usize {
        C::operands(&mut self.data).iter().map(Operand::rotation_bytes).sum()
    }
    fn regions(&mut self) -> Vec<Region> {
        C::operands(&mut self.data).iter().map(Operand::region).collect()
    }
}
