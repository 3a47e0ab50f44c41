// What a GPU's profile says of an SM, measured: throughputs by lane and cycle, latencies, bandwidths, the time between kernels.
//   nvcc -O3 -arch=native probe.cu -o probe && ./probe > figures.csv
// Each throughput is of one workgroup of 1024 threads with independent chains, each latency of one thread with a dependent one.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call) do { cudaError_t e = (call); if (e != cudaSuccess) { \
    fprintf(stderr, "probe: %s: %s\n", #call, cudaGetErrorString(e)); exit(1); } } while (0)

constexpr int CHAINS = 8;
constexpr int STEPS = 512;
constexpr int THREADS = 1024;

// A kernel that does STEP on each of CHAINS values of TYPE, STEPS times, and tells the SM's cycles.
#define THROUGHPUT(NAME, TYPE, STEP) \
    __global__ void NAME(TYPE *out, long long *cycles, TYPE a, TYPE b) { \
        TYPE x[CHAINS]; \
        for (int c = 0; c < CHAINS; c++) x[c] = (TYPE)(threadIdx.x + c) + a; \
        __syncthreads(); \
        long long start = clock64(); \
        for (int s = 0; s < STEPS; s++) { _Pragma("unroll") for (int c = 0; c < CHAINS; c++) { STEP; } } \
        __syncthreads(); \
        long long end = clock64(); \
        TYPE all = x[0]; \
        for (int c = 1; c < CHAINS; c++) all = all + x[c]; \
        out[threadIdx.x] = all; \
        if (threadIdx.x == 0) *cycles = end - start; \
    }

THROUGHPUT(fma_f32, float, asm volatile("fma.rn.f32 %0, %0, %1, %2;" : "+f"(x[c]) : "f"(a), "f"(b)))
THROUGHPUT(fma_f64, double, asm volatile("fma.rn.f64 %0, %0, %1, %2;" : "+d"(x[c]) : "d"(a), "d"(b)))
THROUGHPUT(fma_f16x2, unsigned, asm volatile("fma.rn.f16x2 %0, %0, %1, %2;" : "+r"(x[c]) : "r"(a), "r"(b)))
// Two of each kind in turn, counted as one: of one kind alone the assembler would make fewer.
THROUGHPUT(add_and_xor, unsigned, asm volatile("add.u32 %0, %0, %1; xor.b32 %0, %0, %2;" : "+r"(x[c]) : "r"(a), "r"(b)))
THROUGHPUT(mad_i32, unsigned, asm volatile("mad.lo.u32 %0, %0, %1, %2;" : "+r"(x[c]) : "r"(a), "r"(b)))
THROUGHPUT(shift_b32, unsigned, asm volatile("shl.b32 %0, %0, %1;" : "+r"(x[c]) : "r"(a)))
THROUGHPUT(dot4_i8, unsigned, asm volatile("dp4a.s32.s32 %0, %1, %2, %0;" : "+r"(x[c]) : "r"(a), "r"(b)))
THROUGHPUT(convert, unsigned, asm volatile("{ .reg .f32 f; cvt.rn.f32.s32 f, %0; mov.b32 %0, f; }" : "+r"(x[c])))
THROUGHPUT(convert_f16, unsigned,
    asm volatile("{ .reg .b16 lo, hi; .reg .f32 f; mov.b32 {lo, hi}, %0; cvt.f32.f16 f, lo; mov.b32 %0, f; }" : "+r"(x[c])))
THROUGHPUT(exp2, float, asm volatile("ex2.approx.ftz.f32 %0, %0;" : "+f"(x[c])))
THROUGHPUT(shuffle, unsigned, asm volatile("shfl.sync.bfly.b32 %0, %0, 1, 31, -1;" : "+r"(x[c])))

// A chain of one thread.
#define LATENCY(NAME, TYPE, STEP) \
    __global__ void NAME(TYPE *out, long long *cycles, TYPE a, TYPE b) { \
        TYPE x = a + (TYPE)threadIdx.x; \
        long long start = clock64(); \
        _Pragma("unroll 16") for (int s = 0; s < STEPS; s++) { STEP; } \
        long long end = clock64(); \
        out[threadIdx.x] = x; \
        if (threadIdx.x == 0) *cycles = end - start; \
    }

LATENCY(fma_f32_latency, float, asm volatile("fma.rn.f32 %0, %0, %1, %2;" : "+f"(x) : "f"(a), "f"(b)))
LATENCY(add_i32_latency, unsigned, asm volatile("add.u32 %0, %0, %1;" : "+r"(x) : "r"(a)))
LATENCY(exp2_latency, float, asm volatile("ex2.approx.ftz.f32 %0, %0;" : "+f"(x)))
LATENCY(shuffle_latency, unsigned, asm volatile("shfl.sync.bfly.b32 %0, %0, 1, 31, -1;" : "+r"(x)))
LATENCY(barrier_cycles, unsigned, (x += a, __syncthreads()))

// Loads of one float or of four by each thread, SPACE "shared" or "global.ca" (lines that L1 holds).
#define LOADS(NAME, SPACE, POINTER, AT) \
    template <int WIDTH> __global__ void NAME(float *from, float *out, long long *cycles) { \
        __shared__ float4 tile[THREADS]; \
        tile[threadIdx.x] = {}; \
        float sum[4] = {}; \
        for (int i = threadIdx.x; i < WIDTH * THREADS; i += THREADS) sum[0] += from[i]; \
        __syncthreads(); \
        long long start = clock64(); \
        for (int s = 0; s < STEPS; s++) { \
            _Pragma("unroll") for (int c = 0; c < 4; c++) { \
                int at = (threadIdx.x + 32 * c + 32 * s) % THREADS * WIDTH; \
                float v[4] = {}; \
                if (WIDTH == 1) \
                    asm volatile("ld." SPACE ".f32 %0, [%1];" : "=f"(v[0]) : POINTER(AT)); \
                else \
                    asm volatile("ld." SPACE ".v4.f32 {%0, %1, %2, %3}, [%4];" \
                        : "=f"(v[0]), "=f"(v[1]), "=f"(v[2]), "=f"(v[3]) : POINTER(AT)); \
                sum[c] += v[0] + v[3]; \
            } \
        } \
        __syncthreads(); \
        long long end = clock64(); \
        out[threadIdx.x] = sum[0] + sum[1] + sum[2] + sum[3] + tile[THREADS - 1 - threadIdx.x].x; \
        if (threadIdx.x == 0) *cycles = end - start; \
    }
LOADS(shared_loads, "shared", "r", (unsigned)__cvta_generic_to_shared((float *)tile + at))
LOADS(l1_loads, "global.ca", "l", from + at)

// A walk through a ring of addresses in memory, or in workgroup memory.
__global__ void chase(uint64_t start_at, int steps, long long *cycles, uint64_t *out, int warm) {
    uint64_t at = start_at;
    for (int s = 0; s < warm; s++) asm volatile("ld.global.nc.u64 %0, [%1];" : "=l"(at) : "l"(at));
    uint64_t begin = start_at ^ (at & 1);
    at = begin;
    long long start = clock64();
    for (int s = 0; s < steps; s++) asm volatile("ld.global.nc.u64 %0, [%1];" : "=l"(at) : "l"(at));
    long long end = clock64();
    *out = at;
    *cycles = end - start;
}

__global__ void chase_shared(int steps, long long *cycles, unsigned *out) {
    __shared__ unsigned ring[256];
    unsigned base = (unsigned)__cvta_generic_to_shared(ring);
    for (int i = 0; i < 256; i++) ring[i] = base + 4 * ((i + 33) % 256);
    unsigned at = base;
    long long start = clock64();
    for (int s = 0; s < steps; s++) asm volatile("ld.shared.u32 %0, [%0];" : "+r"(at));
    long long end = clock64();
    *out = at;
    *cycles = end - start;
}

__global__ void read_all(const float4 *from, size_t count, float *out) {
    float4 sum = {};
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i + 3 * step < count; i += 4 * step) {
        _Pragma("unroll") for (int j = 0; j < 4; j++) {
            float4 v;
            asm volatile("ld.global.cg.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "l"(from + i + j * step));
            sum.x += v.x; sum.y += v.y; sum.z += v.z; sum.w += v.w;
        }
    }
    if (sum.x + sum.y + sum.z + sum.w == 12345.678f) *out = sum.x;
}

__global__ void copy_all(const float4 *from, float4 *to, size_t count) {
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += step) to[i] = from[i];
}

