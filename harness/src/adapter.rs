//! GPUs of this host, through wgpu: the shaders that the model interprets, run for real. A device is given the kernel's own
//! operands and gives its outputs back, so the kernel's check against its f64 reference judges both alike. wgpu's bounds
//! checks stay in, as they do for everyone who runs WGSL, unless they are asked to be left out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernels::foreign::{Binding, Shader};
use kernels::kernel::{Case, Shape};
use wgpu::util::DeviceExt;

use crate::caught::caught;
use crate::simt::program::Program;

/// What matrix units are called.
const MATRICES: wgpu::Features = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;

/// One opened device.
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    options: Options,
}

/// How devices are opened and shaders compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Asks for matrix units, which are experimental in wgpu.
    pub experimental: bool,
    /// Compiles shaders without wgpu's bounds checks and its counters that end every loop: what CUDA compiles has neither.
    pub unchecked: bool,
}

/// Why a shader did not run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GpuError {
    /// The device lacks what the shader needs.
    #[error("{gpu}: {what}")]
    Lacks {
        /// Device.
        gpu: String,
        /// What it lacks.
        what: String,
    },
    /// wgpu or the driver refused.
    #[error("{gpu}: {reason}")]
    Refused {
        /// Device.
        gpu: String,
        /// Its words.
        reason: String,
    },
}

/// A shader compiled for a device.
pub struct Compiled {
    program: Arc<Program>,
    layout: wgpu::BindGroupLayout,
    /// By entry point.
    pipelines: Vec<(String, wgpu::ComputePipeline)>,
}

/// A shader at a shape on a device.
pub struct Prepared {
    operands: Vec<wgpu::Buffer>,
    steps: Vec<Step>,
}

/// Every GPU that wgpu finds here and opens, with the reason for each that it does not open.
pub fn all(options: Options) -> (Vec<Gpu>, Vec<GpuError>) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let (mut gpus, mut refused) = (Vec::new(), Vec::new());
    for adapter in adapters {
        match Gpu::open(&adapter, options) {
            Ok(gpu) => gpus.push(gpu),
            Err(e) => refused.push(e),
        }
    }
    (gpus, refused)
}

