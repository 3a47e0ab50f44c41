//! What the model of GPUs must keep: samples stand for all workgroups, times respond to figures as they should, nothing is
//! faster than physics, and two runs agree to the bit.

use kernels::input::{Flavor, Input};
use kernels::kernel::{Entry, Kernel, Shape};

use super::cells::{Context, cells, priced};
use super::code::Class;
use super::gate::ShaderGate;
use super::meter::Meter;
use super::rules::Rules;
use super::sample::{Counted, count};
use crate::profile::{GpuProfile, Loaded, Sheet};
use crate::record::{Bound, Environment, Outcome, Record};

fn gemm() -> Entry<kernels::gemm::Gemm<f32>> {
    Entry::new()
}

fn gemv() -> Entry<kernels::gemv::Gemv<f32>> {
    Entry::new()
}

fn gpus() -> Vec<Loaded<GpuProfile>> {
    Loaded::embedded().expect("built-in profiles are right")
}

fn gpu(id: &str) -> GpuProfile {
    gpus().into_iter().find(|g| g.profile.id() == id).expect("a built-in GPU").profile
}

fn counted(kernel: &dyn Kernel, shader: &str, shape: &Shape, gpu: &GpuProfile) -> Vec<Counted> {
    let at = kernel.shaders().iter().position(|s| s.name == shader).expect("one of its shaders");
    let program = ShaderGate::default().program(kernel, at).expect("it lowers");
    let input = Input { flavor: Flavor::Blank, ..Input::typical(1) };
    let mut case = kernel.prepare(shape, &input).expect("it fits");
    count(&program, shape, case.as_mut(), &[Rules::of(gpu)]).expect("it runs")
}

fn ns(kernel: &dyn Kernel, shader: &str, shape: &Shape, gpu: &GpuProfile) -> f64 {
    priced(gpu, &counted(kernel, shader, shape, gpu), false).expect("it runs there").ns
}

fn records(kernel: &dyn Kernel, shape: &Shape, machines: &[Loaded<GpuProfile>]) -> Vec<Record> {
    let gate = ShaderGate::default();
    let environment = Environment::build("test", 1);
    let all: Vec<usize> = (0..kernel.shaders().len()).collect();
    cells(&Context { gate: &gate, environment: &environment }, kernel, shape, &all, machines).expect("it fits")
}

#[test]
fn samples_stand_for_every_workgroup() {
    let (kernel, shape) = (gemm(), Shape::new("ragged", 150, 210, 70));
    for (id, lanes) in [("rtx-3090", 32), ("rx-580", 64)] {
        let gpu = gpu(id);
        let rules = [Rules::of(&gpu)];
        for (i, shader) in kernel.shaders().iter().enumerate() {
            let program = ShaderGate::default().program(&kernel, i).expect("it lowers");
            let mut case = kernel.prepare(&shape, &Input::typical(1)).expect("it fits");
            let sampled = count(&program, &shape, case.as_mut(), &rules).expect("it runs");
            let codes: Vec<_> = program.passes(&shape).into_iter().map(|(_, code)| code.clone()).collect();
            let mut pass = 0;
            let mut meter = || {
                pass += 1;
                Meter::new(&codes[pass - 1], &rules)
            };
            let all = match lanes {
                64 => program.run::<64, _>(&shape, case.as_mut(), &mut meter),
                _ => program.run::<32, _>(&shape, case.as_mut(), &mut meter),
            };
            for (sampled, meter) in sampled.iter().zip(all.expect("it runs")) {
                let workgroups: f64 = sampled.grid.iter().map(|n| f64::from(*n)).product();
                let (work, traffic) = meter.finish();
                let (a, b): (f64, f64) = (sampled.work.issued.iter().sum(), work.issued.iter().sum());
                assert!((a * workgroups / b - 1.0).abs() < 0.01, "{id} {}: {} of {b}", shader.name, a * workgroups);
                let (a, b) = (sampled.traffic[0].bytes * workgroups, traffic[0].bytes);
                assert!((a / b - 1.0).abs() < 0.05, "{id} {}: {a} bytes of {b}", shader.name);
            }
        }
    }
}

#[test]
fn nothing_is_faster_than_physics() {
    for (kernel, shape) in [
        (&gemm() as &dyn Kernel, Shape::new("cube", 256, 256, 128)),
        (&gemv(), Shape::new("wide", 1, 4096, 1024)),
        (&Entry::<kernels::softmax::Softmax>::new(), Shape::new("rows", 500, 700, 1)),
    ] {
        let cost = kernel.cost(&shape);
        for id in ["geforce-8800-gtx", "gtx-280", "gtx-580", "rtx-3090", "h200", "mi50", "rx-5700-xt"] {
            let gpu = gpu(id);
            let compute_ns = cost.operations as f64 / gpu.peak_f32_ops_per_s() * 1e9;
            let floor = compute_ns.max(cost.bytes as f64 / gpu.memory.bandwidth_gb_s.value);
            for shader in kernel.shaders() {
                let Ok(timing) = priced(&gpu, &counted(kernel, shader.name, &shape, &gpu), false) else { continue };
                let cell = format!("{id} {} {}", kernel.name(), shader.name);
                assert!(timing.ns >= floor, "{cell}: {} ns, floor {floor} ns", timing.ns);
                let shares: f64 = timing.shares.iter().map(|s| s.1).sum();
                assert!((shares - 1.0).abs() < 1e-9, "{cell}: shares {shares}");
                assert!(timing.low_ns <= timing.ns && timing.ns <= timing.high_ns, "{cell}");
            }
        }
    }
}

