//! `cargo bench`: every kernel × variant × shape natively on wall time, and every machine's modelled or emulated ladder on a
//! virtual clock. Loops over the kernels and profiles; names none of them. Nothing is timed before it matched its reference.
//!
//! `-- native/`, `-- modelled/` or `-- emulated/` selects a tier, `-- timed/` what models and emulators themselves take, any other filter works on `tier/[machine/]kernel/shape/variant`.

use std::cell::{Cell, OnceCell, RefCell};
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, SamplingMode, Throughput};
use harness::emulated;
use harness::environment::Host;
use harness::gate::Gate;
use harness::native;
use harness::plan;
use harness::profile::{self, Console, Emulated, GpuProfile, Loaded};
use harness::simt;
use harness::simt::gate::ShaderGate;
use harness::simt::rules::Rules;
use harness::simt::warp::LaneOperations;
use harness::timed::{self, Mode, Params, cells};
use kernels::KERNELS;
use kernels::input::{Flavor, Input};
use kernels::kernel::{Case, Kernel, Shape};
use kernels::machine::Isa;
use rayon::ThreadPool;

const SEED: u64 = 1;

fn main() {
    let mut wall = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .without_plots()
        .configure_from_args();
    let host = Host::read();
    let pool = native::pool(host.cores as usize).expect("a thread per core");
    KERNELS.iter().for_each(|k| native_group(&mut wall, *k, &host, &pool));
    model_group(&mut wall);
    emulator_groups(&mut wall);
    interpreter_group(&mut wall);
    wall.final_summary();

    let mut virtual_clock = Criterion::default()
        .with_measurement(VirtualClock)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_millis(1))
        .without_plots()
        .configure_from_args();
    modelled_groups(&mut virtual_clock);
    modelled_gpu_groups(&mut virtual_clock);
    emulated_groups(&mut virtual_clock);
    virtual_clock.final_summary();
}

fn throughput(kernel: &dyn Kernel, shape: &Shape) -> Throughput {
    let cost = kernel.cost(shape);
    Throughput::ElementsAndBytes { elements: cost.operations, bytes: cost.bytes }
}

/// One kernel on this host. Operands are made when the first selected variant of a shape runs.
fn native_group(c: &mut Criterion<WallTime>, kernel: &'static dyn Kernel, host: &Host, pool: &ThreadPool) {
    // A test runs each body once: copies to rotate through would take longer than all of them.
    let test = std::env::args().any(|arg| arg == "--test");
    for shape in kernel.shapes().into_iter().filter(|s| s.tour) {
        let mut group = c.benchmark_group(format!("native/{}/{}", kernel.name(), shape.name));
        group.throughput(throughput(kernel, &shape)).sampling_mode(SamplingMode::Flat);
        let case: OnceCell<RefCell<Box<dyn Case>>> = OnceCell::new();
        for (v, about) in kernel.variants().into_iter().enumerate() {
            let Ok(isa) = native::machine_for(&about, None) else { continue };
            if !runs_here(kernel, v, isa) {
                continue;
            }
            group.bench_function(about.name, |b| {
                let case = case.get_or_init(|| {
                    let cold = || native::typical_input(host, kernel, &shape, SEED);
                    let input = if test { Input::typical(SEED) } else { cold() };
                    RefCell::new(kernel.prepare(&shape, &input).expect("the kernel's own shapes fit"))
                });
                let mut case = case.borrow_mut();
                case.poison();
                case.run(v, isa).expect("available");
                let verdict = case.verify(v, isa.lanes());
                assert!(verdict.passed(), "{}: {:?}", about.name, verdict.failure);
                // Inside the pool, as handing the work to it is not the kernel's cost.
                b.iter_custom(|iterations| {
                    let case = case.as_mut();
                    pool.install(|| {
                        let start = Instant::now();
                        for _ in 0..iterations {
                            case.rotate();
                            case.run(v, isa).expect("available");
                        }
                        start.elapsed()
                    })
                });
            });
        }
        group.finish();
    }
}

/// Extensions of an instruction set (AMX, BF16) are asked for by the rung itself, when it runs.
fn runs_here(kernel: &dyn Kernel, variant: usize, isa: Isa) -> bool {
    let mut shapes = kernel.test_shapes().into_iter().filter(|s| kernel.cost(s).operations > 0);
    let small = shapes.next().expect("a test shape with work");
    let mut case = kernel.prepare(&small, &Input::typical(SEED)).expect("the kernel's own shapes fit");
    case.run(variant, isa).is_ok()
}

