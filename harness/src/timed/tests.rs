//! Micro-kernels whose cycles can be computed by hand, on a machine with round figures.

use super::*;

/// A toy machine: 1 GHz (1 cycle = 1 ns), 4-wide, 64-entry window, two FP units of latency 4, one load unit.
/// L1 1 KiB of 64-byte lines at 4 cycles, L2 16 KiB at 12 cycles and 16 B/cycle, memory at 100 ns and 8 GB/s.
fn toy() -> String {
    let f = |k: &str, v: &str| format!("{k} = {{ value = {v}, source = \"s\" }}\n");
    let fs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| f(k, v)).collect::<String>();
    let mut t = "schema = 1\nid = \"toy\"\nname = \"toy\"\nclass = \"cpu\"\nyear = 2000\n[machine]\n".to_string();
    t += &fs(&[("clock_mhz", "1000.0"), ("cores", "4"), ("memory_mib", "64.0"), ("fork_join_ns", "1000.0")]);
    t += "[core]\n";
    t += &fs(&[("issue_width", "4"), ("window_ops", "64"), ("fp_units", "2"), ("int_units", "4")]);
    t += &fs(&[("load_units", "1"), ("store_units", "1"), ("loop_ops", "2"), ("mispredict_cycles", "10.0")]);
    t += &f("predicted_trips", "32");
    t += "[integer]\n";
    t += &fs(&[("registers", "16"), ("add_cycles", "[1.0, 1.0]"), ("mul_cycles", "[3.0, 1.0]")]);
    t += "[scalar]\n";
    t += &fs(&[("registers", "16"), ("add_cycles", "[4.0, 1.0]"), ("mul_cycles", "[4.0, 1.0]")]);
    t += &fs(&[("fma_cycles", "[4.0, 1.0]"), ("div_cycles", "[10.0, 10.0]"), ("sqrt_cycles", "[12.0, 12.0]")]);
    t += &fs(&[("max_cycles", "[4.0, 1.0]"), ("convert_cycles", "[4.0, 1.0]"), ("exp_cycles", "[40.0, 20.0]")]);
    t += "[simd]\nisa = \"toy\"\n";
    t += &fs(&[("f32_lanes", "4"), ("i32_lanes", "4"), ("registers", "16"), ("add_cycles", "[4.0, 1.0]")]);
    t += &fs(&[("mul_cycles", "[4.0, 1.0]"), ("div_cycles", "[10.0, 10.0]"), ("max_cycles", "[4.0, 1.0]")]);
    t += &fs(&[("convert_cycles", "[4.0, 1.0]"), ("shuffle_cycles", "[1.0, 1.0]"), ("int_add_cycles", "[1.0, 1.0]")]);
    for (name, kib, ways, latency, rate) in [("L1", "1.0", "4", "4.0", "64.0"), ("L2", "16.0", "4", "12.0", "16.0")] {
        t += &format!("[[cache]]\nname = \"{name}\"\n");
        t += &fs(&[("kib", kib), ("ways", ways), ("line_bytes", "64"), ("latency_cycles", latency)]);
        t += &fs(&[("bytes_per_cycle", rate), ("shared_by", "1"), ("write_through", "false")]);
    }
    t += "[memory]\n";
    t += &fs(&[("latency_ns", "100.0"), ("bandwidth_gb_s", "8.0"), ("misses_outstanding", "4")]);
    t += &fs(&[("prefetch_streams", "0"), ("prefetch_lines", "0"), ("prefetch_outstanding", "1")]);
    t + "[sources]\ns = { cite = \"made up\", status = \"derived\" }\n"
}

fn params(change: impl FnOnce(&mut Profile)) -> Params {
    let mut profile: Profile = toml::from_str(&toy()).expect("the toy profile is valid");
    change(&mut profile);
    Params::new(&profile)
}

use kernels::machine::traced::{Access, Op, Ticket, Trace};

/// Cycles per operation of `n` repetitions on the machine.
fn cycles(params: &Params, n: usize, run: impl FnOnce(&Engine)) -> f64 {
    let engine = Engine::new(params, Mode::Full);
    run(&engine);
    engine.estimate().time_ns / n as f64
}

fn close(got: f64, want: f64) {
    assert!((got - want).abs() <= 0.02 * want, "{got:.3} cycles, {want} by hand");
}

