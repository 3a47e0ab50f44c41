//! oneDNN's matmul (Debian: libdnnl2, version 2 of its C interface), weights reordered once as it likes them: f32, bf16, and
//! i8 with one scale for all weights, which is less work than a scale for 32 of them and so only shown beside. Its threads
//! are OpenMP's, as many as `OMP_NUM_THREADS` says.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use crate::activations::to_bf16;
use crate::host::Host;
use crate::library::library;
use crate::measure::{Calls, Contestant};
use crate::rows::Problem;
use crate::rows::linear::{Format, Linear};

/// A memory descriptor or an operation's: structs of at most 2800 bytes in version 2.
#[repr(C, align(64))]
pub struct Descriptor([u8; 8192]);

/// An argument of a primitive.
#[repr(C)]
pub struct Argument {
    arg: c_int,
    memory: *mut c_void,
}

/// Major, minor, patch, and what is not used.
#[repr(C)]
pub struct Version {
    numbers: [c_int; 3],
    hash: *const c_char,
}

type Handle = *mut c_void;

library! {
    /// What is used of it.
    Dnnl {
        fn dnnl_version() -> *const Version;
        fn dnnl_engine_create(*mut Handle, c_int, usize) -> c_int;
        fn dnnl_stream_create(*mut Handle, Handle, c_int) -> c_int;
        fn dnnl_stream_wait(Handle) -> c_int;
        fn dnnl_memory_desc_init_by_tag(*mut Descriptor, c_int, *const i64, c_int, c_int) -> c_int;
        fn dnnl_memory_create(*mut Handle, *const Descriptor, Handle, *mut c_void) -> c_int;
        fn dnnl_matmul_desc_init(
            *mut Descriptor, *const Descriptor, *const Descriptor, *const Descriptor, *const Descriptor,
        ) -> c_int;
        fn dnnl_primitive_attr_create(*mut Handle) -> c_int;
        fn dnnl_primitive_attr_set_output_scales(Handle, i64, c_int, *const f32) -> c_int;
        fn dnnl_primitive_desc_create(*mut Handle, *const Descriptor, Handle, Handle, Handle) -> c_int;
        fn dnnl_primitive_desc_query_md(Handle, c_int, c_int) -> *const Descriptor;
        fn dnnl_reorder_primitive_desc_create(
            *mut Handle, *const Descriptor, Handle, *const Descriptor, Handle, Handle,
        ) -> c_int;
        fn dnnl_primitive_create(*mut Handle, Handle) -> c_int;
        fn dnnl_primitive_execute(Handle, Handle, c_int, *const Argument) -> c_int;
    }
}

// Of dnnl_types.h.
const CPU: c_int = 1;
const IN_ORDER: c_int = 1;
const ALLOCATE: *mut c_void = usize::MAX as *mut c_void;
const BF16: c_int = 2;
const F32: c_int = 3;
const S8: c_int = 5;
const ANY: c_int = 1;
const AB: c_int = 3;
const BA: c_int = 22;
const QUERY_WEIGHTS: c_int = 131;
const FROM: c_int = 1;
const TO: c_int = 17;
const WEIGHTS: c_int = 33;

/// The library with an engine and a stream.
struct Engine {
    dnnl: Dnnl,
    engine: Handle,
    stream: Handle,
}

// SAFETY: engines may be used from any thread; this program does from one.
unsafe impl Send for Engine {}
// SAFETY: as above.
unsafe impl Sync for Engine {}

fn engine() -> Result<&'static Engine, String> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    let start = || {
        // SAFETY: the signatures are those of dnnl.h of version 2, which the file's name says; handles are written before
        // they are read.
        unsafe {
            let dnnl = Dnnl::open(&["libdnnl.so.2"])?;
            let (mut engine, mut stream) = (null_mut(), null_mut());
            done((dnnl.dnnl_engine_create)(&mut engine, CPU, 0))?;
            done((dnnl.dnnl_stream_create)(&mut stream, engine, IN_ORDER))?;
            Ok(Engine { dnnl, engine, stream })
        }
    };
    ENGINE.get_or_init(start).as_ref().map_err(Clone::clone)
}