#[test]
fn two_runs_agree_to_the_bit() {
    let shape = Shape::new("some", 100, 200, 90);
    for id in ["gtx-580", "rx-580"] {
        let gpu = gpu(id);
        for shader in gemm().shaders() {
            let run = || {
                let counts = counted(&gemm(), shader.name, &shape, &gpu);
                format!("{counts:?} {:?}", priced(&gpu, &counts, false))
            };
            assert_eq!(run(), run());
        }
    }
}

#[test]
fn each_idea_of_the_matrix_product_is_worth_something_where_it_should() {
    let shape = Shape::new("square", 1024, 1024, 128);
    // Not Fermi and the first Kepler: their threads have 63 registers, and a square of 64 sums spills.
    for id in ["geforce-8800-gtx", "gtx-980", "gtx-1080", "rtx-3090"] {
        let gpu = gpu(id);
        let mut ladder = vec!["naive", "coalesced", "unrolled_tile", "column_tile", "register_tile", "vector_loads"];
        // Whose compiler unrolls nothing: the square's inner loops cost what it saves, and Volkov and Demmel (SC 2008)
        // took the column.
        ladder.retain(|shader| id != "geforce-8800-gtx" || *shader != "register_tile");
        let times: Vec<f64> = ladder.iter().map(|shader| ns(&gemm(), shader, &shape, &gpu)).collect();
        assert!(times.windows(2).all(|t| t[1] < 1.02 * t[0]), "{id}: {times:?}");
        assert!(times[0] > 10.0 * times[times.len() - 1], "{id}: {times:?}");
    }
    // What a compiler that unrolls nothing leaves to people: twice the speed on G80, nothing on its grandchildren.
    let gained = |id: &str| {
        let gpu = gpu(id);
        ns(&gemm(), "shared_tile", &shape, &gpu) / ns(&gemm(), "unrolled_tile", &shape, &gpu)
    };
    assert!(gained("geforce-8800-gtx") > 2.0 && gained("gtx-980") < 1.2);
}

#[test]
fn few_outputs_want_k_split_and_many_do_not() {
    let gpu = gpu("a100");
    let (few, many) = (Shape::new("few", 64, 128, 4096), Shape::new("many", 2048, 2048, 256));
    assert!(ns(&gemm(), "split_k", &few, &gpu) < 0.3 * ns(&gemm(), "vector_loads", &few, &gpu));
    assert!(ns(&gemm(), "split_k", &many, &gpu) > 0.95 * ns(&gemm(), "vector_loads", &many, &gpu));
}

#[test]
fn figures_of_the_machine_move_times_as_they_should() {
    let (kernel, shape) = (gemv(), Shape::new("wide", 1, 8192, 8192));
    let gpu = gpu("rtx-3090");
    let counts = counted(&kernel, "vector_loads", &shape, &gpu);
    let time = |change: &dyn Fn(&mut GpuProfile)| {
        let mut changed = gpu.clone();
        change(&mut changed);
        priced(&changed, &counts, false).expect("it runs there")
    };
    let base = time(&|_| {});
    assert_eq!(base.shares[0].0, Bound::MemoryBandwidth);
    let half = time(&|g| g.memory.sustained_gb_s.value /= 2.0);
    assert!((half.ns / base.ns - 2.0).abs() < 0.05, "{} {}", half.ns, base.ns);
    let slow_start = time(&|g| g.machine.launch_ns.value += 1e6);
    assert!((slow_start.ns - base.ns - 1e6).abs() < 1.0);
    assert_eq!(slow_start.shares[0].0, Bound::Launch);
    let far = time(&|g| g.memory.latency_cycles.value *= 400.0);
    assert_eq!(far.shares[0].0, Bound::MemoryLatency);
    let narrow = time(&|g| g.sm.issue_per_cycle.value /= 200.0);
    assert_eq!(narrow.shares[0].0, Bound::Issue);
}

/// Kernels that between them use every unit of an SM.
fn of_every_unit() -> Vec<(&'static dyn Kernel, &'static str, Shape)> {
    let kernel = |name: &str| *kernels::KERNELS.iter().find(|k| k.name() == name).expect("a kernel");
    let best = |name: &str| kernel(name).shaders().last().expect("shaders").name;
    vec![
        (kernel("gemm_f32"), "vector_loads", Shape::new("square", 512, 512, 256)),
        (kernel("gemm_f32"), "shared_tile", Shape::new("square", 512, 512, 256)),
        (kernel("gemm_f16"), "matrix_units", Shape::new("square", 512, 512, 256)),
        (kernel("gemv_q8"), best("gemv_q8"), Shape::new("wide", 1, 2048, 2048)),
        (kernel("gemv_q6_k"), best("gemv_q6_k"), Shape::new("wide", 1, 2048, 2048)),
        (kernel("softmax"), best("softmax"), Shape::new("rows", 500, 700, 1)),
        (kernel("softmax"), "shared_tree", Shape::new("rows", 500, 700, 1)),
        (kernel("swiglu"), best("swiglu"), Shape::new("long", 1, 1 << 20, 1)),
    ]
}