fn at(address: u64, lanes: usize) -> Access {
    Access { address: address as usize, bytes: 4 * lanes, lanes, splat: false, address_from: Ticket::default() }
}

/// An engine whose only buffer is a made-up range of addresses.
fn mapped(params: &Params, bytes: usize, warm: bool) -> Engine<'_> {
    let engine = Engine::new(params, Mode::Full);
    engine.map(
        &[kernels::operand::Region {
            start: 1 << 20,
            bytes,
            streamed: true,
            presence: kernels::operand::Presence::Own,
        }],
        warm,
    );
    engine
}

/// Takes a ticket nobody waits for.
fn ignore(_: Ticket) {}

const BASE: u64 = 1 << 20;

#[test]
fn dependent_adds_take_their_latency() {
    let p = params(|_| {});
    let per_op = cycles(&p, 10_000, |e| {
        let mut t = Ticket::default();
        for _ in 0..10_000 {
            t = e.op(Op::Add, 1, &[t], 1);
        }
    });
    close(per_op, 4.0);
}

#[test]
fn independent_adds_take_their_share_of_the_units() {
    let p = params(|_| {});
    let run = |e: &Engine| {
        for _ in 0..10_000 {
            e.op(Op::Add, 1, &[], 1);
        }
    };
    close(cycles(&p, 10_000, run), 0.5);
    // With eight units the four-wide front end is the limit.
    close(cycles(&params(|p| p.core.fp_units.value = 8), 10_000, run), 0.25);
    // A divider that is not pipelined: ten cycles on each of two units.
    let divide = |e: &Engine| (0..1000).for_each(|_| ignore(e.op(Op::Div, 1, &[], 1)));
    close(cycles(&p, 1000, divide), 5.0);
}

#[test]
fn a_sum_kept_in_memory_waits_for_its_own_stores() {
    let p = params(|_| {});
    let e = mapped(&p, 4096, true);
    for _ in 0..1000 {
        let sum = e.load(at(BASE, 1), 1);
        let sum = e.op(Op::Add, 1, &[sum], 1);
        e.store(at(BASE, 1), sum);
    }
    // Forwarded in the four cycles of the first level, added in four.
    close(e.estimate().time_ns / 1000.0, 8.0);
    // Another place each time: one load, one store and one add a cycle.
    let e = mapped(&p, 4096, true);
    for i in 0..1000 {
        let sum = e.load(at(BASE + 4 * (i % 64), 1), 1);
        let sum = e.op(Op::Add, 1, &[sum], 1);
        e.store(at(BASE + 4 * (i % 64), 1), sum);
    }
    close(e.estimate().time_ns / 1000.0, 1.0);
}

#[test]
fn a_machine_without_fma_multiplies_and_adds() {
    let chain = |e: &Engine| {
        let mut t = Ticket::default();
        for _ in 0..1000 {
            t = e.op(Op::MulAdd, 1, &[Ticket::default(), Ticket::default(), t], 1);
        }
    };
    close(cycles(&params(|_| {}), 1000, chain), 4.0);
    // The multiply does not depend on the sum: only the add is on the chain.
    close(cycles(&params(|p| p.scalar.fma_cycles = None), 1000, chain), 4.0);
    let independent = |e: &Engine| (0..1000).for_each(|_| ignore(e.op(Op::MulAdd, 1, &[], 1)));
    close(cycles(&params(|p| p.scalar.fma_cycles = None), 1000, independent), 1.0);
}

#[test]
fn a_byte_dot_without_its_instruction_is_split_into_pairs() {
    let p = params(|profile| {
        let simd = profile.simd.as_mut().expect("the toy has SIMD");
        simd.madd_i16_cycles = Some(simd.add_cycles.clone().expect("and f32"));
    });
    // Four operations split both sides, two multiply pairs, two add: eight on two units.
    let per_op = cycles(&p, 10_000, |e| {
        let mut sum = Ticket::default();
        for _ in 0..10_000 {
            sum = e.op(Op::Dot4I8, 4, &[sum, Ticket::default(), Ticket::default()], 1);
        }
    });
    close(per_op, 4.0);
}

#[test]
fn wider_values_than_registers_take_several_instructions() {
    // Eight lanes on a four-lane machine with two units: one cycle a value.
    let run = |e: &Engine| (0..1000).for_each(|_| ignore(e.op(Op::Add, 8, &[], 1)));
    close(cycles(&params(|_| {}), 1000, run), 1.0);
    // Without SIMD: eight scalar adds on two units.
    close(cycles(&params(|p| p.simd = None), 1000, run), 4.0);
}

