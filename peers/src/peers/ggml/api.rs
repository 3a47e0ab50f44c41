//! What is used of ggml's C interface, and the CPU backend with its threads.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::OnceLock;

use crate::library::library;

/// Any of ggml's objects.
pub type Handle = *mut c_void;

/// `ggml_backend_dev_get_extra_bufts_t`.
type ExtraTypes = unsafe extern "C" fn(Handle) -> *const Handle;

/// `ggml_init_params`.
#[repr(C)]
pub struct InitParams {
    pub mem_size: usize,
    pub mem_buffer: *mut c_void,
    pub no_alloc: bool,
}

/// `ggml_threadpool_params`.
#[repr(C)]
pub struct ThreadpoolParams {
    cpumask: [bool; 512],
    n_threads: c_int,
    prio: c_int,
    poll: u32,
    strict_cpu: bool,
    paused: bool,
}

library! {
    /// Functions of libggml-base and libggml-cpu.
    Functions {
        fn ggml_version() -> *const c_char;
        fn ggml_log_set(extern "C" fn(c_int, *const c_char, *mut c_void), *mut c_void);
        fn ggml_init(InitParams) -> Handle;
        fn ggml_free(Handle);
        fn ggml_tensor_overhead() -> usize;
        fn ggml_graph_overhead_custom(usize, bool) -> usize;
        fn ggml_new_graph_custom(Handle, usize, bool) -> Handle;
        fn ggml_build_forward_expand(Handle, Handle);
        fn ggml_nbytes(Handle) -> usize;
        fn ggml_new_tensor_2d(Handle, c_int, i64, i64) -> Handle;
        fn ggml_new_tensor_3d(Handle, c_int, i64, i64, i64) -> Handle;
        fn ggml_permute(Handle, Handle, c_int, c_int, c_int, c_int) -> Handle;
        fn ggml_add(Handle, Handle, Handle) -> Handle;
        fn ggml_mul(Handle, Handle, Handle) -> Handle;
        fn ggml_mul_mat(Handle, Handle, Handle) -> Handle;
        fn ggml_rms_norm(Handle, Handle, f32) -> Handle;
        fn ggml_soft_max(Handle, Handle) -> Handle;
        fn ggml_flash_attn_ext(Handle, Handle, Handle, Handle, Handle, f32, f32, f32) -> Handle;
        fn ggml_fp32_to_fp16_row(*const f32, *mut u16, i64);
        fn ggml_threadpool_params_init(*mut ThreadpoolParams, c_int);
        fn ggml_threadpool_new(*mut ThreadpoolParams) -> Handle;
        fn ggml_backend_cpu_init() -> Handle;
        fn ggml_backend_cpu_reg() -> Handle;
        fn ggml_backend_cpu_set_n_threads(Handle, c_int);
        fn ggml_backend_cpu_set_threadpool(Handle, Handle);
        fn ggml_backend_cpu_buffer_type() -> Handle;
        fn ggml_backend_reg_dev_get(Handle, usize) -> Handle;
        fn ggml_backend_reg_get_proc_address(Handle, *const c_char) -> *mut c_void;
        fn ggml_backend_dev_supports_op(Handle, Handle) -> bool;
        fn ggml_backend_buft_name(Handle) -> *const c_char;
        fn ggml_backend_buft_get_alloc_size(Handle, Handle) -> usize;
        fn ggml_backend_buft_alloc_buffer(Handle, usize) -> Handle;
        fn ggml_backend_buffer_free(Handle);
        fn ggml_backend_buffer_get_base(Handle) -> *mut c_void;
        fn ggml_backend_buffer_set_usage(Handle, c_int);
        fn ggml_backend_tensor_alloc(Handle, Handle, *mut c_void) -> c_int;
        fn ggml_backend_view_init(Handle) -> c_int;
        fn ggml_backend_tensor_set(Handle, *const c_void, usize, usize);
        fn ggml_backend_tensor_get(Handle, *mut c_void, usize, usize);
        fn ggml_backend_graph_compute(Handle, Handle) -> c_int;
    }
}

