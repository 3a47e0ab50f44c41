//! `synth`: writes a model of a published shape with seeded weights, to run real sizes without the real weights.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use kernels::model::synth::{Piece, Synth};
use kernels::model::{Dtype, published};
use rayon::prelude::*;

use super::output::{print, progress, write_whole};
use super::{Common, Failure};
use crate::report::units;

/// Bytes of rows that are made at once, in parallel.
const BATCH_BYTES: usize = 16 << 20;

/// Flags of `synth`.
#[derive(Debug, Args)]
pub struct SynthArgs {
    /// A published model, such as r1-distill-qwen-1.5b, r1-distill-llama-8b, deepseek-v2-lite or deepseek-v3.
    #[arg(long, env = "RETROBENCH_MODEL")]
    model: String,
    /// How matrices are stored: q8_0, q4_0, q4_k, q6_k, bf16, f16 or f32. A row that is no whole number of its blocks is
    /// stored as q5_0 for q4_k, else as q8_0, or as f16.
    #[arg(long, default_value = "q8_0", env = "RETROBENCH_DTYPE")]
    dtype: String,
    /// Only the first layers.
    #[arg(long, env = "RETROBENCH_LAYERS")]
    layers: Option<usize>,
    /// The GGUF file to write (- = standard output).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_OUT")]
    out: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Writes the file, whole or not at all.
pub fn run(args: &SynthArgs) -> Result<(), Failure> {
    let synth = plan(args)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.common.threads.unwrap_or(0).into());
    let pool = pool.build().map_err(Failure::input)?;
    let needs = synth.byte_len();
    let bar = progress(synth.pieces.len(), args.common.quiet);
    let written = write_whole(&args.out, needs, |out| {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        out.write_all(&synth.head)?;
        for piece in &synth.pieces {
            write(&synth, piece, &pool, &mut out)?;
            bar.inc(1);
        }
        out.flush()
    });
    bar.finish_and_clear();
    let advice = "choose another place for --out, a smaller --dtype or fewer --layers";
    written.map_err(|failure| Failure::input(format!("{}; {advice}", failure.message)))?;
    let done = format!("{}: {} tensors, {}\n", args.out.display(), synth.pieces.len(), units::bytes(needs as f64));
    // What went to standard output is the model alone.
    if args.out.as_os_str() == "-" {
        eprint!("{done}");
        return Ok(());
    }
    print(&done)
}

fn plan(args: &SynthArgs) -> Result<Synth, Failure> {
    let mut config = published::named(&args.model).ok_or_else(|| {
        let names: Vec<String> = published::all().into_iter().map(|config| config.name).collect();
        Failure::input(format!("there is no published model {:?}; there are {}", args.model, names.join(", ")))
    })?;
    if let Some(layers) = args.layers {
        if !(1..=config.layers).contains(&layers) {
            return Err(Failure::input(format!("--layers is {layers}, {} has 1 to {}", config.name, config.layers)));
        }
        config.layers = layers;
    }
    let dtype = Dtype::named(&args.dtype).filter(|dtype| Dtype::MULTIPLIED.contains(dtype)).ok_or_else(|| {
        let names = Dtype::MULTIPLIED.map(|dtype| dtype.to_string().to_lowercase());
        Failure::input(format!("--dtype is {:?}, it should be one of {}", args.dtype, names.join(", ")))
    })?;
    Ok(Synth::new(&config, dtype, args.common.seed))
}

/// Writes a tensor, some rows at a time.
fn write(synth: &Synth, piece: &Piece, pool: &rayon::ThreadPool, out: &mut impl Write) -> std::io::Result<()> {
    let width = piece.row_bytes().max(1);
    let batch = (BATCH_BYTES / width).max(1);
    let mut bytes = Vec::new();
    for first in (0..piece.rows()).step_by(batch) {
        bytes.resize(batch.min(piece.rows() - first) * width, 0);
        let rows = bytes.par_chunks_exact_mut(width).enumerate();
        pool.install(|| rows.for_each(|(row, bytes)| bytes.copy_from_slice(&synth.row(piece, first + row))));
        out.write_all(&bytes)?;
    }
    out.write_all(&vec![0; piece.padding()])
}