__global__ void nothing() {}

static void say(const char *name, double value, const char *unit) { printf("%s,%.4g,%s\n", name, value, unit); fflush(stdout); }

template <typename Run> static double best_ms(Run run, int times = 9) {
    cudaEvent_t a, b;
    CHECK(cudaEventCreate(&a));
    CHECK(cudaEventCreate(&b));
    double best = 1e30;
    for (int i = 0; i < times; i++) {
        float ms;
        CHECK(cudaEventRecord(a));
        run();
        CHECK(cudaEventRecord(b));
        CHECK(cudaEventSynchronize(b));
        CHECK(cudaEventElapsedTime(&ms, a, b));
        best = ms < best ? ms : best;
    }
    return best;
}

static long long *cycles;
static char *out;

template <typename Run> static double least_cycles(Run run) {
    long long least = 1LL << 60;
    for (int i = 0; i < 5; i++) {
        long long c;
        run();
        CHECK(cudaGetLastError());
        CHECK(cudaMemcpy(&c, cycles, sizeof c, cudaMemcpyDeviceToHost));
        least = c < least ? c : least;
    }
    return (double)least;
}

// Cycles of a load in a ring of so many bytes, a step of `stride` each.
static double ring(char *memory, size_t bytes, size_t stride, bool warm) {
    size_t count = bytes / stride;
    std::vector<uint64_t> order(count);
    for (size_t i = 0; i < count; i++) order[i] = i;
    uint64_t seed = 88172645463325252ULL;
    for (size_t i = count - 1; i > 0; i--) {
        seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
        std::swap(order[i], order[seed % (i + 1)]);
    }
    std::vector<char> host(bytes, 0);
    for (size_t i = 0; i < count; i++)
        *(uint64_t *)&host[order[i] * stride] = (uint64_t)(memory + order[(i + 1) % count] * stride);
    CHECK(cudaMemcpy(memory, host.data(), bytes, cudaMemcpyHostToDevice));
    int steps = count < 4096 ? (int)count : 4096;
    // Where nothing is to be warm, each try takes another part of the ring, and all before it has been flushed.
    if (warm) return least_cycles([&] { chase<<<1, 1>>>((uint64_t)(memory + order[0] * stride), steps, cycles, (uint64_t *)out, 2 * (int)count); }) / steps;
    long long c;
    CHECK(cudaMemset(memory + bytes, 1, (size_t)256 << 20));
    chase<<<1, 1>>>((uint64_t)(memory + order[0] * stride), steps, cycles, (uint64_t *)out, 0);
    CHECK(cudaMemcpy(&c, cycles, sizeof c, cudaMemcpyDeviceToHost));
    return (double)c / steps;
}