/// The timing model itself: wall time of modelling a matrix-vector product, in machine operations simulated.
fn model_group(c: &mut Criterion<WallTime>) {
    let machine = profile::find(MODELLED).expect("an embedded profile");
    let params = Params::new(&machine.profile);
    let kernel = KERNELS.iter().find(|k| k.name() == MODELLED_KERNEL).expect("in the table");
    let shape = kernel.shapes().into_iter().find(|s| s.name == MODELLED_SHAPE).expect("one of its shapes");
    let mut group = c.benchmark_group(format!("timed/{MODELLED}/{MODELLED_KERNEL}/{MODELLED_SHAPE}"));
    for (v, about) in kernel.variants().into_iter().enumerate() {
        let Ok(lanes) = timed::lanes(&about, &machine.profile) else { continue };
        let input = Input { flavor: Flavor::Blank, ..Input::typical(SEED) };
        let case: OnceCell<RefCell<Box<dyn Case>>> = OnceCell::new();
        let mut model = || {
            let case = case.get_or_init(|| RefCell::new(kernel.prepare(&shape, &input).expect("it fits")));
            timed::model(case.borrow_mut().as_mut(), v, lanes, &params, Mode::Sampled, false).expect("it has the lanes")
        };
        group.throughput(Throughput::Elements(model().simulated));
        group.bench_function(about.name, |b| b.iter(&mut model));
    }
    group.finish();
}

/// The emulators themselves: wall time of a rung 0, in cycles, or in instructions where a clock does several steps in one.
fn emulator_groups(c: &mut Criterion<WallTime>) {
    for machine in Loaded::<Emulated>::embedded().expect("embedded profiles are valid") {
        let profile = &machine.profile;
        let first = |k: &&'static dyn Kernel| Some((*k, emulated::cells::rungs(*k, profile).into_iter().next()?));
        let Some((kernel, code)) = KERNELS.iter().find_map(first) else { continue };
        let shape = kernel.shapes().into_iter().next().expect("a shape");
        let prepared = emulated::cells::prepare(&Input::typical(SEED), kernel, &shape, &code, profile);
        let mut ready = prepared.expect("the kernel's own shapes fit").expect("the first shape fits a rung 0");
        let spent = ready.run().expect("it returns");
        assert_eq!(ready.verify().failure, None, "{}", code.name);
        let counted = if profile.console == Console::Playstation { spent.instructions } else { spent.cycles };
        let mut group = c.benchmark_group(format!("timed/emulated/{}", profile.id));
        group.throughput(Throughput::Elements(counted));
        group.bench_function(format!("{}/{}", kernel.name(), code.name), |b| {
            b.iter(|| ready.run().expect("it returns"));
        });
        group.finish();
    }
}

/// The interpreter of shaders: wall time of whole launches at the largest test shape, in operations of lanes.
fn interpreter_group(c: &mut Criterion<WallTime>) {
    let gate = ShaderGate::default();
    for kernel in KERNELS {
        let shapes = kernel.test_shapes();
        let Some(shape) = shapes.iter().max_by_key(|s| kernel.cost(s).operations) else { continue };
        let mut group = c.benchmark_group(format!("simt/{}", kernel.name()));
        for (s, shader) in kernel.shaders().iter().enumerate() {
            let program = gate.program(*kernel, s).expect("it lowers");
            let case = OnceCell::new();
            let run = || {
                let case =
                    case.get_or_init(|| RefCell::new(kernel.prepare(shape, &Input::typical(SEED)).expect("it fits")));
                program.run::<32, _>(shape, case.borrow_mut().as_mut(), LaneOperations::default).expect("it runs")
            };
            group.throughput(Throughput::Elements(run().iter().map(|pass| pass.0).sum()));
            group.bench_function(shader.name, |b| b.iter(run));
        }
        group.finish();
    }
}

/// What [`model_group`] models.
const MODELLED: &str = "ryzen-9-5950x";
const MODELLED_KERNEL: &str = "gemv_f32";
const MODELLED_SHAPE: &str = "r1-distill-llama-8b/ffn-down";

/// Every machine's ladders, on the time that the model says.
fn modelled_groups(c: &mut Criterion<VirtualClock>) {
    let gate = Gate::default();
    let machines = profile::embedded().expect("embedded profiles are valid");
    for machine in &machines {
        let params = Params::new(&machine.profile);
        for kernel in KERNELS {
            for shape in kernel.shapes().into_iter().filter(|s| s.tour) {
                let mut group =
                    c.benchmark_group(format!("modelled/{}/{}/{}", machine.profile.id, kernel.name(), shape.name));
                group.throughput(throughput(*kernel, &shape)).sampling_mode(SamplingMode::Flat);
                for (v, about) in kernel.variants().into_iter().enumerate() {
                    let Ok(lanes) = timed::lanes(&about, &machine.profile) else { continue };
                    group.bench_function(about.name, |b| {
                        gate.check(*kernel, v, lanes, SEED).expect("matches its reference");
                        let input = Input { flavor: Flavor::Blank, ..Input::typical(SEED) };
                        let mut case = kernel.prepare(&shape, &input).expect("the kernel's own shapes fit");
                        let warm = cells::stays_cached(case.as_mut(), &machine.profile);
                        b.iter(|| {
                            let estimate = timed::model(case.as_mut(), v, lanes, &params, Mode::Sampled, warm);
                            VirtualClock::advance(estimate.expect("lanes were checked").time_ns);
                        });
                    });
                }
                group.finish();
            }
        }
    }
}