#[test]
fn the_window_limits_how_far_a_core_looks_past_a_stall() {
    // Each divide of 10 cycles depends on the one before; 63 independent adds fit beside it in the window of 64, so the
    // adds (32 cycles on two units) hide it. A window of 8 sees only 7 of them: the divides add up.
    let run = |e: &Engine| {
        let mut t = Ticket::default();
        for _ in 0..200 {
            for _ in 0..4 {
                t = e.op(Op::Div, 1, &[t], 1);
            }
            (0..63).for_each(|_| ignore(e.op(Op::Add, 1, &[], 1)));
        }
    };
    let wide = cycles(&params(|p| p.core.window_ops.value = 1024), 200, run);
    let narrow = cycles(&params(|p| p.core.window_ops.value = 8), 200, run);
    assert!(wide < 60.0, "{wide}");
    assert!(narrow > 60.0, "{narrow}");
}

#[test]
fn an_in_order_core_stalls_on_the_first_operand_that_is_not_there() {
    // add, dependent add, independent add: 1 + 4 cycles a group in order; out of order the groups overlap.
    let run = |e: &Engine| {
        for _ in 0..1000 {
            let t = e.op(Op::Add, 1, &[], 1);
            e.op(Op::Add, 1, &[t], 1);
        }
    };
    let in_order = cycles(&params(|p| p.core.window_ops.value = 0), 1000, run);
    close(in_order, 4.25);
    close(cycles(&params(|_| {}), 1000, run), 1.0);
}

#[test]
fn a_pointer_chase_takes_the_latency_of_its_level() {
    let p = params(|_| {});
    // A chase visits one line after the other, each address from the value before; enough rounds to settle.
    let chase = |bytes: u64, warm: bool| {
        let engine = mapped(&p, bytes as usize, warm);
        let lines = bytes / 64;
        let steps = if warm { 4 * lines } else { lines };
        let mut t = Ticket { ready: 1, ..Ticket::default() };
        for i in 0..steps {
            t = engine.load(Access { address_from: t, ..at(BASE + (i * 5 % lines) * 64, 1) }, 1);
        }
        engine.estimate().time_ns / steps as f64
    };
    close(chase(512, true), 4.0);
    close(chase(8 << 10, true), 12.0);
    close(chase(1 << 20, false), 100.0);
}

#[test]
fn a_stream_runs_at_the_rate_of_its_level() {
    let p = params(|_| {});
    let stream = |p: &Params, bytes: u64, warm: bool| {
        let engine = mapped(p, bytes as usize, warm);
        let rounds = if warm { 20 } else { 1 };
        for _ in 0..rounds {
            for i in 0..bytes / 16 {
                engine.load(at(BASE + i * 16, 4), 1);
            }
        }
        bytes as f64 * f64::from(rounds) / engine.estimate().time_ns
    };
    // L1: one 16-byte load a cycle.
    close(stream(&p, 512, true), 16.0);
    // L2: its port feeds 16 bytes a cycle, but four misses of 12 cycles allow 64 * 4 / 12 = 21.
    close(stream(&p, 8 << 10, true), 16.0);
    // Memory: four lines in flight at 100 ns are 2.56 GB/s, less than the bus.
    close(stream(&p, 1 << 20, false), 2.56);
    // Sixteen lines in flight would be 10 GB/s: the 8 GB/s bus is the limit.
    let many = params(|p| {
        p.memory.misses_outstanding.value = 16;
        p.core.window_ops.value = 256;
    });
    close(stream(&many, 1 << 20, false), 8.0);
}