impl Gpu {
    fn open(adapter: &wgpu::Adapter, options: Options) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        let mut wanted = wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SHADER_F16;
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if options.experimental {
            wanted |= MATRICES;
            // SAFETY: the user has asked for it, and has been told what it is.
            experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
        }
        let descriptor = wgpu::DeviceDescriptor {
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            experimental_features,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| GpuError::Refused { gpu: info.name.clone(), reason: e.to_string() })?;
        Ok(Self { device, queue, info, options })
    }

    /// What the driver calls it.
    pub fn name(&self) -> String {
        format!("{} ({:?}, {} {})", self.info.name, self.info.backend, self.info.driver, self.info.driver_info)
    }

    /// What it runs: WGSL, and whether with wgpu's checks.
    pub fn dialect(&self) -> &'static str {
        if self.options.unchecked { "wgsl, unchecked" } else { "wgsl" }
    }

    /// True where it is a processor that stands in for one.
    pub fn is_processor(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Lanes of its narrowest and widest warps.
    pub fn lanes(&self) -> [u32; 2] {
        [self.info.subgroup_min_size, self.info.subgroup_max_size]
    }

    /// True where its own clock times passes; false where this host's does, waiting included.
    pub fn has_clock(&self) -> bool {
        self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Compiles every pass of a shader.
    ///
    /// # Errors
    /// [`GpuError`] where the device lacks something, or refuses.
    pub fn compile(&self, program: &Arc<Program>) -> Result<Compiled, GpuError> {
        let (has, source) = (self.device.features(), program.shader().source);
        if program.matrices() && !has.contains(MATRICES) {
            return Err(self.lacks(match self.options.experimental {
                true => "no matrix units that wgpu knows",
                false => "matrix units are experimental in wgpu; --experimental asks for them",
            }));
        }
        if program.subgroups() && !has.contains(wgpu::Features::SUBGROUP) {
            return Err(self.lacks("no operations between the lanes of a warp"));
        }
        if source.contains("enable f16;") && !has.contains(wgpu::Features::SHADER_F16) {
            return Err(self.lacks("no arithmetic on 16-bit floats"));
        }
        // What is experimental in wgpu may also panic.
        let compiled = caught(|| {
            self.within(|| {
                let module = self.module(program.shader());
                let layout = self.layout(program);
                let pipeline = |entry: &str| (entry.to_string(), self.pipeline(&module, &layout, entry));
                let pipelines = program.entries().map(pipeline).collect();
                Ok(Compiled { program: program.clone(), layout, pipelines })
            })
        });
        compiled.unwrap_or_else(|words| Err(self.refused(words)))
    }

    /// Copies the operands to the device.
    ///
    /// # Errors
    /// As [`Gpu::compile`].
    pub fn prepare(&self, compiled: &Compiled, shape: &Shape, case: &mut dyn Case) -> Result<Prepared, GpuError> {
        self.within(|| self.prepared(compiled, shape, case))
    }

    /// What `work` gives, or the first thing that the device has against it.
    fn within<T>(&self, work: impl FnOnce() -> Result<T, GpuError>) -> Result<T, GpuError> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let done = work();
        match pollster::block_on(scope.pop()) {
            Some(error) => Err(self.refused(error)),
            None => done,
        }
    }

    fn module(&self, shader: &Shader) -> wgpu::ShaderModule {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(shader.name),
            source: wgpu::ShaderSource::Wgsl(shader.source.into()),
        };
        match self.options.unchecked {
            // SAFETY: the user has asked for it; the shaders are the library's own, which the interpreter's tests run with
            // every bound checked, and whose loops end.
            true => unsafe {
                let none = wgpu::ShaderRuntimeChecks::unchecked();
                self.device.create_shader_module_trusted(descriptor, none)
            },
            false => self.device.create_shader_module(descriptor),
        }
    }

    fn prepared(&self, compiled: &Compiled, shape: &Shape, case: &mut dyn Case) -> Result<Prepared, GpuError> {
        let Compiled { program, layout, pipelines } = compiled;
        let shader = program.shader();
        let operands: Vec<wgpu::Buffer> = case.operands().iter().map(|o| self.buffer(o.bytes())).collect();
        let scratch: Vec<(usize, wgpu::Buffer)> =
            program.scratch(shape).into_iter().map(|(binding, bytes)| (binding, self.buffer(&bytes))).collect();
        let mut steps = Vec::new();
        for (pass, _) in program.passes(shape) {
            let most = self.device.limits().max_compute_workgroups_per_dimension;
            if let Some(n) = pass.workgroups.iter().find(|n| **n > most) {
                return Err(self.lacks(&format!("{n} workgroups along an axis, of which it runs {most}")));
            }
            let mut sizes: Vec<u8> = pass.sizes.iter().flat_map(|n| n.to_le_bytes()).collect();
            sizes.resize(sizes.len().next_multiple_of(16), 0);
            let uniform = self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: None,
                contents: &sizes,
                usage: wgpu::BufferUsages::UNIFORM,
            });
            let bound = shader.bindings.iter().enumerate().filter_map(|(i, binding)| {
                let buffer = match binding {
                    Binding::Sizes => &uniform,
                    Binding::Operand(o) => &operands[*o],
                    Binding::Scratch(_) => &scratch.iter().find(|s| s.0 == i)?.1,
                };
                Some(wgpu::BindGroupEntry { binding: i as u32, resource: buffer.as_entire_binding() })
            });
            let entries: Vec<_> = bound.collect();
            let group =
                self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries });
            let found = pipelines.iter().find(|p| p.0 == pass.entry);
            let (_, pipeline) = found.ok_or_else(|| self.refused(format!("no entry point {}", pass.entry)))?;
            steps.push((pipeline.clone(), group, pass.workgroups));
        }
        Ok(Prepared { operands, steps })
    }

    /// Runs every pass so many times, one after the other; ns of one run, by the device's clock where it has one.
    ///
    /// # Errors
    /// [`GpuError`] where the device refuses or is lost.
    pub fn run(&self, prepared: &Prepared, times: usize) -> Result<f64, GpuError> {
        let all = match self.has_clock() {
            true => self.by_its_clock(&prepared.steps, times)?,
            false => self.by_ours(&prepared.steps, times)?.as_nanos() as f64,
        };
        Ok(all / times as f64)
    }

    /// Copies what the last run left back to the case.
    ///
    /// # Errors
    /// As [`Gpu::run`].
    pub fn read_back(&self, prepared: &Prepared, case: &mut dyn Case) -> Result<(), GpuError> {
        for (operand, buffer) in case.operands().iter_mut().zip(&prepared.operands) {
            if let Some(bytes) = operand.bytes_mut() {
                let back = self.read(buffer)?;
                let n = bytes.len();
                bytes.copy_from_slice(&back[..n]);
            }
        }
        Ok(())
    }

    fn lacks(&self, what: &str) -> GpuError {
        GpuError::Lacks { gpu: self.info.name.clone(), what: what.into() }
    }

    fn refused(&self, e: impl std::fmt::Display) -> GpuError {
        GpuError::Refused { gpu: self.info.name.clone(), reason: e.to_string() }
    }

    /// A buffer with these bytes, in whole vectors of four words.
    fn buffer(&self, bytes: &[u8]) -> wgpu::Buffer {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes.len().next_multiple_of(16).max(16) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let whole = bytes.len() / 4 * 4;
        self.queue.write_buffer(&buffer, 0, &bytes[..whole]);
        if whole < bytes.len() {
            let mut last = bytes[whole..].to_vec();
            last.resize(4, 0);
            self.queue.write_buffer(&buffer, whole as u64, &last);
        }
        buffer
    }

    fn layout(&self, program: &Program) -> wgpu::BindGroupLayout {
        let entry = |(i, binding): (usize, &Binding)| {
            let ty = match binding {
                Binding::Sizes => wgpu::BufferBindingType::Uniform,
                _ => wgpu::BufferBindingType::Storage { read_only: !program.stores_to(i) },
            };
            wgpu::BindGroupLayoutEntry {
                binding: i as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                count: None,
            }
        };
        let entries: Vec<_> = program.shader().bindings.iter().enumerate().map(entry).collect();
        self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
    }

    fn pipeline(
        &self,
        module: &wgpu::ShaderModule,
        layout: &wgpu::BindGroupLayout,
        entry: &str,
    ) -> wgpu::ComputePipeline {
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(layout)],
            immediate_size: 0,
        });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry),
            layout: Some(&layout),
            module,
            entry_point: Some(entry),
            compilation_options: Default::default(),
            cache: None,
        })
    }

    fn by_its_clock(&self, steps: &[Step], times: usize) -> Result<f64, GpuError> {
        let queries = self.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        });
        let resolved = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 256,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let stamps = wgpu::ComputePassTimestampWrites {
            query_set: &queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        };
        let mut encoder = self.encoded(steps, times, Some(stamps));
        encoder.resolve_query_set(&queries, 0..2, &resolved, 0);
        self.queue.submit([encoder.finish()]);
        let bytes = self.read(&resolved)?;
        let stamp = |at: usize| bytes[at..at + 8].iter().rev().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        Ok(stamp(8).saturating_sub(stamp(0)) as f64 * f64::from(self.queue.get_timestamp_period()))
    }

    fn by_ours(&self, steps: &[Step], times: usize) -> Result<Duration, GpuError> {
        let encoder = self.encoded(steps, times, None);
        let start = Instant::now();
        self.queue.submit([encoder.finish()]);
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| self.refused(e))?;
        Ok(start.elapsed())
    }

    fn encoded(
        &self,
        steps: &[Step],
        times: usize,
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites>,
    ) -> wgpu::CommandEncoder {
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
            for (pipeline, group, [x, y, z]) in std::iter::repeat_n(steps, times).flatten() {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(*x, *y, *z);
            }
        }
        encoder
    }

    fn read(&self, from: &wgpu::Buffer) -> Result<Vec<u8>, GpuError> {
        let to = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: from.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        encoder.copy_buffer_to_buffer(from, 0, &to, 0, from.size());
        self.queue.submit([encoder.finish()]);
        let (send, receive) = std::sync::mpsc::channel();
        to.map_async(wgpu::MapMode::Read, .., move |mapped| {
            // The receiver waits below; where it is gone, so is who asked.
            let _ = send.send(mapped);
        });
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| self.refused(e))?;
        receive.recv().map_err(|e| self.refused(e))?.map_err(|e| self.refused(e))?;
        let bytes = to.get_mapped_range(..).map_err(|e| self.refused(e))?.to_vec();
        Ok(bytes)
    }
}

/// Pipeline, operands, workgroups.
type Step = (wgpu::ComputePipeline, wgpu::BindGroup, [u32; 3]);