/// Every GPU's ladders, on the time that the model says. What a shader asks of the machine is counted once, when it is first
/// selected; each round prices it again.
fn modelled_gpu_groups(c: &mut Criterion<VirtualClock>) {
    let gate = ShaderGate::default();
    for machine in Loaded::<GpuProfile>::embedded().expect("embedded profiles are valid") {
        let gpu = &machine.profile;
        for kernel in KERNELS.iter().filter(|k| !k.shaders().is_empty()) {
            for shape in kernel.shapes().into_iter().filter(|s| s.gpu_tour) {
                let mut group = c.benchmark_group(format!("modelled/{}/{}/{}", gpu.id, kernel.name(), shape.name));
                group.throughput(throughput(*kernel, &shape)).sampling_mode(SamplingMode::Flat);
                for (s, shader) in kernel.shaders().iter().enumerate() {
                    group.bench_function(shader.name, |b| {
                        let program = gate.program(*kernel, s).expect("it lowers");
                        gate.check(*kernel, s, gpu.sm.warp_lanes.value as usize, SEED).expect("matches its reference");
                        let input = Input { flavor: Flavor::Blank, ..Input::typical(SEED) };
                        let mut case = kernel.prepare(&shape, &input).expect("the kernel's own shapes fit");
                        let bytes = simt::cells::operand_bytes(&case.operands(), shader.expanded);
                        let warm = simt::cells::stays_cached(bytes, gpu);
                        let counted = simt::sample::count(&program, &shape, case.as_mut(), &[Rules::of(gpu)]);
                        let counted = counted.expect("it runs");
                        b.iter(|| {
                            // A rung that the machine cannot run takes no time, which a clock cannot show: a nanosecond.
                            let ns = simt::cells::priced(gpu, &counted, warm).map_or(1.0, |priced| priced.ns);
                            VirtualClock::advance(ns);
                        });
                    });
                }
                group.finish();
            }
        }
    }
}

/// Every emulated machine's ladders at the shapes that it has memory for, on the machine's own clock.
fn emulated_groups(c: &mut Criterion<VirtualClock>) {
    for machine in Loaded::<Emulated>::embedded().expect("embedded profiles are valid") {
        let profile = &machine.profile;
        for kernel in KERNELS {
            let codes = emulated::cells::rungs(*kernel, profile);
            for shape in kernel.shapes().iter().filter(|s| !codes.is_empty() && s.name.starts_with(plan::SMALL_MODEL)) {
                let mut group = c.benchmark_group(format!("emulated/{}/{}/{}", profile.id, kernel.name(), shape.name));
                group.throughput(throughput(*kernel, shape)).sampling_mode(SamplingMode::Flat);
                for code in &codes {
                    let prepare = || {
                        let prepared = emulated::cells::prepare(&Input::typical(SEED), *kernel, shape, code, profile);
                        prepared.expect("the kernel's own shapes fit it").ok()
                    };
                    if prepare().is_none() {
                        continue;
                    }
                    group.bench_function(code.name, |b| {
                        let mut first = prepare().expect("it fits");
                        first.run().expect("it returns");
                        assert_eq!(first.verify().failure, None, "{}", code.name);
                        b.iter(|| {
                            // A machine that was just switched on, so that the picture is where it was.
                            let mut ready = prepare().expect("it fits");
                            let spent = ready.run().expect("it returns");
                            VirtualClock::advance(spent.cycles as f64 / profile.machine.clock_hz.value * 1e9);
                        });
                    });
                }
                group.finish();
            }
        }
    }
}

thread_local! {
    static NOW_NS: Cell<f64> = const { Cell::new(0.0) };
}

/// A clock that the model moves.
struct VirtualClock;

impl VirtualClock {
    fn advance(ns: f64) {
        NOW_NS.set(NOW_NS.get() + ns);
    }
}

impl Measurement for VirtualClock {
    type Intermediate = f64;
    type Value = f64;

    fn start(&self) -> f64 {
        NOW_NS.get()
    }
    fn end(&self, start: f64) -> f64 {
        NOW_NS.get() - start
    }
    fn add(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }
    fn zero(&self) -> f64 {
        0.0
    }
    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        // Both clocks count nanoseconds.
        WallTime.formatter()
    }
}