#[test]
fn a_prefetcher_keeps_more_lines_in_flight_than_the_core() {
    let prefetching = |outstanding: u32, crosses: bool| {
        params(|p| {
            // Room for what is prefetched.
            p.caches[1].kib.value = 256.0;
            p.memory.prefetch_streams.value = 4;
            p.memory.prefetch_lines.value = 2 * outstanding;
            p.memory.prefetch_outstanding.value = outstanding;
            p.memory.prefetch_crosses_pages = Some(crate::profile::Figure { value: crosses, source: "s".into() });
        })
    };
    let rate = |p: Params, run: u64, step: u64| {
        let engine = mapped(&p, 1 << 20, false);
        for i in (0..(1u64 << 20) / 64).filter(|line| line % step < run) {
            engine.load(at(BASE + i * 64, 4), 1);
        }
        let estimate = engine.estimate();
        (estimate.memory_bytes / estimate.time_ns, estimate.memory_bytes)
    };
    // Eight prefetches at 100 ns are 5.12 GB/s, give or take what it loses at each page's start.
    let (eight, _) = rate(prefetching(8, false), 64, 64);
    assert!((4.0..5.3).contains(&eight), "{eight} GB/s");
    // More than a page holds are of no use where streams stop at its end: each page then costs a latency or two.
    let wide = |crosses| {
        let mut p = prefetching(80, crosses);
        // Neither the bus nor the second level shall be the limit.
        p.bus_ticks_per_byte /= 8.0;
        p.levels[1].ticks_per_byte /= 8.0;
        p.misses_outstanding = 16;
        rate(p, 64, 64).0
    };
    let (stops, crosses) = (wide(false), wide(true));
    assert!((20.0..41.0).contains(&stops) && (48.0..53.0).contains(&crosses), "{stops}, {crosses} GB/s");
    // Runs of two lines in eight: it is right about the second, and brings in no more than two that nobody wants.
    let (_, bytes) = rate(prefetching(8, true), 2, 8);
    assert!(bytes <= 4.0 / 8.0 * (1 << 20) as f64, "{bytes} bytes");
}

#[test]
fn a_stray_miss_ends_no_stream() {
    // Four rows line by line in turn, and now and then a line that nobody reads again: of a vector, of a table.
    let time = |streams: u32, stray_every: u64| {
        let p = params(|p| {
            p.caches[1].kib.value = 256.0;
            p.memory.misses_outstanding.value = 1;
            p.memory.prefetch_streams.value = streams;
            p.memory.prefetch_lines.value = 8;
            p.memory.prefetch_outstanding.value = 8;
        });
        let engine = mapped(&p, 4 << 20, false);
        let (row, mut strays) = (64 << 10, 0);
        for group in 0..4 {
            for line in 0..1024 {
                for r in 0..4 {
                    engine.load(at(BASE + (4 * group + r) * row + line * 64, 4), 1);
                }
                if line % stray_every == 0 {
                    // Apart from each other and from the rows.
                    strays += 1;
                    engine.load(at(BASE + (2 << 20) + strays * 640, 4), 1);
                }
            }
        }
        engine.estimate().time_ns
    };
    let room = time(8, 16);
    assert!(time(4, 16) < 1.2 * room, "{} ns with as many streams as rows, {room} ns with twice as many", time(4, 16));
    // Fewer streams than rows help some of them; none help nobody.
    let (three, none) = (time(3, 16), time(0, 16));
    assert!(three > 1.1 * room && three < 0.9 * none, "{three} ns with three, {none} ns with none");
    // Rows that ended make room for those that begin: the fourth group is followed as the first is.
    assert!(time(4, 1 << 30) < 1.05 * time(8, 1 << 30));
}

#[test]
fn a_vector_that_the_second_level_holds_takes_no_stream_from_the_rows() {
    let time = |streams: u32| {
        let p = params(|p| {
            p.caches[1].kib.value = 256.0;
            p.memory.misses_outstanding.value = 1;
            p.memory.prefetch_streams.value = streams;
            p.memory.prefetch_lines.value = 8;
            p.memory.prefetch_outstanding.value = 8;
        });
        let engine = mapped(&p, 8 << 20, false);
        // Each row is as long as the vector, which is four times the first level.
        let (row, vector) = (4 << 10, BASE + (4 << 20));
        for group in 0..64 {
            for line in 0..row / 64 {
                engine.load(at(vector + line * 64, 4), 1);
                (0..4).for_each(|r| ignore(engine.load(at(BASE + (4 * group + r) * row + line * 64, 4), 1)));
            }
        }
        engine.estimate().time_ns
    };
    assert!(time(4) < 1.1 * time(8), "{} ns with as many streams as rows, {} ns with twice as many", time(4), time(8));
}