int main() {
    cudaDeviceProp p;
    int khz = 0;
    CHECK(cudaGetDeviceProperties(&p, 0));
    CHECK(cudaDeviceGetAttribute(&khz, cudaDevAttrClockRate, 0));
    double ghz = khz * 1e-6;
    printf("figure,value,unit\n");
    fprintf(stderr, "%s, %d SMs, %.0f MHz, L2 %d KiB\n", p.name, p.multiProcessorCount, ghz * 1e3, p.l2CacheSize >> 10);
    CHECK(cudaMalloc(&cycles, 64));
    CHECK(cudaMalloc(&out, 1 << 20));
    double lanes = (double)THREADS * CHAINS * STEPS;
#define SAY(NAME, TYPE, A, B) say(#NAME, lanes / least_cycles([] { NAME<<<1, THREADS>>>((TYPE *)out, cycles, A, B); }), "lanes a cycle")
    SAY(fma_f32, float, 0.5f, 0.25f);
    SAY(fma_f64, double, 0.5, 0.25);
    SAY(fma_f16x2, unsigned, 0x38003800u, 0x34003400u);
    SAY(add_and_xor, unsigned, 3, 5);
    SAY(mad_i32, unsigned, 3, 5);
    SAY(shift_b32, unsigned, 1, 5);
    SAY(dot4_i8, unsigned, 3, 5);
    SAY(convert, unsigned, 3, 5);
    SAY(convert_f16, unsigned, 3, 5);
    SAY(exp2, float, 0.5f, 0.25f);
    SAY(shuffle, unsigned, 3, 5);
#define SAY_LATENCY(NAME, TYPE, N) say(#NAME, least_cycles([] { NAME<<<1, N>>>((TYPE *)out, cycles, (TYPE)1, (TYPE)1); }) / STEPS, "cycles")
    SAY_LATENCY(fma_f32_latency, float, 1);
    SAY_LATENCY(add_i32_latency, unsigned, 1);
    SAY_LATENCY(exp2_latency, float, 1);
    SAY_LATENCY(shuffle_latency, unsigned, 32);
    SAY_LATENCY(barrier_cycles, unsigned, 64);
    SAY_LATENCY(barrier_cycles, unsigned, 256);
    SAY_LATENCY(barrier_cycles, unsigned, 1024);
    double loads = (double)THREADS * 4 * STEPS;
    char *memory;
    size_t room = (size_t)8 << 30;
    CHECK(cudaMalloc(&memory, room));
    CHECK(cudaMemset(memory, 0, room));
#define SAY_LOADS(NAME, WIDTH) say(#NAME " of " #WIDTH, \
    loads / least_cycles([=] { NAME<WIDTH><<<1, THREADS>>>((float *)memory, (float *)out, cycles); }), "lanes a cycle")
    SAY_LOADS(shared_loads, 1);
    SAY_LOADS(shared_loads, 4);
    SAY_LOADS(l1_loads, 1);
    SAY_LOADS(l1_loads, 4);
    say("shared_latency", least_cycles([] { chase_shared<<<1, 1>>>(4096, cycles, (unsigned *)out); }) / 4096, "cycles");
    say("l1_latency", ring(memory, 16 << 10, 128, true), "cycles");
    say("l2_latency_4_MiB", ring(memory, 4 << 20, 4096 + 128, true), "cycles");
    say("l2_latency_24_MiB", ring(memory, 24 << 20, 4096 + 128, true), "cycles");
    say("memory_latency_512_MiB", ring(memory, (size_t)512 << 20, (64 << 10) + 128, false), "cycles");
    CHECK(cudaMemset(memory, 0, room));
    int blocks = p.multiProcessorCount * 8;
    for (size_t mib : {8, 16, 24, 32}) {
        size_t count = (mib << 20) / 16;
        double ms = best_ms([=] { for (int i = 0; i < 100; i++) read_all<<<blocks, 256>>>((float4 *)memory, count, (float *)out); });
        // What starting a hundred kernels takes is in it: the larger ones say more.
        char name[64];
        snprintf(name, sizeof name, "l2_read_%zu_MiB", mib);
        say(name, 100.0 * (mib << 20) / (ms * 1e-3) / (ghz * 1e9), "bytes a cycle");
    }
    double ms = best_ms([=] { read_all<<<blocks, 256>>>((float4 *)memory, room / 16, (float *)out); });
    say("memory_read", room / (ms * 1e-3) * 1e-9, "GB/s");
    ms = best_ms([=] { read_all<<<blocks, 256>>>((float4 *)memory, (size_t)256 << 16, (float *)out); });
    say("memory_read_256_MiB", ((size_t)256 << 20) / (ms * 1e-3) * 1e-9, "GB/s");
    ms = best_ms([=] { copy_all<<<p.multiProcessorCount * 16, 512>>>((float4 *)memory, (float4 *)(memory + room / 2), room / 32); });
    say("memory_copy", room / (ms * 1e-3) * 1e-9, "GB/s read and written");
    ms = best_ms([] { for (int i = 0; i < 1000; i++) nothing<<<1, 32>>>(); });
    say("launch_stream", ms * 1e3, "ns a kernel");
    cudaStream_t stream;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CHECK(cudaStreamCreate(&stream));
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    for (int i = 0; i < 1000; i++) nothing<<<blocks, 256, 0, stream>>>();
    CHECK(cudaStreamEndCapture(stream, &graph));
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    CHECK(cudaGraphLaunch(exec, 0));
    ms = best_ms([&] { CHECK(cudaGraphLaunch(exec, 0)); });
    say("launch_graph", ms * 1e3, "ns a kernel");
    return 0;
}
