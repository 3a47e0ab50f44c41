// What the threads of a workgroup have meets in workgroup memory, half of it with the other half. The rung says how many
// THREADS there are, and begins with half of those that meet.
var<workgroup> parts: array<f32, THREADS>;

// Adds what the thread `half` further has, where this is number `lane` of those that meet.
fn add_half(i: u32, lane: u32, half: u32) {
    if lane < half {
        parts[i] += parts[i + half];
    }
    workgroupBarrier();
}

// The same of the larger one, where all threads meet.
fn max_half(i: u32, half: u32) {
    if i < half {
        parts[i] = max(parts[i], parts[i + half]);
    }
    workgroupBarrier();
}