#[test]
fn values_beyond_the_register_file_cost_spills() {
    let accumulate = |registers: u32| {
        let p = params(|p| p.scalar.registers.value = registers);
        cycles(&p, 24_000, |e| {
            let mut sums = [Ticket::default(); 24];
            for _ in 0..1000 {
                for s in &mut sums {
                    *s = e.op(Op::Add, 1, &[*s], 24);
                }
            }
        })
    };
    close(accumulate(24), 0.5);
    // 24 sums in 16 registers: a third of the reads reload, and each reload has its store.
    let spilled = accumulate(16);
    assert!(spilled > 0.5, "{spilled}");
}

#[test]
fn loops_cost_their_overhead_and_a_long_one_a_mispredicted_exit() {
    let p = params(|_| {});
    // Two integer operations an iteration on a four-wide core: half a cycle.
    close(cycles(&p, 10_000, |e| (0..10_000).for_each(|_| e.iteration())), 0.5);
    let exits = cycles(&p, 100, |e| (0..100).for_each(|_| e.loop_exit(33)));
    close(exits, 10.25);
    assert!(cycles(&p, 100, |e| (0..100).for_each(|_| e.loop_exit(32))) < 1.0);
}

#[test]
fn parallel_tasks_share_the_bus_and_divide_the_work() {
    let p = params(|p| p.memory.misses_outstanding.value = 16);
    let work = |parallel: bool, task: &dyn Fn(&Engine, usize)| {
        let engine = mapped(&p, 1 << 22, false);
        engine.begin_tasks(64, 1, parallel);
        while let Some(i) = engine.next_task() {
            task(&engine, i);
        }
        engine.estimate().time_ns
    };
    // Over before another core woke up: one core did it all.
    let tiny = |e: &Engine, _: usize| (0..10).for_each(|_| ignore(e.op(Op::Add, 1, &[], 1)));
    let (four, one) = (work(true, &tiny), work(false, &tiny));
    assert!((four / one - 1.0).abs() < 0.05, "{four} ns on four cores, {one} ns on one");
    let compute = |e: &Engine, _: usize| (0..10_000).for_each(|_| ignore(e.op(Op::Add, 1, &[], 1)));
    // Four cores: a quarter of the time, plus 1 µs of fork and join.
    close(work(true, &compute), work(false, &compute) / 4.0 + 1000.0);
    let stream = |e: &Engine, i: usize| {
        for k in 0..4096u64 {
            e.load(at(BASE + i as u64 * 65536 + k * 16, 4), 1);
        }
    };
    // One core's misses nearly fill the bus, so four cores are no faster.
    let (alone, together) = (work(false, &stream), work(true, &stream));
    assert!(together > 0.7 * alone, "{alone} ns alone, {together} ns on four cores");
}

#[test]
fn sampling_agrees_with_the_full_run() {
    let p = params(|_| {});
    let run = |mode: Mode| {
        let engine = Engine::new(&p, mode);
        engine.map(
            &[kernels::operand::Region {
                start: 1 << 20,
                bytes: 1 << 22,
                streamed: true,
                presence: kernels::operand::Presence::Own,
            }],
            false,
        );
        engine.begin_tasks(1000, 1, false);
        while let Some(i) = engine.next_task() {
            for k in 0..256u64 {
                let loaded = engine.load(at(BASE + i as u64 * 4096 + k * 16, 4), 1);
                engine.op(Op::Add, 4, &[loaded], 1);
            }
        }
        engine.estimate()
    };
    let (full, sampled) = (run(Mode::Full), run(Mode::Sampled));
    close(sampled.time_ns, full.time_ns);
    close(sampled.memory_bytes, full.memory_bytes);
    assert!(sampled.simulated < full.simulated / 10);
    assert_eq!(run(Mode::Sampled), sampled);
}

#[test]
fn the_shares_name_what_was_waited_for() {
    let p = params(|_| {});
    let engine = Engine::new(&p, Mode::Full);
    let mut t = Ticket::default();
    for _ in 0..1000 {
        t = engine.op(Op::Add, 1, &[t], 1);
    }
    assert_eq!(engine.estimate().shares[0].0, Bound::Latency);
    let engine = mapped(&p, 1 << 20, false);
    (0..1000u64).for_each(|i| ignore(engine.load(at(BASE + i * 64, 1), 1)));
    let estimate = engine.estimate();
    assert_eq!(estimate.shares[0].0, Bound::MemoryLatency);
    let total: f64 = estimate.shares.iter().map(|s| s.1).sum();
    assert!((total - 1.0).abs() < 1e-9);
}