fn done(status: c_int) -> Result<(), String> {
    if status == 0 { Ok(()) } else { Err(format!("status {status}")) }
}

/// Its version.
pub fn about() -> Result<String, String> {
    let engine = engine()?;
    // SAFETY: it returns a static struct, of which only the first three numbers are read.
    let [major, minor, patch] = unsafe { (*(engine.dnnl.dnnl_version)()).numbers };
    Ok(format!("{major}.{minor}.{patch}"))
}

impl Engine {
    /// A matrix of `rows × columns`.
    fn descriptor(&self, (rows, columns): (usize, usize), dtype: c_int, tag: c_int) -> Result<Box<Descriptor>, String> {
        let mut descriptor = Box::new(Descriptor([0; 8192]));
        let sizes = [rows as i64, columns as i64];
        // SAFETY: a memory descriptor is smaller than the struct.
        done(unsafe { (self.dnnl.dnnl_memory_desc_init_by_tag)(&mut *descriptor, 2, sizes.as_ptr(), dtype, tag) })?;
        Ok(descriptor)
    }

    /// Memory so described, at an address or allocated.
    fn memory(&self, descriptor: *const Descriptor, at: *mut c_void) -> Result<Handle, String> {
        let mut memory = null_mut();
        // SAFETY: the descriptor is a valid one, and the caller's buffer as large as it says.
        done(unsafe { (self.dnnl.dnnl_memory_create)(&mut memory, descriptor, self.engine, at) })?;
        Ok(memory)
    }

    fn primitive(&self, descriptor: Handle) -> Result<Handle, String> {
        let mut primitive = null_mut();
        // SAFETY: the descriptor is a valid one.
        done(unsafe { (self.dnnl.dnnl_primitive_create)(&mut primitive, descriptor) })?;
        Ok(primitive)
    }

    fn execute(&self, primitive: Handle, arguments: &[(c_int, Handle)]) {
        let arguments: Vec<Argument> = arguments.iter().map(|&(arg, memory)| Argument { arg, memory }).collect();
        let (dnnl, count) = (&self.dnnl, arguments.len() as c_int);
        // SAFETY: primitive and memories fit each other, and outlive the wait.
        let status = unsafe {
            (dnnl.dnnl_primitive_execute)(primitive, self.stream, count, arguments.as_ptr())
                | (dnnl.dnnl_stream_wait)(self.stream)
        };
        done(status).expect("the primitive runs");
    }
}

/// Activations, or weights, as the primitive takes them.
enum Values {
    F32(Vec<f32>),
    Bf16(Vec<u16>),
    /// With what the values were multiplied by.
    S8(Vec<i8>, f32),
}

impl Values {
    fn new(values: &[f32], dtype: c_int) -> Self {
        let largest = values.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
        let mut new = match dtype {
            F32 => Self::F32(values.to_vec()),
            BF16 => Self::Bf16(vec![0; values.len()]),
            _ => Self::S8(vec![0; values.len()], 127.0 / largest),
        };
        new.convert(values);
        new
    }

    fn convert(&mut self, values: &[f32]) {
        match self {
            Self::F32(_) => {}
            Self::Bf16(to) => to_bf16(values, to),
            Self::S8(to, scale) => {
                // Adding 1.5 * 2^23 rounds to an integer, whose low bits are then the float's.
                to.iter_mut().zip(values).for_each(|(q, v)| *q = (v * *scale + 12_582_912.0).to_bits() as i8);
            }
        }
    }

    fn address(&mut self) -> *mut c_void {
        match self {
            Self::F32(v) => v.as_mut_ptr().cast(),
            Self::Bf16(v) => v.as_mut_ptr().cast(),
            Self::S8(v, _) => v.as_mut_ptr().cast(),
        }
    }

    fn scale(&self) -> f32 {
        if let Self::S8(_, scale) = self { *scale } else { 1.0 }
    }
}

struct Product {
    engine: &'static Engine,
    primitive: Handle,
    x: Vec<f32>,
    source: Values,
    destination: Vec<f32>,
    source_memory: Handle,
    destination_memory: Handle,
    weights: Vec<Handle>,
    next: usize,
}

