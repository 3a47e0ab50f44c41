//! A graph of one operation over and over: a node for each copy of the weights, as a model's graph has one for each layer,
//! so that what starting a graph costs does not count against the operation. Outputs of all nodes share their memory.

use std::ffi::c_void;
use std::ptr::null_mut;

use super::api::{Ggml, Handle, InitParams};
use crate::measure::Runner;

/// Tensors with their memory, and later the graph.
pub struct Builder {
    pub ggml: &'static Ggml,
    pub context: Handle,
    tensors: usize,
    buffers: Vec<Handle>,
}

/// One that can run.
pub struct Graph {
    builder: Builder,
    backend: Handle,
    graph: Handle,
    nodes: usize,
    output: Handle,
}

impl Builder {
    /// Room for the descriptions of so many tensors.
    pub fn new(ggml: &'static Ggml, tensors: usize) -> Self {
        let f = &ggml.f;
        // SAFETY: a context that allocates no tensors' data needs room for their descriptions and the graph's.
        let context = unsafe {
            let graph = (f.ggml_graph_overhead_custom)(tensors + 64, false);
            let mem_size = (tensors + 64) * (f.ggml_tensor_overhead)() + graph;
            (f.ggml_init)(InitParams { mem_size, mem_buffer: null_mut(), no_alloc: true })
        };
        Self { ggml, context, tensors, buffers: Vec::new() }
    }

    /// Gives a tensor memory of its own, of this kind.
    pub fn place(&mut self, tensor: Handle, kind: Handle) -> *mut c_void {
        let f = &self.ggml.f;
        // SAFETY: the buffer is as large as this kind lays the tensor out, and lives as long as the context.
        unsafe {
            let bytes = (f.ggml_backend_buft_get_alloc_size)(kind, tensor);
            let buffer = (f.ggml_backend_buft_alloc_buffer)(kind, bytes + 64);
            (f.ggml_backend_buffer_set_usage)(buffer, 1);
            self.buffers.push(buffer);
            let at = (f.ggml_backend_buffer_get_base)(buffer);
            let status = (f.ggml_backend_tensor_alloc)(buffer, tensor, at);
            assert_eq!(status, 0, "the tensor fits its buffer");
            at
        }
    }

    /// Gives a tensor the memory of the last one placed, which is as large.
    pub fn share_last(&mut self, tensor: Handle) {
        let f = &self.ggml.f;
        let buffer = *self.buffers.last().expect("one was placed");
        // SAFETY: the same buffer held a tensor of this size before.
        let status = unsafe {
            let at = (f.ggml_backend_buffer_get_base)(buffer);
            (f.ggml_backend_tensor_alloc)(buffer, tensor, at)
        };
        assert_eq!(status, 0, "the tensor fits the buffer");
    }

    /// Places a view where what it views is.
    pub fn place_view(&self, view: Handle) {
        // SAFETY: the viewed tensor was placed before.
        let status = unsafe { (self.ggml.f.ggml_backend_view_init)(view) };
        assert_eq!(status, 0, "the view fits");
    }

    /// Places alike outputs in one piece of memory.
    pub fn place_outputs(&mut self, tensors: &[Handle]) {
        for (i, tensor) in tensors.iter().enumerate() {
            if i == 0 {
                self.place(*tensor, self.ggml.plain);
            } else {
                self.share_last(*tensor);
            }
        }
    }

    /// Writes a whole tensor.
    pub fn set<T: Copy>(&self, tensor: Handle, values: &[T]) {
        let f = &self.ggml.f;
        // SAFETY: the sizes are equal.
        unsafe {
            assert_eq!((f.ggml_nbytes)(tensor), size_of_val(values));
            (f.ggml_backend_tensor_set)(tensor, values.as_ptr().cast(), 0, size_of_val(values));
        }
    }

    /// A placed f32 matrix with these values: `rows` of `columns`.
    pub fn matrix(&mut self, rows: usize, columns: usize, values: &[f32]) -> Handle {
        // SAFETY: type 0 is f32; the context has room.
        let tensor = unsafe { (self.ggml.f.ggml_new_tensor_2d)(self.context, 0, columns as i64, rows as i64) };
        self.place(tensor, self.ggml.plain);
        self.set(tensor, values);
        tensor
    }

    /// The graph that computes these, in order; each counts as a run.
    pub fn build(self, results: &[Handle], threads: usize) -> Graph {
        let f = &self.ggml.f;
        let nodes = results.len();
        // SAFETY: the context has room for the graph; tensors are its own.
        let graph = unsafe {
            let graph = (f.ggml_new_graph_custom)(self.context, self.tensors + 64, false);
            results.iter().for_each(|r| (f.ggml_build_forward_expand)(graph, *r));
            graph
        };
        let (backend, output) = (self.ggml.backend(threads), results[nodes - 1]);
        Graph { builder: self, backend, graph, nodes, output }
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        let f = &self.ggml.f;
        // SAFETY: nothing uses them any more.
        unsafe {
            self.buffers.iter().for_each(|b| (f.ggml_backend_buffer_free)(*b));
            (f.ggml_free)(self.context);
        }
    }
}

impl Runner for Graph {
    fn run(&mut self, times: usize) {
        for _ in 0..times / self.nodes {
            // SAFETY: every tensor of the graph has memory.
            let status = unsafe { (self.builder.ggml.f.ggml_backend_graph_compute)(self.backend, self.graph) };
            assert_eq!(status, 0, "the graph runs");
        }
    }

    fn step(&self) -> usize {
        self.nodes
    }

    fn output(&self) -> Vec<f32> {
        let f = &self.builder.ggml.f;
        // SAFETY: the buffer is as large as the tensor.
        unsafe {
            let mut values = vec![0.0f32; (f.ggml_nbytes)(self.output) / 4];
            (f.ggml_backend_tensor_get)(self.output, values.as_mut_ptr().cast(), 0, 4 * values.len());
            values
        }
    }
}