#[test]
fn every_figure_of_an_sm_is_read() {
    let gpu = gpu("rtx-2080-ti");
    let counts: Vec<_> = of_every_unit().iter().map(|(k, s, shape)| counted(*k, s, shape, &gpu)).collect();
    let said = |gpu: &GpuProfile| {
        let peaks = [gpu.peak_f32_ops_per_s(), gpu.peak_f16_ops_per_s()];
        let times: Vec<_> = counts.iter().map(|c| priced(gpu, c, false).map(|p| (p.ns, p.low_ns, p.high_ns))).collect();
        format!("{peaks:?} {times:?}")
    };
    let table = toml::Table::try_from(&gpu).expect("a table");
    let sm = table["sm"].as_table().expect("a section");
    // Nothing computes in f64 here: that figure is for people who compare export variants.
    for key in sm.keys().filter(|key| *key != "f64_lanes_per_cycle") {
        let moved = [0.02, 50.0].into_iter().any(|by| {
            let mut table = table.clone();
            let value = &mut table["sm"][key]["value"];
            *value = match &*value {
                toml::Value::Integer(n) => toml::Value::Integer(((*n as f64 * by) as i64).max(1)),
                number => toml::Value::Float(number.as_float().expect("a number") * by),
            };
            said(&table.try_into().expect("still a GPU")) != said(&gpu)
        });
        assert!(moved, "sm.{key} moves no time");
    }
}

#[test]
fn shifts_are_done_by_the_lanes_that_shift() {
    let kernel = *kernels::KERNELS.iter().find(|k| k.name() == "gemv_q6_k").expect("a kernel");
    let (gpu, shape) = (gpu("gtx-680"), Shape::new("wide", 1, 4096, 4096));
    let counts = counted(kernel, kernel.shaders()[0].name, &shape, &gpu);
    let shifts: f64 = counts.iter().map(|c| c.work.issued[Class::Shift as usize]).sum();
    assert!(shifts > 0.0);
    let ns = |lanes: f64| {
        let mut gpu = gpu.clone();
        (gpu.sm.shift_lanes_per_cycle.value, gpu.memory.sustained_gb_s.value) = (lanes, 1e5);
        priced(&gpu, &counts, false).expect("it runs there")
    };
    let (one, two) = (ns(0.01), ns(0.02));
    assert_eq!(one.shares[0].0, Bound::Compute);
    let launch = gpu.machine.launch_ns.value;
    assert!(((one.ns - launch) / (two.ns - launch) - 2.0).abs() < 0.01, "{} {}", one.ns, two.ns);
}

#[test]
fn resident_workgroups_take_the_l1_they_share_an_array_with() {
    // A row that is read again beside a tree of partial results in shared memory, and an L2 that binds.
    let softmax = Entry::<kernels::softmax::Softmax>::new();
    let gpu = gpu("a100");
    let counts = counted(&softmax, "shared_tree", &Shape::new("rows", 4096, 1024, 1), &gpu);
    assert!(counts[0].shared_bytes > 0);
    let ns = |array: Option<f64>| {
        let mut gpu = gpu.clone();
        gpu.l2.as_mut().expect("an L2").bytes_per_cycle.value = 20.0;
        let l1 = gpu.l1.as_mut().expect("an L1");
        l1.array_kib = array.map(|kib| crate::profile::Figure { value: kib, source: "chip".into() });
        priced(&gpu, &counts, false).expect("it runs there").ns
    };
    assert!((ns(Some(192.0)) / ns(None) - 1.0).abs() < 0.1, "{} {}", ns(Some(192.0)), ns(None));
    // As if the workgroups held all of the array.
    assert!(ns(Some(1.0)) > 1.1 * ns(None), "{} {}", ns(Some(1.0)), ns(None));
}

#[test]
fn what_a_machine_lacks_is_said() {
    let kernel = gemv();
    let shape = Shape::new("wide", 1, 64, 64);
    let machines: Vec<_> = gpus().into_iter().filter(|g| g.profile.id() == "geforce-8800-gtx").collect();
    let outcomes = records(&kernel, &shape, &machines);
    let subgroup = outcomes.iter().find(|r| r.variant == "subgroup").expect("a record");
    let Outcome::NotAvailable { reason } = &subgroup.outcome else { panic!("{:?}", subgroup.outcome) };
    assert!(reason.contains("between the lanes"), "{reason}");
    let large = Shape::new("large", 1, 20_000, 20_000);
    let outcomes = records(&kernel, &large, &machines);
    assert!(outcomes.iter().all(|r| matches!(r.outcome, Outcome::DoesNotFit { .. })), "1.6 GB on a card of 768 MiB");
}
