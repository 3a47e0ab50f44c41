//! Runs a source for an emulated machine that no kernel lists, on a kernel's operands at its shapes: what a compiler of the
//! time makes of the same loop, say. `cargo run --example machine_code -- playstation dot_fixed loop.r3000.asm`

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use harness::emulated::asm::{assemble, encoder};
use harness::emulated::cells::prepare_program;
use harness::emulated::program::Program;
use harness::profile::Hardware;
use harness::record::Outcome;
use kernels::KERNELS;
use kernels::input::Input;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let [machine, kernel, file] = arguments else {
        return Err("three arguments are wanted: a machine, a kernel and a source".to_owned());
    };
    let machines = Hardware::select(machine).map_err(|e| e.to_string())?.emulated;
    let machine = machines.first().ok_or_else(|| format!("{machine} is no emulated machine"))?;
    let kernel = KERNELS.iter().find(|k| k.name() == kernel).ok_or_else(|| format!("no kernel is called {kernel}"))?;
    let source = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    let name = Path::new(file).file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let suffix =
        name.strip_suffix(".asm").and_then(|n| n.rsplit_once('.')).map(|(_, suffix)| suffix).unwrap_or_default();
    let encoder = encoder(suffix).ok_or_else(|| format!("{file}: a source is called <name>.<processor>.asm"))?;
    let made = assemble(file, &source, encoder).map_err(|e| e.to_string())?;
    let program = Program::assembled("", "", "", made);
    for shape in kernel.shapes() {
        let dims = kernel.dims(&shape);
        let prepared = prepare_program(&Input::typical(0), *kernel, &shape, program, &machine.profile);
        let mut ready = match prepared.map_err(|e| e.to_string())? {
            Ok(ready) => ready,
            Err(Outcome::DoesNotFit { reason }) => {
                println!("{dims}: does not fit: {reason}");
                continue;
            }
            Err(other) => return Err(format!("{dims}: {other:?}")),
        };
        let begun = Instant::now();
        let spent = ready.run().map_err(|fault| format!("{dims}: {fault}"))?;
        let speed = spent.instructions as f64 / begun.elapsed().as_secs_f64() / 1e6;
        if let Some(failure) = ready.verify().failure {
            return Err(format!("{dims}: {failure}"));
        }
        let each = spent.cycles as f64 / (kernel.cost(&shape).operations as f64 / 2.0);
        println!(
            "{dims}: {} cycles, {each:.2} for each two operations, {} instructions, emulated at {speed:.0} million a second",
            spent.cycles, spent.instructions
        );
    }
    Ok(())
}
