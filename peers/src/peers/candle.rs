//! candle's product with quantized weights, `QTensor` on the CPU, repacked by candle itself where it does that. Its threads
//! are its own, as many as `CANDLE_NUM_THREADS` says.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};

use crate::host::Host;
use crate::measure::{Calls, Contestant};
use crate::rows::Problem;
use crate::rows::linear::{Format, Linear};

struct Product {
    x: Tensor,
    weights: Vec<QTensor>,
    next: usize,
    y: Tensor,
}

fn prepare(linear: &Linear, dtype: GgmlDType) -> candle_core::Result<Product> {
    let Linear { m, n, k, .. } = *linear;
    let copy = |_| {
        let storage = QStorage::from_data(Cow::Borrowed(linear.stored()), &Device::Cpu, dtype)?;
        QTensor::new(storage, (n, k))
    };
    let weights: Vec<QTensor> = (0..linear.copies(linear.stored().len())).map(copy).collect::<Result<_, _>>()?;
    let x = Tensor::from_slice(linear.x.as_slice(), (m, k), &Device::Cpu)?;
    // Each copy once: candle repacks at the first use.
    let mut y = x.clone();
    for w in &weights {
        y = x.apply_op1_no_bwd(w)?;
    }
    Ok(Product { x, weights, next: 0, y })
}

/// Products with weights that are not f32: those are the gemm crate's.
pub fn add<'h>(problem: &Problem, _: &'h Host, to: &mut Vec<Contestant<'h>>) {
    let Problem::Linear(linear) = problem else { return };
    let dtype = match linear.format {
        Format::F32 => return,
        Format::Bf16 => GgmlDType::BF16,
        Format::Q8_0 => GgmlDType::Q8_0,
        Format::Q4_0 => GgmlDType::Q4_0,
        Format::Q4K => GgmlDType::Q4K,
        Format::Q6K => GgmlDType::Q6K,
    };
    let state = prepare(linear, dtype).expect("candle takes these weights");
    let call = |p: &mut Product| {
        p.y = p.x.apply_op1_no_bwd(&p.weights[p.next]).expect("it did before");
        p.next = (p.next + 1) % p.weights.len();
    };
    let output = |p: &Product| p.y.flatten_all().and_then(|y| y.to_vec1()).expect("f32 values");
    to.push(Contestant::new("candle", Calls { state, call, output }));
}
