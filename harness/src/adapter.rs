//! GPUs of this host, through wgpu: the shaders that the model interprets, run for real. A device is given the kernel's own
//! operands and gives its outputs back, so the kernel's check against its f64 reference judges both alike. wgpu's bounds
//! checks stay in, as they do for everyone who runs WGSL.

use std::time::{Duration, Instant};

use kernels::foreign::Binding;
use kernels::kernel::{Case, Shape};
use wgpu::util::DeviceExt;

use crate::simt::program::Program;

/// One opened device.
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
}

/// Why a shader did not run.
#[derive(Debug, thiserror::Error)]
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

/// A shader at a shape on a device.
pub struct Prepared {
    operands: Vec<wgpu::Buffer>,
    steps: Vec<Step>,
}

/// Every GPU that wgpu finds here and opens, with the reason for each that it does not open.
pub fn all() -> (Vec<Gpu>, Vec<GpuError>) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let (mut gpus, mut refused) = (Vec::new(), Vec::new());
    for adapter in adapters {
        match Gpu::open(&adapter) {
            Ok(gpu) => gpus.push(gpu),
            Err(e) => refused.push(e),
        }
    }
    (gpus, refused)
}

impl Gpu {
    fn open(adapter: &wgpu::Adapter) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        let wanted = wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY;
        let descriptor = wgpu::DeviceDescriptor {
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| GpuError::Refused { gpu: info.name.clone(), reason: e.to_string() })?;
        Ok(Self { device, queue, info })
    }

    /// What the driver calls it.
    pub fn name(&self) -> String {
        format!("{} ({:?}, {} {})", self.info.name, self.info.backend, self.info.driver, self.info.driver_info)
    }

    /// Lanes of its narrowest and widest warps.
    pub fn lanes(&self) -> [u32; 2] {
        [self.info.subgroup_min_size, self.info.subgroup_max_size]
    }

    /// True where its own clock times passes; false where this host's does, waiting included.
    pub fn has_clock(&self) -> bool {
        self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Compiles the shader and copies the operands to the device.
    ///
    /// # Errors
    /// [`GpuError`] where the device lacks something, or refuses.
    pub fn prepare(&self, program: &Program, shape: &Shape, case: &mut dyn Case) -> Result<Prepared, GpuError> {
        if program.matrices() {
            return Err(self.lacks("cooperative matrices are experimental in wgpu, and are not asked for"));
        }
        if program.subgroups() && !self.device.features().contains(wgpu::Features::SUBGROUP) {
            return Err(self.lacks("no operations between the lanes of a warp"));
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let prepared = self.prepared(program, shape, case);
        match pollster::block_on(scope.pop()) {
            Some(error) => Err(self.refused(error)),
            None => prepared,
        }
    }

    fn prepared(&self, program: &Program, shape: &Shape, case: &mut dyn Case) -> Result<Prepared, GpuError> {
        let shader = program.shader();
        let operands: Vec<wgpu::Buffer> = case.operands().iter().map(|o| self.buffer(o.bytes())).collect();
        let scratch: Vec<(usize, wgpu::Buffer)> =
            program.scratch(shape).into_iter().map(|(binding, bytes)| (binding, self.buffer(&bytes))).collect();
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(shader.name),
            source: wgpu::ShaderSource::Wgsl(shader.source.into()),
        });
        let layout = self.layout(program);
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
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &layout,
                entries: &entries,
            });
            steps.push((self.pipeline(&module, &layout, pass.entry), group, pass.workgroups));
        }
        Ok(Prepared { operands, steps })
    }

    /// Runs every pass once; ns, by the device's clock where it has one.
    ///
    /// # Errors
    /// [`GpuError`] where the device refuses or is lost.
    pub fn run(&self, prepared: &Prepared) -> Result<f64, GpuError> {
        match self.has_clock() {
            true => self.by_its_clock(&prepared.steps),
            false => Ok(self.by_ours(&prepared.steps)?.as_nanos() as f64),
        }
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

    fn by_its_clock(&self, steps: &[Step]) -> Result<f64, GpuError> {
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
        let mut encoder = self.encoded(steps, Some(stamps));
        encoder.resolve_query_set(&queries, 0..2, &resolved, 0);
        self.queue.submit([encoder.finish()]);
        let bytes = self.read(&resolved)?;
        let stamp = |at: usize| bytes[at..at + 8].iter().rev().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        Ok(stamp(8).saturating_sub(stamp(0)) as f64 * f64::from(self.queue.get_timestamp_period()))
    }

    fn by_ours(&self, steps: &[Step]) -> Result<Duration, GpuError> {
        let encoder = self.encoded(steps, None);
        let start = Instant::now();
        self.queue.submit([encoder.finish()]);
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| self.refused(e))?;
        Ok(start.elapsed())
    }

    fn encoded(
        &self,
        steps: &[Step],
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites>,
    ) -> wgpu::CommandEncoder {
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
            for (pipeline, group, [x, y, z]) in steps {
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