fn prepare(engine: &'static Engine, linear: &Linear, dtype: c_int) -> Result<Product, String> {
    let Linear { m, n, k, .. } = *linear;
    let dnnl = &engine.dnnl;
    let mut plain = Values::new(linear.w.as_slice(), dtype);
    let mut source = Values::new(linear.x.as_slice(), dtype);
    let mut destination = vec![0.0f32; m * n];
    let source_desc = engine.descriptor((m, k), dtype, AB)?;
    let any = engine.descriptor((k, n), dtype, ANY)?;
    let destination_desc = engine.descriptor((m, n), F32, AB)?;

    let mut operation = Box::new(Descriptor([0; 8192]));
    let (mut attr, mut primitive_desc) = (null_mut(), null_mut());
    let scale = 1.0 / (plain.scale() * source.scale());
    // SAFETY: descriptors are valid, the operation's is smaller than the struct.
    let weights_desc = unsafe {
        done((dnnl.dnnl_matmul_desc_init)(&mut *operation, &*source_desc, &*any, null(), &*destination_desc))?;
        done((dnnl.dnnl_primitive_attr_create)(&mut attr))?;
        if dtype == S8 {
            done((dnnl.dnnl_primitive_attr_set_output_scales)(attr, 1, 0, &scale))?;
        }
        let create = dnnl.dnnl_primitive_desc_create;
        done(create(&mut primitive_desc, &*operation, attr, engine.engine, null_mut()))?;
        (dnnl.dnnl_primitive_desc_query_md)(primitive_desc, QUERY_WEIGHTS, 0)
    };
    let primitive = engine.primitive(primitive_desc)?;

    let plain_desc = engine.descriptor((k, n), dtype, BA)?;
    let plain_memory = engine.memory(&*plain_desc, plain.address())?;
    let mut reorder_desc = null_mut();
    // SAFETY: both descriptors are valid.
    done(unsafe {
        let (create, engine) = (dnnl.dnnl_reorder_primitive_desc_create, engine.engine);
        create(&mut reorder_desc, &*plain_desc, engine, weights_desc, engine, null_mut())
    })?;
    let reorder = engine.primitive(reorder_desc)?;
    let element = [0, 0, 2, 4, 0, 1][dtype as usize];
    let copies = (0..linear.copies(element * n * k)).map(|_| {
        let memory = engine.memory(weights_desc, ALLOCATE)?;
        engine.execute(reorder, &[(FROM, plain_memory), (TO, memory)]);
        Ok(memory)
    });
    Ok(Product {
        engine,
        primitive,
        x: linear.x.as_slice().to_vec(),
        weights: copies.collect::<Result<_, String>>()?,
        source_memory: engine.memory(&*source_desc, source.address())?,
        destination_memory: engine.memory(&*destination_desc, destination.as_mut_ptr().cast())?,
        source,
        destination,
        next: 0,
    })
}

/// Products in the types that it has. Handles live until the program ends: it is short.
pub fn add<'h>(problem: &Problem, _: &'h Host, to: &mut Vec<Contestant<'h>>) {
    let (Problem::Linear(linear), Ok(engine)) = (problem, engine()) else { return };
    let (name, dtype) = match linear.format {
        Format::F32 => ("oneDNN", F32),
        Format::Bf16 => ("oneDNN", BF16),
        Format::Q8_0 => ("oneDNN int8", S8),
        Format::Q4_0 | Format::Q4K | Format::Q6K => return,
    };
    let state = match prepare(engine, linear, dtype) {
        Ok(product) => product,
        Err(reason) => return eprintln!("peers: {name}: {reason}"),
    };
    let call = |p: &mut Product| {
        p.source.convert(&p.x);
        let arguments = [(FROM, p.source_memory), (WEIGHTS, p.weights[p.next]), (TO, p.destination_memory)];
        p.engine.execute(p.primitive, &arguments);
        p.next = (p.next + 1) % p.weights.len();
    };
    let output = |p: &Product| p.destination.clone();
    let contestant = Contestant::new(name, Calls { state, call, output });
    to.push(if dtype == S8 { contestant.beside() } else { contestant });
}