/// The library, found.
pub struct Ggml {
    pub f: Functions,
    pub version: String,
    /// Buffers of plain weights.
    pub plain: Handle,
    /// Buffers that reorder weights as they are written, by what ggml calls them: "CPU_REPACK", and "AMX" where it has that.
    pub reordering: Vec<(String, Handle)>,
    pub device: Handle,
}

// SAFETY: buffer types and devices are static objects of the library.
unsafe impl Send for Ggml {}
// SAFETY: as above.
unsafe impl Sync for Ggml {}

/// The library that `./fetch-ggml` built.
pub fn ggml() -> Result<&'static Ggml, String> {
    static GGML: OnceLock<Result<Ggml, String>> = OnceLock::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/target/ggml/build/ggml/src/libggml-cpu.so");
    let open = || {
        if !std::path::Path::new(file).exists() {
            return Err("not built: run ./fetch-ggml".into());
        }
        // SAFETY: the signatures are those of ggml.h, ggml-backend.h and ggml-cpu.h.
        unsafe {
            let f = Functions::open(&[file])?;
            (f.ggml_log_set)(silent, null_mut());
            let registry = (f.ggml_backend_cpu_reg)();
            let device = (f.ggml_backend_reg_dev_get)(registry, 0);
            let name = c"ggml_backend_dev_get_extra_bufts";
            let extra = (f.ggml_backend_reg_get_proc_address)(registry, name.as_ptr());
            let reordering = if extra.is_null() {
                Vec::new()
            } else {
                listed(&f, std::mem::transmute::<Handle, ExtraTypes>(extra), device)
            };
            let version = CStr::from_ptr((f.ggml_version)()).to_string_lossy().into_owned();
            let plain = (f.ggml_backend_cpu_buffer_type)();
            Ok(Ggml { f, version, plain, reordering, device })
        }
    };
    GGML.get_or_init(open).as_ref().map_err(Clone::clone)
}

/// It tells of every tensor that it repacks.
extern "C" fn silent(_: c_int, _: *const c_char, _: *mut c_void) {}

/// The device's buffer types beside the plain one, with their names.
unsafe fn listed(f: &Functions, list: ExtraTypes, device: Handle) -> Vec<(String, Handle)> {
    let mut found = Vec::new();
    // SAFETY: the list is of this device, and ends with a null.
    unsafe {
        let mut types = list(device);
        while !types.is_null() && !(*types).is_null() {
            let name = CStr::from_ptr((f.ggml_backend_buft_name)(*types)).to_string_lossy().into_owned();
            found.push((name, *types));
            types = types.add(1);
        }
    }
    found
}

impl Ggml {
    /// The CPU backend, one for the program, with so many threads that sleep between graphs.
    pub fn backend(&self, threads: usize) -> Handle {
        static BACKEND: OnceLock<usize> = OnceLock::new();
        let start = || {
            // SAFETY: parameters are initialised by the library before they are read.
            unsafe {
                let mut params = ThreadpoolParams {
                    cpumask: [false; 512],
                    n_threads: 0,
                    prio: 0,
                    poll: 0,
                    strict_cpu: false,
                    paused: false,
                };
                (self.f.ggml_threadpool_params_init)(&mut params, threads as c_int);
                params.poll = 0;
                let backend = (self.f.ggml_backend_cpu_init)();
                (self.f.ggml_backend_cpu_set_n_threads)(backend, threads as c_int);
                let pool = (self.f.ggml_threadpool_new)(&mut params);
                (self.f.ggml_backend_cpu_set_threadpool)(backend, pool);
                assert!(!backend.is_null() && !pool.is_null(), "memory for threads");
                backend as usize
            }
        };
        *BACKEND.get_or_init(start) as Handle
    }
}
